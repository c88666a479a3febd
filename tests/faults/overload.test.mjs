/*
 * The bounds of a broker that no client meets by itself: each with its policy, by brokers whose bounds
 * are low. What one client does wrong is in bounds.test.mjs, what users may do in the limits of the
 * integration tests.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Session } from '../integration/lib/psql.mjs';
import { RawClient, connect } from '../integration/lib/socket.mjs';
import { signups } from '../integration/lib/users.mjs';
import { until, within } from '../integration/lib/wait.mjs';
import { Listener } from './lib/listener.mjs';
import { ownBroker } from './lib/own_broker.mjs';
import { metric } from './lib/processes.mjs';
import { instanceFor, scene } from './lib/scene.mjs';

const instance = await instanceFor({ after }, { set: { 'limits.message_chars': 16384 } });

const handshake = (origin) => fetch(`${origin}/socket.io/?EIO=4&transport=polling`);

test('connections of a process: past it 503, until one goes', async (t) => {
  const { origin } = await ownBroker(t, instance, { PARLEY_LIMITS_CONNECTIONS: 3 });
  const held = await Promise.all([0, 1, 2].map(() => RawClient.open(t, origin)));
  const refused = await handshake(origin);
  assert.equal(refused.status, 503, await refused.text());
  assert.ok((await fetch(`${origin}/readyz`)).ok, 'full is not unready');
  held[0].ws.close();
  await until('a place', async () => (await handshake(origin)).status === 200);
});

test('connections of an address: past it 503 for it alone', async (t) => {
  const { origin } = await ownBroker(t, instance, { PARLEY_LIMITS_CONNECTIONS_PER_ADDRESS: 2, PARLEY_FRONT_TRUSTED_PROXIES: '127.0.0.1' });
  const headers = { 'x-forwarded-for': '192.0.2.1' };
  await Promise.all([0, 1].map(() => RawClient.open(t, origin, { headers })));
  const target = `${origin}/socket.io/?EIO=4&transport=polling`;
  assert.equal((await fetch(target, { headers })).status, 503);
  assert.equal((await fetch(target, { headers: { 'x-forwarded-for': '192.0.2.2' } })).status, 200);
});

/* A room, one who writes into it by REST, and clients at `origin` that have stopped reading. */
async function deaf(t, origin, count) {
  const { users: [ann, ...others], rooms: [room] } = await scene(instance, { users: count + 1, rooms: 1 });
  const clients = [];
  for (const user of others) {
    const raw = await RawClient.join(t, origin, user.accessToken);
    raw.ws.pause();
    clients.push(raw);
  }
  const text = '\u6f22'.repeat(16000);
  return { ann, room, others, clients, flood: () => Promise.all([1, 2, 3, 4].map(() => ann.say(room, text))) };
}

test('all output of a process: the fullest queue is closed, the others go on', { timeout: 60_000 }, async (t) => {
  const { origin } = await ownBroker(t, instance, {
    PARLEY_LIMITS_OUTPUT_BYTES: 64 << 20, PARLEY_LIMITS_PROCESS_OUTPUT_BYTES: 4 << 20,
  });
  const { flood, clients, others, room } = await deaf(t, origin, 2);
  const reader = new Listener(t, origin, others[0], { history: 0, since: false });
  await reader.ready();
  for (let i = 0; await metric(instance, 'slow_closed_total', [origin]) === 0; i++) {
    assert.ok(i < 200, 'nobody was closed');
    await flood();
    const had = reader.rows(room).length;
    await until('the reader to have them', () => reader.rows(room).length >= had);
    assert.ok(await metric(instance, 'output_bytes', [origin]) <= 5 << 20);
  }
  assert.deepEqual(reader.drops, []);
  for (const each of clients) each.ws.resume();
  await within('a close', Promise.race(clients.map((each) => each.closed)), 10_000);
});

test('packets that wait for one connection', { timeout: 60_000 }, async (t) => {
  const { origin } = await ownBroker(t, instance, { PARLEY_LIMITS_OUTPUT_PACKETS: 200, PARLEY_LIMITS_OUTPUT_BYTES: 64 << 20 });
  const { flood, ann, room } = await deaf(t, origin, 1);
  /* First what the kernel takes, and more than it may still find room for; then small ones. */
  for (let i = 0; await metric(instance, 'output_bytes', [origin]) < 2 << 20; i++) {
    assert.ok(i < 400, 'the kernel takes everything');
    await flood();
  }
  for (let i = 0; await metric(instance, 'slow_closed_total', [origin]) === 0; i++) {
    assert.ok(i < 400, 'it was not closed');
    await ann.say(room, `small ${i}`);
  }
});

