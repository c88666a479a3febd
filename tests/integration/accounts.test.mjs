/*
 * One's own account: a new password, sessions, deletion, and what the operator can end. Each of
 * these closes the live sockets of the sessions concerned, on every broker and over every transport.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import * as check from './lib/check.mjs';
import { started } from './lib/instance.mjs';
import { connect, open } from './lib/socket.mjs';
import { PASSWORD, User, signup, signups, unique } from './lib/users.mjs';
import { until } from './lib/wait.mjs';

const instance = await started({ after }, { args: ['--brokers', '2'], set: { 'limits.password_tries': 5 } });
const NEW_PASSWORD = 'battery staple';

/* A client of one of the user's sessions at a broker, or over long-polling through the front. */
const at = (t, user, broker, options) => connect(t, instance.status.brokers[broker], { token: user.accessToken, ...options });
const polling = (t, user) => connect(t, instance.http, { token: user.accessToken, transports: ['polling'] });

async function login(username, password = PASSWORD) {
  const answer = await instance.rest('POST', '/auth/login', { body: { username, password } });
  assert.equal(answer.status, 200, answer.text);
  return new User(instance, answer.body);
}

/** The server said why, then closed: within a second while MQTT is up, plus what a busy machine takes. */
async function denied(client, from) {
  const body = await client.waitFor('accessDenied', () => true, { from, timeout: 3000 });
  check.refused(body, 'unauthenticated');
  await client.waitFor('(disconnect)', () => true, { from, timeout: 3000 });
}

async function refresh(user) {
  return instance.rest('POST', '/auth/refresh', { body: { refreshToken: user.refreshToken } });
}

test('a new password ends all other sessions, live sockets on both brokers and all, and keeps this one', async (t) => {
  const here = await signup(instance);
  const [phone, tablet] = [await login(here.username), await login(here.username)];
  const kept = [await at(t, here, 0), await at(t, here, 1), await polling(t, here)];
  const ended = [await at(t, phone, 0), await at(t, phone, 1), await at(t, tablet, 1), await polling(t, tablet)];
  const recoverable = await at(t, phone, 0, { auth: { recovery: true } });
  const parked = await at(t, phone, 1, { auth: { recovery: true } });
  parked.socket.io.engine.close();
  await parked.waitFor('(disconnect)');
  const changed = await here.rest('PATCH', '/users/me', { body: { password: NEW_PASSWORD, currentPassword: PASSWORD } });
  assert.equal(changed.status, 200, changed.text);
  check.user(changed.body, here.username);
  for (const client of [...ended, recoverable]) await denied(client, 0);
  const comesBack = parked.mark();
  parked.socket.connect();
  await denied(parked, comesBack);
  for (const user of [phone, tablet]) {
    check.problem(await refresh(user), 401, 'unauthenticated');
    check.problem(await user.rest('GET', '/users/me'), 401, 'unauthenticated');
    const again = open(t, instance.http, { token: user.accessToken });
    check.refused(await again.waitFor('accessDenied'), 'unauthenticated');
  }
  const name = unique('after');
  await here.create(name);
  for (const client of kept) await client.must('sendMessage', { room: name, text: 'still here' });
  assert.equal((await refresh(here)).status, 200);
  check.problem(await instance.rest('POST', '/auth/login', { body: { username: here.username, password: PASSWORD } }), 401, 'unauthenticated');
  await login(here.username, NEW_PASSWORD);
});

