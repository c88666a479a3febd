/*
 * Brokers, workers, PostgreSQL and MQTT on hosts of their own, and the network between them cut in
 * silence: nobody is told that a connection has ended. Nothing acknowledged is lost, nothing comes
 * twice, all in order; sockets stay; commands answer in time; what was cut is noticed, and heals soon
 * after the network does, however long it was away.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '../integration/lib/socket.mjs';
import { unique } from '../integration/lib/users.mjs';
import { until } from '../integration/lib/wait.mjs';
import { hostsInstance } from './lib/hosts.mjs';
import { Ledger } from './lib/ledger.mjs';
import { Listener } from './lib/listener.mjs';
import { Network } from './lib/network.mjs';
import { allReady, brokerReady } from './lib/processes.mjs';
import { SEED, pick, random } from './lib/random.mjs';
import { LONG, scene } from './lib/scene.mjs';
import { Senders } from './lib/sender.mjs';

const network = await Network.start({ after });
const skip = network.refused;
const instance = skip ? undefined : await hostsInstance({ after }, network);

const SERVICES = { MQTT: ['mqtt'], PostgreSQL: ['pg'], both: ['mqtt', 'pg'] };
const CUT_MS = Number(process.env.PARLEY_CUT_MS ?? (LONG ? 40_000 : 7000));
const HEALED_MS = 8000; /* looking for a host that does not answer takes seconds, not the kernel's minutes */

async function timed(promise) {
  const begun = performance.now();
  const answer = await promise;
  return { answer, ms: performance.now() - begun };
}

async function crowd(t) {
  const { users, rooms, topics } = await scene(instance, { users: 6, rooms: 4 });
  const [first, second] = instance.status.brokers;
  const ledger = new Ledger();
  const listeners = [
    new Listener(t, first, users[0], { name: 'broker 1' }),
    new Listener(t, second, users[1], { name: 'broker 2' }),
    new Listener(t, instance.http, users[2], { name: 'front, polling', transports: ['polling'] }),
    new Listener(t, instance.http, users[3], { name: 'front, recovery', recovery: true, transports: ['polling', 'websocket'] }),
  ];
  await Promise.all(listeners.map((each) => each.ready()));
  const senders = new Senders(t, ledger, { pause: 20 });
  senders.bySocket(first, users[1], rooms, { width: 2 });
  senders.bySocket(second, users[2], rooms, { width: 2 });
  senders.byRetries(instance.http, users[3], rooms);
  senders.byRest(users[4], rooms, { width: 2 });
  return { users, rooms, topics, ledger, listeners, senders };
}

const broker = (host) => (host === 'worker' ? instance.http : instance.status.brokers[Number(host.at(-1)) - 1]);

async function cut(host, services) {
  await Promise.all(services.map((each) => network.cut(host, each)));
}

async function heal(host, services) {
  await Promise.all(services.map((each) => network.heal(host, each)));
}

/* Those of the other hosts go on. */
async function goesOn(senders, count = 20) {
  const goal = senders.sent + count;
  await until(`${goal} messages`, () => senders.sent >= goal || senders.failures.length, { timeout: 30_000, every: 5 });
}

for (const [name, services] of Object.entries(SERVICES)) {
  test(`a broker cut off from ${name}`, { skip, timeout: 180_000 }, async (t) => {
    const { users, rooms, topics, ledger, listeners, senders } = await crowd(t);
    const [first, second] = instance.status.brokers;
    const asker = await connect(t, first, { token: users[5].accessToken, auth: { history: 0 } });
    const beside = await connect(t, second, { token: users[5].accessToken, auth: { history: 0 } });
    await goesOn(senders);
    const pids = await instance.pids();
    t.after(() => heal('broker-1', services));
    await cut('broker-1', services);
    const begun = performance.now();
    await until('readiness to turn red', async () => !await brokerReady(first), { timeout: 10_000, every: 20 });
    const red = performance.now() - begun;
    const { answer, ms } = await timed(asker.ask('sendMessage', { room: rooms[0], text: 'cut off', nonce: unique('n') }));
    assert.ok(ms < 6000, `${ms} ms`);
    if (services.includes('pg')) assert.equal(answer.code, 'unavailable', JSON.stringify(answer));
    else await beside.waitFor('newMessage', (body) => body.text === 'cut off', { timeout: 3000 });
    await goesOn(senders);
    assert.ok(await brokerReady(second));
    /* Long enough for what was sent into the void to be sent again seldom. */
    await delay(Math.max(0, CUT_MS - (performance.now() - begun)));
    assert.ok((await fetch(`${first}/healthz`)).ok);
    await heal('broker-1', services);
    const healing = performance.now();
    await allReady(instance, HEALED_MS);
    const healed = performance.now() - healing;
    t.diagnostic(`red after ${Math.round(red)} ms, answered after ${Math.round(ms)} ms, healed after ${Math.round(healed)} ms`);
    await goesOn(senders);
    await senders.finish();
    await ledger.settle(t, instance, topics, listeners);
    assert.equal(await instance.pids(), pids, 'something was started again');
    for (const each of listeners) assert.deepEqual(each.drops, [], each.name);
  });
}

const ROUNDS = Number(process.env.PARLEY_CUTS ?? (LONG ? 40 : 2));

test(`${ROUNDS} cuts at random`, { skip, timeout: LONG ? 3_600_000 : 180_000 }, async (t) => {
  const { topics, ledger, listeners, senders } = await crowd(t);
  const next = random();
  const done = {};
  let slowest = 0;
  for (let i = 0; i < ROUNDS && !senders.failures.length; i++) {
    const host = LONG ? pick(next, ['broker-1', 'broker-2', 'worker']) : ['worker', 'broker-2'][i];
    const what = pick(next, Object.keys(SERVICES));
    done[`${host}, ${what}`] = (done[`${host}, ${what}`] ?? 0) + 1;
    await goesOn(senders, 10 + Math.floor(next() * 30));
    await cut(host, SERVICES[what]);
    await delay(200 + next() * (LONG ? 30_000 : 4000));
    await heal(host, SERVICES[what]);
    const healing = performance.now();
    await allReady(instance, HEALED_MS);
    slowest = Math.max(slowest, performance.now() - healing);
    assert.ok(await brokerReady(broker(host)));
  }
  await senders.finish();
  t.diagnostic(`seed ${SEED}, ${JSON.stringify(done)}, healed within ${Math.round(slowest)} ms, resent ${senders.again}, answers ${JSON.stringify(senders.answers)}`);
  await ledger.settle(t, instance, topics, listeners, 60_000);
  for (const listener of listeners) assert.deepEqual(listener.denied, [], listener.name);
});
