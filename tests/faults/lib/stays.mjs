/* What comes live to one who joins and leaves: the rows of its stays, all of them, and no others. */
import assert from 'node:assert/strict';
import * as check from '../../integration/lib/check.mjs';

/* Seqs at which the user was a member: its own rows of joining and leaving included. */
function inside(log, username) {
  const seqs = new Set();
  let member = false;
  for (const { seq, kind, who } of log) {
    if (kind === 3 && who === username) member = true;
    if (member) seqs.add(seq);
    if (kind === 4 && who === username) member = false;
  }
  return seqs;
}

/**
 * `listener` asked for no history; `log` is readLog's. Each connection's live rows of the room are
 * those of its user's stays, from the first to the last that came. Returns how many came.
 */
export function staysHold(listener, room, log, username) {
  const seqs = inside(log, username);
  const near = (seq) => JSON.stringify(log.filter((row) => Math.abs(row.seq - seq) <= 6).map(({ seq: n, kind, who }) => `${n}:${kind}:${who === username ? 'me' : 'x'}`));
  let rows = 0;
  for (const session of listener.sessions) {
    const { live } = session.of(room);
    const had = new Set(live);
    rows += live.length;
    check.rising(live, `${username}, ${room}`);
    for (const seq of live) assert.ok(seqs.has(seq), `${room}: ${seq} went to one who was out; ${near(seq)}`);
    for (let seq = live[0]; seq <= live.at(-1); seq++) {
      if (seqs.has(seq)) assert.ok(had.has(seq), `${room}: ${seq} did not come; ${near(seq)}`);
    }
  }
  return rows;
}