test('the current password is asked for, and tries at it are limited', async () => {
  const user = await signup(instance);
  const body = { password: NEW_PASSWORD, currentPassword: 'wrong' };
  check.problem(await user.rest('PATCH', '/users/me', { body: {} }), 400, 'validation_failed', 'currentPassword');
  check.problem(await user.rest('PATCH', '/users/me', { body: { ...body, password: 'short' } }), 400, 'validation_failed', 'password');
  check.problem(await user.rest('PATCH', '/users/me', { body: 'x', type: 'text/plain' }), 415, 'unsupported_media_type');
  const answer = await user.rest('PATCH', '/users/me', { body });
  check.problem(answer, 403, 'wrong_password');
  assert.equal(answer.body.detail, 'The current password is wrong.');
  check.problem(await user.rest('DELETE', '/users/me', { body: { currentPassword: 'wrong' } }), 403, 'wrong_password');
  check.problem(await user.rest('DELETE', '/users/me', { body: { currentPassword: 7 } }), 400, 'validation_failed', 'currentPassword');
  check.problem(await user.rest('DELETE', '/users/me', { body: 'x', type: 'text/plain' }), 415, 'unsupported_media_type');
  /* Each worker counts for itself, so the limit comes after some tries, not at the sixth. */
  const limited = await until('the limit', async () => {
    const tried = await user.rest('PATCH', '/users/me', { body });
    return tried.status === 429 && tried;
  });
  check.problem(limited, 429, 'rate_limited');
  assert.ok(Number(limited.headers.get('retry-after')) > 0);
  await until('the limit of the deletion', async () =>
    (await user.rest('DELETE', '/users/me', { body: { currentPassword: 'wrong' } })).status === 429);
});

test('sessions are listed, and ended one by one', async (t) => {
  const here = await signup(instance);
  const phone = await login(here.username);
  const { sessions } = await here.must('GET', '/users/me/sessions');
  assert.equal(sessions.length, 2);
  assert.deepEqual(sessions.map((each) => each.current), [true, false]);
  const [mine, other] = sessions;
  const live = [await at(t, phone, 0), await at(t, phone, 1), await polling(t, phone)];
  const kept = await at(t, here, 1);
  const stranger = await signup(instance);
  check.problem(await stranger.rest('DELETE', `/users/me/sessions/${other.id}`), 404, 'route_not_found');
  check.problem(await here.rest('DELETE', '/users/me/sessions/zero'), 404, 'route_not_found');
  assert.equal((await here.rest('DELETE', `/users/me/sessions/${other.id}`)).status, 204);
  for (const client of live) await denied(client, 0);
  check.problem(await refresh(phone), 401, 'unauthenticated');
  check.problem(await here.rest('DELETE', `/users/me/sessions/${other.id}`), 404, 'route_not_found');
  assert.deepEqual((await here.must('GET', '/users/me/sessions')).sessions.map((each) => each.id), [mine.id]);
  await kept.settle();
  assert.equal((await here.rest('DELETE', `/users/me/sessions/${mine.id}`)).status, 204);
  await denied(kept, 0);
  check.problem(await here.rest('GET', '/users/me/sessions'), 401, 'unauthenticated');
});

test('a list of sessions goes on page by page', async () => {
  const here = await signup(instance);
  for (let i = 0; i < 4; i++) await login(here.username);
  const seen = [];
  let target = '/users/me/sessions?limit=2';
  while (target) {
    const answer = await here.rest('GET', target);
    seen.push(...answer.body.sessions.map((each) => each.id));
    const link = /<([^>]+)>; rel="next"/.exec(answer.headers.get('link') ?? '');
    assert.equal(Boolean(link), 'nextCursor' in answer.body);
    target = link?.[1].replace('/api/v1', '');
  }
  assert.equal(seen.length, 5);
  check.rising(seen, 'sessions');
  check.problem(await here.rest('GET', '/users/me/sessions?cursor=x'), 400, 'validation_failed');
});

