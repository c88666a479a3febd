/*
 * One order: several brokers and workers write the same rooms while people join, leave, rename and
 * create. No deadlock, no hole in seq, nobody writes who is not a member, everybody sees the same.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { authorsWereMembers, readLog } from '../integration/lib/logs.mjs';
import { Session } from '../integration/lib/psql.mjs';
import { connect } from '../integration/lib/socket.mjs';
import { signups, unique } from '../integration/lib/users.mjs';
import { until } from '../integration/lib/wait.mjs';
import { Ledger } from './lib/ledger.mjs';
import { Listener } from './lib/listener.mjs';
import { watchDeadlocks } from './lib/postgres.mjs';
import { pick, random } from './lib/random.mjs';
import { LONG, instanceFor, scene } from './lib/scene.mjs';
import { Senders } from './lib/sender.mjs';

const instance = await instanceFor({ after }, { brokers: 2 });

/* Answers that a race between commands may well have; anything else is a bug. */
const EXPECTED = new Set(['not_a_member', 'already_member', 'banned', 'muted', 'last_owner', 'user_not_found']);

/* Come, write, go, over a socket and REST in turns, until told to stop. */
async function churn(client, user, rooms, state, next) {
  const counts = {};
  while (state.going) {
    const name = pick(next, rooms);
    const dice = next();
    let answer;
    if (dice < 0.2) answer = await client.ask('joinChannel', { name });
    else if (dice < 0.35) answer = await client.ask('leaveChannel', { name });
    else if (dice < 0.7) answer = await client.ask('sendMessage', { room: name, text: unique('c') });
    else if (dice < 0.8) answer = (await user.rest('PUT', `/channels/${name}/members/me`, { body: {} })).body;
    else if (dice < 0.9) answer = (await user.rest('DELETE', `/channels/${name}/members/me`)).body;
    else answer = (await user.rest('POST', `/channels/${name}/messages`, { body: { text: unique('r') } })).body;
    const code = answer?.code ?? 'success';
    counts[code] = (counts[code] ?? 0) + 1;
    if (code !== 'success' && !EXPECTED.has(code)) throw new Error(`${code}: ${JSON.stringify(answer)}`);
  }
  return counts;
}

/* Mute, ban and throw out those who come and go, mostly for a second, as the owner. */
async function moderate(client, owner, rooms, victims, state, next) {
  const counts = {};
  while (state.going) {
    const [room, { username }, seconds] = [pick(next, rooms), pick(next, victims), next() < 0.8 ? 1 : undefined];
    const command = pick(next, ['muteUser', 'unmuteUser', 'banUser', 'unbanUser', 'unbanUser', 'kickUser', 'addAdmin', 'removeAdmin']);
    const answer = command === 'banUser' && next() < 0.5
      ? (await owner.rest('PUT', `/channels/${room}/bans/${username}`, { body: { seconds } })).body
      : await client.ask(command, { room, username, seconds });
    const code = answer?.code ?? 'success';
    counts[code] = (counts[code] ?? 0) + 1;
    if (code !== 'success' && !EXPECTED.has(code)) throw new Error(`${command} ${code}: ${JSON.stringify(answer)}`);
    await delay(next() * 20);
  }
  return counts;
}

test('joins, leaves, bans, mutes and sends at once, over two brokers and REST', { timeout: 120_000 }, async (t) => {
  const { users, rooms, topics } = await scene(instance, { users: 5, rooms: 3 });
  const [first, second] = instance.status.brokers;
  const noDeadlock = await watchDeadlocks(instance);
  const ledger = new Ledger();
  const listeners = [
    new Listener(t, first, users[0], { name: 'broker 1' }),
    new Listener(t, second, users[1], { name: 'broker 2' }),
    new Listener(t, second, users[0], { name: 'broker 2, afresh', since: false, nsp: '/chat' }),
  ];
  await Promise.all(listeners.map((each) => each.ready()));
  const senders = new Senders(t, ledger, { pause: 2 });
  senders.bySocket(first, users[2], rooms, { width: 3 });
  senders.bySocket(second, users[3], rooms, { width: 3 });
  senders.byRest(users[4], rooms, { width: 2 });
  const next = random();
  const state = { going: true };
  const churners = await signups(instance, 8);
  const churning = churners.map(async (user, i) => {
    const client = await connect(t, instance.status.brokers[i % 2], { token: user.accessToken });
    return churn(client, user, rooms, state, next);
  });
  for (const broker of [first, second]) {
    const owner = await connect(t, broker, { token: users[0].accessToken, auth: { history: 0 } });
    churning.push(moderate(owner, users[0], rooms, churners, state, next));
  }
  await Promise.race([...churning, delay(LONG ? 60_000 : 3000)]);
  state.going = false;
  const counts = {};
  for (const each of await Promise.all(churning)) {
    for (const [code, count] of Object.entries(each)) counts[code] = (counts[code] ?? 0) + count;
  }
  await senders.finish();
  await until('what was for a second to end, and to be told', async () => {
    const [[count]] = await instance.sql(`select count(*) from membership
      where muted_until < 'infinity' or banned_until < 'infinity'`);
    return count === '0';
  });
  t.diagnostic(JSON.stringify(counts));
  await ledger.settle(t, instance, topics, listeners);
  for (const room of rooms) authorsWereMembers(await readLog(instance, topics[room]));
  await noDeadlock();
  /* The same rows in the same order for all, whatever their numbers. */
  for (const room of rooms) {
    const [one, two, three] = listeners.map((each) => each.rows(room));
    const from = Math.max(one[0], two[0], three[0]);
    await until('the last row', () => listeners.every((each) => each.rows(room).at(-1) === one.at(-1)));
    assert.deepEqual(two.filter((seq) => seq >= from), one.filter((seq) => seq >= from));
    assert.deepEqual(three.filter((seq) => seq >= from), one.filter((seq) => seq >= from));
  }
});

