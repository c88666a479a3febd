/*
 * No seam: what a client gets at connection and what it gets live are together the log, once each,
 * while hundreds of messages a second go in over sockets and REST, while clients come and go, and
 * while MQTT, a worker or the broker is stopped or killed.
 */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { after, test } from 'node:test';
import { started } from './lib/instance.mjs';
import { authorsWereMembers, liveRows, readLog, seamHolds } from './lib/logs.mjs';
import { Traffic } from './lib/traffic.mjs';
import { signups, unique } from './lib/users.mjs';
import { until } from './lib/wait.mjs';

const instance = await started({ after }, { set: { 'limits.connections_per_user': 1000 } });

async function scene(t, { rooms: count = 4, senders = 4, watchers = 2 } = {}) {
  const users = await signups(instance, 1 + senders + watchers);
  const [owner, ...others] = users;
  const rooms = Array.from({ length: count }, (_, i) => unique(`seam${i}`));
  const topics = {};
  for (const room of rooms) {
    topics[room] = (await owner.create(room)).topic;
    await Promise.all(others.map((each) => each.join(room)));
  }
  return { owner, rooms, topics, senders: others.slice(0, senders), watchers: others.slice(senders) };
}

async function readLogs(topics) {
  const logs = {};
  for (const [room, topic] of Object.entries(topics)) {
    logs[room] = await readLog(instance, topic);
    authorsWereMembers(logs[room]);
  }
  return logs;
}

/* What a client would remember: the last seq it saw of each room. */
function positions(client, rooms) {
  return Object.fromEntries(rooms.map((room) => [room,
    Math.max(client.since?.[room] ?? 0, client.history[room]?.at(-1)?.seq ?? 0, liveRows(client, room).at(-1) ?? 0)]));
}

/* Connect again and again, now and then afresh, else from where the last connection ended. */
async function roam(t, user, rooms, traffic, sessions, options) {
  let since;
  for (let n = 0; traffic.going; n++) {
    const given = n % 4 === 0 ? undefined : since;
    const client = await user.connect(t, { ...options, auth: given ? { since: given } : {} });
    client.since = given;
    sessions.push(client);
    const enough = client.events.length + 20 + (n % 5) * 30;
    await until('some events', () => client.events.length >= enough || !traffic.going, { timeout: 20_000, every: 5 });
    client.close();
    since = positions(client, rooms);
  }
}

async function caughtUp(client, rooms, logs, timeout = 15_000) {
  await until('the last rows', () => rooms.every((room) => {
    const last = Math.max(client.history[room]?.at(-1)?.seq ?? 0, liveRows(client, room).at(-1) ?? 0);
    return last >= logs[room].findLast((row) => row.message).seq;
  }), { timeout });
}

test('clients that come and go see the log whole', async (t) => {
  const { owner, rooms, topics, senders, watchers } = await scene(t, { watchers: 6 });
  const steady = [await owner.connect(t), await owner.connect(t, { transports: ['polling'], nsp: '/chat' })];
  const traffic = new Traffic();
  for (const user of senders) traffic.bySocket(await user.connect(t, { auth: { history: 0 } }), rooms, { width: 3 });
  for (const user of senders.slice(0, 2)) traffic.byRest(user, rooms, { width: 2 });
  const sessions = [];
  const roaming = watchers.map((user, i) => roam(t, user, rooms, traffic, sessions,
    { transports: [['polling'], ['polling', 'websocket'], ['websocket']][i % 3], nsp: i % 2 ? '/chat' : '/' }));
  await until('3,000 messages', () => traffic.sent >= 3000 || traffic.failures.length, { timeout: 90_000 });
  await traffic.stop();
  await Promise.all(roaming);
  const logs = await readLogs(topics);
  t.diagnostic(`${traffic.sent} messages, ${sessions.length} sessions`);
  assert.ok(sessions.length > 20, `only ${sessions.length} sessions`);
  for (const client of steady) {
    await caughtUp(client, rooms, logs);
    for (const room of rooms) assert.equal(seamHolds(client, room, logs[room]), logs[room].at(-1).seq);
  }
  for (const [i, client] of sessions.entries()) {
    for (const room of rooms) seamHolds(client, room, logs[room], client.since?.[room], `session ${i}, ${room}`);
  }
  for (const room of rooms) {
    assert.deepEqual((await owner.allMessages(room)).map((each) => each.seq),
      logs[room].filter((row) => row.message).map((row) => row.seq));
  }
});

