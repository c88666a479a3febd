/* Who is online: over two brokers, with several devices, and when a broker dies. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { after, test } from 'node:test';
import { started } from './lib/instance.mjs';
import { connect } from './lib/socket.mjs';
import { signups, unique } from './lib/users.mjs';
import { until } from './lib/wait.mjs';

const GRACE = 1500;
const LEASE = 2400;
const instance = await started({ after }, {
  args: ['--brokers', '2'],
  set: { 'presence.grace_ms': GRACE, 'presence.lease_ms': LEASE, 'presence.room_members': 60, 'presence.names': 20 },
});
const at = (t, user, broker, options) => connect(t, instance.status.brokers[broker], { token: user.accessToken, ...options });

/** The presence of `room` as this client has seen it: {complete, online: Set, changes: [...]}. */
function seen(client, room, from = 0) {
  const state = { complete: 0, online: new Set(), changes: [] };
  for (const body of client.received('presence', from).filter((each) => each.room === room)) {
    if (body.complete) {
      state.complete++;
      state.online.clear();
    } else {
      state.changes.push(...body.online.map((each) => `+${each}`), ...body.offline.map((each) => `-${each}`));
    }
    for (const each of body.online) state.online.add(each);
    for (const each of body.offline) state.online.delete(each);
  }
  return state;
}

const shows = (client, room, users, options) => until(`presence of ${users.length}`, () => {
  const state = seen(client, room);
  return state.complete && [...state.online].sort().join() === users.map((each) => each.username).sort().join();
}, { timeout: 12_000, ...options });

async function scene(count = 3) {
  const users = await signups(instance, count);
  const room = unique('here');
  await users[0].create(room);
  for (const user of users.slice(1)) await user.join(room);
  return { room, users };
}

test('who comes and who goes is shown at all brokers, after the grace', async (t) => {
  const { room, users: [ann, bob, cat] } = await scene();
  const a = await at(t, ann, 0);
  await shows(a, room, [ann]);
  const b = await at(t, bob, 1);
  const c = await at(t, cat, 1);
  for (const client of [a, b, c]) await shows(client, room, [ann, bob, cat]);
  const online = async () => (await ann.must('GET', `/channels/${room}/members`)).members.filter((each) => each.online).map((each) => each.username);
  assert.equal((await online()).length, 3);
  const [from, left] = [a.mark(), performance.now()];
  b.close();
  await a.waitFor('presence', (body) => body.room === room && body.offline.includes(bob.username), { from, timeout: 10_000 });
  assert.ok(performance.now() - left > GRACE - 100, `${performance.now() - left} ms`);
  await shows(c, room, [ann, cat]);
  assert.deepEqual((await online()).sort(), [ann.username, cat.username].sort());
});

test('a user with devices at two brokers is one, and a change of brokers is not seen', async (t) => {
  const { room, users: [ann, bob] } = await scene();
  const watch = await at(t, ann, 0);
  const first = await at(t, bob, 0);
  await shows(watch, room, [ann, bob]);
  const from = watch.mark();
  const second = await at(t, bob, 1);
  await shows(second, room, [ann, bob]);
  first.close();
  await delay(GRACE + 2500);
  second.close(); /* its only one: and back at the other broker, within the grace */
  await delay(300);
  const third = await at(t, bob, 0);
  await delay(GRACE + 2500);
  assert.deepEqual(seen(watch, room, from).changes, []);
  third.close();
  await watch.waitFor('presence', (body) => body.offline.includes(bob.username), { from, timeout: 10_000 });
  assert.deepEqual(seen(watch, room, from).changes, [`-${bob.username}`]);
});

