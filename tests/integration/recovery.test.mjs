/*
 * Connection state recovery with the unmodified socket.io-client: a client that asked for it comes
 * back to its session and misses nothing, whatever became of its connection or its broker.
 */
import assert from 'node:assert/strict';
import { createServer, connect as dial } from 'node:net';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { started } from './lib/instance.mjs';
import { liveRows, readLog } from './lib/logs.mjs';
import { subscribe } from './lib/mqtt.mjs';
import { RawClient, connect } from './lib/socket.mjs';
import { Traffic } from './lib/traffic.mjs';
import { signups, unique } from './lib/users.mjs';
import { until } from './lib/wait.mjs';

const WINDOW_MS = 6000;
const instance = await started({ after }, { args: ['--brokers', '2'], set: { 'broker.recovery_ms': WINDOW_MS } });
const origin = (broker) => instance.status.brokers[broker];

/** A client that wants recovery, at a broker; it does not come back by itself. */
const at = (t, user, broker, { auth = {}, ...options } = {}) =>
  connect(t, origin(broker), { token: user.accessToken, auth: { recovery: true, ...auth }, ...options });

/** Cut the connection below Socket.IO. */
async function cut(client) {
  const from = client.mark();
  client.socket.io.engine.close();
  await client.waitFor('(disconnect)', () => true, { from });
}

/** Come back, to another broker if one is named; what came since is from the mark that is returned. */
async function back(client, broker) {
  const from = client.mark();
  if (broker !== undefined) client.socket.io.uri = origin(broker);
  client.socket.connect();
  await client.waitFor('(connect)', () => true, { from, timeout: 20_000 });
  return from;
}

/** The texts of `room` that came since. */
const texts = (client, from) => client.received('newMessage', from).map((body) => body.text);

/** The client was restored, and got exactly these. */
async function restoredWith(client, from, wanted) {
  assert.equal(client.socket.recovered, true);
  await until('what was missed', () => texts(client, from).length >= wanted.length);
  await client.settle();
  assert.deepEqual(texts(client, from), wanted);
  assert.deepEqual(client.received('updateChatHistory', from), []);
}

/** The client was not restored: everything afresh. */
async function afresh(client, from, id) {
  assert.equal(client.socket.recovered, false);
  assert.notEqual(client.socket.id, id);
  return client.waitFor('updateChatHistory', () => true, { from });
}

async function scene(t, { broker = 0, ...options } = {}) {
  const [ann, bob] = await signups(instance, 2);
  const room = unique('room');
  const { topic } = await ann.create(room);
  await bob.join(room);
  const client = await at(t, bob, broker, options);
  await ann.say(room, 'one');
  await client.waitFor('newMessage', (body) => body.text === 'one');
  return { ann, bob, room, topic, client, id: client.socket.id };
}

test('without asking for it nothing is different', async (t) => {
  const [ann] = await signups(instance, 1);
  const raw = await RawClient.open(t, origin(0));
  raw.send(`40${JSON.stringify({ token: ann.accessToken })}`);
  const answer = await raw.frame((frame) => frame.startsWith('40'));
  assert.deepEqual(Object.keys(JSON.parse(answer.slice(2))), ['sid']);
  assert.equal(await raw.frame((frame) => frame.startsWith('42')), '42["updateChatHistory",{}]');
});

test('every event of a recoverable client ends with an offset', async (t) => {
  const { ann, room, client } = await scene(t);
  await client.must('sendMessage', { room, text: 'mine' });
  await ann.say(room, 'two');
  await client.waitFor('newMessage', (body) => body.text === 'two');
  await client.settle();
  const events = client.events.filter((each) => each.args);
  assert.ok(events.length >= 5);
  for (const each of events) {
    assert.equal(each.args.length, 2, each.event);
    assert.match(each.args[1], /^[\w-]{11}\.\d+(\.\d+)?$/);
  }
});

test('a connection that is cut', async (t) => {
  for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
    const { ann, room, client, id } = await scene(t, { transports });
    await cut(client);
    await ann.say(room, 'two');
    await ann.say(room, 'three');
    const from = await back(client);
    await restoredWith(client, from, ['two', 'three']);
    assert.equal(client.socket.id, id);
    await ann.say(room, 'four');
    await client.waitFor('newMessage', (body) => body.text === 'four');
    await cut(client);
    await restoredWith(client, await back(client), []);
    await cut(client);
    await ann.say(room, 'five');
    await restoredWith(client, await back(client), ['five']);
  }
});