test('a socket that joins and leaves under load gets exactly the rows between', async (t) => {
  const { rooms: [room], topics, senders, watchers } = await scene(t, { rooms: 1, senders: 3, watchers: 4 });
  for (const user of watchers) await user.leave(room);
  const traffic = new Traffic();
  for (const user of senders) traffic.bySocket(await user.connect(t, { auth: { history: 0 } }), [room], { width: 3 });
  traffic.byRest(senders[0], [room]);
  const visits = [];
  const visiting = watchers.map(async (user, i) => {
    const client = await user.connect(t);
    while (traffic.going) {
      const from = client.mark();
      if (i % 2) await user.join(room);
      else await client.must('joinChannel', { name: room });
      await until('rows', () => liveRows(client, room, from).length >= 20 || !traffic.going, { timeout: 20_000, every: 3 });
      if (i < 2) await user.leave(room);
      else await client.must('leaveChannel', { name: room });
      await client.waitFor('memberLeft', (body) => body.room === room && body.username === user.username, { from, timeout: 10_000 });
      visits.push({ user, rows: () => liveRows(client, room, from), from, client, to: client.mark() });
    }
    client.close();
  });
  await until('1,500 messages', () => traffic.sent >= 1500 || traffic.failures.length, { timeout: 90_000 });
  await traffic.stop();
  await Promise.all(visiting);
  const log = await readLog(instance, topics[room]);
  authorsWereMembers(log);
  assert.ok(visits.length >= 8, `only ${visits.length} visits`);
  const seen = new Map();
  for (const { user, client } of visits) seen.set(user, client);
  for (const [user, client] of seen) {
    const wanted = [];
    let inside = false;
    for (const row of log) {
      if (row.kind === 3 && row.who === user.username) inside = true;
      if (inside) wanted.push(row.seq);
      if (row.kind === 4 && row.who === user.username) inside = false;
    }
    const live = liveRows(client, room);
    /* The first visit, as a room of the scene, was before this socket. */
    assert.deepEqual(live, wanted.filter((seq) => seq >= live[0]), user.username);
  }
});

async function descriptors() {
  const [broker] = (await instance.refresh()).pids.brokers;
  return (await readdir(`/proc/${broker}/fd`)).length;
}

test('a storm of connections under load: each gets its history and every row after it; then nothing is left behind', async (t) => {
  const { rooms, topics, senders, watchers } = await scene(t, { rooms: 2, senders: 3, watchers: 12 });
  const traffic = new Traffic();
  for (const user of senders) traffic.byRest(user, rooms, { width: 1 });
  const before = await descriptors();
  await until('some messages', () => traffic.sent >= 50 || traffic.failures.length);
  const clients = await Promise.all(Array.from({ length: 240 }, (_, i) => watchers[i % watchers.length].connect(t,
    { transports: [['websocket'], ['polling'], ['polling', 'websocket']][i % 3], nsp: i % 2 ? '/chat' : '/' })));
  const now = traffic.sent;
  await until('more messages', () => traffic.sent >= now + 50 || traffic.failures.length, { timeout: 60_000 });
  await traffic.stop();
  const logs = await readLogs(topics);
  for (const client of clients) {
    for (const room of rooms) {
      await until('the last row', () => Math.max(liveRows(client, room).at(-1) ?? 0, client.history[room].at(-1).seq) === logs[room].at(-1).seq,
        { timeout: 20_000 });
      seamHolds(client, room, logs[room]);
    }
  }
  for (const client of clients) client.close();
  await until('the descriptors to be closed', async () => await descriptors() <= before + 5, { timeout: 15_000, every: 200 });
});

