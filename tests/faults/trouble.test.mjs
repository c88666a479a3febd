/*
 * Trouble that is no death: a broker that stands still and goes on, an MQTT broker that is restarted
 * again and again, one that takes too little at a time, a PostgreSQL that ends its sessions.
 * The same books as everywhere: nothing lost, nothing twice, all in order.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../integration/lib/wait.mjs';
import { Ledger } from './lib/ledger.mjs';
import { Listener } from './lib/listener.mjs';
import { allReady, brokerNames, metric, pidOf, replace, rewire } from './lib/processes.mjs';
import { LONG, instanceFor, scene } from './lib/scene.mjs';
import { Senders } from './lib/sender.mjs';

const instance = await instanceFor({ after }, {
  brokers: 2, set: { 'socketio.ping_interval_ms': 1000, 'socketio.ping_timeout_ms': 2000 },
});
const [first, second] = instance.status.brokers;

/* Load from all sides while `harm(senders)` is done; then the books. Returns the listeners. */
async function through(t, harm) {
  const { users, rooms, topics } = await scene(instance, { users: 5, rooms: 3 });
  const ledger = new Ledger();
  const listeners = [
    new Listener(t, first, users[0], { name: 'broker 1' }),
    new Listener(t, second, users[1], { name: 'broker 2' }),
    new Listener(t, instance.http, users[0], { name: 'front, polling', transports: ['polling'] }),
    new Listener(t, instance.http, users[1], { name: 'front, recovery', recovery: true }),
  ];
  await Promise.all(listeners.map((each) => each.ready()));
  const senders = new Senders(t, ledger, { pause: 5 });
  senders.bySocket(first, users[2], rooms, { width: 2 });
  senders.byRetries(second, users[3], rooms);
  senders.byRest(users[4], rooms, { width: 2 });
  await harm(senders);
  await allReady(instance);
  await senders.finish();
  t.diagnostic(`resent ${senders.again}, answers ${JSON.stringify(senders.answers)}, recovered ${listeners.map((each) => each.recovered)}`);
  await ledger.settle(t, instance, topics, listeners);
  for (const each of listeners) assert.deepEqual(each.denied, [], each.name);
  return listeners;
}

/* Until that many more messages are through. */
async function more(senders, count) {
  const goal = senders.sent + count;
  await until(`${count} messages`, () => senders.sent >= goal || senders.failures.length, { timeout: 30_000, every: 5 });
}

test('a broker stands still and goes on', { timeout: 120_000 }, async (t) => {
  await through(t, async (senders) => {
    for (const name of LONG ? ['broker-1', 'broker-2', 'broker-1'] : ['broker-1']) {
      await more(senders, 50);
      const pid = await pidOf(instance, name);
      process.kill(pid, 'SIGSTOP');
      t.after(() => {
        try {
          process.kill(pid, 'SIGCONT');
        } catch {
          /* it is gone */
        }
      });
      await delay(LONG ? 15_000 : 4_000);
      process.kill(pid, 'SIGCONT');
      await more(senders, 50);
      assert.equal(await pidOf(instance, name), pid, 'it was started again');
    }
  });
});

test('mosquitto is restarted every two seconds', { timeout: 120_000 }, async (t) => {
  await through(t, async (senders) => {
    for (let i = 0; i < (LONG ? 30 : 3); i++) {
      const begun = performance.now();
      await replace(instance, 'mosquitto', i % 2 ? 'SIGTERM' : 'SIGKILL');
      await more(senders, 20);
      await delay(Math.max(0, 2000 - (performance.now() - begun)));
    }
  });
});

test('PostgreSQL is restarted in its fast mode', { timeout: 120_000 }, async (t) => {
  const listeners = await through(t, async (senders) => {
    for (let i = 0; i < (LONG ? 10 : 2); i++) {
      await more(senders, 50);
      await replace(instance, 'postgres', 'SIGINT', 30_000);
      await allReady(instance);
    }
  });
  for (const each of listeners) assert.deepEqual(each.drops, [], each.name);
});

test('PostgreSQL ends sessions of parley at random', { timeout: 120_000 }, async (t) => {
  let ended = 0;
  const listeners = await through(t, async (senders) => {
    for (let i = 0; i < (LONG ? 300 : 30); i++) {
      const rows = await instance.sql(`select pg_terminate_backend(pid) from pg_stat_activity
        where usename = 'parley_app' order by random() limit 2`);
      ended += rows.filter(([done]) => done === 't').length;
      await more(senders, 5);
    }
  });
  t.diagnostic(`${ended} sessions ended`);
  assert.ok(ended >= 30);
  for (const each of listeners) assert.deepEqual(each.drops, [], each.name);
});

test('an MQTT window of one: what does not fit is left to the sweep', { timeout: 120_000 }, async (t) => {
  await rewire(instance, [...brokerNames(instance), 'fcgi'], { PARLEY_MQTT_INFLIGHT: 1 });
  await through(t, (senders) => more(senders, LONG ? 5000 : 600));
  const left = await metric(instance, 'mqtt_not_published_total');
  t.diagnostic(`${left} events were not published`);
  assert.ok(left > 5, String(left));
});