test('deleting an account: channels left, messages kept under a tombstone, sockets closed', async (t) => {
  const [ann, bob] = await signups(instance, 2);
  const [shared, alone] = [unique('shared'), unique('alone')];
  await bob.create(shared);
  await ann.join(shared);
  await ann.create(alone);
  const said = await ann.say(shared, 'before I go');
  const direct = await bob.create(ann.username, 'DIRECT');
  await ann.say(direct.name, 'just for you');
  const live = [await at(t, ann, 0), await at(t, ann, 1), await polling(t, ann)];
  const witnesses = [await at(t, bob, 0), await at(t, bob, 1)];
  assert.equal((await ann.rest('DELETE', '/users/me', { body: { currentPassword: PASSWORD } })).status, 204);
  for (const client of live) await denied(client, 0);
  for (const client of witnesses) {
    await client.waitFor('memberLeft', (body) => body.room === shared && body.username === ann.username);
  }
  for (const answer of [await refresh(ann), await ann.rest('GET', '/users/me'),
    await instance.rest('POST', '/auth/login', { body: { username: ann.username, password: PASSWORD } })]) {
    check.problem(answer, 401, 'unauthenticated');
  }
  check.problem(await bob.rest('GET', `/users/${ann.username}`), 404, 'user_not_found');
  const taken = await instance.rest('POST', '/auth/signup', { body: { username: ann.username.toUpperCase(), password: PASSWORD } });
  check.problem(taken, 409, 'name_taken');
  const kept = await bob.must('GET', `/channels/${shared}/messages/${said.seq}`);
  check.message(kept, { text: 'before I go' });
  assert.match(kept.sender, /^deleted\.\d+$/);
  check.problem(await bob.rest('GET', `/users/${kept.sender}`), 404, 'user_not_found');
  const reserved = await instance.rest('POST', '/auth/signup', { body: { username: kept.sender, password: PASSWORD } });
  check.problem(reserved, 400, 'validation_failed', 'username');
  check.problem(await bob.rest('GET', `/channels/${alone}`), 404, 'room_not_found');
  const late = await at(t, bob, 1);
  assert.deepEqual(late.history[direct.name].filter((each) => each.kind === 'text').map((each) => [each.sender, each.text]),
    [[kept.sender, 'just for you']]);
  check.problem(await bob.rest('POST', `/channels/${encodeURIComponent(direct.name)}/messages`, { body: { text: 'hello?' } }), 404, 'user_not_found');
  check.refused(await late.command('sendMessage', { room: direct.name, text: 'hello?' }), 'user_not_found');
  check.refused(await late.command('createChannel', { name: ann.username, status: 'DIRECT' }), 'user_not_found');
});

test('who owned a channel is succeeded as by leaving; a page that does not ask for the password sends none', async () => {
  const [ann, bob] = await signups(instance, 2);
  const name = unique('owned');
  await ann.create(name);
  await bob.join(name);
  assert.equal((await ann.rest('DELETE', '/users/me')).status, 204);
  check.channel(await bob.must('GET', `/channels/${name}`), { role: 'OWNER', members: 1 });
});

test('the operator disables a user or ends a session: sockets close, nothing of it works again', async (t) => {
  const [ann, bob] = await signups(instance, 2);
  const phone = await login(ann.username);
  const sessions = (await ann.must('GET', '/users/me/sessions')).sessions;
  const gone = [await at(t, phone, 0), await polling(t, phone)];
  const kept = await at(t, ann, 1);
  await instance.ctl('token', 'revoke', String(sessions.find((each) => !each.current).id));
  for (const client of gone) await denied(client, 0);
  check.problem(await refresh(phone), 401, 'unauthenticated');
  await kept.settle();
  const issued = JSON.parse(await instance.ctl('--json', 'token', 'issue', ann.username));
  const third = await connect(t, instance.http, { token: issued.accessToken });
  await instance.ctl('user', 'disable', ann.username);
  for (const client of [kept, third]) await denied(client, 0);
  for (const answer of [await refresh(ann), await ann.rest('GET', '/users/me'),
    await instance.rest('POST', '/auth/login', { body: { username: ann.username, password: PASSWORD } })]) {
    check.problem(answer, 401, 'unauthenticated');
  }
  await assert.rejects(instance.ctl('token', 'issue', ann.username));
  check.user(await bob.must('GET', `/users/${ann.username}`), ann.username);
});
