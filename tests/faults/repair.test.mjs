/*
 * What the MQTT broker loses, doubles, delays and reorders between parley's processes is made up
 * for, at no cost where there is nothing to make up for.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { readLog } from '../integration/lib/logs.mjs';
import { Session } from '../integration/lib/psql.mjs';
import { signups, unique } from '../integration/lib/users.mjs';
import { quantile, until } from '../integration/lib/wait.mjs';
import { Ledger } from './lib/ledger.mjs';
import { Listener } from './lib/listener.mjs';
import { MqttProxy, isLog } from './lib/mqtt_proxy.mjs';
import { brokerNames, metric, rewire } from './lib/processes.mjs';
import { random } from './lib/random.mjs';
import { LONG, instanceFor, scene } from './lib/scene.mjs';
import { Senders } from './lib/sender.mjs';
import { staysHold } from './lib/stays.mjs';

/* No search index: it reads every row once, and here is counted what the sweep reads. */
const instance = await instanceFor({ after }, { brokers: 2, set: { 'broker.search_index_share': 0 } });
const proxy = await MqttProxy.start({ after }, instance.status.mqtt);
const [first, second] = instance.status.brokers;

/* Listeners on both brokers, senders on both and by REST, until `count` messages are through. */
async function traffic(t, count, { pause = 2 } = {}) {
  const { users, rooms, topics } = await scene(instance, { users: 5, rooms: 3 });
  const ledger = new Ledger();
  const listeners = [
    new Listener(t, first, users[0], { name: 'broker 1' }),
    new Listener(t, second, users[1], { name: 'broker 2' }),
    new Listener(t, second, users[0], { name: 'broker 2, afresh', since: false }),
  ];
  await Promise.all(listeners.map((each) => each.ready()));
  const senders = new Senders(t, ledger, { pause });
  senders.bySocket(first, users[2], rooms, { width: 3 });
  senders.bySocket(second, users[3], rooms, { width: 3 });
  senders.byRest(users[4], rooms, { width: 2 });
  await until(`${count} messages`, () => senders.sent >= count || senders.failures.length, { timeout: LONG ? 600_000 : 60_000, every: 5 });
  await senders.finish();
  return { ledger, listeners, topics, bySocket: new Set([users[2].username, users[3].username]) };
}

test('without faults, two publishers that overtake each other cost no fetch', async (t) => {
  const before = await metric(instance, 'gaps_fetched_total');
  const received = await metric(instance, 'mqtt_received_total');
  const begun = performance.now();
  const { ledger, listeners, topics, bySocket } = await traffic(t, LONG ? 20_000 : 800, { pause: 0 });
  await ledger.settle(t, instance, topics, listeners);
  /* What a broker has written itself does not come back to it: rows over sockets come once, others
   * twice, beside a probe a second for each and the rows of the scene. */
  const twice = [...ledger.acked.values()].filter(({ user }) => !bySocket.has(user)).length;
  const came = await metric(instance, 'mqtt_received_total') - received;
  const most = ledger.verdict.acked + twice + 4 * (performance.now() - begun) / 1000 + 100;
  assert.ok(came <= most, `${came} messages came by MQTT, at most ${most} were to`);
  const fetched = await metric(instance, 'gaps_fetched_total') - before;
  t.diagnostic(`${fetched} fetches for ${ledger.verdict.acked} messages`);
  /* A room's log is looked at once when its subscription is active: that may be a fetch or two. */
  assert.ok(fetched <= 6 + ledger.verdict.acked / 200, `${fetched} fetches`);
});

