/*
 * PostgreSQL silent, MQTT away: sockets stay up, commands answer in time, readiness says so, and
 * all heals without a restart.
 */
import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { RawClient } from '../integration/lib/socket.mjs';
import { unique } from '../integration/lib/users.mjs';
import { until } from '../integration/lib/wait.mjs';
import { Ledger } from './lib/ledger.mjs';
import { Listener } from './lib/listener.mjs';
import { MqttProxy } from './lib/mqtt_proxy.mjs';
import { allReady, brokerReady, logged, metric, pidOf, rewire } from './lib/processes.mjs';
import { instanceFor, scene } from './lib/scene.mjs';
import { Senders } from './lib/sender.mjs';

const instance = await instanceFor({ after }, {
  set: { 'socketio.ping_interval_ms': 1000, 'socketio.ping_timeout_ms': 6000 },
});
const mqtt = await MqttProxy.start({ after }, instance.status.mqtt);
await rewire(instance, ['broker-1', 'fcgi'], { PARLEY_MQTT_HOST: '127.0.0.1', PARLEY_MQTT_PORT: mqtt.port });
const [broker] = instance.status.brokers;

/* The postmaster and all its children: pausing the first alone would leave the others at work. It is paused here, so
 * that none is born while they are looked for. */
async function postgresFamily() {
  const postmaster = await pidOf(instance, 'postgres');
  process.kill(postmaster, 'SIGSTOP');
  const family = [postmaster];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    if (Number(stat.split(') ').at(-1).split(' ')[1]) === postmaster) family.push(Number(name));
  }
  return family;
}

/* What the broker's log has said about it so far. */
async function changes() {
  const counts = {};
  for (const event of ['ready', 'not_ready', 'mqtt_lost', 'mqtt_connected']) counts[event] = await logged(instance, 'broker-1', event);
  return counts;
}

/* It turned red and green once, and the log said so once each. */
async function toldOnce(before, events) {
  await until('the log to say so', async () => (await changes()).ready > before.ready);
  const now = await changes();
  for (const event of events) assert.equal(now[event] - before[event], 1, `${event}: ${JSON.stringify([before, now])}`);
}

async function timed(promise) {
  const begun = performance.now();
  const answer = await promise;
  return { answer, ms: performance.now() - begun };
}

test('PostgreSQL paused for 10 s', { timeout: 60_000 }, async (t) => {
  const { users, rooms, topics } = await scene(instance, { users: 4, rooms: 2 });
  const ledger = new Ledger();
  const listeners = [
    new Listener(t, broker, users[0], { name: 'websocket' }),
    new Listener(t, instance.http, users[1], { name: 'front, polling', transports: ['polling'] }),
  ];
  await Promise.all(listeners.map((each) => each.ready()));
  const senders = new Senders(t, ledger, { pause: 20 });
  senders.bySocket(broker, users[2], rooms);
  senders.byRest(users[3], rooms);
  const asker = await users[0].connect(t, { auth: { history: 0 } });
  await until('some messages', () => senders.sent > 20, { every: 5 });
  const pids = await instance.pids();
  await until('the log to say that it is ready', async () => (await changes()).ready > 0);
  const before = await changes();
  const paused = await postgresFamily();
  const begun = performance.now();
  for (const pid of paused) process.kill(pid, 'SIGSTOP');
  t.after(() => {
    for (const pid of paused) {
      try {
        process.kill(pid, 'SIGCONT');
      } catch {
        /* it is gone */
      }
    }
  });
  /* A message of one's own, a channel, and history, over the socket; the same over REST. */
  const name = unique('paused');
  const asked = [
    timed(asker.ask('sendMessage', { room: rooms[0], text: 'paused' })),
    timed(asker.ask('getHistory', { room: rooms[0], limit: 5 })),
    timed(users[0].rest('GET', `/channels/${rooms[0]}/messages`).then(({ status, body }) => ({ status, ...body }))),
    timed(users[0].rest('POST', '/channels', { body: { name, status: 'PUBLIC' } }).then(({ status, body }) => ({ status, ...body }))),
  ];
  const joined = delay(100).then(() => timed(asker.ask('createChannel', { name: `${name}2`, status: 'PUBLIC' })));
  await until('readiness to turn red', async () => !await brokerReady(broker), { timeout: 6000 });
  const red = performance.now() - begun;
  for (const { answer, ms } of await Promise.all(asked)) {
    assert.equal(answer.code, 'unavailable', JSON.stringify(answer));
    assert.ok(ms < 6000, `${ms} ms`);
    if (answer.status) assert.equal(answer.status, 503);
  }
  /* A barrier: it began to wait behind what was asked before, and its time counts from then. */
  const { answer, ms } = await joined;
  assert.equal(answer.code, 'unavailable');
  assert.ok(ms < 6000, `createChannel ${ms} ms`);
  await delay(Math.max(0, 10_000 - (performance.now() - begun)));
  assert.ok(!await brokerReady(broker));
  assert.ok((await fetch(`${broker}/healthz`)).ok);
  for (const each of [...listeners]) assert.deepEqual(each.drops, [], each.name);
  assert.deepEqual(asker.received('(disconnect)'), []);
  for (const pid of paused) process.kill(pid, 'SIGCONT');
  const healing = performance.now();
  const sent = senders.sent;
  await until('messages again', () => senders.sent > sent + 20 || senders.failures.length, { timeout: 10_000, every: 5 });
  await allReady(instance, 10_000);
  t.diagnostic(`red after ${Math.round(red)} ms, healed after ${Math.round(performance.now() - healing)} ms`);
  await senders.finish();
  await ledger.settle(t, instance, topics, listeners);
  await toldOnce(before, ['not_ready', 'ready']);
  assert.equal(await instance.pids(), pids, 'something was started again');
  for (const each of listeners) assert.deepEqual(each.drops, [], each.name);
});

