/*
 * Clients that poll, or begin so and upgrade, over two brokers behind the front: a session's
 * requests find the broker that has it, and its clients come back when that broker dies.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { until } from '../integration/lib/wait.mjs';
import { Ledger } from './lib/ledger.mjs';
import { Listener } from './lib/listener.mjs';
import { allReady, replace } from './lib/processes.mjs';
import { instanceFor, scene } from './lib/scene.mjs';
import { Senders } from './lib/sender.mjs';

const instance = await instanceFor({ after }, { brokers: 2 });

const brokerOf = (listener) => listener.socket.io.engine.id.slice(0, 3);

test('polling-only and upgrading clients over two brokers', { timeout: 90_000 }, async (t) => {
  const { users, rooms, topics } = await scene(instance, { users: 4, rooms: 3 });
  const ledger = new Ledger();
  const listeners = [];
  for (let i = 0; i < 6; i++) {
    listeners.push(new Listener(t, instance.http, users[i % 2], { name: `polling ${i}`, transports: ['polling'], nsp: i % 2 ? '/chat' : '/' }));
    listeners.push(new Listener(t, instance.http, users[i % 2], { name: `upgrading ${i}`, transports: ['polling', 'websocket'] }));
  }
  await Promise.all(listeners.map((each) => each.ready()));
  assert.deepEqual([...new Set(listeners.map(brokerOf))].sort(), ['b1-', 'b2-']);
  const senders = new Senders(t, ledger, { pause: 10 });
  senders.bySocket(instance.http, users[2], rooms, { options: { transports: ['polling'] }, width: 2 });
  senders.bySocket(instance.http, users[2], rooms, { options: { transports: ['polling', 'websocket'] }, width: 2 });
  senders.byRest(users[3], rooms);
  const more = async (count) => {
    const goal = senders.sent + count;
    await until('messages', () => senders.sent >= goal || senders.failures.length, { timeout: 30_000, every: 5 });
  };
  await more(200);
  for (const each of listeners) {
    const { name } = each.socket.io.engine.transport;
    assert.equal(name, each.name.startsWith('polling') ? 'polling' : 'websocket', each.name);
    assert.deepEqual(each.drops, [], `${each.name}: a request went to the wrong broker`);
  }
  for (const name of ['broker-1', 'broker-2']) {
    await replace(instance, name);
    await allReady(instance);
    await more(100);
  }
  await senders.finish();
  await ledger.settle(t, instance, topics, listeners);
});

test('a request with another broker\'s sid, or none that lives, is told so', async () => {
  const opened = [];
  /* The front may take a second to find a broker that was just replaced. */
  await until('a session at each broker', async () => {
    const text = await (await fetch(`${instance.http}/socket.io/?EIO=4&transport=polling`)).text();
    const { sid } = JSON.parse(text.slice(1));
    if (opened[0]?.slice(0, 3) !== sid.slice(0, 3))
      opened.push(sid);
    return opened.length === 2;
  }, { timeout: 10_000, every: 50 });
  const swapped = opened[0].slice(0, 3) + opened[1].slice(3);
  for (const sid of [swapped, 'b1-', 'b9-x', 'nothing', '%62%31-', `b1-${'x'.repeat(20)}`]) {
    const answer = await fetch(`${instance.http}/socket.io/?EIO=4&transport=polling&sid=${sid}`);
    assert.equal(answer.status, 400, sid);
    assert.deepEqual(await answer.json(), { code: 1, message: 'Session ID unknown' }, sid);
  }
  for (const sid of opened) {
    const target = `${instance.http}/socket.io/?EIO=4&t=x&sid=${sid}&transport=polling`;
    assert.equal((await fetch(target, { method: 'POST', body: '1' })).status, 200);
  }
});
