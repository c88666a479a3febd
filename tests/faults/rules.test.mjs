/*
 * The rules against each other: owner and admin ban, mute and kick while everybody writes, edits,
 * deletes, joins and leaves, on two brokers and by REST. No deadlock, no hole in seq, nothing in the
 * log that was not allowed at its place, and everybody hears what is theirs, once and in order.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { readLog } from '../integration/lib/logs.mjs';
import { connect } from '../integration/lib/socket.mjs';
import { signups, unique } from '../integration/lib/users.mjs';
import { until } from '../integration/lib/wait.mjs';
import { Ledger } from './lib/ledger.mjs';
import { Listener } from './lib/listener.mjs';
import { watchDeadlocks } from './lib/postgres.mjs';
import { pick, random } from './lib/random.mjs';
import { readRows, rulesHold } from './lib/rules.mjs';
import { LONG, instanceFor, scene } from './lib/scene.mjs';
import { Senders } from './lib/sender.mjs';
import { staysHold } from './lib/stays.mjs';

const instance = await instanceFor({ after }, { brokers: 2 });

/* Answers that a race between commands may well have; anything else is a bug. */
const ALLOWED = new Set(['not_a_member', 'already_member', 'banned', 'muted', 'user_not_found', 'message_not_found', 'forbidden']);

/* One of the changes a member may ask for, over a socket or REST. `mine`: its messages. */
async function anyChange(client, user, name, mine, next) {
  const dice = next();
  const target = `/channels/${name}`;
  const own = pick(next, mine[name] ?? []);
  const socket = next() < 0.5;
  if (dice < 0.2) return socket ? client.ask('joinChannel', { name }) : user.rest('PUT', `${target}/members/me`, { body: {} });
  if (dice < 0.25) return socket ? client.ask('leaveChannel', { name }) : user.rest('DELETE', `${target}/members/me`);
  if (dice < 0.4 && own) return socket ? client.ask('editMessage', { room: name, seq: own, text: unique('e') }) : user.rest('PATCH', `${target}/messages/${own}`, { body: { text: unique('e') } });
  if (dice < 0.5 && own) return socket ? client.ask('deleteMessage', { room: name, seq: own }) : user.rest('DELETE', `${target}/messages/${own}`);
  const text = unique('c');
  const answer = await (socket ? client.ask('sendMessage', { room: name, text }) : user.rest('POST', `${target}/messages`, { body: { text } }));
  const { seq } = answer.body ?? answer;
  if (seq) (mine[name] ??= []).push(seq);
  return answer;
}

/* What owner and admin do to the others. */
async function anySanction(client, user, name, username, next) {
  const socket = next() < 0.5;
  const seconds = 1;
  const verb = pick(next, ['kick', 'ban', 'unban', 'mute', 'mute', 'unmute']);
  if (socket) return client.ask(`${verb}User`, { room: name, username, ...(/^(ban|mute)$/.test(verb) ? { seconds } : {}) });
  if (verb === 'kick') return user.rest('DELETE', `/channels/${name}/members/${username}`);
  const target = `/channels/${name}/${verb.replace(/^un/, '')}s/${username}`;
  return verb.startsWith('un') ? user.rest('DELETE', target) : user.rest('PUT', target, { body: { seconds } });
}

/* Again and again until told to stop, counting the codes. */
async function keepAt(state, counts, step) {
  while (state.going) {
    const answer = await step();
    const code = (answer.body ?? answer)?.code ?? 'success';
    counts[code] = (counts[code] ?? 0) + 1;
    if (code !== 'success' && !ALLOWED.has(code)) throw new Error(`${code}: ${JSON.stringify(answer.body ?? answer)}`);
  }
}

test('bans, mutes, kicks, edits, joins and leaves at once, over two brokers and REST', { timeout: 900_000 }, async (t) => {
  const { users, rooms, topics } = await scene(instance, { users: 5, rooms: 2 });
  const [owner, admin] = users;
  for (const room of rooms) await owner.must('PUT', `/channels/${room}/admins/${admin.username}`);
  const noDeadlock = await watchDeadlocks(instance);
  const ledger = new Ledger();
  const listeners = [
    new Listener(t, instance.status.brokers[0], users[2], { name: 'broker 1' }),
    new Listener(t, instance.status.brokers[1], users[3], { name: 'broker 2' }),
    new Listener(t, instance.http, users[4], { name: 'front, polling', transports: ['polling'] }),
  ];
  const churners = await signups(instance, 6);
  /* What they hear are the rows of their stays, whatever ends them. */
  const hearers = churners.map((user, i) => new Listener(t, instance.status.brokers[i % 2], user, { since: false, history: 0 }));
  await Promise.all([...listeners, ...hearers].map((each) => each.ready()));
  const senders = new Senders(t, ledger, { pause: 5 });
  senders.bySocket(instance.status.brokers[0], users[2], rooms, { width: 2 });
  senders.byRest(users[3], rooms);
  const next = random();
  const state = { going: true };
  const counts = { changes: {}, sanctions: {} };
  const working = [];
  for (const [i, user] of churners.entries()) {
    const client = await connect(t, instance.status.brokers[i % 2], { token: user.accessToken, auth: { history: 0 } });
    const mine = {};
    working.push(keepAt(state, counts.changes, () => anyChange(client, user, pick(next, rooms), mine, next)));
  }
  for (const [i, user] of [owner, admin].entries()) {
    const client = await connect(t, instance.status.brokers[i], { token: user.accessToken, auth: { history: 0 } });
    working.push(keepAt(state, counts.sanctions, async () => {
      await delay(20);
      return anySanction(client, user, pick(next, rooms), pick(next, churners).username, next);
    }));
  }
  const enough = () => counts.changes.success >= (LONG ? 6000 : 150) && counts.sanctions.success >= (LONG ? 1500 : 50);
  await Promise.race([...working, until('enough of everything', enough, { timeout: LONG ? 600_000 : 60_000 })]);
  state.going = false;
  await Promise.all(working);
  await senders.finish();
  t.diagnostic(JSON.stringify(counts));
  await ledger.settle(t, instance, topics, listeners);
  await noDeadlock();
  const total = {};
  for (const room of rooms) {
    const rows = await readRows(instance, topics[room]);
    const done = rulesHold(rows);
    for (const [what, count] of Object.entries(done)) total[what] = (total[what] ?? 0) + count;
    const log = await readLog(instance, topics[room]);
    for (const [i, hearer] of hearers.entries()) staysHold(hearer, room, log, churners[i].username);
  }
  t.diagnostic(JSON.stringify(total));
  for (const [what, count] of Object.entries(total)) assert.ok(count >= 3, `only ${count} ${what}`);
});