describe('through a proxy', () => {
  before(() => rewire(instance, [...brokerNames(instance), 'fcgi'], { PARLEY_MQTT_HOST: '127.0.0.1', PARLEY_MQTT_PORT: proxy.port }));

  test('lost, doubled, late and overtaken messages come once and in order', async (t) => {
    const next = random();
    const before = await metric(instance, 'gaps_fetched_total');
    proxy.reset();
    proxy.rule = (direction, { topic }) => {
      if (!isLog(topic)) return 'pass';
      const dice = next();
      if (dice < 0.1) return 'drop';
      if (dice < 0.2) return 'double';
      return dice < 0.5 ? { delay: next() * 200 } : 'pass';
    };
    t.after(() => { proxy.rule = undefined; });
    const { ledger, listeners, topics } = await traffic(t, LONG ? 10_000 : 400);
    await ledger.settle(t, instance, topics, listeners);
    t.diagnostic(`${JSON.stringify(proxy.counts)}, ${await metric(instance, 'gaps_fetched_total') - before} fetches`);
    for (const [what, count] of Object.entries(proxy.counts)) assert.ok(count > 30, `${what}: ${count}`);
  });

  test('with every message lost, the sweep brings each within its period', async (t) => {
    proxy.rule = (_, { topic }) => (isLog(topic) ? 'drop' : 'pass');
    t.after(() => { proxy.rule = undefined; });
    const { ledger, listeners, topics } = await traffic(t, LONG ? 3000 : 200, { pause: 20 });
    await ledger.settle(t, instance, topics, listeners);
  });

  test('the last message of a room is lost: the sweep finds it within a second', async (t) => {
    const { users: [ann, bob], rooms: [room] } = await scene(instance, { users: 2, rooms: 1 });
    const client = await bob.connect(t, { origin: first });
    proxy.rule = (direction, { topic }) => (isLog(topic) ? 'drop' : 'pass');
    t.after(() => { proxy.rule = undefined; });
    const waits = [];
    for (let i = 0; i < (LONG ? 20 : 3); i++) {
      const text = unique('tail');
      const begun = performance.now();
      await ann.say(room, text);
      await client.waitFor('newMessage', (body) => body.text === text);
      waits.push(performance.now() - begun);
      await delay(150 + i * 200);
    }
    t.diagnostic(`after ${waits.map(Math.round).join(', ')} ms`);
    /* One period of the sweep, the wait for a late message (50 ms), and the reads. */
    assert.ok(quantile(waits, 0.5) < 1200 && Math.max(...waits) < 2000, String(waits));
  });

  test('what is committed late, behind what a sweep has seen, is found all the same', async (t) => {
    const { users: [ann, bob], rooms: [room, other], topics } = await scene(instance, { users: 2, rooms: 2 });
    const clients = await Promise.all(instance.status.brokers.map((origin) => bob.connect(t, { origin })));
    proxy.rule = (_, { topic }) => (isLog(topic) ? 'drop' : 'pass');
    t.after(() => { proxy.rule = undefined; });
    const late = new Session(t, instance);
    const id = topics[room].split('/').pop();
    await late.sql(`begin; with next as (update room set last_seq = last_seq + 1 where id = ${id} returning last_seq)
      insert into room_event (room_id, seq, kind, actor_id, text, at)
        select ${id}, last_seq, 1, (select id from app_user where username = '${ann.username}'), 'late', now() from next`);
    /* Transactions that began after it are over, and sweeps have seen them. */
    for (let i = 0; i < 3; i++) {
      await ann.say(other, `early ${i}`);
      for (const client of clients) await client.waitFor('newMessage', (body) => body.text === `early ${i}`, { timeout: 2500 });
    }
    await sweeps(4);
    await late.sql('commit');
    for (const client of clients) await client.waitFor('newMessage', (body) => body.text === 'late', { timeout: 2500 });
  });

  test('one whose history is ahead of the room\'s live log gets nothing twice', async (t) => {
    const { users: [ann, bob, kim], rooms: [room] } = await scene(instance, { users: 3, rooms: 1 });
    const watcher = await bob.connect(t, { origin: first });
    proxy.rule = (_, { topic }) => (isLog(topic) ? 'drop' : 'pass');
    t.after(() => { proxy.rule = undefined; });
    for (let i = 0; i < 5; i++) {
      /* The broker has not heard of it; the snapshot of one who comes now holds it. */
      const { seq } = await ann.say(room, `ahead ${i}`);
      const client = await kim.connect(t, { origin: first });
      assert.equal(client.history[room].at(-1).seq, seq);
      await watcher.waitFor('newMessage', (body) => body.seq === seq, { timeout: 2500 });
      await client.settle();
      await ann.say(room, `after ${i}`);
      await client.waitFor('newMessage', (body) => body.text === `after ${i}`, { timeout: 2500 });
      assert.deepEqual(client.received('newMessage').map((body) => body.text), [`after ${i}`]);
      client.close();
    }
  });

  /* How a stay ends: the same for the one who goes, whoever ends it. */
  const ends = {
    leave: (ann, bob, room) => bob.leave(room),
    kick: (ann, bob, room) => ann.must('DELETE', `/channels/${room}/members/${bob.username}`),
    ban: (ann, bob, room) => ann.must('PUT', `/channels/${room}/bans/${bob.username}`, { body: {} }),
  };
  for (const [mqtt, name] of [['loses', 'leave'], ['loses', 'kick'], ['loses', 'ban'], ['brings', 'ban']]) {
    test(`a join and a ${name} that MQTT ${mqtt} take effect within ${mqtt === 'loses' ? 'a sweep' : 'a second'}`, async (t) => {
      const { users: [ann], rooms: [room] } = await scene(instance, { users: 1, rooms: 1 });
      const [bob] = await signups(instance, 1);
      const clients = await Promise.all(instance.status.brokers.map((origin) => bob.connect(t, { origin })));
      const all = (event, matches) => Promise.all(clients.map((each) => each.waitFor(event, matches, { timeout: mqtt === 'loses' ? 2500 : 1000 })));
      if (mqtt === 'loses') proxy.rule = (_, { topic }) => (isLog(topic) ? 'drop' : 'pass');
      t.after(() => { proxy.rule = undefined; });
      await bob.join(room);
      await all('memberJoined', (body) => body.username === bob.username);
      await ann.say(room, 'inside');
      await all('newMessage', (body) => body.text === 'inside');
      await ends[name](ann, bob, room);
      await all('memberLeft', (body) => body.username === bob.username);
      const marks = clients.map((each) => each.mark());
      await ann.say(room, 'outside');
      await ann.say(room, 'outside');
      assert.equal((await clients[0].ask('sendMessage', { room, text: 'let me in' })).code, name === 'ban' ? 'banned' : 'not_a_member');
      await delay(1300); /* a sweep has seen them */
      for (const [i, client] of clients.entries()) assert.deepEqual(client.received('newMessage', marks[i]), []);
    });
  }

  test('stays that begin and end before the room\'s log has come', async (t) => {
    const { users: [ann, bob], rooms: [room], topics } = await scene(instance, { users: 2, rooms: 1 });
    const [eve, kim] = await signups(instance, 2);
    const listeners = [eve, kim].map((user, i) => new Listener(t, instance.status.brokers[i], user, { since: false, history: 0 }));
    await Promise.all(listeners.map((each) => each.ready()));
    /* Inboxes tell of it at once; of the room only what the sweep finds. */
    proxy.rule = (_, { topic }) => (/rooms/.test(topic) ? 'drop' : 'pass');
    t.after(() => { proxy.rule = undefined; });
    await bob.connect(t, { auth: { history: 0 } });
    for (let round = 0; round < (LONG ? 201 : 25); round++) {
      for (const user of [eve, kim]) await (round % 2 ? user.leave(room) : user.join(room));
      await ann.say(room, `round ${round}`);
    }
    const { seq } = await ann.say(room, 'the end');
    for (const each of listeners) await until(`${each.name} to be in`, () => each.current.last(room) >= seq);
    const log = await readLog(instance, topics[room]);
    assert.ok(staysHold(listeners[0], room, log, eve.username) > 50);
    assert.ok(staysHold(listeners[1], room, log, kim.username) > 50);
  });
});