test('commands that wait for PostgreSQL: past the queue unavailable at once', { timeout: 60_000 }, async (t) => {
  const { origin } = await ownBroker(t, instance, { PARLEY_LIMITS_QUEUE: 20 });
  const { users: [ann], rooms: [room], topics } = await scene(instance, { users: 1, rooms: 1 });
  const client = await connect(t, origin, { token: ann.accessToken, auth: { history: 0 } });
  const lock = new Session(t, instance);
  await lock.sql(`begin; select 1 from room where id = ${topics[room].split('/').pop()} for update`);
  const answers = Array.from({ length: 50 }, (_, i) => client.ask('sendMessage', { room, text: `m${i}` }));
  const first = await within('a refusal', Promise.race(answers), 1000);
  assert.equal(first.code, 'unavailable');
  await lock.sql('commit');
  const all = await Promise.all(answers);
  const written = all.filter((each) => each.code === undefined);
  for (const each of all) if (each.code) assert.equal(each.code, 'unavailable');
  assert.ok(written.length >= 15 && written.length <= 45, `${written.length} of 50`);
  assert.equal((await ann.allMessages(room)).filter((each) => each.kind === 'text').length, written.length);
});

/* Their connections are cut as a network does it; they come back when told. */
async function cutAll(listeners) {
  for (const each of listeners) {
    each.socket.io.reconnection(false);
    each.socket.io.engine.transport.ws.terminate();
  }
  await until('all to be gone', () => listeners.every((each) => !each.socket.connected));
}

test('sessions kept for recovery: past it the oldest is forgotten, honestly', { timeout: 60_000 }, async (t) => {
  const { origin } = await ownBroker(t, instance, { PARLEY_LIMITS_RECOVERY_SESSIONS: 2 });
  const { users, rooms: [room] } = await scene(instance, { users: 4, rooms: 1 });
  const listeners = users.slice(1).map((user) => new Listener(t, origin, user, { recovery: true, since: false }));
  await Promise.all(listeners.map((each) => each.ready()));
  await users[0].say(room, 'before');
  for (const each of listeners) await until('the message', () => each.rows(room).length > 0);
  for (const each of listeners) await cutAll([each]);
  await until('two to be kept', async () => await metric(instance, 'sessions_parked', [origin]) === 2);
  const { seq } = await users[0].say(room, 'meanwhile');
  for (const each of listeners) each.socket.connect();
  await until('all to have it', () => listeners.every((each) => each.current.last(room) === seq), { timeout: 10_000 });
  assert.deepEqual(listeners.map((each) => each.recovered), [0, 1, 1]);
});

test('events remembered for recovery: who has missed more gets its history, honestly', { timeout: 60_000 }, async (t) => {
  const { origin } = await ownBroker(t, instance, { PARLEY_LIMITS_RECOVERY_EVENTS: 64 });
  const [ann, bob] = await signups(instance, 2);
  const { rooms: [room], users: [owner] } = await scene(instance, { users: 1, rooms: 1 });
  await Promise.all([ann.join(room), bob.join(room)]);
  const listeners = [ann, bob].map((user) => new Listener(t, origin, user, { recovery: true, since: false }));
  await Promise.all(listeners.map((each) => each.ready()));
  await owner.say(room, 'before');
  for (const each of listeners) await until('the message', () => each.rows(room).length > 0);
  await cutAll([listeners[0]]);
  let last;
  for (let i = 0; i < 200; i++) last = (await owner.say(room, `meanwhile ${i}`)).seq;
  await until('the other to have them', () => listeners[1].current.last(room) === last);
  listeners[0].socket.connect();
  await until('it to have them too', () => listeners[0].current.last(room) === last, { timeout: 10_000 });
  const { history, live } = listeners[0].current.of(room);
  const seqs = listeners[0].recovered ? live : [...history, ...live];
  assert.deepEqual(seqs, [...new Set(seqs)].sort((a, b) => a - b));
  assert.equal(listeners[0].recovered, 0, 'what it had missed was not remembered any more');
});
