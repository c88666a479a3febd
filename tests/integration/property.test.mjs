/*
 * Random commands by random users over both fronts, against the model of lib/model.mjs: what is allowed, who is in which
 * room as what, what each user sees live, and what everybody reads afterwards.
 *
 *   PARLEY_SEED=n   that run (a failure names its seed); random: one that nobody has seen
 *   PARLEY_STEPS=n  a longer one
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { shared } from './lib/instance.mjs';
import { COMMANDS, Model } from './lib/model.mjs';
import { signups, unique } from './lib/users.mjs';
import { until } from './lib/wait.mjs';

const STEPS = Number(process.env.PARLEY_STEPS ?? 600);
/* The same each time unless asked otherwise: a change is judged by what it changed. */
const SEED = process.env.PARLEY_SEED === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(process.env.PARLEY_SEED ?? 20261123);
const USERS = 6;
const CHECK_EVERY = 150;
const REACHES_OTHER_BROKERS_MS = 300;

const instance = await shared({ after });
const at = (name, rest = '') => `/channels/${encodeURIComponent(name)}${rest}`;
const one = (name, list, username) => at(name, `/${list}/${username}`);

/* How REST says what a socket says: [method, path, body]. */
const REST = {
  createChannel: (dto) => ['POST', '/channels', dto],
  joinChannel: ({ name, password }) => ['PUT', at(name, '/members/me'), { password }],
  leaveChannel: ({ name }) => ['DELETE', at(name, '/members/me')],
  updateChannel: ({ name, newName, ...rest }) => ['PATCH', at(name), { name: newName, ...rest }],
  deleteChannel: ({ name }) => ['DELETE', at(name)],
  sendMessage: ({ room, text }) => ['POST', at(room, '/messages'), { text }],
  editMessage: ({ room, seq, text }) => ['PATCH', at(room, `/messages/${seq}`), { text }],
  deleteMessage: ({ room, seq }) => ['DELETE', at(room, `/messages/${seq}`)],
  blockUser: ({ username }) => ['PUT', `/users/me/blocks/${username}`],
  unblockUser: ({ username }) => ['DELETE', `/users/me/blocks/${username}`],
  addAdmin: ({ room, username }) => ['PUT', one(room, 'admins', username)],
  removeAdmin: ({ room, username }) => ['DELETE', one(room, 'admins', username)],
  muteUser: ({ room, username }) => ['PUT', one(room, 'mutes', username), {}],
  unmuteUser: ({ room, username }) => ['DELETE', one(room, 'mutes', username)],
  banUser: ({ room, username }) => ['PUT', one(room, 'bans', username), {}],
  unbanUser: ({ room, username }) => ['DELETE', one(room, 'bans', username)],
  kickUser: ({ room, username }) => ['DELETE', one(room, 'members', username)],
};

/* How often each is tried. */
const WEIGHTS = {
  sendMessage: 30, joinChannel: 14, createChannel: 3, leaveChannel: 5, editMessage: 6, deleteMessage: 5, blockUser: 3,
  unblockUser: 4, addAdmin: 6, removeAdmin: 3, muteUser: 4, unmuteUser: 4, banUser: 4, unbanUser: 4, kickUser: 4,
  updateChannel: 5, deleteChannel: 1,
};

const RULERS = new Set(['addAdmin', 'removeAdmin', 'muteUser', 'banUser', 'kickUser', 'unbanUser', 'unmuteUser', 'updateChannel', 'deleteChannel']);

class Dice {
  constructor(seed) {
    this.state = seed >>> 0;
  }

  /** 0 <= n < bound (mulberry32). */
  below(bound) {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let x = this.state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) % bound;
  }

  of(list) {
    return list[this.below(list.length)];
  }

  weighted(weights) {
    let left = this.below(Object.values(weights).reduce((sum, each) => sum + each, 0));
    return Object.keys(weights).find((name) => (left -= weights[name]) < 0);
  }
}

/** The whole run: users, their sockets, the model. */
class World {
  constructor(users) {
    this.users = users;
    this.names = users.map((each) => each.username);
    this.model = new Model(this.names);
    this.dice = new Dice(SEED);
    this.trail = [];
    this.done = new Map();
  }

  async connect(t) {
    this.clients = new Map();
    for (const user of this.users) this.clients.set(user.username, await user.connect(t));
  }

  /* ---- choosing ---- */

  /* Mostly one who might. */
  someActor(command, name) {
    const anyone = this.dice.of(this.users);
    const members = [...this.model.room(name)?.members.keys() ?? []];
    if (command === 'joinChannel' || members.length === 0 || this.dice.below(4) === 0) return anyone;
    const ruler = members.find((each) => this.model.room(name).members.get(each) === 'OWNER');
    const who = RULERS.has(command) && ruler && this.dice.below(2) ? ruler : this.dice.of(members);
    return this.users.find((each) => each.username === who);
  }

