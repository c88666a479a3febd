/*
 * kill -9 of every kind of process at random, under load from several senders over sockets, the
 * client's own retries, and REST. Nothing acknowledged is lost, nothing comes twice, all in order.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../integration/lib/wait.mjs';
import { Ledger } from './lib/ledger.mjs';
import { Listener } from './lib/listener.mjs';
import { allReady, replace } from './lib/processes.mjs';
import { SEED, pick, random } from './lib/random.mjs';
import { LONG, instanceFor, scene } from './lib/scene.mjs';
import { Senders } from './lib/sender.mjs';

const KILLS = LONG ? 220 : 7;
const VICTIMS = ['mosquitto', 'postgres', 'broker-1', 'broker-2', 'fcgi'];

test(`${KILLS} kills at random`, { timeout: LONG ? 3_600_000 : 120_000 }, async (t) => {
  const instance = await instanceFor(t, { brokers: 2 });
  const { users, rooms, topics } = await scene(instance, { users: 6, rooms: 4 });
  const [first, second] = instance.status.brokers;
  const ledger = new Ledger();
  const listeners = [
    new Listener(t, first, users[0], { name: 'broker 1' }),
    new Listener(t, second, users[1], { name: 'broker 2' }),
    new Listener(t, instance.http, users[2], { name: 'front, websocket', nsp: '/chat' }),
    new Listener(t, instance.http, users[3], { name: 'front, polling', transports: ['polling'] }),
    new Listener(t, instance.http, users[0], { name: 'front, upgrading', transports: ['polling', 'websocket'] }),
  ];
  await Promise.all(listeners.map((each) => each.ready()));
  const senders = new Senders(t, ledger, { pause: LONG ? 30 : 10 });
  senders.bySocket(first, users[1], rooms, { width: 2 });
  senders.bySocket(second, users[2], rooms, { width: 2 });
  senders.byRetries(instance.http, users[3], rooms);
  senders.byRest(users[4], rooms, { width: 2 });
  const next = random();
  const killed = {};
  for (let i = 0; i < KILLS && !senders.failures.length; i++) {
    const victim = i < VICTIMS.length ? VICTIMS[i] : pick(next, VICTIMS);
    killed[victim] = (killed[victim] ?? 0) + 1;
    const goal = senders.sent + 10 + Math.floor(next() * 40);
    await until(`${goal} messages`, () => senders.sent >= goal || senders.failures.length, { timeout: 60_000, every: 5 });
    await replace(instance, victim);
    if (next() < 0.5) await allReady(instance); /* else the next one is killed amid the healing */
  }
  await allReady(instance);
  await senders.finish();
  t.diagnostic(`seed ${SEED}, killed ${JSON.stringify(killed)}, resent ${senders.again}, answers ${JSON.stringify(senders.answers)}`);
  await ledger.settle(t, instance, topics, listeners, 60_000);
  for (const listener of listeners) assert.deepEqual(listener.denied, [], listener.name);
  assert.ok(ledger.verdict.acked >= KILLS * 10);
});