/* Sends go on while `harm` happens; afterwards everybody has everything once. */
async function throughHarm(t, harm, { tolerate = () => false, restOnly = false, more = 400 } = {}) {
  const { owner, rooms, topics, senders } = await scene(t, { rooms: 3, senders: 3, watchers: 0 });
  const clients = [await owner.connect(t), await owner.connect(t, { transports: ['polling'] })];
  const traffic = new Traffic();
  for (const user of senders) {
    if (!restOnly) traffic.bySocket(await user.connect(t, { auth: { history: 0 } }), rooms, { width: 2 });
    traffic.byRest(user, rooms, { tolerate });
  }
  const beyond = (count) => until(`${count} messages`, () => traffic.sent >= count || traffic.failures.length, { timeout: 60_000 });
  await beyond(200);
  await harm({ beyond: (count) => beyond(traffic.sent + count), clients, rooms });
  await beyond(traffic.sent + more);
  await traffic.stop();
  const logs = await readLogs(topics);
  for (const client of clients) {
    await caughtUp(client, rooms, logs);
    for (const room of rooms) {
      await until('the last row', () => liveRows(client, room).at(-1) === logs[room].at(-1).seq, { timeout: 15_000 });
      assert.equal(seamHolds(client, room, logs[room]), logs[room].at(-1).seq);
    }
    assert.deepEqual(client.received('(disconnect)'), []);
  }
}

test('mosquitto stopped for a while: the sweep delivers meanwhile, nothing comes twice after', async (t) => {
  await throughHarm(t, async ({ beyond, clients, rooms }) => {
    const { mosquitto } = (await instance.refresh()).pids;
    process.kill(mosquitto, 'SIGSTOP');
    try {
      await beyond(300);
      const marks = clients.map((each) => each.mark());
      await Promise.all(clients.map((client, i) => until('rows by the sweep',
        () => rooms.every((room) => liveRows(client, room, marks[i]).length > 10), { timeout: 20_000 })));
    } finally {
      process.kill(mosquitto, 'SIGCONT');
    }
  }, { restOnly: true });
});

test('mosquitto killed: started again, and nothing lost', async (t) => {
  await throughHarm(t, async ({ beyond }) => {
    for (let i = 0; i < 2; i++) {
      const { mosquitto } = (await instance.refresh()).pids;
      process.kill(mosquitto, 'SIGKILL');
      await until('another mosquitto', async () => {
        const now = (await instance.refresh()).pids.mosquitto;
        return now && now !== mosquitto;
      }, { timeout: 15_000, every: 100 });
      await beyond(100);
    }
  });
});

test('a REST worker killed: what it had committed is delivered, what it had not is resent', async (t) => {
  /* lighttpd looks for a worker again a second after it found none: until then it says unavailable. */
  const busy = (answer) => answer.status === 0 || answer.status >= 500;
  await throughHarm(t, async ({ beyond }) => {
    const { fcgi } = (await instance.refresh()).pids;
    process.kill(fcgi, 'SIGKILL');
    await until('another worker', async () => {
      const now = (await instance.refresh()).pids.fcgi;
      return now && now !== fcgi;
    }, { timeout: 15_000, every: 100 });
    await beyond(100);
  }, { tolerate: busy, restOnly: true, more: 200 });
});

