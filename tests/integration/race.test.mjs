/* Writing against changes of membership: what the room's lock orders. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import * as check from './lib/check.mjs';
import { shared } from './lib/instance.mjs';
import { authorsWereMembers, liveRows, readLog } from './lib/logs.mjs';
import { Session } from './lib/psql.mjs';
import { Traffic } from './lib/traffic.mjs';
import { signups, unique } from './lib/users.mjs';
import { until } from './lib/wait.mjs';

const instance = await shared({ after });

async function lockWaiters() {
  const [[count]] = await instance.sql(`select count(*) from pg_stat_activity
    where wait_event_type = 'Lock' and datname = current_database()`);
  return Number(count);
}

/* What the ban command does, held open: the room's lock, the membership, the row of the log. */
async function banHeldOpen(t, topic, user) {
  const owner = new Session(t, instance);
  const id = topic.split('/').pop();
  await owner.sql(`begin; select 1 from room where id = ${id} for update`);
  await owner.sql(`with who as (select id from app_user where username = '${user.username}'),
      off as (update membership m set is_member = false, banned_until = now() + interval '1 hour'
        from who where m.room_id = ${id} and m.user_id = who.id returning m.user_id),
      next as (update room set last_seq = last_seq + 1 where id = ${id} returning last_seq)
    insert into room_event (room_id, seq, kind, actor_id, payload, at)
      select ${id}, next.last_seq, 4, null, jsonb_build_object('username', '${user.username}'), now() from next, off`);
  return owner;
}

for (const front of ['socket', 'REST']) {
  test(`a send over ${front} that waits for the room's lock sees the ban that held it`, async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const name = unique('ban');
    const { topic } = await ann.create(name);
    await bob.join(name);
    const client = await bob.connect(t);
    await bob.say(name, 'before');
    const owner = await banHeldOpen(t, topic, bob);
    const sends = Array.from({ length: 5 }, (_, i) => (front === 'socket'
      ? client.ask('sendMessage', { room: name, text: `late ${i}` })
      : bob.rest('POST', `/channels/${name}/messages`, { body: { text: `late ${i}` } }).then((answer) => answer.body)));
    await until('a writer to wait for the lock', async () => await lockWaiters() > 0);
    await owner.sql('commit');
    for (const answer of await Promise.all(sends)) {
      assert.ok(['banned', 'unavailable'].includes(answer.code), JSON.stringify(answer));
    }
    const log = await readLog(instance, topic);
    authorsWereMembers(log);
    assert.ok(!(await ann.allMessages(name)).some((each) => each.text.startsWith('late')));
    const answer = front === 'socket' ? await client.ask('sendMessage', { room: name, text: 'after' })
      : (await bob.rest('POST', `/channels/${name}/messages`, { body: { text: 'after' } })).body;
    check.refused({ errors: [], ...answer, message: answer.message ?? answer.title }, 'banned');
  });
}

test('one room locked by somebody slow holds up no other', async (t) => {
  const [ann] = await signups(instance, 1);
  const [slow, quick] = [unique('slow'), unique('quick')];
  const { topic } = await ann.create(slow);
  await ann.create(quick);
  const client = await ann.connect(t);
  const owner = new Session(t, instance);
  await owner.sql(`begin; select 1 from room where id = ${topic.split('/').pop()} for update`);
  const waiting = client.ask('sendMessage', { room: slow, text: 'patience' });
  await until('a writer to wait for the lock', async () => await lockWaiters() > 0);
  for (let i = 0; i < 20; i++) await client.must('sendMessage', { room: quick, text: `m${i}` });
  await owner.sql('commit');
  const answer = await waiting;
  assert.equal(answer.code, undefined, JSON.stringify(answer));
});

test('many senders, joins and leaves: no gap, no message after its author left, one order for all', async (t) => {
  const users = await signups(instance, 9);
  const [ann, watcher] = users;
  const roamers = users.slice(2);
  const name = unique('storm');
  const { topic } = await ann.create(name);
  await watcher.join(name);
  const observers = await Promise.all([
    ann.connect(t), watcher.connect(t), watcher.connect(t, { nsp: '/chat' }), watcher.connect(t, { transports: ['polling'] }),
  ]);
  const tolerate = (answer) => (answer.body ?? answer).code === 'not_a_member';
  const traffic = new Traffic();
  for (const [i, user] of roamers.entries()) {
    const client = await user.connect(t, { auth: { history: 0 } });
    traffic.bySocket(client, [name], { width: 2, tolerate });
    if (i < 2) traffic.byRest(user, [name], { tolerate: (answer) => tolerate(answer) && traffic.going });
    traffic.run(async () => {
      if (i % 2) {
        await client.must('joinChannel', { name });
        await until('some messages', () => traffic.sent % 7 === i % 7 || !traffic.going, { every: 1 });
        await client.must('leaveChannel', { name });
      } else {
        await user.join(name);
        await until('some messages', () => traffic.sent % 7 === i % 7 || !traffic.going, { every: 1 });
        await user.leave(name);
      }
    });
  }
  await until('1,500 messages', () => traffic.sent >= 1500 || traffic.failures.length, { timeout: 60_000 });
  await traffic.stop();
  const log = await readLog(instance, topic);
  authorsWereMembers(log);
  assert.ok(log.filter((row) => row.kind === 4).length > 10, 'too few leaves to mean anything');
  const last = log.at(-1).seq;
  for (const observer of observers) {
    await until('the last row', () => liveRows(observer, name).at(-1) === last);
    const live = liveRows(observer, name);
    check.contiguous(live, 'live');
    const head = live[0];
    assert.ok(head <= log.findIndex((row) => row.kind === 1) + 1, 'began before the first text');
  }
  const texts = observers.map((each) => each.received('newMessage').filter((body) => body.kind === 'text').map((body) => body.text));
  for (const other of texts.slice(1)) assert.deepEqual(other, texts[0]);
  const history = (await ann.allMessages(name)).filter((each) => each.kind === 'text').map((each) => each.text);
  assert.deepEqual(history, texts[0]);
});

test('a private room whose password changes while many join: who got in knew the password of that moment', async (t) => {
  const users = await signups(instance, 8);
  const [ann, ...others] = users;
  const name = unique('door');
  const { topic } = await ann.create(name, 'PRIVATE', 'old');
  const clients = await Promise.all(others.map((each) => each.connect(t)));
  const joins = clients.map((client) => client.ask('joinChannel', { name, password: 'old' }));
  const change = ann.must('PATCH', `/channels/${name}`, { body: { password: 'new' } });
  const answers = await Promise.all(joins);
  await change;
  const log = await readLog(instance, topic);
  const changed = log.find((row) => row.kind === 8)?.seq ?? Infinity;
  for (const answer of answers) {
    if (answer.code === undefined) assert.ok(answer.seq < changed, `${answer.seq} joined after ${changed}`);
    else check.refused(answer, 'wrong_password');
  }
});
