/*
 * What users do. Each is one statement, so one transaction and one round trip. A message's number
 * is taken by the update of its room, under that row's lock.
 */
import { HttpException, Injectable } from '@nestjs/common';
import { Database, isUnique } from './database.js';

export interface User {
  id: number;
  username: string;
}

export interface Message {
  room: string;
  seq: number;
  kind: 'text' | 'system';
  sender: string | null;
  text: string;
  date: string;
  nonce?: string;
}

interface MessageRow {
  seq: number;
  username: string | null;
  text: string;
  at: Date;
  nonce: string | null;
}

export interface Written {
  roomId: number;
  message: Message;
  isNew: boolean;
}

/** An error of the chat, with the code that clients see. */
export class ChatError extends HttpException {
  constructor(readonly code: string, status: number, message: string) {
    super({ code, status, title: message }, status);
    this.message = message;
  }
}

const ROOM_NOT_FOUND = () => new ChatError('room_not_found', 404, 'There is no such channel');
const NOT_A_MEMBER = () => new ChatError('not_a_member', 403, 'You are not a member');

const CREATE = `
with made as (insert into room (name, name_key, last_seq) values ($2, $3, 1) returning id),
 joined as (insert into membership (room_id, user_id) select id, $1 from made)
insert into message (room_id, seq, text) select id, 1, $4 from made returning room_id`;

const JOIN = `
with own as (select id from room where name_key = $2),
 joined as (insert into membership (room_id, user_id) select id, $1 from own
  on conflict do nothing returning room_id),
 bumped as (update room r set last_seq = last_seq + 1 from joined where r.id = joined.room_id
  returning r.id, r.name, r.last_seq)
insert into message (room_id, seq, text) select id, last_seq, $3 from bumped
returning room_id, seq, at, (select name from bumped) as name`;

const SEND = `
with bumped as (update room r set last_seq = last_seq + 1 from membership m
  where r.name_key = $2 and m.room_id = r.id and m.user_id = $1 returning r.id, r.name, r.last_seq)
insert into message (room_id, seq, user_id, text, nonce) select id, last_seq, $1, $3, $4 from bumped
returning room_id, seq, at, (select name from bumped) as name`;

const KNOWN = `
select r.id as room_id, r.name, e.seq, e.text, e.at from room r join message e
 on e.room_id = r.id and e.user_id = $1 and e.nonce = $3 where r.name_key = $2`;

const ROOM_OF = `
select r.id, m.user_id is not null as is_member from room r left join membership m
 on m.room_id = r.id and m.user_id = $1 where r.name_key = $2`;

const PAGE = `
with own as (select r.id, r.name from room r join membership m on m.room_id = r.id
  and m.user_id = $1 where r.name_key = $2)
select own.name, e.seq, e.text, e.at, e.nonce, u.username from own left join lateral (
  select * from message where room_id = own.id and seq < $3 order by seq desc limit $4) e on true
 left join app_user u on u.id = e.user_id order by e.seq`;

const ROOMS = `
select r.id, r.name from membership m join room r on r.id = m.room_id where m.user_id = $1`;

const HISTORY = `
select e.seq, e.text, e.at, e.nonce, u.username from (select * from message where room_id = $1
  order by seq desc limit $2) e left join app_user u on u.id = e.user_id order by e.seq`;

const keyOf = (name: string) => name.normalize('NFKC').toLowerCase();

function messageOf(room: string, row: MessageRow): Message {
  return {
    room,
    seq: row.seq,
    kind: row.username === null ? 'system' : 'text',
    sender: row.username,
    text: row.text,
    date: row.at.toISOString(),
    ...(row.nonce === null ? {} : { nonce: row.nonce }),
  };
}

@Injectable()
export class Chat {
  constructor(private readonly database: Database) {}

  async create(user: User, name: string): Promise<number> {
    try {
      const [row] = await this.database.run<{ room_id: number }>('create', CREATE,
        [user.id, name, keyOf(name), `${user.username} created the channel`]);
      return row.room_id;
    } catch (error) {
      if (!isUnique(error, 'room_name_key_key')) throw error;
      throw new ChatError('name_taken', 409, 'The name is taken');
    }
  }

  async join(user: User, name: string): Promise<Written> {
    const text = `${user.username} joined`;
    const [row] = await this.database.run<MessageRow & { room_id: number; name: string }>('join', JOIN,
      [user.id, keyOf(name), text]);
    if (row) {
      const message = messageOf(row.name, { ...row, text, username: null, nonce: null });
      return { roomId: row.room_id, message, isNew: true };
    }
    await this.roomId(user, name);
    throw new ChatError('already_member', 409, 'You are a member');
  }

  /** The id of a room of the user's. */
  async roomId(user: User, name: string): Promise<number> {
    const [row] = await this.database.run<{ id: number; is_member: boolean }>('room_of', ROOM_OF,
      [user.id, keyOf(name)]);
    if (!row) throw ROOM_NOT_FOUND();
    if (!row.is_member) throw NOT_A_MEMBER();
    return row.id;
  }

  async send(user: User, name: string, text: string, nonce: string | null): Promise<Written> {
    const key = keyOf(name);
    let row: MessageRow & { room_id: number; name: string };
    let isNew = true;
    try {
      [row] = await this.database.run('send', SEND, [user.id, key, text, nonce]);
    } catch (error) {
      if (!isUnique(error, 'message_nonce')) throw error;
      isNew = false;
      [row] = await this.database.run('known', KNOWN, [user.id, key, nonce]);
      if (row && row.text !== text) {
        throw new ChatError('nonce_conflict', 409, 'The nonce was used for another text');
      }
    }
    if (!row) {
      await this.roomId(user, name);
      throw NOT_A_MEMBER();
    }
    const message = messageOf(row.name, { ...row, text, username: user.username, nonce });
    return { roomId: row.room_id, message, isNew };
  }

  async page(user: User, name: string, before: number, limit: number) {
    const rows = await this.database.run<MessageRow & { name: string }>('page', PAGE,
      [user.id, keyOf(name), before, limit + 1]);
    if (rows.length === 0) {
      await this.roomId(user, name);
      throw NOT_A_MEMBER();
    }
    const hasMore = rows.length > limit;
    const shown = rows.filter((row) => row.seq !== null).slice(hasMore ? 1 : 0);
    return { messages: shown.map((row) => messageOf(row.name, row)), hasMore };
  }

  rooms(user: User): Promise<{ id: number; name: string }[]> {
    return this.database.run('rooms', ROOMS, [user.id]);
  }

  /** The last messages of a room; all without a limit. */
  async history(room: { id: number; name: string }, last: number | null): Promise<Message[]> {
    const rows = await this.database.run<MessageRow>('history', HISTORY, [room.id, last]);
    return rows.map((row) => messageOf(room.name, row));
  }
}