/** A TCP proxy in front of a broker, that can go deaf and be cut. */
async function proxy(t, broker) {
  const pairs = new Set();
  let deaf = false;
  const server = createServer((near) => {
    const far = dial(new URL(origin(broker)).port, '127.0.0.1');
    pairs.add([near, far]);
    near.on('data', (data) => far.write(data));
    far.on('data', (data) => { if (!deaf) near.write(data); });
    for (const each of [near, far]) each.on('error', () => {});
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    deafen() { deaf = true; },
    /* The client's side only: the broker still believes in it. */
    cut() {
      deaf = false;
      for (const [near, far] of pairs) {
        near.removeAllListeners('close');
        near.destroy();
        far.removeAllListeners('data');
        far.resume();
        t.after(() => far.destroy());
      }
      pairs.clear();
    },
  };
}

test('what was written and never arrived, while the broker believes the socket connected', async (t) => {
  for (const broker of [0, 1]) {
    const [ann, bob] = await signups(instance, 2);
    const room = unique('deaf');
    await ann.create(room);
    await bob.join(room);
    const line = await proxy(t, 0);
    const client = await connect(t, line.origin, { token: bob.accessToken, auth: { recovery: true } });
    const witness = await at(t, bob, 0);
    await ann.say(room, 'one');
    await client.waitFor('newMessage', (body) => body.text === 'one');
    line.deafen();
    await ann.say(room, 'two');
    await bob.say(room, 'three');
    await witness.waitFor('newMessage', (body) => body.text === 'three');
    const from = client.mark();
    line.cut();
    await client.waitFor('(disconnect)', () => true, { from });
    await ann.say(room, 'four');
    await restoredWith(client, await back(client, broker), ['two', 'three', 'four']);
  }
});

test('another broker, and back again', async (t) => {
  const { ann, room, client, id } = await scene(t);
  const claims = await subscribe(t, instance, 'parley/v1/brokers/#');
  for (const broker of [1, 0, 1, 1]) {
    await cut(client);
    await ann.say(room, `to ${broker}`);
    const from = await back(client, broker);
    await restoredWith(client, from, [`to ${broker}`]);
    assert.equal(client.socket.id, id);
  }
  const isClaim = (each) => each.topic === 'parley/v1/brokers/all/claims';
  await claims.waitFor('a claim', isClaim);
  await claims.waitFor('an answer', (each) => !isClaim(each));
});

test('a broker that is stopped gently, with clients connected and gone', async (t) => {
  const { ann, room, client, bob } = await scene(t);
  const gone = await at(t, bob, 0);
  await ann.say(room, 'two');
  await client.waitFor('newMessage', (body) => body.text === 'two');
  await gone.waitFor('newMessage', (body) => body.text === 'two');
  await cut(gone);
  const [pid] = (await instance.refresh()).pids.brokers;
  const from = client.mark();
  process.kill(pid, 'SIGTERM');
  await client.waitFor('(disconnect)', () => true, { from });
  await ann.say(room, 'three');
  await until('the broker to be back', async () => {
    const now = (await instance.refresh()).pids.brokers[0];
    return now && now !== pid && (await fetch(`${origin(0)}/readyz`)).status === 200;
  }, { timeout: 20_000, every: 50 });
  await restoredWith(client, await back(client, 0), ['three']);
  await restoredWith(gone, await back(gone, 1), ['three']);
});

test('nothing received yet: the session is there, the history is sent', async (t) => {
  const [ann, bob] = await signups(instance, 2);
  const room = unique('early');
  await ann.create(room);
  await bob.join(room);
  await ann.say(room, 'one');
  for (const broker of [0, 1]) {
    const raw = await RawClient.open(t, origin(0));
    raw.send(`40${JSON.stringify({ token: bob.accessToken, recovery: true })}`);
    const first = JSON.parse((await raw.frame((frame) => frame.startsWith('40'))).slice(2));
    assert.equal(typeof first.pid, 'string');
    raw.ws.terminate();
    await ann.say(room, `two ${broker}`);
    const again = await RawClient.open(t, origin(broker));
    again.send(`40${JSON.stringify({ token: bob.accessToken, recovery: true, pid: first.pid })}`);
    assert.deepEqual(JSON.parse((await again.frame((frame) => frame.startsWith('40'))).slice(2)), first);
    const history = await again.event('updateChatHistory');
    assert.equal(history[room].at(-1).text, `two ${broker}`);
    assert.match(await again.frame((frame) => frame.startsWith('42')), /,"[\w-]{11}\.\d+\.\d+"\]$/);
  }
});

