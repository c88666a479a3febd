/*
 * The rules of the chat as a small model: plain objects, no transactions, no transports. It says which codes a
 * command may be answered with, what a success changes, and what each connected user then sees. What the model cannot
 * know (seqs, dates) it takes from the answers.
 *
 * Where several things are wrong at once, any of their codes is right.
 */

const RANK = { OWNER: 3, ADMIN: 2, USER: 1 };

/* Where a command's answers are not told apart by what the room is: it is not there for this user. */
const HIDDEN = 'room_not_found';

export class Room {
  constructor(name, status, password) {
    Object.assign(this, { name, status, password, names: new Set([name]), archived: false });
    this.members = new Map(); // username -> role, null in direct rooms
    this.muted = new Set();
    this.banned = new Set();
    this.messages = []; // {seq, sender, text, deleted, edited}
    this.joinedOrder = [];
  }

  get direct() {
    return this.status === 'DIRECT';
  }

  message(seq) {
    return this.messages.find((each) => each.seq === seq);
  }
}

/** A user as the model sees it; `seen` is what its connection must have received, room by room. */
class Person {
  constructor(name) {
    this.name = name;
    this.blocks = new Set();
    this.seen = [];
  }
}

export class Model {
  constructor(names) {
    this.people = new Map(names.map((name) => [name, new Person(name)]));
    this.rooms = [];
  }

  /** By any name it ever had; undefined also when it has ended. */
  room(name) {
    return this.rooms.find((each) => each.names.has(name) && !each.archived);
  }

  /* ---- what goes wrong ---- */

  /** Codes for `user` doing anything as a member of `name`; an empty set: nothing is wrong. */
  asMember(user, name) {
    const wrong = new Set();
    const room = this.room(name);
    if (!room || (room.direct && !room.members.has(user))) wrong.add(HIDDEN);
    else if (!room.members.has(user)) {
      wrong.add('not_a_member');
      if (room.banned.has(user)) wrong.add('banned');
    }
    return { room, wrong };
  }

  /** The same for what is done to a channel and its members: not in a direct room. */
  asModerator(user, name, least = 'ADMIN') {
    const { room, wrong } = this.asMember(user, name);
    if (wrong.size === 0 && room.direct) wrong.add('forbidden');
    else if (wrong.size === 0 && RANK[room.members.get(user)] < RANK[least]) wrong.add('forbidden');
    return { room, wrong };
  }

  /* `user` may act on `target` by rank. A target that is no member ranks below all. */
  outranks(room, user, target) {
    return user !== target && RANK[room.members.get(user)] > (RANK[room.members.get(target)] ?? 0);
  }

  blockedBetween(one, two) {
    return this.people.get(one).blocks.has(two) || this.people.get(two).blocks.has(one);
  }

  peer(room, user) {
    return [...room.members.keys()].find((each) => each !== user);
  }

  /* ---- what is seen ---- */

  /** An event of the room's log that its members, and `also`, receive; by `author`, if it is about a message. */
  tell(room, event, body, { author, also = [] } = {}) {
    for (const name of new Set([...room.members.keys(), ...also])) {
      const person = this.people.get(name);
      if (author && person.blocks.has(author)) continue;
      person.seen.push({ room: room.name, event, ...body });
    }
  }

  /** The messages of the room as `user` reads them now. */
  visible(room, user) {
    const { blocks } = this.people.get(user);
    return room.messages.filter((each) => !each.sender || !blocks.has(each.sender));
  }

  enter(room, user, role) {
    room.members.set(user, role);
    room.joinedOrder.push(user);
    this.tell(room, 'memberJoined', { username: user });
  }

  leave(room, user) {
    this.tell(room, 'memberLeft', { username: user });
    room.members.delete(user);
    room.joinedOrder = room.joinedOrder.filter((each) => each !== user);
    room.archived = room.members.size === 0;
  }

  /* The longest-standing admin, else the longest-standing member, owns a channel whose owner has left. */
  succeed(room) {
    const heir = room.joinedOrder.find((each) => room.members.get(each) === 'ADMIN') ?? room.joinedOrder[0];
    if (!heir) return;
    room.members.set(heir, 'OWNER');
    this.tell(room, 'memberUpdated', { username: heir, role: 'OWNER' });
  }
}

/*
 * The commands: for each what may be wrong (`check`), and what a success does (`apply`, given the answer's body).
 * A dto is what a socket sends; how REST says the same is in front.mjs.
 */