test('the users of a broker that was killed go, once; those who came back elsewhere do not', async (t) => {
  const { room, users: [ann, bob, cat] } = await scene();
  const watch = await at(t, ann, 0);
  await at(t, bob, 1);
  await at(t, cat, 1);
  await shows(watch, room, [ann, bob, cat]);
  await delay(LEASE); /* only a broker that has had its lease for one buries others */
  const from = watch.mark();
  process.kill((await instance.refresh()).pids.brokers[1], 'SIGKILL');
  const back = await at(t, bob, 0);
  await watch.waitFor('presence', (body) => body.offline.includes(cat.username), { from, timeout: 4 * LEASE });
  await delay(1500);
  assert.deepEqual(seen(watch, room, from).changes, [`-${cat.username}`]);
  await shows(back, room, [ann, bob]);
  const left = await until('the burial', async () => (await instance.sql('select count(*) from broker')).flat()[0] === '2');
  assert.ok(left);
  await instance.ready();
});

test('who joins a channel gets its state, and is shown in it', async (t) => {
  const { room, users: [ann, bob] } = await scene(2);
  const [dan] = await signups(instance, 1);
  const a = await at(t, ann, 0);
  const d = await at(t, dan, 1);
  await at(t, bob, 1);
  await shows(a, room, [ann, bob]);
  await d.must('joinChannel', { name: room });
  await shows(d, room, [ann, bob, dan]);
  await shows(a, room, [ann, bob, dan]);
});

test('many come in events of so many names, at most one a second; big channels have none', async (t) => {
  const { room, users } = await scene(50);
  const watch = await at(t, users[0], 0);
  await shows(watch, room, users.slice(0, 1));
  const from = watch.mark();
  await Promise.all(users.slice(1).map((user, i) => at(t, user, i % 2, { auth: { history: 0 } })));
  await shows(watch, room, users);
  const changes = watch.received('presence', from).filter((each) => each.room === room);
  for (const body of changes) assert.ok(body.online.length <= 20, `${body.online.length} names`);
  assert.ok(changes.length >= 3 && changes.length <= 10, `${changes.length} events`);
  assert.equal(seen(watch, room, from).changes.length, 49, 'each is named once');

  const more = await signups(instance, 11);
  for (const user of more) await user.join(room);
  const mark = watch.mark();
  await Promise.all(more.map((user) => at(t, user, 0, { auth: { history: 0 } })));
  const other = await scene(2);
  const o = await at(t, other.users[0], 0);
  await shows(o, other.room, other.users.slice(0, 1));
  await delay(1200);
  assert.equal(watch.received('presence', mark).length, 0);
});

test('nothing is asked of PostgreSQL while nothing changes but the lease', async (t) => {
  const { room, users: [ann] } = await scene(1);
  await shows(await at(t, ann, 0), room, [ann]);
  await delay(GRACE + 3000);
  const counts = async () => Object.fromEntries((await instance.sql(
    "select relname, n_tup_ins + n_tup_upd + n_tup_del + seq_scan + coalesce(idx_scan, 0) from pg_stat_all_tables where relname in ('broker', 'presence')",
  )).map(([table, count]) => [table, Number(count)]));
  /* Statistics come late, and those of earlier tests may not have gone yet: some stretch must be still. */
  let before;
  for (let i = 0; i < 8; i++) {
    before = await counts();
    await delay(3 * LEASE);
    const now = await counts();
    assert.ok(now.broker - before.broker <= 2 * 16 * 4, `${now.broker - before.broker} touches of broker by two of them`);
    if (now.presence === before.presence) return;
  }
  assert.fail('there was no stretch without a statement');
});

test('PostgreSQL away: nobody goes; afterwards all is as it was', async (t) => {
  const { room, users: [ann, bob] } = await scene(2);
  const watch = await at(t, ann, 0);
  await at(t, bob, 1);
  await shows(watch, room, [ann, bob]);
  const from = watch.mark();
  const { pids } = await instance.refresh();
  process.kill(pids.postgres, 'SIGKILL');
  await delay(LEASE + 1500);
  await until('PostgreSQL', async () => (await instance.sql('select 1')).length === 1, { timeout: 30_000 });
  await instance.ready();
  await until('all are told again', async () => (await instance.sql('select count(distinct user_id) from presence')).flat()[0] >= 2,
    { timeout: 15_000 });
  await delay(2 * LEASE);
  assert.ok(!seen(watch, room, from).changes.some((each) => each.startsWith('-')), seen(watch, room, from).changes.join());
});