/** Connect a raw client with this CONNECT payload: its answer. */
async function answer(t, broker, auth) {
  const raw = await RawClient.open(t, origin(broker));
  raw.send(`40${JSON.stringify({ recovery: true, history: 0, ...auth })}`);
  return { raw, ...JSON.parse((await raw.frame((frame) => frame.startsWith('40'))).slice(2)) };
}

test('a pid works once, for its user, with an offset of its own', async (t) => {
  const { ann, bob, client, id } = await scene(t);
  await cut(client);
  const pid = client.socket._pid;
  const offset = client.socket._lastOffset;
  const token = bob.accessToken;
  for (const broker of [0, 1]) {
    const other = await answer(t, broker, { token: ann.accessToken, pid, offset });
    assert.notEqual(other.pid, pid);
    assert.notEqual(other.sid, id);
  }
  const first = await answer(t, 1, { token, pid, offset });
  assert.equal(first.pid, pid);
  assert.equal(first.sid, id);
  /* It is that socket's now: whoever comes with the pid again takes it over, and the socket is closed. */
  const second = await answer(t, 0, { token, pid, offset });
  assert.equal(second.pid, pid);
  await first.raw.closed;
  second.raw.send('41');
  await until('the session to be gone', async () => (await answer(t, 0, { token, pid, offset })).pid !== pid);
  for (const wrong of [{ pid: 'x' }, { pid: 7 }, { pid: null }, { pid: 'y'.repeat(500) }]) {
    assert.notEqual((await answer(t, 0, { token, offset, ...wrong })).sid, id);
  }
  for (const wrong of ['', 'x', 'aaaaaaaaaaa.1', 7, {}, 'z'.repeat(500), `${offset}x`]) {
    const mine = await answer(t, 0, { token });
    await mine.raw.event('updateChatHistory');
    mine.raw.ws.terminate();
    assert.notEqual((await answer(t, 1, { token, pid: mine.pid, offset: wrong })).pid, mine.pid);
    assert.notEqual((await answer(t, 0, { token, pid: mine.pid })).pid, mine.pid);
  }
});

test('after the window it is honestly not recovered', async (t) => {
  const { ann, room, client, id } = await scene(t);
  await cut(client);
  await ann.say(room, 'two');
  await delay(WINDOW_MS + 1200);
  const history = await afresh(client, await back(client), id);
  assert.equal(history[room].at(-1).text, 'two');
});

test('a disconnect on purpose ends the session', async (t) => {
  const { client, id } = await scene(t);
  client.socket.disconnect();
  await afresh(client, await back(client), id);
});

test('a broker that is killed: not recovered, and everything afresh', async (t) => {
  const { ann, room, client, id } = await scene(t);
  const pid = (await instance.refresh()).pids.brokers[0];
  const from = client.mark();
  process.kill(pid, 'SIGKILL');
  await client.waitFor('(disconnect)', () => true, { from });
  await ann.say(room, 'two');
  const history = await afresh(client, await back(client, 1), id);
  assert.equal(history[room].at(-1).text, 'two');
  await until('the broker to be back', async () => {
    const now = (await instance.refresh()).pids.brokers[0];
    return now && now !== pid && (await fetch(`${origin(0)}/readyz`)).status === 200;
  }, { timeout: 20_000, every: 50 });
});

test('rooms joined and left meanwhile', async (t) => {
  const { ann, bob, room, client } = await scene(t);
  const [left, again, joined] = [unique('left'), unique('again'), unique('joined')];
  for (const name of [left, again, joined]) await ann.create(name);
  for (const name of [left, again]) await bob.join(name);
  await client.waitFor('memberJoined', (body) => body.room === again && body.username === bob.username);
  await client.settle();
  await cut(client);
  for (const name of [left, again]) await ann.say(name, 'still in');
  for (const name of [left, again]) await bob.leave(name);
  for (const name of [left, again, joined]) await ann.say(name, 'not for bob');
  for (const name of [again, joined]) await bob.join(name);
  for (const name of [left, again, joined, room]) await ann.say(name, 'after');
  const from = await back(client, 1);
  assert.equal(client.socket.recovered, true);
  await ann.say(room, 'end');
  await client.waitFor('newMessage', (body) => body.text === 'end', { from });
  const told = (name) => client.events.slice(from).filter((each) => each.body?.room === name && each.event !== 'channelUpdated')
    .map((each) => (each.event === 'newMessage' ? (each.body.kind === 'text' ? each.body.text : 'system') : each.event));
  assert.deepEqual(told(left).filter((each) => each !== 'system'), ['still in', 'memberLeft']);
  assert.deepEqual(told(again).filter((each) => each !== 'system'), ['still in', 'memberLeft', 'memberJoined', 'after']);
  assert.deepEqual(told(joined).filter((each) => each !== 'system'), ['memberJoined', 'after']);
  assert.deepEqual(told(room), ['after', 'end']);
  await bob.leave(again);
  await client.waitFor('memberLeft', (body) => body.room === again, { from: client.mark() - 1 });
});

