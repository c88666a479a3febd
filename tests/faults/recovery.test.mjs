/*
 * Recovery under load: connections are cut at random, their clients come back by themselves, to the
 * same broker or the other, and go on exactly where they were.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { RawClient } from '../integration/lib/socket.mjs';
import { until } from '../integration/lib/wait.mjs';
import { Ledger } from './lib/ledger.mjs';
import { Listener } from './lib/listener.mjs';
import { allReady, metric, replace } from './lib/processes.mjs';
import { pick, random } from './lib/random.mjs';
import { LONG, instanceFor, scene } from './lib/scene.mjs';
import { Senders } from './lib/sender.mjs';

const instance = await instanceFor({ after }, { brokers: 2 });

/* As a network does it: no close packet, no close frame. */
function cut({ socket }) {
  const { transport } = socket.io.engine;
  if (transport.ws) transport.ws.terminate();
  else transport.onError('cut');
}

/* Connect with this CONNECT payload: the raw client, and what CONNECT was answered with. */
async function join(t, broker, auth) {
  const raw = await RawClient.open(t, instance.status.brokers[broker]);
  raw.send(`40${JSON.stringify({ recovery: true, history: 0, ...auth })}`);
  return { raw, ...JSON.parse((await raw.frame((frame) => frame.startsWith('40'))).slice(2)) };
}

for (const how of ['kicks', 'bans']) test(`who was out of the room since (${how}) gets nothing from after it`, { timeout: 60_000 }, async (t) => {
  const { users: [ann, bob], rooms: [room, other] } = await scene(instance, { users: 2, rooms: 2 });
  for (const broker of [0, 1]) {
    const listener = new Listener(t, instance.status.brokers[0], bob, { recovery: true, since: false, history: 0 });
    await listener.ready();
    const { seq: first } = await ann.say(room, 'before');
    await until('the message', () => listener.current.last(room) === first);
    listener.socket.io.reconnection(false);
    cut(listener);
    await until('it to be gone', () => !listener.socket.connected);
    const { seq: last } = await ann.say(room, 'still in');
    if (how === 'kicks') await ann.must('DELETE', `/channels/${room}/members/${bob.username}`);
    else await ann.must('PUT', `/channels/${room}/bans/${bob.username}`, { body: {} });
    await ann.say(room, 'after');
    const { seq } = await ann.say(other, 'elsewhere');
    listener.socket.io.uri = instance.status.brokers[broker];
    listener.socket.connect();
    await until('the other room', () => listener.current.last(other) === seq);
    await delay(300);
    assert.equal(listener.recovered, 1);
    const rows = listener.rows(room);
    /* The last row is its own leaving, or the ban before that. */
    assert.ok(rows.includes(last) && rows.at(-1) <= last + 2, `${rows}, the last in it was ${last}`);
    listener.close();
    await ann.rest('DELETE', `/channels/${room}/bans/${bob.username}`);
    await bob.join(room);
  }
});

test('a session that was handed over is taken once', { timeout: 60_000 }, async (t) => {
  const { users: [ann, bob], rooms: [room] } = await scene(instance, { users: 2, rooms: 1 });
  const token = bob.accessToken;
  const first = await join(t, 0, { token });
  await first.raw.event('updateChatHistory');
  await ann.say(room, 'before');
  const frame = await first.raw.frame((each) => each.includes('"before"'));
  const offset = JSON.parse(frame.slice(2)).at(-1);
  await replace(instance, 'broker-1', 'SIGTERM');
  await first.raw.closed;
  await allReady(instance);
  const second = await join(t, 1, { token, pid: first.pid, offset });
  assert.deepEqual([second.sid, second.pid], [first.sid, first.pid]);
  second.raw.send('41'); /* it is over, on purpose */
  await until('it to be forgotten', async () => await metric(instance, 'sockets', [instance.status.brokers[1]]) === 0);
  for (const broker of [0, 1]) {
    const third = await join(t, broker, { token, pid: first.pid, offset });
    assert.notEqual(third.sid, first.sid);
    third.raw.ws.terminate();
  }
});

test('connections cut at random are recovered, at either broker', { timeout: 600_000 }, async (t) => {
  const { users, rooms, topics } = await scene(instance, { users: 6, rooms: 3 });
  const ledger = new Ledger();
  const listeners = Array.from({ length: 8 }, (_, i) => new Listener(t, instance.http, users[i % 3], {
    name: `client ${i}`, recovery: true, nsp: i % 2 ? '/chat' : '/', transports: i < 6 ? ['websocket'] : ['polling'],
  }));
  await Promise.all(listeners.map((each) => each.ready()));
  const senders = new Senders(t, ledger, { pause: 5 });
  senders.bySocket(instance.status.brokers[0], users[3], rooms, { width: 2 });
  senders.bySocket(instance.status.brokers[1], users[4], rooms, { width: 2 });
  senders.byRest(users[5], rooms);
  const next = random();
  const cuts = LONG ? 500 : 40;
  const brokers = new Set();
  for (let i = 0; i < cuts && !senders.failures.length; i++) {
    const goal = senders.sent + 3;
    await until('messages', () => senders.sent >= goal || senders.failures.length, { timeout: 30_000, every: 2 });
    const victim = pick(next, listeners);
    if (!victim.socket.connected) continue;
    brokers.add(victim.socket.io.engine.id.slice(0, 3));
    cut(victim);
  }
  await Promise.all(listeners.map((each) => each.ready()));
  await senders.finish();
  const recovered = listeners.reduce((sum, each) => sum + each.recovered, 0);
  const drops = listeners.reduce((sum, each) => sum + each.drops.length, 0);
  t.diagnostic(`${drops} connections cut, ${recovered} recovered`);
  await ledger.settle(t, instance, topics, listeners);
  assert.deepEqual([...brokers].sort(), ['b1-', 'b2-']);
  assert.ok(drops >= cuts / 2, `only ${drops} were cut`);
  /* The other broker may take more than 500 ms to give a session up: then history is sent instead. */
  assert.ok(recovered >= drops - 1 - drops / 100, `${drops - recovered} came back without their session`);
});