test('the broker killed: clients come back by themselves, and since leaves no gap', async (t) => {
  const { owner, rooms, topics, senders } = await scene(t, { rooms: 3, senders: 2, watchers: 0 });
  const client = await owner.connect(t, { reconnection: true, auth: {} });
  client.history = Object.fromEntries(rooms.map((room) => [room, []]));
  client.socket.auth = (send) => {
    const since = {};
    for (const room of rooms) since[room] = Math.max(...client.received('updateChatHistory').map((each) => each[room]?.at(-1)?.seq ?? 0), 0, ...liveRows(client, room));
    send({ token: owner.accessToken, since });
  };
  const traffic = new Traffic();
  for (const user of senders) traffic.byRest(user, rooms, { width: 2 });
  await until('200 messages', () => traffic.sent >= 200 || traffic.failures.length, { timeout: 30_000 });
  for (let i = 0; i < 2; i++) {
    const [broker] = (await instance.refresh()).pids.brokers;
    const from = client.mark();
    process.kill(broker, 'SIGKILL');
    await client.waitFor('(disconnect)', (reason) => reason.startsWith('transport'), { from });
    await client.waitFor('updateChatHistory', () => true, { from, timeout: 20_000 });
    const now = traffic.sent;
    await until('100 more', () => traffic.sent >= now + 100 || traffic.failures.length, { timeout: 30_000 });
  }
  await traffic.stop();
  const logs = await readLogs(topics);
  const histories = client.received('updateChatHistory');
  for (const room of rooms) {
    const last = logs[room].at(-1).seq;
    const all = () => [...histories.flatMap((each) => (each[room] ?? []).map((message) => message.seq)), ...liveRows(client, room)];
    await until('the last row', () => all().includes(last), { timeout: 15_000 });
    const seen = all().sort((a, b) => a - b);
    assert.equal(new Set(seen).size, seen.length, `${room}: seen twice`);
    const messages = logs[room].filter((row) => row.message).map((row) => row.seq);
    assert.deepEqual(seen.filter((seq) => logs[room][seq - 1].message), messages, room);
  }
});

test('PostgreSQL killed: what was acknowledged is there, what was not is resent, once', async (t) => {
  const { owner, rooms, topics, senders } = await scene(t, { rooms: 2, senders: 3, watchers: 0 });
  const client = await owner.connect(t);
  const acknowledged = new Map(rooms.map((room) => [room, []]));
  const traffic = new Traffic();
  for (const [i, user] of senders.entries()) {
    const socket = await user.connect(t, { auth: { history: 0 } });
    for (let lane = 0; lane < 3; lane++) {
      traffic.run(async (n) => {
        const room = rooms[(n + lane) % rooms.length];
        const text = `${i} ${lane} ${n}`;
        let answer;
        do {
          answer = await socket.ask('sendMessage', { room, text, nonce: text.replaceAll(' ', '-') });
          if (answer.code !== undefined && answer.code !== 'unavailable') throw new Error(JSON.stringify(answer));
        } while (answer.code !== undefined);
        acknowledged.get(room).push([answer.seq, text]);
        traffic.sent++;
      });
    }
  }
  const beyond = (count) => until(`${count} messages`, () => traffic.sent >= count || traffic.failures.length, { timeout: 60_000 });
  await beyond(300);
  for (let i = 0; i < 2; i++) {
    const { postgres } = (await instance.refresh()).pids;
    process.kill(postgres, 'SIGKILL');
    await until('another postmaster', async () => {
      const now = (await instance.refresh()).pids.postgres;
      return now && now !== postgres;
    }, { timeout: 20_000, every: 100 });
    await beyond(traffic.sent + 200);
  }
  await traffic.stop();
  const logs = await readLogs(topics);
  for (const room of rooms) {
    const messages = new Map((await owner.allMessages(room)).map((each) => [each.seq, each.text]));
    for (const [seq, text] of acknowledged.get(room)) assert.equal(messages.get(seq), text, `seq ${seq} of ${room}`);
    const texts = [...messages.values()];
    assert.equal(new Set(texts).size, texts.length, 'a message was written twice');
    await until('the last row', () => liveRows(client, room).at(-1) === logs[room].at(-1).seq, { timeout: 15_000 });
    seamHolds(client, room, logs[room]);
  }
  assert.deepEqual(client.received('(disconnect)'), []);
});