test('MQTT away: the sweep delivers, and all heals', { timeout: 60_000 }, async (t) => {
  const { users, rooms: [quiet, ...rooms], topics } = await scene(instance, { users: 4, rooms: 3 });
  const ledger = new Ledger();
  const listeners = [new Listener(t, broker, users[0], { name: 'before' })];
  await listeners[0].ready();
  const senders = new Senders(t, ledger, { pause: 20 });
  senders.bySocket(broker, users[2], rooms);
  senders.byRest(users[3], rooms);
  const pids = await instance.pids();
  const before = await changes();
  mqtt.refuse();
  t.after(() => mqtt.refuse(false));
  const begun = performance.now();
  await until('readiness to turn red', async () => !await brokerReady(broker), { timeout: 6000 });
  const red = performance.now() - begun;
  /* A client that comes meanwhile misses nothing either. */
  listeners.push(await new Listener(t, broker, users[1], { name: 'meanwhile' }).ready());
  const watcher = await users[1].connect(t, { auth: { history: 0 } });
  /* By REST, into a room in which nothing else makes the broker look. */
  const waits = [];
  for (let i = 0; i < 4; i++) {
    const text = unique('away');
    const { ms } = await timed(Promise.all([users[0].say(quiet, text),
      watcher.waitFor('newMessage', (body) => body.text === text)]));
    waits.push(Math.round(ms));
  }
  assert.ok(Math.max(...waits) < 1500, String(waits));
  assert.ok(!await brokerReady(broker));
  mqtt.refuse(false);
  const healing = performance.now();
  await allReady(instance, 10_000);
  t.diagnostic(`red after ${Math.round(red)} ms, by REST after ${waits} ms meanwhile, healed after ${Math.round(performance.now() - healing)} ms`);
  const { ms } = await timed(Promise.all([users[0].say(quiet, 'fast'), watcher.waitFor('newMessage', (body) => body.text === 'fast')]));
  assert.ok(ms < 500, `${ms} ms after it came back`);
  await senders.finish();
  await ledger.settle(t, instance, topics, listeners);
  await toldOnce(before, ['mqtt_lost', 'mqtt_connected', 'not_ready', 'ready']);
  assert.equal(await instance.pids(), pids, 'something was started again');
  for (const each of listeners) assert.deepEqual(each.drops, [], each.name);
});

for (const away of [true, false]) test(`MQTT ${away ? 'away' : 'there'}: what came while a history was on its way is found`, { timeout: 60_000 }, async (t) => {
  const { users: [ann, bob], rooms: [room], topics } = await scene(instance, { users: 2, rooms: 1 });
  const id = topics[room].split('/').pop();
  await instance.sql(`insert into room_event (room_id, seq, kind, actor_id, text, at)
    select ${id}, last_seq + n, 1, (select id from app_user where username = '${ann.username}'), repeat('long ', 20), now()
    from room, generate_series(1, 20000) n where id = ${id}`);
  await instance.sql(`update room set last_seq = last_seq + 20000 where id = ${id}`);
  t.after(() => mqtt.refuse(false));
  if (away) {
    mqtt.refuse();
    await until('readiness to turn red', async () => !await brokerReady(broker), { timeout: 6000 });
  }
  /* Its snapshot is taken, its history waits for it to read: nobody here is in the room yet. */
  const raw = await RawClient.open(t, broker);
  raw.ws.pause();
  const before = await metric(instance, 'admitted_total');
  raw.send(`40${JSON.stringify({ token: bob.accessToken })}`);
  await until('the snapshot', async () => await metric(instance, 'admitted_total') > before);
  const { seq } = await ann.say(room, 'meanwhile');
  const sweeps = await metric(instance, 'sweeps_total');
  await until('sweeps that find nobody in the room', async () => await metric(instance, 'sweeps_total') > sweeps + 2);
  raw.ws.resume();
  await raw.frame((frame) => frame.startsWith('42["updateChatHistory"'), { timeout: 10_000 });
  const body = await raw.event('newMessage', { timeout: 2500 });
  assert.equal(body.seq, seq);
  mqtt.refuse(false);
  await allReady(instance, 10_000);
});

test('MQTT silent: found out, and told', { timeout: 60_000 }, async (t) => {
  const { users: [ann, bob], rooms: [room] } = await scene(instance, { users: 2, rooms: 1 });
  const watcher = await bob.connect(t);
  mqtt.freeze();
  t.after(() => mqtt.freeze(false));
  await until('readiness to turn red', async () => !await brokerReady(broker), { timeout: 6000 });
  for (let i = 0; i < 2; i++) {
    await ann.say(room, `silent ${i}`);
    await watcher.waitFor('newMessage', (body) => body.text === `silent ${i}`, { timeout: 1500 });
  }
  const { ms } = await timed(ann.connect(t));
  assert.ok(ms < 2500, `connecting took ${ms} ms`);
  mqtt.freeze(false);
  await allReady(instance, 10_000);
});
