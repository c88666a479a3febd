/* The site's own backend: API keys, POST /publish, client events passed on, and the demo game. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { after, test } from 'node:test';
import * as check from './lib/check.mjs';
import { ROOT, started } from './lib/instance.mjs';
import { mqttOptions, subscribe } from './lib/mqtt.mjs';
import { connect } from './lib/socket.mjs';
import { signups, unique } from './lib/users.mjs';

const instance = await started({ after }, {
  args: ['--brokers', '2'],
  set: { 'app.events': 'move shout connect', 'limits.app_events_per_s': 50 },
});
const at = (t, user, broker, options) => connect(t, instance.status.brokers[broker], { token: user.accessToken, ...options });
const key = (await instance.ctl('key', 'add', unique('key'))).trim();
const publish = (body, { token = key, headers } = {}) => instance.rest('POST', '/publish', { token, body, headers });

async function scene(t) {
  const [ann, bob] = await signups(instance, 2);
  const room = unique('pub');
  const { topic } = await ann.create(room);
  await bob.join(room);
  return { ann, bob, room, topic, a: await at(t, ann, 0), b: await at(t, bob, 1) };
}

test('a message of the site is a system message, once for its nonce', async (t) => {
  const { room, a, b, ann } = await scene(t);
  const headers = { 'idempotency-key': 'n1' };
  const first = await publish({ room, text: 'The site says hello' }, { headers });
  assert.equal(first.status, 201);
  for (const client of [a, b]) assert.deepEqual(await client.waitFor('newMessage', (body) => body.text === 'The site says hello'), first.body);
  assert.equal(first.body.kind, 'system');
  assert.equal(first.body.sender, null);
  assert.ok(!('nonce' in first.body));
  const again = await publish({ room, text: 'The site says hello' }, { headers });
  assert.deepEqual([again.status, again.body], [200, first.body]);
  check.problem(await publish({ room, text: 'something else' }, { headers }), 409, 'nonce_conflict');
  assert.deepEqual((await ann.messages(room)).messages.at(-1), first.body);
});

test('an event of the site: as a row, or passing; verbatim', async (t) => {
  const { room, ann, a, b } = await scene(t);
  const data = { z: 1, a: [1.50, 'é\u0000', null], room: 'other' };
  const passing = await publish({ room, event: 'weather', data });
  assert.equal(passing.status, 202);
  for (const client of [a, b]) assert.deepEqual(await client.waitFor('weather'), { room, data });
  const kept = await publish({ room, event: 'score', data, durable: true });
  assert.equal(kept.status, 201);
  const { seq, date } = kept.body;
  for (const client of [a, b]) assert.deepEqual(await client.waitFor('score'), { room, seq, data, date });
  const later = await at(t, ann, 1, { auth: { since: { [room]: seq - 1 } } });
  assert.deepEqual(await later.waitFor('score'), { room, seq, data, date });
  assert.equal(later.received('weather').length, 0);
  const none = await publish({ room, event: 'bell' });
  assert.equal(none.status, 202);
  assert.deepEqual(await a.waitFor('bell'), { room, data: null });
});

test('an event to a user goes to all its sockets and nobody else', async (t) => {
  const { bob, a, b } = await scene(t);
  const second = await at(t, bob, 0);
  assert.equal((await publish({ user: bob.username, event: 'coin', data: 1 })).status, 202);
  for (const client of [b, second]) assert.deepEqual(await client.waitFor('coin'), { data: 1 });
  const headers = { 'idempotency-key': 'u1' };
  const kept = await publish({ user: bob.username, event: 'gift', data: 2, durable: true }, { headers });
  assert.equal(kept.status, 201);
  assert.equal((await publish({ user: bob.username, event: 'gift', data: 2, durable: true }, { headers })).status, 200);
  for (const client of [b, second]) assert.deepEqual(await client.waitFor('gift'), { data: 2, date: kept.body.date });
  for (const client of [a, b, second]) await client.settle();
  assert.equal(a.received('coin').length + a.received('gift').length, 0);
  assert.equal(b.received('gift').length, 1);
});

test('what is refused', async (t) => {
  const { room, ann } = await scene(t);
  check.problem(await publish({ room, text: 'x' }, { token: ann.accessToken }), 401, 'unauthenticated');
  check.problem(await publish({ room, text: 'x' }, { token: null }), 401, 'unauthenticated');
  for (const authorization of [`bearer ${key}`, `BEARER  ${key}`]) {
    assert.equal((await publish({ room, text: 'x' }, { token: null, headers: { authorization } })).status, 201);
  }
  const bad = [{}, { room }, { room, text: '' }, { room, text: 'x', event: 'e' }, { room, user: 'u', event: 'e' }, { user: 'u', text: 'x' },
    { room, event: 'newMessage' }, { room, event: 'sendMessage' }, { room, event: 'xError' }, { room, event: '1x' }, { room, event: 7 },
    { room, event: 'e', durable: 1 }, { room: 7, text: 'x' }, { room, text: 'x', nonce: 'a b' }];
  for (const body of bad) check.problem(await publish(body), 400, 'validation_failed');
  check.problem(await publish({ room: unique('none'), text: 'x' }), 404, 'room_not_found');
  check.problem(await publish({ user: unique('none'), event: 'e' }), 404, 'user_not_found');
});

test('a key that is revoked is none', async () => {
  const name = unique('old');
  const token = (await instance.ctl('key', 'add', name)).trim();
  check.problem(await publish({ room: 'none', text: 'x' }, { token }), 404, 'room_not_found');
  assert.match((await instance.ctl('key', 'list')), new RegExp(`${name} +valid`));
  await instance.ctl('key', 'revoke', name);
  check.problem(await publish({ room: 'none', text: 'x' }, { token }), 401, 'unauthenticated');
  assert.match((await instance.ctl('key', 'list')), new RegExp(`${name} +revoked`));
});

test('client events that are listed are passed on, of members only', async (t) => {
  const { room, ann, a } = await scene(t);
  const [eve] = await signups(instance, 1);
  const e = await at(t, eve, 1);
  const watch = await subscribe(t, instance, 'parley/v1/app/#');
  const data = { room, cell: 4, user: 'somebody else' };
  assert.deepEqual(Object.keys(await a.command('move', data)), ['message']);
  const seen = await watch.waitFor('the move', (each) => each.topic === 'parley/v1/app/move');
  assert.deepEqual(JSON.parse(seen.payload), { user: ann.username, room, data });
  assert.deepEqual(Object.keys(await a.command('shout', 'no room')), ['message']);
  const shout = await watch.waitFor('the shout', (each) => each.topic === 'parley/v1/app/shout');
  assert.deepEqual(JSON.parse(shout.payload), { user: ann.username, room: null, data: 'no room' });
  check.refused(await e.command('move', data), 'not_a_member');
  check.refused(await a.command('move', { room: 7 }), 'validation_failed');
  assert.equal((await a.ask('unlisted', data)).code, 'validation_failed');
  const many = await Promise.all(Array.from({ length: 200 }, () => a.ask('move', { room })));
  assert.ok(many.some((each) => each.code === 'rate_limited'));
});

test('the demo: two play tic-tac-toe', async (t) => {
  const { room, ann, bob, a, b } = await scene(t);
  const game = spawn(process.execPath, [path.join(ROOT, 'docs/demo/tictactoe.mjs')], {
    env: { ...process.env, PARLEY_URL: instance.http, PARLEY_KEY: key, MQTT: (await mqttOptions(instance)).filter((each, i) => i > 1).join(' ') },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  t.after(() => game.kill());
  let from = 0;
  const move = async (client, cell) => {
    await client.must('move', { room, cell });
    const board = await b.waitFor('board', () => true, { from, timeout: 3000 });
    from = b.mark();
    return board.data;
  };
  let first;
  for (let i = 0; !first && i < 10; i++) first = await move(a, 0).catch(() => undefined); /* until the game listens */
  assert.equal(first.cells[0], 'X');
  await move(b, 3);
  await b.must('move', { room, cell: 4 });
  assert.deepEqual((await b.waitFor('moveRefused')).data, { room, reason: 'it is not your turn' });
  await move(a, 1);
  await move(b, 4);
  const end = await move(a, 2);
  assert.equal(end.winner, ann.username);
  assert.equal(end.next, bob.username);
  assert.equal(a.received('moveRefused').filter((each) => each.data.reason === 'it is not your turn' && each.data.room !== room).length, 0);
});
