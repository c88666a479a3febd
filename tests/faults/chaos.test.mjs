/*
 * kill -9 of every kind of process at random, under load from several senders over sockets, the
 * client's own retries, and REST. Nothing acknowledged is lost, nothing comes twice, all in order.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { authorsWereMembers, readLog } from '../integration/lib/logs.mjs';
import { signups } from '../integration/lib/users.mjs';
import { until } from '../integration/lib/wait.mjs';
import { Ledger } from './lib/ledger.mjs';
import { Listener } from './lib/listener.mjs';
import { allReady, replace } from './lib/processes.mjs';
import { SEED, pick, random } from './lib/random.mjs';
import { LONG, instanceFor, scene } from './lib/scene.mjs';
import { Senders } from './lib/sender.mjs';
import { staysHold } from './lib/stays.mjs';

const instance = await instanceFor({ after }, { brokers: 2 });
const KILLS = Number(process.env.PARLEY_KILLS ?? (LONG ? 220 : 6));
const MINUTES = Number(process.env.PARLEY_MINUTES ?? 60); /* then no more are killed */
const VICTIMS = ['mosquitto', 'postgres', 'broker-1', 'broker-2', 'fcgi'];

/* Kill, each of them at least once, while messages go through. Returns how often each. */
async function killing(t, senders, count) {
  const next = random();
  const killed = {};
  const end = performance.now() + MINUTES * 60_000;
  for (let i = 0; i < count && !senders.failures.length; i++) {
    if (performance.now() > end && i >= VICTIMS.length) break;
    if (i % 50 === 49) t.diagnostic(`${new Date().toISOString()} ${i + 1} kills, ${senders.sent} messages`);
    const victim = i < VICTIMS.length ? VICTIMS[i] : pick(next, VICTIMS);
    killed[victim] = (killed[victim] ?? 0) + 1;
    const goal = senders.sent + 10 + Math.floor(next() * 40);
    await until(`${goal} messages`, () => senders.sent >= goal || senders.failures.length, { timeout: 60_000, every: 5 });
    await replace(instance, victim);
    if (next() < 0.5) await allReady(instance); /* else the next one is killed amid the healing */
  }
  await allReady(instance);
  return killed;
}

test(`${KILLS} kills at random`, { timeout: LONG ? 3_600_000 : 120_000 }, async (t) => {
  const { users, rooms, topics } = await scene(instance, { users: 6, rooms: 4 });
  const [first, second] = instance.status.brokers;
  const ledger = new Ledger();
  const listeners = [
    new Listener(t, first, users[0], { name: 'broker 1' }),
    new Listener(t, second, users[1], { name: 'broker 2' }),
    new Listener(t, instance.http, users[2], { name: 'front, websocket', nsp: '/chat' }),
    new Listener(t, instance.http, users[3], { name: 'front, polling', transports: ['polling'] }),
    new Listener(t, instance.http, users[0], { name: 'front, upgrading', transports: ['polling', 'websocket'] }),
    new Listener(t, instance.http, users[1], { name: 'front, recovery', recovery: true }),
    new Listener(t, instance.http, users[2], { name: 'front, recovery, polling', recovery: true, transports: ['polling'] }),
  ];
  await Promise.all(listeners.map((each) => each.ready()));
  const senders = new Senders(t, ledger, { pause: LONG ? 30 : 10 });
  senders.bySocket(first, users[1], rooms, { width: 2 });
  senders.bySocket(second, users[2], rooms, { width: 2 });
  senders.byRetries(instance.http, users[3], rooms);
  senders.byRest(users[4], rooms, { width: 2 });
  const begun = performance.now();
  const killed = await killing(t, senders, KILLS);
  const kills = Object.values(killed).reduce((sum, count) => sum + count);
  await senders.finish();
  t.diagnostic(`seed ${SEED}, ${kills} kills in ${Math.round((performance.now() - begun) / 1000)} s, killed ${JSON.stringify(killed)}, resent ${senders.again}, answers ${JSON.stringify(senders.answers)}, recovered ${listeners.map((each) => each.recovered)}`);
  await ledger.settle(t, instance, topics, listeners, 60_000);
  for (const listener of listeners) assert.deepEqual(listener.denied, [], listener.name);
  assert.ok(ledger.verdict.acked >= kills * 10);
});

/* Join and leave by REST, whatever it takes. */
async function comeAndGo(user, rooms, state) {
  for (let n = 0; state.going; n++) {
    const target = `/channels/${rooms[n % rooms.length]}/members/me`;
    for (const method of ['PUT', 'DELETE']) {
      await user.rest(method, target, method === 'PUT' ? { body: {} } : {}).catch(() => {});
      await delay(30);
    }
  }
}

test('members that come and go while processes are killed', { timeout: LONG ? 3_600_000 : 120_000 }, async (t) => {
  const { users, rooms, topics } = await scene(instance, { users: 3, rooms: 2 });
  const guests = await signups(instance, 4);
  const listeners = guests.map((user, i) => new Listener(t, instance.status.brokers[i % 2], user, { since: false, history: 0 }));
  await Promise.all(listeners.map((each) => each.ready()));
  const ledger = new Ledger();
  const senders = new Senders(t, ledger, { pause: 5 });
  senders.bySocket(instance.status.brokers[0], users[0], rooms, { width: 2 });
  senders.bySocket(instance.status.brokers[1], users[1], rooms, { width: 2 });
  senders.byRest(users[2], rooms);
  const state = { going: true };
  const roaming = guests.map((user) => comeAndGo(user, rooms, state));
  const killed = await killing(t, senders, LONG ? Math.ceil(KILLS / 2) : 5);
  state.going = false;
  await Promise.all(roaming);
  await senders.finish();
  /* In the end all are in, and hear of it. */
  for (const room of rooms) {
    for (const user of guests) {
      await until(`${user.username} to be in`, async () => [200, 409].includes((await user.rest('PUT', `/channels/${room}/members/me`, { body: {} })).status));
    }
    const { seq } = await users[0].say(room, 'all in');
    for (const each of listeners) await until(`${each.name} to hear`, () => each.current.last(room) >= seq, { timeout: 10_000 });
  }
  const logs = {};
  let rows = 0;
  for (const room of rooms) {
    const log = await readLog(instance, topics[room]);
    authorsWereMembers(log);
    for (const [i, listener] of listeners.entries()) rows += staysHold(listener, room, log, guests[i].username);
    logs[room] = await ledger.readLog(instance, room, topics[room]);
  }
  ledger.checkLogs(logs);
  t.diagnostic(`killed ${JSON.stringify(killed)}; ${rows} rows for those who came and went, ${JSON.stringify(ledger.verdict)}`);
  for (const what of ['lost', 'doubled', 'reordered', 'gaps']) assert.equal(ledger.verdict[what], 0, ledger.examples.join('\n'));
});
