/* Limits as they are by default: an instance of its own, with none of them lifted. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import * as check from './lib/check.mjs';
import { started } from './lib/instance.mjs';
import { RawClient, connect, open } from './lib/socket.mjs';
import { PASSWORD, signup, signups, unique } from './lib/users.mjs';
import { until, within } from './lib/wait.mjs';

const instance = await started({ after }, {
  set: {
    'limits.sends_per_s': 5, 'limits.send_burst': 20, 'limits.password_tries': 5,
    'limits.password_tries_per_address': 50, 'limits.private_creations_per_hour': 10,
    'limits.connections_per_user': 20, 'limits.history_messages': 7, 'auth.access_ttl_s': 3,
    'socketio.token_in_query': 'true', 'limits.message_chars': 200,
    'limits.signups_per_hour': 40, 'limits.rooms_per_user': 14, 'socketio.connect_timeout_ms': 1000,
    'limits.queue': 200, 'fcgi.trusted_proxies': '127.0.0.1',
  },
});
const at = (name) => `/channels/${encodeURIComponent(name)}`;

/* Access tokens live for three seconds here: refresh just before each use. */
async function fresh(user) {
  const answer = await instance.rest('POST', '/auth/refresh', { body: { refreshToken: user.refreshToken } });
  assert.equal(answer.status, 200, answer.text);
  Object.assign(user, { accessToken: answer.body.accessToken, refreshToken: answer.body.refreshToken });
  return user;
}

function limited(answer) {
  check.problem(answer, 429, 'rate_limited');
  assert.ok(Number(answer.headers.get('retry-after')) >= 1, answer.headers.get('retry-after'));
}

test('a socket outlives its token while the session lives', async (t) => {
  const ann = await signup(instance);
  const name = unique('ttl');
  await ann.create(name);
  const client = await (await fresh(ann)).connect(t);
  let answer;
  do {
    answer = await ann.rest('GET', '/users/me');
  } while (answer.status === 200);
  check.problem(answer, 401, 'token_expired');
  await client.must('sendMessage', { room: name, text: 'still here' });
  await client.waitFor('newMessage', (body) => body.text === 'still here');
  const late = open(t, instance.http, { token: ann.accessToken });
  check.refused(await late.waitFor('accessDenied'), 'token_expired');
  await late.waitFor('(disconnect)');
});

test('a socket over its send rate is told rate_limited with retryAfter, and goes on', async (t) => {
  const ann = await fresh(await signup(instance));
  const name = unique('rate');
  await ann.create(name);
  const client = await (await fresh(ann)).connect(t);
  const acks = await Promise.all(Array.from({ length: 60 }, (_, i) => client.ask('sendMessage', { room: name, text: `m${i}` })));
  const good = acks.filter((each) => each.code === undefined);
  assert.ok(good.length >= 20 && good.length <= 30, String(good.length));
  const bad = acks.filter((each) => each.code !== undefined);
  for (const each of bad) {
    check.refused(each, 'rate_limited');
    assert.ok(each.retryAfter > 0, JSON.stringify(each));
  }
  assert.equal(client.socket.connected, true);
});

test('REST over its send rate is 429 with Retry-After', async () => {
  const ann = await fresh(await signup(instance));
  const name = unique('rate');
  await ann.create(name);
  const answers = await Promise.all(Array.from({ length: 60 }, (_, i) =>
    ann.rest('POST', `${at(name)}/messages`, { body: { text: `m${i}` } })));
  const bad = answers.filter((each) => each.status !== 201 && each.body.code !== 'token_expired');
  assert.ok(bad.length >= 20, String(bad.length));
  for (const each of bad) limited(each);
});

test('the sixth wrong password for an account from an address is 429; the right one waits too', async () => {
  const ann = await signup(instance);
  const login = (username, password) => instance.rest('POST', '/auth/login', { body: { username, password } });
  for (let i = 0; i < 5; i++) check.problem(await login(ann.username, 'wrong wrong'), 401, 'unauthenticated');
  limited(await login(ann.username, 'wrong wrong'));
  limited(await login(ann.username.toUpperCase(), 'wrong wrong'));
  const owner = await instance.rest('POST', '/auth/login', {
    body: { username: ann.username, password: PASSWORD }, headers: { 'x-forwarded-for': '192.0.2.9' },
  });
  assert.equal(owner.status, 200, 'its owner, elsewhere, is not locked out');
  const other = await signup(instance);
  assert.equal((await login(other.username, PASSWORD)).status, 200, 'another account is free');
});

