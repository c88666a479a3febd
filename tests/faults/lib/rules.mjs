/* The rules of a room, checked against its log as PostgreSQL has it: who might write what, when. */
import assert from 'node:assert/strict';

const TEXT = 1;
const JOINED = 3;
const LEFT = 4;
const MEMBER_UPDATED = 5;
const UPDATED = 6;
const DELETED = 7;

/** [{seq, kind, who: its actor, target: the message it is about, at, payload}] */
export async function readRows(instance, topic) {
  const id = topic.split('/').pop();
  const rows = await instance.sql(`select e.seq, e.kind, coalesce(u.username, ''), coalesce(e.target_seq, 0),
      extract(epoch from e.at) * 1000, coalesce(e.payload::text, '{}')
    from room_event e left join app_user u on u.id = e.actor_id where e.room_id = ${id} order by e.seq`);
  return rows.map(([seq, kind, who, target, at, payload]) => ({
    seq: Number(seq), kind: Number(kind), who, target: Number(target), at: Number(at), payload: JSON.parse(payload),
  }));
}

class Room {
  constructor() {
    Object.assign(this, { inside: new Set(), banned: new Map(), muted: new Map(), roles: new Map(), authors: new Map() });
    this.counts = { messages: 0, edits: 0, deletes: 0, joins: 0, leaves: 0, bans: 0, mutes: 0 };
  }

  /* A member who may write at that time. */
  mayWrite({ seq, who, at }) {
    assert.ok(this.inside.has(who), `seq ${seq}: ${who} is no member`);
    this.notBanned(seq, who, at);
    assert.ok(!(this.muted.get(who) > at), `seq ${seq}: ${who} is muted until ${this.muted.get(who)}, it is ${at}`);
  }

  notBanned(seq, who, at) {
    assert.ok(!(this.banned.get(who) > at), `seq ${seq}: ${who} is banned until ${this.banned.get(who)}, it is ${at}`);
  }

  sanction(name, map, { username, ...payload }) {
    if (payload[name] === undefined) return 0;
    const until = payload[`${name}Until`];
    if (payload[name]) map.set(username, until ? Date.parse(until) : Infinity);
    else map.delete(username);
    return payload[name] ? 1 : 0;
  }

  take(row) {
    const { seq, kind, who, at, target, payload } = row;
    if (kind === TEXT) {
      this.counts.messages++;
      this.mayWrite(row);
      this.authors.set(seq, who);
    } else if (kind === JOINED) {
      this.counts.joins++;
      this.notBanned(seq, payload.username, at);
      assert.ok(!this.inside.has(payload.username), `seq ${seq}: ${payload.username} is in already`);
      this.inside.add(payload.username);
      this.roles.set(payload.username, payload.role);
    } else if (kind === LEFT) {
      this.counts.leaves++;
      assert.ok(this.inside.delete(payload.username), `seq ${seq}: ${payload.username} was not in`);
    } else if (kind === MEMBER_UPDATED) {
      if (payload.role) this.roles.set(payload.username, payload.role);
      this.counts.bans += this.sanction('banned', this.banned, payload);
      this.counts.mutes += this.sanction('muted', this.muted, payload);
    } else if (kind === UPDATED) {
      this.counts.edits++;
      this.mayWrite(row);
      assert.equal(this.authors.get(target), who, `seq ${seq}: ${who} edited what another wrote`);
    } else if (kind === DELETED) {
      this.counts.deletes++;
      assert.ok(this.inside.has(who), `seq ${seq}: ${who} is no member`);
      assert.ok(this.authors.get(target) === who || this.roles.get(who) !== 'USER', `seq ${seq}: ${who} may not delete ${target}`);
    }
  }
}

/** Every row was allowed at its place in the log, and seq has no gap. Returns counts. */
export function rulesHold(rows) {
  const room = new Room();
  rows.forEach((row, i) => {
    assert.equal(row.seq, i + 1, 'the log has a gap');
    room.take(row);
  });
  return room.counts;
}
