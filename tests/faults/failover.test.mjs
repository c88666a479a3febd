/*
 * PostgreSQL's primary dies under load, and its streaming standby is promoted, with clients connected.
 * With synchronous_commit = remote_apply nothing that was acknowledged is lost. With the default what
 * was acknowledged and had not been shipped is lost, the logs go back, and their numbers are given out
 * again: then no client may be left with a mixture. And an old primary that comes back gets nothing.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '../integration/lib/socket.mjs';
import { until } from '../integration/lib/wait.mjs';
import { hostsInstance } from './lib/hosts.mjs';
import { Ledger } from './lib/ledger.mjs';
import { Listener } from './lib/listener.mjs';
import { Network } from './lib/network.mjs';
import { allReady, brokerReady, metric } from './lib/processes.mjs';
import { scene } from './lib/scene.mjs';
import { Senders } from './lib/sender.mjs';
import { Standby } from './lib/standby.mjs';

const network = await Network.start({ after });
const skip = network.refused;

/* All is there, with a crowd that listens and sends: to both brokers, over the front, by REST. */
async function begin(t, net) {
  const instance = await hostsInstance(t, net);
  const standby = await Standby.start(t, instance, net);
  const { users, rooms, topics } = await scene(instance, { users: 5, rooms: 3 });
  const [first, second] = instance.status.brokers;
  const ledger = new Ledger();
  const options = { since: false };
  const listeners = [
    new Listener(t, first, users[0], { name: 'broker 1', ...options }),
    new Listener(t, second, users[1], { name: 'broker 2', ...options }),
    new Listener(t, instance.http, users[2], { name: 'front, polling', transports: ['polling'], ...options }),
    new Listener(t, instance.http, users[3], { name: 'front, recovery', recovery: true, ...options }),
  ];
  await Promise.all(listeners.map((each) => each.ready()));
  const senders = new Senders(t, ledger, { pause: 5 });
  senders.bySocket(first, users[1], rooms, { width: 2 });
  senders.bySocket(second, users[2], rooms, { width: 2 });
  senders.byRest(users[4], rooms, { width: 2 });
  return { instance, standby, users, rooms, topics, ledger, listeners, senders };
}

async function goesOn(senders, count) {
  const goal = senders.sent + count;
  await until(`${goal} messages`, () => senders.sent >= goal || senders.failures.length, { timeout: 40_000, every: 5 });
}

/* Every broker has told its clients to come back, once; and nobody was restored to a void session. */
async function reloaded(instance, listeners) {
  await until('every broker to notice', async () => {
    for (const base of instance.status.brokers) if (await metric(instance, 'timeline_changes_total', [base]) !== 1) return false;
    return true;
  }, { timeout: 20_000 });
  await Promise.all(listeners.map((each) => until(`${each.name} to be back`, () => each.sessions.length > 1 && each.current.history, { timeout: 20_000 })));
  for (const each of listeners) assert.equal(each.recovered, 0, each.name);
}

test('remote_apply: nothing acknowledged is lost', { skip, timeout: 180_000 }, async (t) => {
  const { instance, standby, topics, ledger, listeners, senders } = await begin(t, network);
  await standby.synchronous();
  await goesOn(senders, 100);
  /* The plug is pulled: its host answers nobody, nor tells anybody. */
  for (const host of ['broker-1', 'broker-2', 'worker', 'pg2', 'mqtt']) await network.cut('pg', host);
  const begun = performance.now();
  await standby.killPrimary();
  await until('readiness to turn red', async () => !await brokerReady(instance.status.brokers[0]), { timeout: 10_000 });
  await standby.promote();
  const sent = senders.sent;
  await until('messages again', () => senders.sent > sent + 10 || senders.failures.length, { timeout: 30_000, every: 5 });
  const away = performance.now() - begun;
  await allReady(instance);
  await reloaded(instance, listeners);
  await goesOn(senders, 100);
  await senders.finish();
  t.diagnostic(`messages again ${Math.round(away)} ms after the primary died; answers ${JSON.stringify(senders.answers)}`);
  await ledger.settle(t, instance, topics, listeners);
  for (const host of ['broker-1', 'broker-2', 'worker', 'pg2', 'mqtt']) await network.heal('pg', host);
});