test('room passwords are tried five times', async (t) => {
  const [ann, bob] = await signups(instance, 2);
  const name = unique('door');
  await (await fresh(ann)).create(name, 'PRIVATE', 'secret');
  const client = await (await fresh(bob)).connect(t);
  for (let i = 0; i < 5; i++) check.refused(await client.command('joinChannel', { name, password: `no ${i}` }), 'wrong_password');
  check.refused(await client.command('joinChannel', { name, password: 'no 5' }), 'rate_limited');
});

test('the eleventh private channel of an hour is refused', async (t) => {
  const ann = await fresh(await signup(instance));
  const client = await ann.connect(t);
  for (let i = 0; i < 10; i++) await client.must('createChannel', { name: unique('p'), status: 'PRIVATE', password: 'x' });
  check.refused(await client.command('createChannel', { name: unique('p'), status: 'PRIVATE', password: 'x' }), 'rate_limited');
  await client.must('createChannel', { name: unique('p'), status: 'PUBLIC' });
});

test('a user is in so many rooms and no more', async (t) => {
  const [ann, bob] = await signups(instance, 2);
  const client = await (await fresh(ann)).connect(t);
  const names = Array.from({ length: 14 }, () => unique('r'));
  for (const name of names) await client.must('createChannel', { name, status: 'PUBLIC' });
  check.refused(await client.command('createChannel', { name: unique('r'), status: 'PUBLIC' }), 'forbidden');
  const name = unique('bobs');
  await (await fresh(bob)).create(name);
  check.refused(await client.command('joinChannel', { name }), 'forbidden');
  await client.must('leaveChannel', { name: names[0] });
  await client.must('joinChannel', { name });
});

test('reading history without end does not fill the queue that others wait in', async (t) => {
  const [ann, bob] = await signups(instance, 2);
  const name = unique('greedy');
  await (await fresh(ann)).create(name);
  const client = await (await fresh(ann)).connect(t);
  const asked = Array.from({ length: 1000 }, () => client.ask('getHistory', { room: name, limit: 1 }));
  const other = await (await fresh(bob)).connect(t);
  assert.deepEqual(other.history, {});
  const codes = new Set((await Promise.all(asked)).map((each) => each.code));
  assert.deepEqual(codes, new Set([undefined, 'rate_limited']));
});

test('who is denied does not stay connected by asking again', async (t) => {
  const raw = await RawClient.open(t, instance.http);
  const timer = setInterval(() => raw.send('40'), 200);
  t.after(() => clearInterval(timer));
  await within('the end of the connection', raw.closed, 5000);
});

test('a connection that joins no namespace is closed in time', async (t) => {
  const raw = await RawClient.open(t, instance.http);
  await within('the end of the connection', raw.closed, 5000);
});

test('the operator can cap history and lift the length of a text', async (t) => {
  const ann = await fresh(await signup(instance));
  const name = unique('cap');
  await ann.create(name);
  for (let i = 0; i < 12; i++) await (await fresh(ann)).say(name, `${i}`.padEnd(200, 'x'));
  const client = await (await fresh(ann)).connect(t);
  assert.equal(client.history[name].length, 7);
  assert.ok(client.history[name].at(-1).text.startsWith('11'));
});

test('the operator can allow the token in the query', async (t) => {
  const ann = await fresh(await signup(instance));
  const client = await connect(t, instance.http, { query: { token: ann.accessToken } });
  assert.deepEqual(client.history, {});
});

test('the twenty-first connection of a user is turned away, the others go on', async (t) => {
  const ann = await signup(instance);
  const clients = [];
  for (let i = 0; i < 20; i++) clients.push(await (await fresh(ann)).connect(t));
  const extra = open(t, instance.http, { token: (await fresh(ann)).accessToken });
  await extra.waitFor('(disconnect)');
  assert.deepEqual(extra.received('updateChatHistory'), []);
  for (const client of clients) assert.equal(client.socket.connected, true);
  clients[0].close();
  await until('room for another', async () => {
    const next = open(t, instance.http, { token: (await fresh(ann)).accessToken });
    return next.waitFor('updateChatHistory', () => true, { timeout: 1000 }).catch(() => null);
  });
});


test('signups are limited by address', async () => {
  const body = () => ({ username: unique('many'), password: PASSWORD });
  let answer;
  let count = 0;
  do {
    answer = await instance.rest('POST', '/auth/signup', { body: body() });
    count++;
  } while (answer.status === 201 && count <= 40);
  limited(answer);
  const elsewhere = await instance.rest('POST', '/auth/signup', { body: body(), headers: { 'x-forwarded-for': '192.0.2.7' } });
  assert.equal(elsewhere.status, 201, 'another address, by a trusted proxy');
});