  someRoomName() {
    const rooms = this.model.rooms;
    if (rooms.length === 0 || this.dice.below(40) === 0) return 'no such room';
    const open = rooms.filter((each) => !each.archived);
    const room = this.dice.of(open.length && this.dice.below(12) ? open : rooms);
    return this.dice.of([...room.names]);
  }

  somePassword(name) {
    const right = this.model.room(name)?.password;
    return right && this.dice.below(4) ? right : this.dice.of([undefined, 'wrong']);
  }

  someSeq(name) {
    const messages = this.model.room(name)?.messages ?? [];
    return messages.length && this.dice.below(15) ? this.dice.of(messages).seq : 999_999;
  }

  someTarget(command, name) {
    const members = [...this.model.room(name)?.members.keys() ?? []];
    return RULERS.has(command) && members.length && this.dice.below(3) ? this.dice.of(members) : this.dice.of(this.names);
  }

  dto(command) {
    const { dice } = this;
    const name = this.someRoomName();
    const username = this.someTarget(command, name);
    switch (command) {
      case 'createChannel': {
        const status = dice.of(['PUBLIC', 'PUBLIC', 'PRIVATE', 'DIRECT']);
        if (status === 'DIRECT') return { name: username, status };
        return { name: dice.below(6) ? unique('p') : name, status, password: status === 'PRIVATE' && dice.below(5) ? 'sesame' : undefined };
      }
      case 'joinChannel': return { name, password: this.somePassword(name) };
      case 'leaveChannel': case 'deleteChannel': return { name };
      case 'updateChannel': return { name, ...this.someUpdate(name) };
      case 'sendMessage': return { room: name, text: unique('text ') };
      case 'editMessage': return { room: name, seq: this.someSeq(name), text: unique('edited ') };
      case 'deleteMessage': return { room: name, seq: this.someSeq(name) };
      case 'blockUser': case 'unblockUser': return { username };
      default: return { room: name, username };
    }
  }

  someUpdate(name) {
    switch (this.dice.below(4)) {
      case 0: return { newName: this.dice.below(5) ? unique('n') : this.someRoomName() };
      case 1: return { status: 'PRIVATE', password: this.dice.below(3) ? unique('pw') : undefined };
      case 2: return { status: 'PUBLIC' };
      default: return { owner: this.someTarget('updateChannel', name) };
    }
  }

  /* ---- doing ---- */

  async step() {
    const command = this.dice.weighted(WEIGHTS);
    const dto = this.dto(command);
    const user = this.someActor(command, dto.room ?? dto.name);
    const overRest = this.dice.below(2) === 0;
    const wrong = COMMANDS[command].check(this.model, user.username, dto);
    const what = `${user.username} ${overRest ? 'REST' : 'socket'} ${command} ${JSON.stringify(dto)}`;
    this.trail.push(what);
    const answer = overRest ? await this.byRest(user, command, dto) : await this.bySocket(user, command, dto);
    this.trail.push(`  -> ${answer.code ?? 'ok'} ${answer.seq ?? ''}`);
    if (answer.code) {
      assert.ok(wrong.has(answer.code), `${what}: ${answer.code}, where the model has ${[...wrong].join(' or ') || 'success'}`);
    } else {
      assert.equal(wrong.size, 0, `${what}: success, where the model has ${[...wrong].join(' or ')}`);
      COMMANDS[command].apply(this.model, user.username, dto, answer);
      if (command.endsWith('blockUser') && overRest) await delay(REACHES_OTHER_BROKERS_MS);
    }
    const key = `${command} ${answer.code ?? 'ok'}`;
    this.done.set(key, (this.done.get(key) ?? 0) + 1);
  }

  bySocket(user, command, dto) {
    return this.clients.get(user.username).command(command, dto);
  }

  async byRest(user, command, dto) {
    const [method, path, body] = REST[command](dto);
    const answer = await user.rest(method, path, { body });
    if (answer.status < 300) return answer.body && typeof answer.body === 'object' ? answer.body : {};
    return { code: answer.body.code };
  }

  /* ---- comparing ---- */

  async compareAll(t) {
    for (const user of this.users) await this.compareLive(user.username);
    for (const user of this.users) {
      await this.compareRooms(user);
      await this.compareHistory(user, t);
    }
  }

  /* The rows of each room, in order, as far as the model tells of them. */
  byRoom(events) {
    const rooms = new Map();
    for (const { room, ...rest } of events) {
      const found = this.model.rooms.findLast((each) => each.names.has(room));
      assert.ok(found, `an event of a room that never was: ${room}`);
      const key = [...found.names][0];
      rooms.set(key, [...rooms.get(key) ?? [], JSON.stringify(rest)]);
    }
    return Object.fromEntries([...rooms].sort());
  }

