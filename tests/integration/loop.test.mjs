/* The broker's loop never waits: not for password hashes, not for PostgreSQL. */
import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { after, test } from 'node:test';
import { started } from './lib/instance.mjs';
import { readLog } from './lib/logs.mjs';
import { open } from './lib/socket.mjs';
import { signup, signups, unique } from './lib/users.mjs';
import { quantile, until } from './lib/wait.mjs';

/* Hashes as costly as by default, and short heartbeats. */
const PING_MS = 400;
const instance = await started({ after }, {
  set: {
    'auth.hash_ops': 2, 'auth.hash_bytes': 19922944,
    'socketio.ping_interval_ms': PING_MS, 'socketio.ping_timeout_ms': 1500,
  },
});

/* Milliseconds from a send to its delivery at another member, `count` of them, a few in flight. */
async function latencies(from, to, room, count) {
  const values = [];
  const one = async () => {
    while (values.length < count) {
      const text = unique('t');
      const begun = performance.now();
      const arrived = to.waitFor('newMessage', (body) => body.text === text, { from: to.mark(), timeout: 20_000 });
      await from.must('sendMessage', { room, text });
      await arrived;
      values.push(performance.now() - begun);
    }
  };
  await Promise.all([one(), one()]);
  return values;
}

test('private rooms are joined all the time, and other users\' messages are as quick as before', async (t) => {
  const [ann, bob, ...joiners] = await signups(instance, 6);
  const [room, door] = [unique('chat'), unique('door')];
  await ann.create(room);
  await bob.join(room);
  await ann.create(door, 'PRIVATE', 'a password');
  const [a, b] = [await ann.connect(t), await bob.connect(t)];
  await latencies(a, b, room, 50);
  const quiet = await latencies(a, b, room, 300);
  let going = true;
  const joins = [];
  const load = joiners.map(async (user) => {
    const client = await user.connect(t, { auth: { history: 0 } });
    while (going) {
      const begun = performance.now();
      await client.must('joinChannel', { name: door, password: 'a password' }, 30_000);
      joins.push(performance.now() - begun);
      await client.must('leaveChannel', { name: door }, 30_000);
    }
  });
  await until('joins', () => joins.length >= 4, { timeout: 20_000 });
  const before = joins.length;
  const busy = await latencies(a, b, room, 300);
  const during = joins.length - before;
  going = false;
  await Promise.all(load);
  const figure = (values) => `p50 ${quantile(values, 0.5).toFixed(1)} p99 ${quantile(values, 0.99).toFixed(1)}`;
  t.diagnostic(`quiet ${figure(quiet)}, under ${during} joins ${figure(busy)}, a join ${figure(joins)} ms`);
  assert.ok(during >= 5, `only ${during} joins while measuring`);
  /* A loop that hashed would add a hash to most messages: half a join at least. */
  assert.ok(quantile(busy, 0.5) < 6 * quantile(quiet, 0.5) + 1, 'the median');
  assert.ok(quantile(busy, 0.99) < 12 * quantile(quiet, 0.99) + 1, 'the 99th percentile');
});

/* The postmaster and all its children, by /proc. */
async function postgresPids(postmaster) {
  const pids = [postmaster];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => '');
    const ppid = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    if (ppid === postmaster) pids.push(Number(entry));
  }
  return pids;
}

test('PostgreSQL stands still for five seconds: heartbeats go on, commands answer, all recovers', async (t) => {
  const [ann, bob] = await signups(instance, 2);
  const room = unique('pause');
  const { topic } = await ann.create(room);
  await bob.join(room);
  const clients = [await ann.connect(t), await bob.connect(t), await bob.connect(t, { transports: ['polling'] })];
  const [a, b] = clients;
  const pings = clients.map(() => 0);
  clients.forEach((client, i) => client.socket.io.on('ping', () => { pings[i]++; }));
  const { postgres } = (await instance.refresh()).pids;
  const stopped = [];
  const begun = performance.now();
  const page = async (where) => (await fetch(instance.status.brokers[0] + where)).status;
  assert.equal(await page('/readyz'), 200);
  let asked;
  try {
    for (const pid of await postgresPids(postgres)) {
      process.kill(pid, 'SIGSTOP');
      stopped.push(pid);
    }
    asked = Promise.all([
      ...Array.from({ length: 5 }, (_, i) => a.ask('sendMessage', { room, text: `paused ${i}`, nonce: `p${i}` })),
      a.ask('joinChannel', { name: unique('none') }), b.ask('leaveChannel', { name: unique('none') }),
      b.ask('getHistory', { room }),
      ann.rest('POST', `/channels/${room}/messages`, { body: { text: 'paused REST', nonce: 'pr' } }),
    ]);
    const wanted = Math.floor(5000 / PING_MS) - 3;
    await until('heartbeats on every connection while PostgreSQL stands still',
      () => performance.now() - begun >= 5000 && pings.every((each) => each >= wanted), { timeout: 8000 });
    assert.equal(await page('/readyz'), 503);
    assert.equal(await page('/healthz'), 200);
  } finally {
    for (const pid of stopped.reverse()) process.kill(pid, 'SIGCONT');
  }
  const answers = await asked;
  const rest = answers.pop();
  assert.ok([200, 201, 503].includes(rest.status), `REST: ${rest.status} ${rest.text}`);
  for (const answer of answers) {
    assert.ok([undefined, 'unavailable', 'room_not_found'].includes(answer.code), JSON.stringify(answer));
  }
  for (const client of clients) assert.deepEqual(client.received('(disconnect)'), []);
  await until('sending to work again', async () => (await a.ask('sendMessage', { room, text: 'awake', nonce: 'awake' })).code === undefined,
    { timeout: 20_000 });
  await until('readiness', async () => await page('/readyz') === 200);
  for (const client of clients) await client.waitFor('newMessage', (body) => body.text === 'awake', { timeout: 10_000 });
  /* Unknown outcomes are resolved by resending with the same nonce: one row each. */
  for (let i = 0; i < 5; i++) await a.must('sendMessage', { room, text: `paused ${i}`, nonce: `p${i}` });
  await readLog(instance, topic);
  const texts = (await ann.allMessages(room)).map((each) => each.text).filter((text) => /^paused \d/.test(text));
  assert.deepEqual(texts.sort(), Array.from({ length: 5 }, (_, i) => `paused ${i}`));
  for (const client of clients) {
    for (const text of texts) await client.waitFor('newMessage', (body) => body.text === text, { timeout: 10_000 });
    assert.equal(client.received('newMessage').filter((body) => /^paused \d/.test(body.text)).length, 5);
  }
});

test('a connection attempted while PostgreSQL stands still is not told accessDenied', async (t) => {
  const ann = await signup(instance);
  const { postgres } = (await instance.refresh()).pids;
  const stopped = [];
  let client;
  try {
    for (const pid of await postgresPids(postgres)) {
      process.kill(pid, 'SIGSTOP');
      stopped.push(pid);
    }
    client = open(t, instance.http, { token: ann.accessToken, reconnection: true });
    await client.waitFor('(connect)', () => true, { timeout: 2000 }).catch(() => null);
  } finally {
    for (const pid of stopped.reverse()) process.kill(pid, 'SIGCONT');
  }
  await client.waitFor('updateChatHistory', () => true, { timeout: 30_000 });
  assert.deepEqual(client.received('accessDenied'), []);
});
