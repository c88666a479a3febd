/* Users and rooms on a server, over the REST that parley and the Nest peer share, and the generator's lines about them. */
import { createHmac } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { rest } from '../../integration/lib/rest.mjs';
import { Nest } from './servers.mjs';

const PASSWORD = 'correct horse battery';
const AT_ONCE = 16;

export async function inParallel(count, work) {
  let next = 0;
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, async () => {
    while (next < count) await work(next++);
  }));
}

async function must(http, method, target, options) {
  const answer = await rest(http, method, target, options);
  if (answer.status >= 300) throw new Error(`${method} ${target}: ${answer.status} ${answer.text.slice(0, 300)}`);
  return answer.body;
}

const base64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

function nestToken(id, name) {
  const now = Math.floor(Date.now() / 1000);
  const text = `${base64({ alg: 'HS256', typ: 'JWT' })}.${base64({ name, sub: String(id), iat: now, exp: now + 86400 })}`;
  return `${text}.${createHmac('sha256', Nest.SECRET).update(text).digest('base64url')}`;
}

export class World {
  /** `nest`: the server, if it is one: its users are made in its database, without a second of hashing for each. */
  constructor(http, folder, nest) {
    Object.assign(this, { http, folder, nest, users: [], rooms: new Map(), files: 0 });
  }

  async needUsers(count) {
    const have = this.users.length;
    if (this.nest && count > have) {
      const rows = await this.nest.sql(`insert into app_user (username, username_key, password_hash)
        select 'user' || n, 'user' || n, '' from generate_series(${have}, ${count - 1}) n returning id, username`);
      rows.forEach(([id, name]) => this.users.push({ name, token: nestToken(id, name) }));
      return;
    }
    await inParallel(count - have, async (i) => {
      const name = `user${have + i}`;
      const { accessToken } = await must(this.http, 'POST', '/auth/signup', { body: { username: name, password: PASSWORD } });
      this.users[have + i] = { name, token: accessToken };
    });
  }

  async room(name, members) {
    await must(this.http, 'POST', '/channels', { token: members[0].token, body: { name, status: 'PUBLIC' } });
    for (const { token } of members.slice(1)) await must(this.http, 'PUT', `/channels/${name}/members/me`, { token, body: {} });
  }

  /** `count` rooms of `members` each, nobody in two of them: a file of one line a client, client i in room i % count. */
  async roomsOf(count, members) {
    const key = `${count}x${members}`;
    if (!this.rooms.has(key)) this.rooms.set(key, this.makeRooms(key, count, members));
    return this.rooms.get(key);
  }

  async makeRooms(key, count, members) {
    await this.needUsers(count * members);
    const names = Array.from({ length: count }, (_, room) => `bench-${key}-${room}`);
    await inParallel(count, (room) => this.room(names[room],
      Array.from({ length: members }, (_, member) => this.users[room + member * count])));
    return {
      names,
      file: await this.lines(Array.from({ length: count * members }, (_, i) => [this.users[i].token, names[i % count]])),
    };
  }

  /** A user who is in `count` rooms of their own; the file with one line. */
  async userOfRooms(count) {
    const key = `user of ${count}`;
    if (!this.rooms.has(key)) this.rooms.set(key, this.makeUserOfRooms(count));
    return this.rooms.get(key);
  }

  async makeUserOfRooms(count) {
    const at = this.users.length;
    await this.needUsers(at + 1);
    const user = this.users[at];
    const names = Array.from({ length: count }, (_, room) => `own-${count}-${room}`);
    await inParallel(count, (room) => this.room(names[room], [user]));
    return { names, file: await this.lines([[user.token, names[0]]]) };
  }

  /** A room with at least `count` messages; the newest one's seq. (Others may have left it many more.) */
  async historyOf(count) {
    const { names: [name] } = await this.roomsOf(1, 10);
    const [{ token }] = this.users;
    const target = `/channels/${name}/messages`;
    const newest = async () => (await must(this.http, 'GET', `${target}?limit=1`, { token })).messages[0].seq;
    const missing = count - await newest();
    await inParallel(Math.max(missing, 0), (i) => must(this.http, 'POST', target,
      { token: this.users[i % 10].token, body: { text: `message ${i} `.padEnd(80, 'x') } }));
    return { name, token, newest: await newest() };
  }

  async lines(rows) {
    const file = path.join(this.folder, `${this.nest ? 'nest' : 'parley'}-${this.files++}`);
    await writeFile(file, rows.map((row) => `${row.join('\t')}\n`).join(''));
    return file;
  }
  /** `count` users who log in: a file of requests. */
  logins(count) {
    this.rooms.has('logins') || this.rooms.set('logins', this.makeLogins(count));
    return this.rooms.get('logins');
  }

  async makeLogins(count) {
    const bodies = Array.from({ length: count }, (_, i) => ({ username: `login${i}`, password: PASSWORD }));
    for (const body of bodies) await must(this.http, 'POST', '/auth/signup', { body });
    return this.lines(bodies.map((body) => ['POST', '/api/v1/auth/login', '', JSON.stringify(body)]));
  }
}