/* The log's messages: seq -> text. */
async function textsOf(instance, topic) {
  const rows = await instance.sql(`select seq, coalesce(text, '') from room_event where room_id = ${topic.split('/').pop()} and kind <= 2`);
  return new Map(rows.map(([seq, text]) => [Number(seq), text]));
}

/* No connection got rows that are gone and rows that came in their place. */
function notMixed(listener, room, texts) {
  for (const [i, session] of listener.sessions.entries()) {
    const messages = (session.live[room] ?? []).filter((row) => row.message);
    const gone = messages.findIndex((row) => texts.get(row.seq) !== row.text);
    if (gone < 0) continue;
    assert.ok(i < listener.sessions.length - 1, `${listener.name}, ${room}: its last connection has what is gone`);
    for (const row of messages.slice(gone)) {
      assert.notEqual(texts.get(row.seq), row.text, `${listener.name}, ${room}: ${row.seq} came after ${messages[gone].seq}, which is gone`);
    }
  }
}

/* The last connection of each has the log as it is, whole and once. */
async function inOrder(t, { instance, topics, ledger, listeners }) {
  const logs = {};
  for (const [room, topic] of Object.entries(topics)) logs[room] = await ledger.readLog(instance, room, topic);
  for (const listener of listeners) {
    await until(`${listener.name} to have everything`, () => Object.entries(logs).every(([room, log]) => listener.current.last(room)
      >= log.findLast((row) => row.message).seq), { timeout: 30_000 });
    for (const [room, log] of Object.entries(logs)) {
      ledger.checkSession(listener.current.of(room), log, `${listener.name}, ${room}`);
      notMixed(listener, room, await textsOf(instance, topics[room]));
    }
  }
  const { lost, doubled, reordered, gaps } = ledger.verdict;
  assert.deepEqual({ lost, doubled, reordered, gaps }, { lost: 0, doubled: 0, reordered: 0, gaps: 0 }, ledger.examples.join('\n'));
  ledger.checkLogs(logs);
  return ledger.verdict.lost;
}

test('by default: what was not shipped is lost, and nobody is left with a mixture', { skip, timeout: 180_000 }, async (t) => {
  const net = await Network.start(t);
  const crowd = await begin(t, net);
  const { instance, standby, users, rooms, listeners, senders } = crowd;
  await goesOn(senders, 100);
  /* What is acknowledged from here on stays with the primary. */
  await net.cut('pg', 'pg2');
  await goesOn(senders, 60);
  const heads = Object.fromEntries(rooms.map((room) => [room, listeners[0].current.last(room)]));
  const begun = performance.now();
  await standby.killPrimary();
  await standby.promote();
  await reloaded(instance, listeners);
  const back = performance.now() - begun;
  await allReady(instance);
  /* Past where the logs had been: their numbers are given out again. */
  await goesOn(senders, 150);
  const old = await standby.number('select count(*) from room_event');
  /* One who names a position of what is gone gets the rooms in full. */
  const late = await connect(t, instance.status.brokers[0], { token: users[0].accessToken, auth: { since: heads } });
  for (const room of rooms) assert.equal(late.history[room][0].seq, 2, room);

  /* The old primary comes back, and the new one is away for a moment: nobody goes over to it. */
  await net.heal('pg', 'pg2');
  await standby.comeBack();
  const written = await standby.number('select count(*) from room_event', { primary: true });
  const start = await standby.restart();
  await delay(2000);
  await start();
  await goesOn(senders, 60);
  await senders.finish();
  assert.equal(await standby.number('select count(*) from room_event', { primary: true }), written, 'the old primary was written to');
  assert.ok(await standby.number('select count(*) from room_event') > old);
  const lost = await inOrder(t, crowd);
  assert.ok(lost > 0, 'the test has not made anything be lost');
  t.diagnostic(`all back ${Math.round(back)} ms after the primary died; ${lost} of ${crowd.ledger.acked.size} acknowledged were lost`);
});