async function sweeps(count) {
  const before = await metric(instance, 'sweeps_total');
  await until(`${count} sweeps`, async () => await metric(instance, 'sweeps_total') >= before + count, { every: 50 });
}

/* Rows that the sweeps of some seconds read, by PostgreSQL's own counters. */
async function sweepCost() {
  const read = async () => {
    const [[rows]] = await instance.sql(`select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))
      from pg_stat_user_tables where relname in ('room', 'room_event', 'inbox_event', 'app_user')`);
    return { rows: Number(rows), sweeps: await metric(instance, 'sweeps_total') };
  };
  const before = await read();
  await sweeps(3);
  await delay(1100); /* statistics are flushed once a second */
  const now = await read();
  return (now.rows - before.rows) / (now.sweeps - before.sweeps);
}

test('the sweep costs what is new, however many rooms there are', async (t) => {
  const count = LONG ? 100_000 : 20_000;
  await sweeps(3); /* what the tests before have written is no news any more */
  const few = await sweepCost();
  await instance.sql(`with made as (
      insert into room (name, status, last_seq) select 'bulk' || n, 'PUBLIC', 2 from generate_series(1, ${count}) n returning id)
    insert into room_event (room_id, seq, kind, text, at) select id, n, 2, 'old', now() from made, generate_series(1, 2) n`);
  await sweeps(3); /* those that see it as news */
  const many = await sweepCost();
  t.diagnostic(`rows read per sweep: ${few.toFixed(1)} with few rooms, ${many.toFixed(1)} with ${count} more`);
  /* Statistics of what was before may come late; a look at each room would be 100 times this. */
  assert.ok(many <= few + count / 100, `${few} and ${many}`);
});
