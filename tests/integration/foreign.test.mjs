/*
 * Tokens of an outside issuer, minted here: accepted over REST, sockets and MQTT alike, as users of
 * their own; refused in every way that one is forged; gone at exp; keys follow their file.
 */
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import * as check from './lib/check.mjs';
import { device } from './lib/device.mjs';
import { started } from './lib/instance.mjs';
import { connect, open } from './lib/socket.mjs';
import { signup, unique } from './lib/users.mjs';
import { until } from './lib/wait.mjs';

const ISSUER = 'https://id.example/realm';
const AUDIENCE = 'chat';
const pair = () => generateKeyPairSync('rsa', { modulusLength: 2048 });
const jwk = (keys, kid) => ({ ...keys.publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' });
const [first, second] = [pair(), pair()];
const folder = mkdtempSync(path.join(tmpdir(), 'parley-issuer-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const file = path.join(folder, 'keys.json');

/** Replaced at once, as a good issuer's agent does it. */
function publish(text) {
  writeFileSync(`${file}.new`, typeof text === 'string' ? text : JSON.stringify(text));
  renameSync(`${file}.new`, file);
}

publish({ keys: [jwk(first, 'one')] });
const instance = await started({ after }, {
  set: {
    'auth.foreign_keys': file,
    'auth.foreign_issuer': ISSUER,
    'auth.foreign_audience': AUDIENCE,
  },
});

const part = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const seconds = () => Math.floor(Date.now() / 1000);

/** A token; `claims` undefined ones are left out. */
function mint(claims = {}, { header = {}, keys = first } = {}) {
  const head = part({ alg: 'RS256', typ: 'JWT', kid: 'one', ...header });
  const body = part({ iss: ISSUER, aud: AUDIENCE, sub: unique('s'), iat: seconds(), exp: seconds() + 600, ...claims });
  return `${head}.${body}.${sign('sha256', Buffer.from(`${head}.${body}`), keys.privateKey).toString('base64url')}`;
}

const me = (token) => instance.rest('GET', '/users/me', { token });
const nameOf = async (token) => {
  const answer = await me(token);
  assert.equal(answer.status, 200, answer.text);
  return answer.body.username;
};

test('a token of the issuer is one user over REST, sockets and MQTT, with a name of its own', async (t) => {
  const wanted = unique('ann');
  const token = mint({ preferred_username: wanted });
  assert.equal(await nameOf(token), wanted);
  const room = unique('r');
  const made = await instance.rest('POST', '/channels', { token, body: { name: room, status: 'PUBLIC' } });
  assert.equal(made.status, 201, made.text);
  const client = await connect(t, instance.http, { token });
  const polling = await connect(t, instance.http, { token, transports: ['polling'] });
  await client.must('sendMessage', { room, text: 'hello' });
  const seen = await polling.waitFor('newMessage', (each) => each.text === 'hello');
  assert.equal(seen.sender, wanted);

  const user = { username: wanted, accessToken: token };
  const thing = await until('a device', () => device(t, instance, user).catch(() => undefined), { every: 200 });
  await thing.subscribe(`parley/v1/devices/${wanted}/result`);
  await thing.publish(`parley/v1/devices/${wanted}/send`, JSON.stringify({ room, text: 'from a device', nonce: 'n1' }));
  assert.equal((await polling.waitFor('newMessage', (each) => each.text === 'from a device')).sender, wanted);
});

test('(iss, sub) is the user: never a local one of that name, always the same one', async () => {
  const local = await signup(instance);
  const sub = unique('s');
  const name = await nameOf(mint({ sub, preferred_username: local.username }));
  assert.notEqual(name.toLowerCase(), local.username.toLowerCase());
  assert.ok(name.startsWith(`${local.username}.`), name);
  assert.equal(await nameOf(mint({ sub, preferred_username: unique('other') })), name);
  assert.match(await nameOf(mint({ preferred_username: 'not a name' })), /^user\.[0-9a-f]{12}$/);
  assert.match(await nameOf(mint({ preferred_username: { $ne: null } })), /^user\./);
});

test('seen first by many at once, it is made once', async (t) => {
  const token = mint({ preferred_username: unique('many') });
  const names = await Promise.all(Array.from({ length: 12 }, () => nameOf(token)));
  const client = await connect(t, instance.http, { token });
  assert.equal(new Set(names).size, 1);
  const [[sessions]] = await instance.sql(
    `select count(*) from session s join app_user u on u.id = s.user_id where u.username = '${names[0]}'`);
  assert.equal(sessions, '1');
  client.close();
});

test('a socket is first to see a token', async (t) => {
  const name = unique('sock');
  const token = mint({ preferred_username: name });
  const clients = await Promise.all([0, 1, 2].map(() => connect(t, instance.http, { token })));
  assert.equal(clients.length, 3);
  assert.equal(await nameOf(token), name);
});

test('forged and foreign tokens are refused by REST and sockets', async (t) => {
  const hmac = (secret, alg) => {
    const text = `${part({ alg, kid: 'one' })}.${part({ iss: ISSUER, aud: AUDIENCE, sub: 'x', exp: seconds() + 600 })}`;
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
  };
  const good = mint();
  const [head, body, signature] = good.split('.');
  const bad = {
    'HS256 with the public key': hmac(first.publicKey.export({ type: 'spki', format: 'pem' }), 'HS256'),
    'an HMAC called RS256': hmac(first.publicKey.export({ type: 'spki', format: 'pem' }), 'RS256'),
    none: `${part({ alg: 'none' })}.${body}.`,
    'no signature': `${head}.${body}.`,
    'another body': `${head}.${part({ iss: ISSUER, aud: AUDIENCE, sub: 'root', exp: seconds() + 600 })}.${signature}`,
    'another key': mint({}, { keys: second }),
    'unknown kid': mint({}, { header: { kid: 'two' } }),
    'a key of its own': mint({}, { keys: second, header: { jwk: jwk(second, 'one') } }),
    iss: mint({ iss: 'https://id.example/other' }),
    'local iss': mint({ iss: 'parley', sid: '1', name: 'x', sub: '1' }),
    aud: mint({ aud: 'another' }),
    'no aud': mint({ aud: undefined }),
    'no exp': mint({ exp: undefined }),
    'exp as text': mint({ exp: String(seconds() + 600) }),
    nbf: mint({ nbf: seconds() + 300 }),
    iat: mint({ iat: seconds() + 300 }),
    'no sub': mint({ sub: undefined }),
    'sub as a number': mint({ sub: 1 }),
    padding: `${good}=`,
    oversized: mint({ fill: randomBytes(1800).toString('hex') }),
  };
  for (const [what, token] of Object.entries(bad)) {
    const answer = await me(token);
    assert.equal(answer.status, 401, `${what}: ${answer.status}`);
    check.problem(answer, 401, 'unauthenticated');
  }
  for (const what of ['HS256 with the public key', 'none', 'another key', 'unknown kid', 'aud', 'iat']) {
    const client = open(t, instance.http, { token: bad[what] });
    check.refused(await client.waitFor('accessDenied'), 'unauthenticated');
  }
  check.problem(await me(mint({ exp: seconds() - 1 })), 401, 'token_expired');
});

test('sockets and devices go at exp', async (t) => {
  const name = unique('brief');
  const token = mint({ preferred_username: name, exp: seconds() + 6 });
  const client = await connect(t, instance.http, { token });
  const thing = await until('a device', () => device(t, instance, { username: name, accessToken: token }).catch(() => undefined), { every: 200 });
  const denied = await client.waitFor('accessDenied', () => true, { timeout: 30_000 });
  assert.ok(Date.now() / 1000 >= Math.floor(JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).exp));
  check.refused(denied, 'token_expired');
  await client.waitFor('(disconnect)', () => true, { timeout: 10_000 });
  await thing.gone;
  check.problem(await me(token), 401, 'token_expired');
});

test('logging out ends the token, disabling the user', async (t) => {
  const sub = unique('s');
  const token = mint({ sub });
  const name = await nameOf(token);
  const client = await connect(t, instance.http, { token });
  const sessions = await instance.rest('GET', '/users/me/sessions', { token });
  assert.equal(sessions.body.sessions.length, 1);
  const out = await instance.rest('POST', '/auth/logout', { token });
  assert.equal(out.status, 204, out.text);
  check.refused(await client.waitFor('accessDenied'), 'unauthenticated');
  check.problem(await me(token), 401, 'unauthenticated');
  const next = mint({ sub, jti: 'next' });
  assert.equal(await nameOf(next), name);
  const changed = await instance.rest('PATCH', '/users/me', { token: next, body: { password: 'correct horse', currentPassword: '' } });
  check.problem(changed, 403, 'wrong_password');
  await instance.ctl('user', 'disable', name);
  check.problem(await me(next), 401, 'unauthenticated');
  check.problem(await me(mint({ sub, jti: 'later' })), 401, 'unauthenticated');
});

test('what is over is closed when its user comes with the next token', async () => {
  const sub = unique('s');
  const name = await nameOf(mint({ sub, jti: 'first' }));
  const open_ = () => instance.sql(`select s.id from session s join app_user u on u.id = s.user_id
    where u.username = '${name}' and ended_at is null order by 1`);
  const [[first]] = await open_();
  await instance.sql(`update session set expires_at = now() - interval '1 hour' where id = ${first};
    update foreign_token set expires_at = now() - interval '1 hour' where session_id = ${first}`);
  await nameOf(mint({ sub, jti: 'second' }));
  const now = await open_();
  assert.equal(now.length, 1);
  assert.notEqual(now[0][0], first);
  assert.deepEqual(await instance.sql(`select count(*) from foreign_token where session_id = ${first}`), [['0']]);
});

test('a deleted account does not come back', async () => {
  const sub = unique('s');
  const token = mint({ sub });
  await nameOf(token);
  const gone = await instance.rest('DELETE', '/users/me', { token });
  assert.equal(gone.status, 204, gone.text);
  check.problem(await me(token), 401, 'unauthenticated');
  check.problem(await me(mint({ sub, jti: 'later' })), 401, 'unauthenticated');
});

test('keys follow their file in every process, a broken one changes nothing', async (t) => {
  const later = (claims) => mint(claims, { keys: second, header: { kid: 'two' } });
  const socketTakes = async (token) => {
    const client = open(t, instance.http, { token });
    const answer = (event) => client.waitFor(event, () => true, { timeout: 15_000 }).then(() => event, () => 'none');
    const first = await Promise.race([answer('updateChatHistory'), answer('accessDenied')]);
    client.close();
    return first === 'updateChatHistory';
  };
  publish({ keys: [jwk(first, 'one'), jwk(second, 'two')] });
  await until('REST takes the new key', async () => (await me(later())).status === 200, { timeout: 20_000, every: 200 });
  await until('the broker takes the new key', () => socketTakes(later()), { timeout: 20_000, every: 200 });
  publish('{"keys":[');
  await until('the log says so', async () => /foreign_keys_bad/.test(await logs()), { timeout: 20_000, every: 200 });
  assert.equal((await me(later())).status, 200);
  publish(second.publicKey.export({ type: 'spki', format: 'pem' }));
  await until('REST drops the old key', async () => (await me(mint())).status === 401, { timeout: 20_000, every: 200 });
  assert.equal((await me(later())).status, 200);
});

/** What the instance's programs have logged. */
async function logs() {
  const names = readdirSync(instance.data, { recursive: true }).filter((each) => String(each).endsWith('.log'));
  return names.map((each) => readFileSync(path.join(instance.data, String(each)), 'utf8')).join('\n');
}