test('batches into many rooms from two brokers do not block each other', { timeout: 60_000 }, async (t) => {
  const { users, rooms, topics } = await scene(instance, { users: 4, rooms: 8 });
  const noDeadlock = await watchDeadlocks(instance);
  const clients = await Promise.all(users.map((user, i) => connect(t, instance.status.brokers[i % 2], { token: user.accessToken, auth: { history: 0 } })));
  for (let round = 0; round < (LONG ? 200 : 15); round++) {
    const answers = await Promise.all(clients.flatMap((client) => [...rooms, ...rooms, ...rooms]
      .map((room) => client.ask('sendMessage', { room, text: unique('b') }))));
    for (const answer of answers) assert.equal(answer.code, undefined, JSON.stringify(answer));
  }
  await noDeadlock();
  for (const room of rooms) await readLog(instance, topics[room]);
});

for (const front of ['REST', 'socket']) test(`a send over ${front} that waits for the room while its session ends is not written`, async (t) => {
  const { users: [ann, bob], rooms: [room], topics } = await scene(instance, { users: 2, rooms: 1 });
  const client = await connect(t, instance.status.brokers[0], { token: bob.accessToken });
  const lock = new Session(t, instance);
  await lock.sql(`begin; select 1 from room where id = ${topics[room].split('/').pop()} for update`);
  const answer = front === 'REST' ? bob.rest('POST', `/channels/${room}/messages`, { body: { text: 'too late' } })
    : client.ask('sendMessage', { room, text: 'too late' }).catch(() => undefined);
  await until('the send to wait for the lock', async () => {
    const [[count]] = await instance.sql(`select count(*) from pg_stat_activity where wait_event_type = 'Lock'`);
    return Number(count) > 0;
  });
  await bob.must('POST', '/auth/logout');
  await lock.sql('commit');
  if (front === 'REST') assert.equal((await answer).status, 401);
  await client.waitFor('(disconnect)');
  await ann.say(room, 'after');
  assert.deepEqual((await ann.allMessages(room)).filter((each) => each.kind === 'text').map((each) => each.text), ['after']);
});

test('commands of one connection take effect in the order sent', async (t) => {
  const { users: [ann, bob], rooms } = await scene(instance, { users: 2, rooms: 2 });
  const client = await connect(t, instance.status.brokers[0], { token: ann.accessToken });
  const watcher = await connect(t, instance.status.brokers[1], { token: bob.accessToken });
  const asked = [];
  const name = unique('order');
  for (let i = 0; i < 10; i++) {
    asked.push(client.ask('sendMessage', { room: rooms[i % 2], text: `${name} ${i}` }));
  }
  asked.push(client.ask('createChannel', { name, status: 'PUBLIC' }), client.ask('sendMessage', { room: name, text: 'in it' }),
    client.ask('leaveChannel', { name }), client.ask('sendMessage', { room: name, text: 'out of it' }));
  const answers = await Promise.all(asked);
  assert.deepEqual(answers.slice(0, -1).map((each) => each.code), Array(13).fill(undefined), JSON.stringify(answers));
  assert.match(answers.at(-1).code, /^(not_a_member|room_not_found)$/);
  for (const parity of [0, 1]) {
    const seqs = answers.slice(0, 10).filter((_, i) => i % 2 === parity).map((each) => each.seq);
    assert.deepEqual(seqs, [...seqs].sort((a, b) => a - b));
  }
  await watcher.waitFor('newMessage', (body) => body.text === `${name} 9`);
});
