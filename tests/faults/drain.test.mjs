/*
 * SIGTERM. The broker becomes unready, takes nobody new, finishes what it has accepted, sends its
 * clients elsewhere, and exits 0; workers finish their requests.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Session } from '../integration/lib/psql.mjs';
import { RawClient, connect } from '../integration/lib/socket.mjs';
import { unique } from '../integration/lib/users.mjs';
import { until, within } from '../integration/lib/wait.mjs';
import { Ledger } from './lib/ledger.mjs';
import { Listener } from './lib/listener.mjs';
import { ownBroker } from './lib/own_broker.mjs';
import { allReady, brokerReady, replace } from './lib/processes.mjs';
import { LONG, instanceFor, scene } from './lib/scene.mjs';
import { Senders } from './lib/sender.mjs';

const instance = await instanceFor({ after }, { brokers: 2 });

test('a broker told to stop finishes what it has accepted', async (t) => {
  const { users: [ann, bob], rooms: [room, other], topics } = await scene(instance, { users: 2, rooms: 2 });
  const broker = await ownBroker(t, instance);
  const client = await connect(t, broker.origin, { token: ann.accessToken, auth: { history: 0 } });
  const idle = await RawClient.join(t, broker.origin, bob.accessToken);
  const lock = new Session(t, instance);
  await lock.sql(`begin; select 1 from room where id = ${topics[room].split('/').pop()} for update`);
  const nonce = unique('n');
  const sent = client.ask('sendMessage', { room, text: 'accepted', nonce });
  client.emit('sendMessage', { room, text: 'accepted too' });
  await until('the send to wait for the lock', async () => {
    const [[count]] = await instance.sql(`select count(*) from pg_stat_activity where wait_event_type = 'Lock'`);
    return Number(count) > 0;
  });
  broker.child.kill('SIGTERM');
  /* Idle clients go at once, by a transport close: official clients come back from that. */
  await within('the idle client to be closed', idle.closed, 3000);
  assert.ok(!idle.inbox.items.some((frame) => frame === '41'), 'disconnected for good');
  await until('unreadiness', async () => !await brokerReady(broker.origin), { timeout: 2000 });
  const refused = await fetch(`${broker.origin}/socket.io/?EIO=4&transport=polling`);
  assert.equal(refused.status, 503, await refused.text());
  const late = await client.ask('sendMessage', { room: other, text: 'too late' });
  assert.equal(late.code, 'unavailable');
  await lock.sql('commit');
  const answer = await within('the answer', sent, 5000);
  assert.equal(answer.code, undefined, JSON.stringify(answer));
  assert.equal(await within('the exit', broker.ended, 8000), 0, broker.log);
  const texts = (await ann.allMessages(room)).map((each) => each.text);
  assert.ok(texts.includes('accepted') && texts.includes('accepted too'), texts.join());
  assert.match(client.received('(disconnect)')[0], /^transport/);
  assert.equal((await ann.say(room, 'accepted', nonce)).seq, answer.seq);
  await ann.say(other, 'goes on');
});

test('a command that cannot finish does not keep a broker from stopping', async (t) => {
  const { users: [ann], rooms: [room], topics } = await scene(instance, { users: 1, rooms: 1 });
  const broker = await ownBroker(t, instance);
  const client = await connect(t, broker.origin, { token: ann.accessToken, auth: { history: 0 } });
  const lock = new Session(t, instance);
  await lock.sql(`begin; select 1 from room where id = ${topics[room].split('/').pop()} for update`);
  const sent = client.ask('sendMessage', { room, text: 'in vain' }).catch((error) => ({ code: error.message }));
  await until('the send to wait for the lock', async () => {
    const [[count]] = await instance.sql(`select count(*) from pg_stat_activity where wait_event_type = 'Lock'`);
    return Number(count) > 0;
  });
  const begun = performance.now();
  broker.child.kill('SIGTERM');
  assert.equal(await within('the exit', broker.ended, 8000), 0, broker.log);
  assert.ok(performance.now() - begun < 8000);
  assert.notEqual((await sent).code, undefined);
});

test('many connections are closed spread over the time set', async (t) => {
  const { users } = await scene(instance, { users: 10, rooms: 1 });
  const broker = await ownBroker(t, instance, { PARLEY_BROKER_DRAIN_SPREAD_MS: 1500, PARLEY_LIMITS_CONNECTIONS_PER_USER: 1000 });
  /* 50 in each step of 20 ms go at least. */
  const clients = await Promise.all(Array.from({ length: 600 }, (_, i) => RawClient.join(t, broker.origin, users[i % 10].accessToken)));
  const begun = performance.now();
  const times = clients.map(async (each) => {
    await each.closed;
    return performance.now() - begun;
  });
  broker.child.kill('SIGTERM');
  const closed = (await within('the closes', Promise.all(times), 8000)).sort((a, b) => a - b);
  assert.equal(await within('the exit', broker.ended, 8000), 0, broker.log);
  t.diagnostic(`closed after ${Math.round(closed[0])} to ${Math.round(closed.at(-1))} ms`);
  assert.ok(closed.at(-1) - closed[0] > 100, 'all at once');
  assert.ok(closed.at(-1) < 4000);
});

test('brokers and workers stopped one after the other under load lose nothing', { timeout: 120_000 }, async (t) => {
  const { users, rooms, topics } = await scene(instance, { users: 5, rooms: 3 });
  const ledger = new Ledger();
  const listeners = [
    new Listener(t, instance.http, users[0], { name: 'websocket' }),
    new Listener(t, instance.http, users[1], { name: 'polling', transports: ['polling'] }),
    new Listener(t, instance.http, users[0], { name: 'websocket, recovery', recovery: true }),
    new Listener(t, instance.http, users[1], { name: 'polling, recovery', recovery: true, transports: ['polling'], nsp: '/chat' }),
  ];
  await Promise.all(listeners.map((each) => each.ready()));
  const senders = new Senders(t, ledger, { pause: 10 });
  senders.bySocket(instance.http, users[2], rooms, { width: 2 });
  senders.byRetries(instance.http, users[3], rooms);
  senders.byRest(users[4], rooms, { width: 2 });
  for (let i = 0; i < (LONG ? 30 : 4); i++) {
    const goal = senders.sent + 60;
    await until('messages', () => senders.sent >= goal || senders.failures.length, { timeout: 30_000, every: 5 });
    await replace(instance, ['broker-1', 'fcgi', 'broker-2', 'mosquitto'][i % 4], 'SIGTERM');
    await allReady(instance);
  }
  await senders.finish();
  t.diagnostic(`resent ${senders.again}, answers ${JSON.stringify(senders.answers)}, recovered ${listeners.map((each) => each.recovered)}`);
  await ledger.settle(t, instance, topics, listeners);
  for (const each of listeners.slice(2)) {
    assert.ok(each.recovered > 0, `${each.name} was not recovered: ${each.drops}`);
    assert.equal(each.sessions.length, 1, `${each.name} was not always recovered: ${each.drops}`);
  }
  for (const each of listeners) assert.deepEqual(each.denied, [], each.name);
});