  async compareLive(username) {
    const person = this.model.people.get(username);
    const expected = this.byRoom(person.seen.map(comparable));
    const client = this.clients.get(username);
    const seen = () => this.byRoom(client.events.filter(isRow).map(({ event, body }) => comparable({ event, ...body })));
    const count = (rooms) => Object.values(rooms).flat().length;
    await until(`what ${username} should have seen`, () => count(seen()) >= count(expected), { timeout: 3000 }).catch(() => {});
    assert.deepEqual(seen(), expected, `what ${username} saw live`);
  }

  async compareRooms(user) {
    const { username } = user;
    const mine = [];
    for (let query = '?member=me&limit=100', page; query; query = page.nextCursor && `?member=me&limit=100&cursor=${page.nextCursor}`) {
      page = await user.must('GET', `/channels${query}`);
      mine.push(...page.channels);
    }
    const expected = this.model.rooms.filter((each) => !each.archived && each.members.has(username));
    const row = (each) => `${each.name} ${each.status} ${each.role ?? each.members?.get?.(username) ?? null}`;
    assert.deepEqual(mine.map((each) => `${each.name} ${each.status} ${each.role ?? null}`).sort(), expected.map(row).sort(), `the channels of ${username}`);
    for (const room of this.model.rooms) await this.compareRoom(user, room);
  }

  async compareRoom(user, room) {
    const { username } = user;
    if (room.archived || !room.members.has(username)) {
      const answer = await user.rest('GET', at(room.name, '/messages'));
      assert.ok([403, 404].includes(answer.status), `${username} reads ${room.name}: ${answer.status}`);
      return;
    }
    const texts = (await user.allMessages(room.name)).filter((each) => each.kind === 'text');
    assert.deepEqual(texts.map(asRead), this.model.visible(room, username).map(asModelled), `${username} reads ${room.name}`);
    const { members } = await user.must('GET', at(room.name, '/members?limit=100'));
    assert.deepEqual(members.map((each) => `${each.username} ${each.role ?? null}`).sort(),
      [...room.members].map(([name, role]) => `${name} ${role}`).sort(), `the members of ${room.name}`);
  }

  /* The same once more, for one who comes anew. */
  async compareHistory(user, t) {
    const client = await user.connect(t);
    const synced = await user.must('POST', '/sync', { body: { since: {} } });
    client.close();
    const expected = Object.fromEntries(this.model.rooms
      .filter((each) => !each.archived && each.members.has(user.username))
      .map((room) => [room.name, this.model.visible(room, user.username).map(asModelled)]).sort());
    const texts = (rooms, messagesOf) => Object.fromEntries(Object.entries(rooms)
      .map(([name, room]) => [name, messagesOf(room).filter((each) => each.kind === 'text').map(asRead)]).sort());
    assert.deepEqual(texts(client.history, (room) => room), expected, `the history of ${user.username}`);
    const messages = ({ events }) => events.filter((each) => each.event === 'newMessage').map((each) => each.data);
    assert.deepEqual(texts(synced.rooms, messages), expected, `what ${user.username} gets of /sync`);
  }
}

const asRead = ({ seq, sender, text, deletedAt }) => `${seq} ${sender} ${text}${deletedAt ? ' (deleted)' : ''}`;
const asModelled = ({ seq, sender, text, deleted }) => `${seq} ${sender} ${text}${deleted ? ' (deleted)' : ''}`;

const FIELDS = {
  newMessage: ['seq', 'text'],
  messageUpdated: ['seq'],
  messageDeleted: ['seq'],
  memberJoined: ['username'],
  memberLeft: ['username'],
  memberUpdated: ['username', 'role', 'muted', 'banned'],
  channelUpdated: ['name', 'status'],
  channelDeleted: [],
};

const isRow = ({ event, body }) => event in FIELDS && !(event === 'newMessage' && body.kind !== 'text');

function comparable(each) {
  const { event, room } = each;
  return { room, event, ...Object.fromEntries(FIELDS[event].filter((key) => each[key] !== undefined).map((key) => [key, each[key]])) };
}

describe('the rules', () => {
  test(`hold over ${STEPS} random commands (seed ${SEED})`, async (t) => {
    const world = new World(await signups(instance, USERS, 'prop'));
    await world.connect(t);
    try {
      for (let i = 1; i <= STEPS; i++) {
        await world.step();
        if (i % CHECK_EVERY === 0 || i === STEPS) await world.compareAll(t);
      }
    } catch (error) {
      error.message = `seed ${SEED}: ${error.message}\n${world.trail.slice(-30).join('\n')}`;
      throw error;
    }
    const succeeded = [...world.done.keys()].filter((key) => key.endsWith(' ok'));
    if (STEPS >= 600) assert.ok(succeeded.length >= 10, `too little happened: ${succeeded.join(', ')}`);
    t.diagnostic([...world.done].sort().map(([key, count]) => `${key} ${count}`).join(', '));
  });
});
