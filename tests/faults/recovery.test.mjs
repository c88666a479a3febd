/*
 * Recovery under load: connections are cut at random, their clients come back by themselves, to the
 * same broker or the other, and go on exactly where they were.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { until } from '../integration/lib/wait.mjs';
import { Ledger } from './lib/ledger.mjs';
import { Listener } from './lib/listener.mjs';
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