export const COMMANDS = {
  createChannel: {
    check(model, user, { name, status, password }) {
      const wrong = new Set();
      if (status === 'DIRECT') {
        if (name === user) wrong.add('validation_failed');
        else if (!model.people.has(name)) wrong.add('user_not_found');
        else if (!model.room([user, name].sort((a, b) => (a < b ? -1 : 1)).join('@')) && model.blockedBetween(user, name)) wrong.add('blocked');
        return wrong;
      }
      if ((status === 'PRIVATE') !== Boolean(password) || name.includes('@')) wrong.add('validation_failed');
      if (model.rooms.some((each) => each.names.has(name))) wrong.add('name_taken');
      return wrong;
    },
    apply(model, user, { name, status, password }) {
      if (status === 'DIRECT') {
        const both = [user, name].sort((a, b) => (a < b ? -1 : 1));
        const key = both.join('@');
        if (model.room(key)) return;
        const room = new Room(key, status);
        model.rooms.push(room);
        for (const each of [user, name]) model.enter(room, each, null);
        return;
      }
      const room = new Room(name, status, password);
      model.rooms.push(room);
      model.enter(room, user, 'OWNER');
    },
  },
  joinChannel: {
    check(model, user, { name, password }) {
      const room = model.room(name);
      if (!room || (room.direct && !room.members.has(user))) return new Set([HIDDEN]);
      const wrong = new Set();
      if (room.direct) wrong.add('forbidden');
      if (room.members.has(user)) wrong.add('already_member');
      if (room.banned.has(user)) wrong.add('banned');
      if (room.status === 'PRIVATE' && room.password !== password) wrong.add('wrong_password');
      return wrong;
    },
    apply: (model, user, { name }) => model.enter(model.room(name), user, 'USER'),
  },
  leaveChannel: {
    check(model, user, { name }) {
      const { room, wrong } = model.asMember(user, name);
      if (wrong.size === 0 && room.direct) wrong.add('forbidden');
      return wrong;
    },
    apply(model, user, { name }) {
      const room = model.room(name);
      const owned = room.members.get(user) === 'OWNER';
      model.leave(room, user);
      if (owned) model.succeed(room);
    },
  },
  updateChannel: {
    check(model, user, { name, newName, status, password, owner }) {
      const { room, wrong } = model.asModerator(user, name, 'OWNER');
      if (newName?.includes('@')) wrong.add('validation_failed');
      if (wrong.size) return wrong;
      const will = status ?? room.status;
      if (will === 'PUBLIC' && password) wrong.add('validation_failed');
      if (will === 'PRIVATE' && !password && room.status !== 'PRIVATE') wrong.add('validation_failed');
      if (newName && model.rooms.some((each) => each !== room && each.names.has(newName))) wrong.add('name_taken');
      if (owner && !room.members.has(owner)) wrong.add('user_not_found');
      return wrong;
    },
    apply(model, user, { name, newName, status, password, owner }) {
      const room = model.room(name);
      const changed = Boolean(password) || (status && status !== room.status) || (newName && newName !== room.name);
      room.status = status ?? room.status;
      room.name = newName ?? room.name;
      room.names.add(room.name);
      room.password = room.status === 'PRIVATE' ? password ?? room.password : undefined;
      if (changed) model.tell(room, 'channelUpdated', { name: room.name, status: room.status });
      if (owner && owner !== user) {
        room.members.set(owner, 'OWNER');
        room.members.set(user, 'ADMIN');
        model.tell(room, 'memberUpdated', { username: owner, role: 'OWNER' });
        model.tell(room, 'memberUpdated', { username: user, role: 'ADMIN' });
      }
    },
  },
  deleteChannel: {
    check: (model, user, { name }) => model.asModerator(user, name, 'OWNER').wrong,
    apply(model, user, { name }) {
      const room = model.room(name);
      model.tell(room, 'channelDeleted', {});
      room.members.clear();
      room.archived = true;
    },
  },
  sendMessage: {
    check(model, user, { room: name }) {
      const { room, wrong } = model.asMember(user, name);
      if (wrong.size) return wrong;
      if (room.muted.has(user)) wrong.add('muted');
      if (room.direct && model.blockedBetween(...room.members.keys())) wrong.add('blocked');
      return wrong;
    },
    apply(model, user, { room: name, text }, { seq }) {
      const room = model.room(name);
      room.messages.push({ seq, sender: user, text });
      model.tell(room, 'newMessage', { seq, text }, { author: user });
    },
  },
  editMessage: {
    check(model, user, { room: name, seq, text }) {
      const { room, wrong } = model.asMember(user, name);
      if (wrong.size) return wrong;
      const message = room.message(seq);
      if (room.muted.has(user)) wrong.add('muted');
      if (room.direct && model.blockedBetween(...room.members.keys())) wrong.add('blocked');
      if (!message || message.deleted) wrong.add('message_not_found');
      else if (message.sender !== user) wrong.add('forbidden');
      return wrong;
    },
    apply(model, user, { room: name, seq, text }) {
      const room = model.room(name);
      const message = room.message(seq);
      if (message.text === text) return;
      message.text = text;
      model.tell(room, 'messageUpdated', { seq, text }, { author: user });
    },
  },
  deleteMessage: {
    check(model, user, { room: name, seq }) {
      const { room, wrong } = model.asMember(user, name);
      if (wrong.size) return wrong;
      const message = room.message(seq);
      if (!message) wrong.add('message_not_found');
      else if (message.sender !== user) {
        const author = RANK[room.members.get(message.sender)] ?? RANK.USER;
        if (room.direct || !(RANK[room.members.get(user)] > author)) wrong.add('forbidden');
      }
      return wrong;
    },
    apply(model, user, { room: name, seq }) {
      const room = model.room(name);
      const message = room.message(seq);
      if (message.deleted) return;
      Object.assign(message, { deleted: true, text: '' });
      model.tell(room, 'messageDeleted', { seq, text: '' }, { author: message.sender });
    },
  },
  blockUser: {
    check: (model, user, { username }) => new Set(username === user ? ['validation_failed'] : []),
    apply: (model, user, { username }) => model.people.get(user).blocks.add(username),
  },
  unblockUser: {
    check: (model, user, { username }) => new Set(username === user ? ['validation_failed'] : []),
    apply: (model, user, { username }) => model.people.get(user).blocks.delete(username),
  },

  /* ---- moderation: `outsiders` may it be about one who is no member, `least` who may it to a plain user ---- */

  addAdmin: {
    check: (model, user, dto) => moderation(model, user, dto, { least: 'OWNER', self: 'last_owner' }),
    apply: (model, user, dto) => give(model, dto, 'ADMIN'),
  },
  removeAdmin: {
    check: (model, user, dto) => moderation(model, user, dto, { least: 'OWNER', self: 'last_owner' }),
    apply: (model, user, dto) => give(model, dto, 'USER'),
  },
  muteUser: {
    check: (model, user, dto) => moderation(model, user, dto),
    apply(model, user, { room: name, username }) {
      const room = model.room(name);
      room.muted.add(username);
      model.tell(room, 'memberUpdated', { username, muted: true });
    },
  },
  unmuteUser: {
    check: (model, user, dto) => moderation(model, user, dto, { outsiders: true }),
    apply(model, user, { room: name, username }) {
      const room = model.room(name);
      if (room.muted.delete(username)) model.tell(room, 'memberUpdated', { username, muted: false });
    },
  },
  banUser: {
    check: (model, user, dto) => moderation(model, user, dto, { outsiders: true }),
    apply(model, user, { room: name, username }) {
      const room = model.room(name);
      room.banned.add(username);
      model.tell(room, 'memberUpdated', { username, banned: true });
      if (room.members.has(username)) model.leave(room, username);
    },
  },
  unbanUser: {
    check: (model, user, dto) => moderation(model, user, dto, { outsiders: true }),
    apply(model, user, { room: name, username }) {
      const room = model.room(name);
      if (room.banned.delete(username)) model.tell(room, 'memberUpdated', { username, banned: false });
    },
  },
  kickUser: {
    check: (model, user, dto) => moderation(model, user, dto),
    apply: (model, user, { room: name, username }) => model.leave(model.room(name), username),
  },
};

function moderation(model, user, { room: name, username }, { least = 'ADMIN', outsiders = false, self = 'forbidden' } = {}) {
  const { room, wrong } = model.asModerator(user, name, least);
  if (wrong.size) return wrong;
  if (username === user) wrong.add(room.members.get(user) === 'OWNER' ? self : 'forbidden');
  else if (!room.members.has(username) && !outsiders) wrong.add('user_not_found');
  else if (!model.outranks(room, user, username)) wrong.add('forbidden');
  return wrong;
}

function give(model, { room: name, username }, role) {
  const room = model.room(name);
  if (room.members.get(username) === role) return;
  room.members.set(username, role);
  model.tell(room, 'memberUpdated', { username, role });
}