test('a leave that was written and never arrived, and who has been blocked meanwhile', async (t) => {
  const [ann, bob, eve] = await signups(instance, 3);
  const [room, other] = [unique('deaf'), unique('other')];
  for (const name of [room, other]) {
    await ann.create(name);
    for (const each of [bob, eve]) await each.join(name);
  }
  const line = await proxy(t, 0);
  const client = await connect(t, line.origin, { token: bob.accessToken, auth: { recovery: true } });
  line.deafen();
  await ann.say(room, 'in');
  await bob.leave(room);
  await ann.say(room, 'out');
  await eve.say(other, 'of eve');
  await ann.say(other, 'of ann');
  await delay(200);
  const from = client.mark();
  line.cut();
  await client.waitFor('(disconnect)', () => true, { from });
  await instance.sql(`insert into user_block select a.id, b.id from app_user a, app_user b
    where a.username = '${bob.username}' and b.username = '${eve.username}'`);
  const since = await back(client, 1);
  assert.equal(client.socket.recovered, true);
  await ann.say(other, 'end');
  await client.waitFor('newMessage', (body) => body.text === 'end');
  /* Each room in its order; rooms that were left come last. */
  assert.deepEqual(texts(client, since).sort(), ['end', 'in', 'of ann']);
  assert.deepEqual(client.received('memberLeft', since).map((body) => body.username), [bob.username]);
});

test('a reconnectNeeded that was missed', async (t) => {
  const { ann, bob, client } = await scene(t);
  await cut(client);
  await ann.create(bob.username, 'DIRECT');
  const direct = [ann.username, bob.username].sort().join('@');
  await ann.say(direct, 'psst');
  const from = await back(client, 1);
  assert.equal(client.socket.recovered, true);
  await client.waitFor('newMessage', (body) => body.room === direct && body.text === 'psst', { from });
  assert.equal(client.received('reconnectNeeded', from).length, 1);
});

test('200 messages a second: cut again and again, between brokers, exactly once', async (t) => {
  const [ann, bob] = await signups(instance, 2);
  const rooms = [unique('busy'), unique('busy')];
  const topics = {};
  for (const room of rooms) {
    topics[room] = (await ann.create(room)).topic;
    await bob.join(room);
  }
  const clients = [];
  for (let i = 0; i < 6; i++) {
    clients.push(await at(t, bob, i % 2, { transports: i < 4 ? ['websocket'] : ['polling'] }));
  }
  const began = clients.map((client) => Object.fromEntries(rooms.map((room) => [room, client.history[room].at(-1).seq])));
  const traffic = new Traffic();
  const sender = await at(t, ann, 0, { auth: { history: 0 } });
  traffic.bySocket(sender, rooms, { width: 2 });
  let recovered = 0;
  const roaming = clients.map(async (client, i) => {
    for (let n = 0; traffic.going; n++) {
      const enough = client.events.length + 5 + ((n * 7 + i * 13) % 40);
      await until('events', () => client.events.length >= enough || !traffic.going, { timeout: 20_000, every: 3 });
      await cut(client);
      await back(client, (n + i) % 3 === 0 ? (n + i) % 2 : undefined);
      assert.equal(client.socket.recovered, true, `client ${i}, cut ${n}`);
      recovered++;
    }
  });
  await until('2,000 messages', () => traffic.sent >= 2000 || traffic.failures.length, { timeout: 90_000 });
  await traffic.stop();
  await Promise.all(roaming);
  t.diagnostic(`${traffic.sent} messages, ${recovered} recoveries`);
  assert.ok(recovered > 50, `only ${recovered} recoveries`);
  for (const room of rooms) {
    const last = (await readLog(instance, topics[room])).at(-1).seq;
    for (const [i, client] of clients.entries()) {
      const first = began[i][room];
      await until('the last row', () => liveRows(client, room).at(-1) === last, { timeout: 15_000 });
      assert.deepEqual(liveRows(client, room), Array.from({ length: last - first }, (_, k) => first + 1 + k), `client ${i}`);
    }
  }
});
