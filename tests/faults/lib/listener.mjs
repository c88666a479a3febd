/*
 * A client that listens for as long as a test lasts, through every fault: the npm client with its
 * own reconnection. With `since` it names its position when it comes back, as an app that keeps its
 * messages would; without, each connection starts afresh with the whole history. With `recovery` it
 * asks for its session first.
 */
import { io } from 'socket.io-client';
import { until } from '../../integration/lib/wait.mjs';

const ROWS = ['newMessage', 'memberJoined', 'memberLeft', 'memberUpdated', 'channelUpdated', 'channelDeleted',
  'messageUpdated', 'messageDeleted'];

/* One connection. */
class Session {
  constructor(since) {
    this.since = since;
    this.history = undefined; /* room -> seqs, once updateChatHistory has come */
    this.live = {}; /* room -> rows {seq, message} */
  }

  of(room) {
    const rows = (this.live[room] ?? []).map((row) => row.seq);
    return { since: this.since?.[room], history: this.history?.[room] ?? [], live: rows };
  }

  messages(room) {
    const rows = (this.live[room] ?? []).filter((row) => row.message).map((row) => row.seq);
    return [...(this.history?.[room] ?? []), ...rows];
  }

  last(room) {
    return Math.max(0, this.history?.[room]?.at(-1) ?? 0, this.live[room]?.at(-1)?.seq ?? 0);
  }
}

export class Listener {
  constructor(t, origin, user, {
    name = user.username, since = true, start = {}, transports = ['websocket'], nsp = '/', history, upgrade = true, recovery,
  } = {}) {
    Object.assign(this, { name, since, start, user, sessions: [], drops: [], denied: [], recovered: 0 });
    this.socket = io(origin + (nsp === '/' ? '' : nsp), {
      transports, upgrade, forceNew: true, reconnection: true, reconnectionDelay: 30, reconnectionDelayMax: 300, timeout: 5000,
      auth: (send) => {
        this.next = this.since ? this.positions() : undefined;
        send({ token: user.accessToken, since: this.next, history, recovery });
      },
    });
    /* A recovered connection goes on where the last one ended: to the books they are one. */
    this.socket.on('connect', () => {
      if (this.socket.recovered) this.recovered++;
      else this.sessions.push(new Session(this.next));
    });
    this.socket.on('disconnect', (reason) => this.drops.push(reason));
    this.socket.on('accessDenied', (body) => this.denied.push(body));
    this.socket.on('updateChatHistory', (record) => {
      const { current } = this;
      if (current.history) throw new Error(`${name}: updateChatHistory twice`);
      current.history = Object.fromEntries(Object.entries(record).map(([room, rows]) => [room, rows.map((row) => row.seq)]));
    });
    for (const event of ROWS) {
      this.socket.on(event, (body) => {
        const { current } = this;
        if (!current.history) throw new Error(`${name}: ${event} before updateChatHistory`);
        const room = event === 'channelUpdated' ? body.oldName ?? body.room : body.room;
        (current.live[room] ??= []).push({ seq: body.eventSeq ?? body.seq, message: event === 'newMessage', text: body.text, at: performance.now() });
      });
    }
    t?.after(() => this.close());
  }

  get current() {
    return this.sessions.at(-1);
  }

  /** What an app would remember: the last seq of each room. */
  positions() {
    const all = { ...this.start };
    for (const session of this.sessions) {
      for (const room of new Set([...Object.keys(session.history ?? {}), ...Object.keys(session.live)])) {
        all[room] = Math.max(all[room] ?? 0, session.last(room));
      }
    }
    return all;
  }

  /** Connected, with its history. */
  async ready(timeout = 20_000) {
    await until(`${this.name} to be connected`, () => this.socket.connected && this.current?.history, { timeout });
    return this;
  }

  /** Until it has the last message of every log. */
  async reaches(logs, timeout) {
    await until(`${this.name} to have everything`, () => Object.entries(logs).every(([room, log]) => {
      const last = log.findLast((row) => row.message)?.seq ?? 0;
      return this.current?.last(room) >= last || this.positions()[room] >= last;
    }), { timeout, every: 50 });
  }

  /** Rows of a room so far, all connections together. */
  rows(room) {
    return this.sessions.flatMap((session) => session.of(room).live);
  }

  close() {
    this.socket.disconnect();
  }
}
