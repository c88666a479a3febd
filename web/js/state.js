/*
 * What the page knows, and how each event of the gateway changes it. Nothing here touches the page or the network.
 * Listeners are told once per turn, however much has changed.
 */

export const TYPING_MS = 6000;

class Room {
  constructor(name) {
    this.name = name;
    this.status = "PUBLIC";
    this.role = null;
    this.messages = []; // by seq
    this.hasMore = true; // older ones, on the server
    this.unread = 0;
    this.readSeq = 0;
    this.typing = new Map(); // username -> when it ends
    this.online = new Set();
    this.members = null; // not asked for yet
  }

  get lastSeq() {
    return this.messages.at(-1)?.seq ?? 0;
  }
}

export class State extends EventTarget {
  constructor() {
    super();
    this.reset(null);
  }

  reset(me) {
    this.me = me;
    this.rooms = new Map();
    this.active = null;
    this.outbox = []; // {room, text, nonce, error?}: sent, not yet seen
    this.changed();
  }

  /** Tell the views, at the end of this turn. */
  changed() {
    if (this.told) return;
    this.told = true;
    queueMicrotask(() => {
      this.told = false;
      this.dispatchEvent(new Event("change"));
    });
  }

  get room() {
    return this.rooms.get(this.active) ?? null;
  }

  /** My rooms, as they are listed: channels by name, then conversations. */
  sorted() {
    const rank = (room) => (room.status === "DIRECT" ? 1 : 0);
    return [...this.rooms.values()].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
  }

  /** What a room is called here: a conversation by the other's name. */
  title(room) {
    if (room.status !== "DIRECT") return room.name;
    return room.name.split("@").find((each) => each !== this.me) ?? room.name;
  }

  open(name) {
    this.active = name;
    this.changed();
  }

  /** The whole history, as on connection. What was shown before is replaced. */
  load(history, pageSize) {
    const before = this.rooms;
    this.rooms = new Map();
    for (const [name, messages] of Object.entries(history)) {
      const room = before.get(name) ?? new Room(name);
      room.messages = messages;
      room.hasMore = messages.length >= pageSize;
      room.members = null;
      room.typing.clear();
      this.rooms.set(name, room);
    }
    if (!this.rooms.has(this.active)) this.active = this.sorted()[0]?.name ?? null;
    this.dropDelivered();
    this.changed();
  }

  /** A Channel of REST. */
  describe(channel) {
    const room = this.rooms.get(channel.name);
    if (!room) return;
    room.status = channel.status;
    room.role = channel.role ?? null;
    if (channel.unread !== undefined) room.unread = channel.unread;
    if (channel.lastReadSeq !== undefined) room.readSeq = channel.lastReadSeq;
    this.changed();
  }

  /** A room of which only the name is known as yet. */
  enter(name) {
    let room = this.rooms.get(name);
    if (!room) {
      room = new Room(name);
      room.bare = true;
      this.rooms.set(name, room);
    }
    this.changed();
    return room;
  }

  rename(room, name) {
    this.rooms.delete(room.name);
    if (this.active === room.name) this.active = name;
    room.name = name;
    this.rooms.set(name, room);
  }

  leave(name) {
    this.rooms.delete(name);
    if (this.active === name) this.active = this.sorted()[0]?.name ?? null;
    this.changed();
  }

  /** Older messages, as getHistory gives them. */
  prepend(name, messages, hasMore) {
    const room = this.rooms.get(name);
    if (!room) return;
    const first = room.messages[0]?.seq ?? Infinity;
    room.messages = [...messages.filter((each) => each.seq < first), ...room.messages];
    room.hasMore = hasMore;
    this.changed();
  }

  markRead(name, seq) {
    const room = this.rooms.get(name);
    if (!room || seq < room.readSeq) return;
    room.readSeq = seq;
    room.unread = 0;
    this.changed();
  }

  /* ---- what I send ---- */

  post(item) {
    this.outbox.push(item);
    this.changed();
  }

  unpost(nonce) {
    this.outbox = this.outbox.filter((each) => each.nonce !== nonce);
    this.changed();
  }

  /* What came in the history has arrived, though its answer may have been lost. */
  dropDelivered() {
    const seen = new Set();
    for (const room of this.rooms.values()) {
      for (const message of room.messages) if (message.nonce && message.sender === this.me) seen.add(message.nonce);
    }
    this.outbox = this.outbox.filter((each) => !seen.has(each.nonce));
  }

  /* ---- events ---- */

  /** Apply one event of the gateway; false if it is none that changes anything here. */
  apply(event, body) {
    const handler = HANDLERS[event];
    if (!handler) return false;
    const room = this.rooms.get(body?.room) ?? this.rooms.get(body?.previousName);
    if (!room && event !== "memberJoined") return false;
    handler(this, room, body);
    this.changed();
    return true;
  }
}

function member(room, username) {
  return room.members?.find((each) => each.username === username);
}

function replaceMessage(state, room, message) {
  const at = room.messages.findIndex((each) => each.seq === message.seq);
  if (at >= 0) room.messages[at] = message;
}

const HANDLERS = {
  newMessage(state, room, message) {
    if (message.seq <= room.lastSeq) return;
    room.messages.push(message);
    room.typing.delete(message.sender);
    if (message.sender === state.me) state.unpost(message.nonce);
    else if (message.kind === "text") room.unread += 1;
  },
  messageUpdated: replaceMessage,
  messageDeleted: replaceMessage,
  memberJoined(state, room, { room: name, username, role }) {
    if (username === state.me) {
      if (room && !room.bare) return;
      state.enter(name).role = role ?? null;
      state.dispatchEvent(new CustomEvent("entered", { detail: name }));
      return;
    }
    if (room?.members && !member(room, username)) room.members.push({ username, role, online: true });
  },
  memberLeft(state, room, { username }) {
    if (username === state.me) return state.leave(room.name);
    room.members = room.members?.filter((each) => each.username !== username) ?? null;
    room.online.delete(username);
    room.typing.delete(username);
  },
  memberUpdated(state, room, { username, role, muted, mutedUntil }) {
    if (username === state.me && role) room.role = role;
    const found = member(room, username);
    if (found && role) found.role = role;
    if (found && muted !== undefined) Object.assign(found, { muted, mutedUntil: muted ? mutedUntil ?? null : undefined });
  },
  channelUpdated(state, room, { name, status }) {
    room.status = status ?? room.status;
    if (name && name !== room.name) state.rename(room, name);
  },
  channelDeleted(state, room) {
    state.leave(room.name);
  },
  typing(state, room, { username, typing }) {
    if (username === state.me) return;
    if (typing) room.typing.set(username, Date.now() + TYPING_MS);
    else room.typing.delete(username);
  },
  presence(state, room, { online = [], offline = [], complete }) {
    if (complete) room.online.clear();
    for (const username of online) room.online.add(username);
    for (const username of offline) room.online.delete(username);
    for (const each of room.members ?? []) {
      if (online.includes(each.username)) each.online = true;
      else if (complete || offline.includes(each.username)) each.online = false;
    }
  },
  readMarker(state, room, { username, seq }) {
    if (username === state.me && seq > room.readSeq) state.markRead(room.name, seq);
  },
};
