/*
 * What one client does wrong costs it and nobody else: one that stops reading, one that floods, and
 * a thousand that come back at once.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { RawClient, connect } from '../integration/lib/socket.mjs';
import { signups } from '../integration/lib/users.mjs';
import { quantile, until, within } from '../integration/lib/wait.mjs';
import { Ledger } from './lib/ledger.mjs';
import { Listener } from './lib/listener.mjs';
import { metric, pidOf, replace, residentKib } from './lib/processes.mjs';
import { instanceFor, scene } from './lib/scene.mjs';
import { Senders } from './lib/sender.mjs';

const instance = await instanceFor({ after }, {
  set: { 'limits.message_chars': 8192, 'limits.output_bytes': 262144, 'limits.sends_per_s': 5, 'limits.send_burst': 20, 'pg.timeout_ms': 5000 },
});
const [broker] = instance.status.brokers;

/* `count` messages of about 24 KiB from users enough to stay within their limits. */
async function flood(users, room, count) {
  const text = '\u6f22'.repeat(8000);
  for (let done = 0; done < count;) {
    const answers = await Promise.all(users.map((user) => user.rest('POST', `/channels/${room}/messages`, { body: { text } })));
    done += answers.filter((answer) => answer.status === 201).length;
  }
}

test('a client that stops reading is closed, comes back, and has missed nothing', { timeout: 60_000 }, async (t) => {
  const { users, rooms: [room], topics } = await scene(instance, { users: 26, rooms: 1 });
  const ledger = new Ledger();
  const [slow, quick] = [new Listener(t, broker, users[0], { name: 'slow' }), new Listener(t, broker, users[1], { name: 'quick' })];
  await Promise.all([slow.ready(), quick.ready()]);
  const raw = await RawClient.join(t, broker, users[0].accessToken);
  const pid = await pidOf(instance, 'broker-1');
  const before = { kib: await residentKib(pid), closed: await metric(instance, 'slow_closed_total') };
  slow.socket.io.engine.transport.ws.pause();
  raw.ws.pause();
  const waits = [];
  for (let i = 0; await metric(instance, 'slow_closed_total') < before.closed + 2; i++) {
    assert.ok(i < 60, 'they were not closed');
    const begun = performance.now();
    const had = quick.rows(room).length;
    await flood(users.slice(2), room, 24);
    await until('the quick one to have them', () => quick.rows(room).length >= had + 24, { every: 2 });
    waits.push(performance.now() - begun);
  }
  const kib = await residentKib(pid);
  t.diagnostic(`closed after ${quick.rows(room).length} messages; ${kib - before.kib} KiB more resident; 24 messages took ${Math.round(quantile(waits, 0.5))} ms, at most ${Math.round(Math.max(...waits))}`);
  assert.ok(kib - before.kib < 16_384, `${kib - before.kib} KiB more`);
  assert.deepEqual(quick.drops, []);
  slow.socket.io.engine.transport.ws.resume();
  raw.ws.resume();
  await within('the close', raw.closed, 10_000);
  assert.ok(!raw.inbox.items.some((frame) => frame === '41'), 'disconnected for good');
  await until('the slow one to be back', () => slow.sessions.length > 1, { timeout: 10_000 });
  await ledger.settle(t, instance, topics, [slow, quick]);
  assert.deepEqual(slow.denied, []);
});

test('a client that floods is rate limited, and others are not', { timeout: 60_000 }, async (t) => {
  const { users: [ann, bob, eve], rooms: [room] } = await scene(instance, { users: 3, rooms: 1 });
  const flooder = await connect(t, broker, { token: ann.accessToken, auth: { history: 0 } });
  const other = await connect(t, broker, { token: bob.accessToken, auth: { history: 0 } });
  await connect(t, broker, { token: eve.accessToken, auth: { history: 0 } });
  const kib = await residentKib(await pidOf(instance, 'broker-1'));
  const counts = {};
  let going = true;
  const flooding = Promise.all(Array.from({ length: 200 }, async () => {
    while (going) {
      const answer = await flooder.ask('sendMessage', { room, text: 'x'.repeat(4000) }, 30_000);
      counts[answer.code ?? 'success'] = (counts[answer.code ?? 'success'] ?? 0) + 1;
      if (answer.code) assert.equal(answer.code, 'rate_limited', JSON.stringify(answer));
      if (answer.retryAfter !== undefined) assert.ok(answer.retryAfter > 0 && answer.retryAfter <= 10, JSON.stringify(answer));
    }
  }));
  const waits = [];
  const begun = performance.now();
  for (let i = 0; i < 10; i++) {
    const sent = performance.now();
    const answer = await other.ask('sendMessage', { room, text: `calm ${i}` });
    assert.equal(answer.code, undefined, JSON.stringify(answer));
    waits.push(performance.now() - sent);
    await new Promise((resolve) => { setTimeout(resolve, 210); });
  }
  going = false;
  await flooding;
  const seconds = (performance.now() - begun) / 1000;
  t.diagnostic(`${JSON.stringify(counts)} in ${seconds.toFixed(1)} s; the other waited ${Math.round(quantile(waits, 0.5))} ms, at most ${Math.round(Math.max(...waits))}`);
  assert.ok(counts.success <= 20 + 5 * seconds + 2, `${counts.success} were let through`);
  assert.ok(counts.rate_limited > 200);
  assert.ok(quantile(waits, 0.5) < 300, String(waits));
  assert.ok(await residentKib(await pidOf(instance, 'broker-1')) - kib < 16_384);
});

test('a thousand clients are back within 10 s of a restart', { timeout: 90_000 }, async (t) => {
  const users = await signups(instance, 20);
  const [owner] = users;
  const { topic } = await owner.create('herd');
  for (const user of users.slice(1)) await user.join('herd');
  const ledger = new Ledger();
  const listeners = [];
  for (let i = 0; i < 1000; i++) {
    const listener = new Listener(t, broker, users[i % users.length], { name: `client ${i}` });
    listener.socket.io.reconnectionDelay(1000);
    listener.socket.io.reconnectionDelayMax(5000);
    listeners.push(listener);
  }
  await Promise.all(listeners.map((each) => each.ready(60_000)));
  await owner.say('herd', 'before');
  const connections = async () => Number((await instance.sql(`select count(*) from pg_stat_activity where usename = 'parley_app'`))[0][0]);
  let most = 0;
  let watching = true;
  const watch = (async () => {
    while (watching) most = Math.max(most, await connections());
  })();
  const begun = performance.now();
  await replace(instance, 'broker-1');
  await owner.say('herd', 'meanwhile');
  await until('all to be back', () => listeners.every((each) => each.sessions.length > 1 && each.socket.connected && each.current.history),
    { timeout: 30_000, every: 10 });
  const ms = performance.now() - begun;
  watching = false;
  await watch;
  t.diagnostic(`back after ${Math.round(ms)} ms; PostgreSQL had ${most} connections`);
  assert.ok(ms < 10_000, `${ms} ms`);
  /* The broker's pools have 8 threads, the worker's 8 and one for the rest; twice while one is replaced. */
  assert.ok(most <= 25, `${most} connections`);
  const senders = new Senders(t, ledger);
  senders.byRest(owner, ['herd']);
  await until('a message', () => senders.sent >= 1);
  await senders.finish();
  await ledger.settle(t, instance, { herd: topic }, listeners);
});
