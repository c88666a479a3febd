/* What a client saw of a room's log, compared with the log itself. */
import assert from 'node:assert/strict';
import * as check from './check.mjs';

/* Events that are rows of a room's log, numbered by `seq`, or by `eventSeq` where `seq` is a message's. */
const ROWS = new Set([
  'newMessage', 'messageUpdated', 'messageDeleted', 'memberJoined', 'memberLeft', 'memberUpdated', 'channelUpdated', 'channelDeleted',
]);

/** Seqs of the live rows of `room`, in the order they came. */
export function liveRows(client, room, from = 0) {
  const seqs = [];
  for (let i = from; i < client.events.length; i++) {
    const { event, body } = client.events[i];
    if (ROWS.has(event) && body.room === room) seqs.push(body.eventSeq ?? body.seq);
  }
  return seqs;
}

/** The log of a room from PostgreSQL: [{seq, message, name, who}], checked to have no gap. */
export async function readLog(instance, topic) {
  const id = topic.split('/').pop();
  const rows = await instance.sql(`select e.seq, e.kind, coalesce(e.payload->>'username', u.username, '')
    from room_event e left join app_user u on u.id = e.actor_id where e.room_id = ${id} order by e.seq`);
  const log = rows.map(([seq, kind, who]) => ({
    seq: Number(seq), kind: Number(kind), message: kind === '1' || kind === '2', who,
  }));
  assert.deepEqual(log.map((each) => each.seq), log.map((_, i) => i + 1), 'the log has a gap');
  return log;
}

/** A message's author is a member at its seq. */
export function authorsWereMembers(log) {
  const inside = new Set();
  for (const { seq, kind, who } of log) {
    if (kind === 3) inside.add(who);
    else if (kind === 4) inside.delete(who);
    else if (kind === 1) assert.ok(inside.has(who), `seq ${seq}: ${who} wrote without being a member`);
  }
}

/**
 * One connection's view of one room: history and live rows together are the log, once each.
 * `since`: the seq given at connection, or undefined for a full history. Returns the last seq seen.
 */
export function seamHolds(client, room, log, since = undefined, what = room) {
  const history = (client.history[room] ?? []).map((each) => each.seq);
  const live = liveRows(client, room);
  const start = since ?? 0;
  check.rising(history, `${what}: history`);
  check.rising(live, `${what}: live`);
  const last = Math.max(start, history.at(-1) ?? 0, live.at(-1) ?? 0);
  const head = Math.max(start, history.at(-1) ?? 0);
  const expected = log.filter((row) => row.seq > start && row.seq <= last);
  const seen = [...history, ...live].sort((a, b) => a - b);
  const first = live.length ? live[0] : last + 1;
  /* With a full history, rows that are no messages begin with the live ones. */
  const wanted = since === undefined ? expected.filter((row) => row.message || row.seq >= first) : expected;
  const gap = wanted.find((row, i) => row.seq !== seen[i]);
  const around = gap && { wanted: gap, history: history.slice(-3), live: live.slice(0, 5), head, start };
  assert.deepEqual(seen, wanted.map((row) => row.seq), `${what}: ${JSON.stringify(around)}`);
  return last;
}
