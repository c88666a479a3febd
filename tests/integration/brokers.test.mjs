/*
 * Several brokers on one PostgreSQL and one MQTT service, and a broker that is asked to stop. Clients
 * connect to the brokers' own ports.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { ROOT, run, started } from './lib/instance.mjs';
import { authorsWereMembers, liveRows, readLog, seamHolds } from './lib/logs.mjs';
import { connect } from './lib/socket.mjs';
import { Traffic } from './lib/traffic.mjs';
import { PASSWORD, signups, unique } from './lib/users.mjs';
import { until } from './lib/wait.mjs';

const instance = await started({ after }, { args: ['--brokers', '2'] });
const at = (t, user, broker, options) => connect(t, instance.status.brokers[broker], { token: user.accessToken, ...options });

test('two brokers and REST write into one room: every member sees the same order, whole', async (t) => {
  const users = await signups(instance, 6);
  const rooms = [unique('one'), unique('two')];
  const topics = {};
  for (const room of rooms) {
    topics[room] = (await users[0].create(room)).topic;
    for (const user of users.slice(1)) await user.join(room);
  }
  const observers = [await at(t, users[0], 0), await at(t, users[0], 1), await at(t, users[1], 1, { transports: ['polling'] })];
  const traffic = new Traffic();
  for (const [i, user] of users.slice(2).entries()) {
    traffic.bySocket(await at(t, user, i % 2, { auth: { history: 0 } }), rooms, { width: 3 });
    if (i < 2) traffic.byRest(user, rooms);
  }
  const late = [];
  for (let i = 0; i < 6; i++) {
    const now = traffic.sent;
    await until('more messages', () => traffic.sent >= now + 200 || traffic.failures.length, { timeout: 30_000 });
    late.push(await at(t, users[1], i % 2));
  }
  await traffic.stop();
  for (const room of rooms) {
    const log = await readLog(instance, topics[room]);
    authorsWereMembers(log);
    const last = log.at(-1).seq;
    for (const client of [...observers, ...late]) {
      await until('the last row', () => Math.max(liveRows(client, room).at(-1) ?? 0, client.history[room].at(-1).seq) === last,
        { timeout: 15_000 });
      seamHolds(client, room, log);
    }
  }
});

test('joining at one broker opens the room at the other; leaving closes it there too', async (t) => {
  const [ann, bob] = await signups(instance, 2);
  const [name, other] = [unique('both'), unique('mark')];
  await ann.create(name);
  await ann.create(other);
  await bob.join(other);
  const [a, b0, b1] = [await at(t, ann, 0), await at(t, bob, 0), await at(t, bob, 1)];
  const joined = await b0.must('joinChannel', { name });
  for (const client of [a, b0, b1]) await client.waitFor('memberJoined', (body) => body.seq === joined.seq && body.room === name);
  await a.must('sendMessage', { room: name, text: 'in' });
  for (const client of [b0, b1]) await client.waitFor('newMessage', (body) => body.text === 'in');
  await b1.must('leaveChannel', { name });
  for (const client of [b0, b1]) await client.waitFor('memberLeft', (body) => body.room === name);
  await a.must('sendMessage', { room: name, text: 'out' });
  await a.must('sendMessage', { room: other, text: 'mark' });
  for (const client of [b0, b1]) {
    await client.waitFor('newMessage', (body) => body.text === 'mark');
    assert.ok(!client.received('newMessage').some((body) => body.text === 'out'));
  }
});

test('a resend with its nonce to another broker writes nothing twice', async (t) => {
  const [ann] = await signups(instance, 1);
  const name = unique('nonce');
  await ann.create(name);
  const clients = [await at(t, ann, 0), await at(t, ann, 1)];
  const answers = await Promise.all(Array.from({ length: 10 }, (_, i) =>
    clients[i % 2].must('sendMessage', { room: name, text: 'once', nonce: 'n' })));
  assert.equal(new Set(answers.map((each) => each.seq)).size, 1);
  for (const client of clients) {
    await client.must('sendMessage', { room: name, text: 'end' });
    await client.waitFor('newMessage', (body) => body.text === 'end');
  }
  await until('both ends', () => clients.every((client) => client.received('newMessage').length === 3));
});

test('a broker that is asked to stop closes without accessDenied; clients come back and miss nothing', async (t) => {
  const [ann, bob] = await signups(instance, 2);
  const name = unique('drain');
  const { topic } = await ann.create(name);
  await bob.join(name);
  const client = await at(t, ann, 0, { reconnection: true });
  const before = await client.must('sendMessage', { room: name, text: 'before' });
  await client.waitFor('newMessage', (body) => body.seq === before.seq);
  client.socket.auth = { token: ann.accessToken, since: { [name]: before.seq } };
  const [pid] = instance.status.pids.brokers;
  const from = client.mark();
  process.kill(pid, 'SIGTERM');
  const reason = await client.waitFor('(disconnect)', () => true, { from });
  assert.ok(reason.startsWith('transport'), reason);
  assert.deepEqual(client.received('accessDenied'), []);
  await bob.say(name, 'meanwhile');
  const back = await client.waitFor('updateChatHistory', () => true, { from, timeout: 15_000 });
  const seen = () => [...back[name], ...client.received('newMessage', from)].map((each) => each.text);
  await until('what was said meanwhile', () => seen().includes('meanwhile'));
  assert.equal(seen().length, 1);
  await readLog(instance, topic);
  await until('the broker to be counted again', async () => {
    const now = (await instance.refresh()).pids.brokers[0];
    return now && now !== pid;
  });
});

test('sends in flight when a broker is asked to stop are answered, or resent without doubling', async (t) => {
  const [ann] = await signups(instance, 1);
  const name = unique('flight');
  const { topic } = await ann.create(name);
  const client = await at(t, ann, 1);
  const [, pid] = instance.status.pids.brokers;
  const sends = Array.from({ length: 60 }, (_, i) => client.ask('sendMessage', { room: name, text: `m${i}`, nonce: `n${i}` })
    .then((answer) => answer.seq, () => null));
  process.kill(pid, 'SIGTERM');
  const seqs = await Promise.all(sends);
  const texts = Array.from({ length: 60 }, (_, i) => `m${i}`);
  for (const [i, seq] of seqs.entries()) {
    const again = await ann.rest('POST', `/channels/${name}/messages`, { body: { text: texts[i], nonce: `n${i}` } });
    assert.ok(again.status === 200 || again.status === 201, again.text);
    if (seq) assert.equal(again.body.seq, seq);
  }
  await readLog(instance, topic);
  const written = (await ann.allMessages(name)).filter((each) => each.kind === 'text').map((each) => each.text);
  assert.deepEqual(written.sort(), texts.sort());
});

const ctl = (args, input) => run(path.join(ROOT, 'dev'), ['ctl', '--data', instance.data, '--json', ...args], { input });

/** The object that parleyctl prints. */
async function ctlSays(...args) {
  const { code, stdout, stderr } = await ctl(args);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

test('parleyctl user disable closes a user\'s sockets on every broker; enable lets it log in again', async (t) => {
  const [ann, bob] = await signups(instance, 2);
  const clients = [await at(t, ann, 0), await at(t, ann, 1), await at(t, ann, 1, { transports: ['polling'] })];
  const others = [await at(t, bob, 0), await at(t, bob, 1)];
  assert.equal((await ctlSays('user', 'show', ann.username)).sessions, 1);
  await ctlSays('user', 'disable', ann.username);
  assert.equal((await ann.rest('GET', '/users/me')).status, 401);
  for (const client of clients) await client.waitFor('(disconnect)', () => true, { timeout: 15_000 });
  const login = () => instance.rest('POST', '/auth/login', { body: { username: ann.username, password: PASSWORD } });
  assert.equal((await login()).status, 401);
  const shown = await ctlSays('user', 'show', ann.username);
  assert.deepEqual([shown.disabled, shown.sessions], [true, 0]);
  await ctlSays('user', 'enable', ann.username);
  const again = await login();
  assert.equal(again.status, 200);
  await at(t, again.body, 0);
  assert.equal((await ann.rest('GET', '/users/me')).status, 401, 'the old session stays ended');
  assert.ok(others.every((client) => client.socket.connected));
});

test('parleyctl user add, session list, and revoke: the sockets of that session are closed on every broker', async (t) => {
  const username = unique('ctl');
  const refused = await ctl(['user', 'add', username], 'short\n');
  assert.deepEqual([refused.code, refused.stdout], [1, '']);
  const added = await ctl(['user', 'add', username], `${PASSWORD}\n`);
  assert.equal(added.code, 0, added.stderr);
  for (const revoke of ['session', 'token']) {
    const [keep, end] = [await ctlSays('token', 'issue', username), await ctlSays('token', 'issue', username)];
    const kept = [await at(t, keep, 0), await at(t, keep, 1)];
    const ended = [await at(t, end, 0), await at(t, end, 1)];
    const listed = (await ctlSays('session', 'list', username)).sessions.map((each) => each.id);
    assert.ok(listed.includes(keep.session) && listed.includes(end.session));
    await ctlSays(revoke, 'revoke', String(end.session));
    for (const client of ended) await client.waitFor('(disconnect)', () => true, { timeout: 15_000 });
    const refresh = await instance.rest('POST', '/auth/refresh', { body: { refreshToken: end.refreshToken } });
    assert.equal(refresh.status, 401);
    assert.ok(kept.every((client) => client.socket.connected));
    const left = (await ctlSays('session', 'list', username)).sessions.map((each) => each.id);
    assert.ok(left.includes(keep.session) && !left.includes(end.session));
  }
});

test('parleyctl drain ends one broker; its clients come back without accessDenied', async (t) => {
  const [ann] = await signups(instance, 1);
  const [, pid] = (await instance.refresh()).pids.brokers;
  const [stays, moves] = [await at(t, ann, 0), await at(t, ann, 1, { reconnection: true })];
  const from = moves.mark();
  const wrong = await ctl(['drain', String(process.pid)]);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /no parley-broker/);
  const drained = await ctlSays('drain', String(pid));
  assert.deepEqual([drained.pid, drained.ended], [pid, true]);
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  await moves.waitFor('(disconnect)', () => true, { from });
  await moves.waitFor('updateChatHistory', () => true, { from, timeout: 15_000 });
  assert.deepEqual(moves.received('accessDenied'), []);
  assert.ok(stays.socket.connected);
  await until('the broker to be counted again', async () => {
    const now = (await instance.refresh()).pids.brokers[1];
    return now && now !== pid;
  });
});

test('a wrong configuration is told with its file, line and key, and nothing starts', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'parley-conf-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'wrong.conf');
  for (const [text, line, key] of [
    ['[broker]\n\nport = seventy\n', 3, 'broker.port'], ['[broker]\nport = 70000\n', 2, 'broker.port'],
    ['# x\n[broker]\nprot = 1\n', 3, 'prot'], ['[log]\njson = perhaps\n', 2, 'log.json'],
  ]) {
    await writeFile(file, text);
    for (const program of ['parley-broker', 'parley-fcgi', 'parleyctl']) {
      const args = program === 'parleyctl' ? ['--config', file, 'stats'] : ['--config', file];
      const result = await run(path.join(ROOT, 'build', program), args, { timeout: 10_000 });
      assert.notEqual(result.code, 0, `${program}: ${text}`);
      assert.ok(result.stderr.includes(`${file}:${line}`), `${program}: ${result.stderr}`);
      assert.ok(result.stderr.includes(key), `${program}: ${result.stderr}`);
    }
  }
});
