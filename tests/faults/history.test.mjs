/*
 * The seam: history and live meet exactly for the first member of a room that is just written to,
 * for many who come at once, and at the end of a long history over a slow connection; memory stays
 * bounded.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { RawClient } from '../integration/lib/socket.mjs';
import { until } from '../integration/lib/wait.mjs';
import { Ledger } from './lib/ledger.mjs';
import { Listener } from './lib/listener.mjs';
import { pidOf, residentKib } from './lib/processes.mjs';
import { LONG, instanceFor, scene } from './lib/scene.mjs';
import { Senders } from './lib/sender.mjs';

const instance = await instanceFor({ after }, { brokers: 2 });

test('the first member to connect, while others write', async (t) => {
  const ledger = new Ledger();
  const logs = {};
  const senders = new Senders(t, ledger, { pause: 0 });
  for (let round = 0; round < (LONG ? 100 : 6); round++) {
    const { users, rooms: [room], topics } = await scene(instance, { users: 2, rooms: 1 });
    senders.byRest(users[0], [room], { width: 1 });
    const goal = senders.sent + 5;
    await until('some messages', () => senders.sent >= goal || senders.failures.length, { every: 1 });
    /* Nobody here has been in it: the log becomes live with them, on both brokers. */
    const pair = instance.status.brokers.map((origin, i) => new Listener(t, origin, users[i], { name: `round ${round}, ${i}`, since: i === 0 }));
    await Promise.all(pair.map((each) => each.ready()));
    const later = senders.sent + 20;
    await until('more messages', () => senders.sent >= later || senders.failures.length, { every: 1 });
    senders.going = false;
    await senders.finish();
    senders.loops = [];
    senders.going = true;
    logs[room] = await ledger.readLog(instance, room, topics[room]);
    for (const each of pair) {
      await each.reaches({ [room]: logs[room] }, 5000);
      ledger.checkListener(each, { [room]: logs[room] });
      each.close();
    }
  }
  ledger.checkLogs(logs);
  t.diagnostic(JSON.stringify(ledger.verdict));
  for (const what of ['lost', 'doubled', 'reordered', 'gaps']) assert.equal(ledger.verdict[what], 0, ledger.examples.join('\n'));
});

/* A room with this many messages, written by SQL. */
async function longRoom(count, chars = 60) {
  const { users, rooms: [room], topics } = await scene(instance, { users: 3, rooms: 1 });
  const id = topics[room].split('/').pop();
  await instance.sql(`insert into room_event (room_id, seq, kind, actor_id, text, at)
    select ${id}, last_seq + n, 1, (select id from app_user where username = '${users[0].username}'), 'message number ' || n || repeat('.', ${chars}), now()
    from room, generate_series(1, ${count}) n where id = ${id}`);
  await instance.sql(`update room set last_seq = last_seq + ${count} where id = ${id}`);
  return { users, room, topics };
}

/* An updateChatHistory frame's seqs of a room; it may be tens of megabytes. */
function historyOf(raw, room) {
  const frame = raw.inbox.items.find((each) => each.startsWith('42["updateChatHistory"'));
  return JSON.parse(frame.slice(2))[1][room].map((message) => message.seq);
}

const MANY = LONG ? 100_000 : 15_000;
const CHARS = LONG ? 400 : 600;

/* Connected by polling, and never polls again: no kernel takes anything for it. */
async function pollOnce(origin, user) {
  const target = `${origin}/socket.io/?EIO=4&transport=polling`;
  const { sid } = JSON.parse((await (await fetch(target)).text()).slice(1));
  const answer = await fetch(`${target}&sid=${sid}`, { method: 'POST', body: `40${JSON.stringify({ token: user.accessToken })}` });
  assert.equal(await answer.text(), 'ok');
}

test(`${MANY} messages of history for clients that are slow`, { timeout: 300_000 }, async (t) => {
  const { users, room, topics } = await longRoom(MANY, CHARS);
  const [broker] = instance.status.brokers;
  const pid = await pidOf(instance, 'broker-1');
  const before = await residentKib(pid);
  const slow = [];
  for (let i = 0; i < (LONG ? 10 : 2); i++) {
    const raw = await RawClient.open(t, broker);
    raw.ws.pause();
    raw.send(`40${JSON.stringify({ token: users[1].accessToken })}`);
    slow.push(raw);
  }
  const silent = 6;
  for (let i = 0; i < silent; i++) await pollOnce(broker, users[1]);
  const senders = new Senders(t, new Ledger(), { pause: 2 });
  senders.bySocket(instance.status.brokers[1], users[2], [room], { width: 2 });
  senders.byRest(users[0], [room]);
  await until('messages amid history', () => senders.sent >= 300 || senders.failures.length, { timeout: 30_000 });
  const during = await residentKib(pid);
  assert.ok(during - before < 8192 + (slow.length + silent) * 1280, `${during - before} KiB more`);
  for (const each of slow) {
    each.ws.resume();
    await until('a history', () => each.inbox.items.some((frame) => frame.startsWith('42["updateChatHistory"')), { timeout: 120_000 });
  }
  const most = await residentKib(pid);
  await senders.finish();
  const log = await senders.ledger.readLog(instance, room, topics[room]);
  const last = log.findLast((row) => row.message).seq;
  for (const raw of slow) {
    const live = () => raw.inbox.items.filter((frame) => frame.startsWith('42["newMessage"')).map((frame) => JSON.parse(frame.slice(2))[1].seq);
    const history = historyOf(raw, room);
    await until('the last message', () => history.at(-1) === last || live().at(-1) === last, { timeout: 30_000 });
    assert.deepEqual([...history, ...live()], log.filter((row) => row.message).map((row) => row.seq));
  }
  senders.ledger.checkLogs({ [room]: log });
  assert.equal(senders.ledger.verdict.lost, 0);
  t.diagnostic(`${slow.length} histories of ${log.length} rows; resident ${before} KiB before, ${during} while they wait, ${most} at the end; ${senders.sent} messages meanwhile`);
  /* A megabyte of output and 256 KiB of history each, and what the allocator keeps. */
  assert.ok(most - before < 8192 + (slow.length + silent) * 2048, `${most - before} KiB more`);
});

test('many ask for a long history at once', { timeout: 120_000 }, async (t) => {
  const { users, room } = await longRoom(LONG ? 10_000 : 2_000);
  const [broker] = instance.status.brokers;
  const pid = await pidOf(instance, 'broker-1');
  const before = await residentKib(pid);
  const count = LONG ? 100 : 50;
  let most = 0;
  let watching = true;
  const watch = (async () => {
    while (watching) most = Math.max(most, await residentKib(pid));
  })();
  let bytes = 0;
  await Promise.all(Array.from({ length: count }, async (_, i) => {
    const raw = await RawClient.open(t, broker);
    raw.send(`40${JSON.stringify({ token: users[i % users.length].accessToken })}`);
    const frame = await raw.frame((each) => each.startsWith('42["updateChatHistory"'), { timeout: 60_000 });
    bytes += frame.length;
    assert.equal(JSON.parse(frame.slice(2))[1][room].length, (LONG ? 10_000 : 2_000) + 3);
    raw.ws.terminate();
  }));
  watching = false;
  await watch;
  t.diagnostic(`${count} clients, ${Math.round(bytes / 1e6)} MB; resident ${before} KiB before, at most ${most}`);
  assert.ok(most - before < 65_536, `${most - before} KiB more`);
});
