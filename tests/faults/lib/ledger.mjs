/*
 * The books of a fault test: every send that was acknowledged, and all that each listener received,
 * against the log in PostgreSQL. What must be 0: `lost` (acknowledged, and not in the log or not
 * received), `doubled` (twice in the log, twice received, or two answers to one nonce), `reordered`,
 * `gaps` (a hole in seq, or in the rows that a connection received live).
 */
import assert from 'node:assert/strict';

const COUNTS = ['lost', 'doubled', 'reordered', 'gaps'];

export class Ledger {
  constructor() {
    this.acked = new Map(); /* nonce -> {room, seq, user} */
    this.attempts = 0;
    this.verdict = { acked: 0, received: 0, lost: 0, doubled: 0, reordered: 0, gaps: 0 };
    this.examples = [];
  }

  /** A success was answered for this nonce. */
  ack(nonce, room, seq, user) {
    const known = this.acked.get(nonce);
    if (!known) this.acked.set(nonce, { room, seq, user });
    else if (known.seq !== seq || known.room !== room) this.count('doubled', `nonce ${nonce}: answered ${known.seq} and ${seq}`);
  }

  count(what, example, by = 1) {
    this.verdict[what] += by;
    if (this.examples.length < 20) this.examples.push(`${what}: ${example}`);
  }

  /** The log of a room: rows[seq - 1] = {seq, message, nonce}. Counts its gaps. */
  async readLog(instance, room, topic) {
    const rows = await instance.sql(`select seq, kind, coalesce(nonce, '') from room_event
      where room_id = ${topic.split('/').pop()} order by seq`);
    const log = rows.map(([seq, kind, nonce]) => ({ seq: Number(seq), message: kind === '1' || kind === '2', nonce }));
    log.forEach((row, i) => {
      if (row.seq !== i + 1) this.count('gaps', `${room}: the log has ${row.seq} at ${i + 1}`);
    });
    return log;
  }

  /** What was acknowledged is in the log, once, where the answer said. */
  checkLogs(logs) {
    const seen = new Map();
    for (const [room, log] of Object.entries(logs)) {
      for (const { seq, nonce } of log) {
        if (!nonce) continue;
        if (seen.has(nonce)) this.count('doubled', `nonce ${nonce} in the log at ${seen.get(nonce).seq} and ${seq}`);
        seen.set(nonce, { room, seq });
      }
    }
    for (const [nonce, { room, seq }] of this.acked) {
      const found = seen.get(nonce);
      if (!found) this.count('lost', `nonce ${nonce}, acknowledged at ${seq} of ${room}, is not in the log`);
      else if (found.seq !== seq || found.room !== room) this.count('reordered', `nonce ${nonce}: answered ${seq}, is at ${found.seq}`);
    }
    this.verdict.acked = this.acked.size;
  }

  rising(seqs, what) {
    for (let i = 1; i < seqs.length; i++) {
      if (seqs[i] === seqs[i - 1]) this.count('doubled', `${what}: ${seqs[i]} twice in a row`);
      else if (seqs[i] < seqs[i - 1]) this.count('reordered', `${what}: ${seqs[i]} after ${seqs[i - 1]}`);
    }
  }

  /* `seqs` are all of `wanted`, once each. */
  same(seqs, wanted, what) {
    const left = new Set(wanted);
    const seen = new Set();
    for (const seq of seqs) {
      if (seen.has(seq)) this.count('doubled', `${what}: ${seq} came twice`);
      else if (!left.delete(seq)) this.count('doubled', `${what}: ${seq} is not in the log or was there before`);
      seen.add(seq);
    }
    if (left.size) this.count('lost', `${what}: ${[...left].slice(0, 5)} did not come`, left.size);
  }

  /* One connection, one room: in order, and every row between the first and the last live one. */
  checkSession({ since, history, live }, log, what) {
    const start = since ?? 0;
    this.rising(history, `${what}, history`);
    this.rising(live, `${what}, live`);
    const head = history.at(-1) ?? start;
    const last = live.at(-1) ?? head;
    const had = new Set(history);
    for (const seq of live) if (had.has(seq)) this.count('doubled', `${what}: ${seq} in history and live`);
    /* With `since`, rows that are no messages are repeated from there; else they begin with live. */
    const begin = since === undefined ? live[0] ?? last + 1 : start + 1;
    const wanted = log.filter((row) => (row.message ? row.seq > start && row.seq <= Math.max(last, head)
      : row.seq >= begin && row.seq <= (live.at(-1) ?? 0)));
    this.same([...history, ...live], wanted.map((row) => row.seq), what);
    this.verdict.received += history.length + live.length;
  }

  /** All that a listener has got, whole and to the end. */
  checkListener(listener, logs) {
    for (const [room, log] of Object.entries(logs)) {
      for (const [i, session] of listener.sessions.entries()) {
        if (session.history) this.checkSession(session.of(room), log, `${listener.name}, connection ${i}, ${room}`);
      }
      if (!listener.since) continue;
      const all = listener.sessions.flatMap((each) => each.messages(room));
      const from = listener.start[room] ?? 0;
      this.same(all, log.filter((row) => row.message && row.seq > from).map((row) => row.seq), `${listener.name}, ${room}`);
    }
  }

  /** Read the logs, wait for every listener, compare, and demand zeros. Returns the numbers. */
  async settle(t, instance, topics, listeners, timeout = 30_000) {
    const logs = {};
    for (const [room, topic] of Object.entries(topics)) logs[room] = await this.readLog(instance, room, topic);
    const late = [];
    await Promise.all(listeners.map(async (listener) => {
      try {
        await listener.reaches(logs, timeout);
      } catch (error) {
        late.push(error.message);
      }
    }));
    this.checkLogs(logs);
    for (const listener of listeners) this.checkListener(listener, logs);
    const numbers = JSON.stringify(this.verdict);
    t.diagnostic(numbers);
    assert.deepEqual(late, [], numbers);
    for (const name of COUNTS) assert.equal(this.verdict[name], 0, `${numbers}\n${this.examples.join('\n')}`);
    return this.verdict;
  }
}
