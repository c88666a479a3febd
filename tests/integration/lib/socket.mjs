/*
 * Gateway clients: the npm socket.io-client, unmodified, with everything it receives kept in order;
 * and a raw Engine.IO websocket for frames that a client library would never send.
 */
import { io } from 'socket.io-client';
import WebSocket from 'ws';
import { events as described } from './asyncapi.mjs';
import { within } from './wait.mjs';

/** Things that arrived, and those who wait for one. */
class Inbox {
  constructor() {
    this.items = [];
    this.waiting = new Set();
  }

  push(item) {
    this.items.push(item);
    for (const check of [...this.waiting]) check(item);
  }

  /** The first item from index `from` on that `matches`; waits for it. */
  wait(what, matches, { timeout = 5000, from = 0 } = {}) {
    const found = this.items.slice(from).find(matches);
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(timer);
        this.waiting.delete(check);
      };
      const check = (item) => {
        if (!matches(item)) return;
        done();
        resolve(item);
      };
      const timer = setTimeout(() => {
        done();
        const got = this.items.slice(-12).map((item) => JSON.stringify(item).slice(0, 160)).join('\n  ');
        reject(new Error(`no ${what} in ${timeout} ms; the last of ${this.items.length} received:\n  ${got}`));
      }, timeout);
      this.waiting.add(check);
    });
  }
}

export class Client {
  constructor(socket) {
    this.socket = socket;
    this.inbox = new Inbox();
    socket.onAny((event, ...args) => {
      this.inbox.push({ event, body: args[0], args, at: performance.now() });
      described.received(event, args[0]);
      if (event === 'updateChatHistory' && typeof socket.auth === 'object') described.connected(socket.auth);
    });
    socket.onAnyOutgoing((event) => described.sent(event));
    socket.on('connect', () => this.inbox.push({ event: '(connect)', body: socket.id }));
    socket.on('disconnect', (reason) => this.inbox.push({ event: '(disconnect)', body: reason }));
    socket.on('connect_error', (error) => this.inbox.push({
      event: '(connect_error)', body: { message: error.message, data: error.data },
    }));
  }

  get events() {
    return this.inbox.items;
  }

  /** Where the next event will be: pass it as `from` to see only what comes after. */
  mark() {
    return this.inbox.items.length;
  }

  /** The body of the first `event` for which `matches(body)`; waits for it. */
  async waitFor(event, matches = () => true, options = {}) {
    const item = await this.inbox.wait(event, (each) => each.event === event && matches(each.body), options);
    return item.body;
  }

  /** Bodies received under this name. */
  received(event, from = 0) {
    return this.events.slice(from).filter((each) => each.event === event).map((each) => each.body);
  }

  emit(event, ...args) {
    this.socket.emit(event, ...args);
  }

  /** Emit and await the acknowledgement. */
  async ask(event, body, timeout = 15_000) {
    const ack = await this.socket.timeout(timeout).emitWithAck(event, body);
    described.answered(event, body, ack);
    return ack;
  }

  /** Emit and await both answers: the ack, and the event with the same body. */
  async command(event, body, timeout = 15_000) {
    const from = this.mark();
    const ack = await this.ask(event, body, timeout);
    const name = ack !== null && typeof ack === 'object' && 'code' in ack ? `${event}Error` : `${event}Success`;
    const same = JSON.stringify(ack);
    await this.waitFor(name, (each) => JSON.stringify(each) === same, { from, timeout });
    return ack;
  }

  /** The ack of a command that must succeed. */
  async must(event, body, timeout) {
    const ack = await this.ask(event, body, timeout);
    if (ack?.code !== undefined) throw new Error(`${event} ${JSON.stringify(body)}: ${JSON.stringify(ack)}`);
    return ack;
  }

  /** After this returns, all that the server had queued for us before has been received. */
  async settle() {
    await this.ask('getHistory', { room: '/no such room/', limit: 1 });
  }

  close() {
    this.socket.disconnect();
  }
}

/**
 * A socket.io-client on its way: not awaited. Options: token, auth (more CONNECT payload), nsp,
 * transports, headers, path, reconnection.
 */
export function open(t, origin, {
  token, auth = {}, nsp = '/', transports = ['websocket'], headers, reconnection = false, query,
} = {}) {
  const socket = io(origin + (nsp === '/' ? '' : nsp), {
    auth: token === undefined ? auth : { token, ...auth },
    transports, reconnection, reconnectionDelay: 20, reconnectionDelayMax: 200,
    forceNew: true, extraHeaders: headers, query, timeout: 20_000,
  });
  const client = new Client(socket);
  t?.after(() => client.close());
  return client;
}

/** A client that is connected and has its history (client.history). */
export async function connect(t, origin, options) {
  const client = open(t, origin, options);
  await client.inbox.wait('connection', (each) => {
    if (each.event === '(connect_error)') throw new Error(`connect_error ${JSON.stringify(each.body)}`);
    return each.event === '(connect)';
  }, { timeout: 20_000 });
  client.history = await client.waitFor('updateChatHistory', () => true, { timeout: 30_000 });
  return client;
}

/** A bare Engine.IO websocket: text frames out and in. */
export class RawClient {
  constructor(ws) {
    this.ws = ws;
    this.inbox = new Inbox();
    this.closed = new Promise((resolve) => {
      ws.on('close', (code) => resolve(code));
    });
    ws.on('message', (data, binary) => {
      const frame = binary ? data : data.toString('utf8');
      if (frame === '2') ws.send('3');
      else this.inbox.push(frame);
    });
    ws.on('error', () => {});
  }

  static async open(t, origin, { headers, query = '' } = {}) {
    const url = `${origin.replace(/^http/, 'ws')}/socket.io/?EIO=4&transport=websocket${query}`;
    const raw = new RawClient(new WebSocket(url, { headers, perMessageDeflate: false }));
    t?.after(() => raw.ws.terminate());
    await within('open packet', raw.frame((frame) => frame.startsWith('0{')));
    return raw;
  }

  /** A raw client that has joined the namespace `/` with this token and got its history. */
  static async join(t, origin, token) {
    const raw = await RawClient.open(t, origin);
    raw.send(`40${JSON.stringify({ token, history: 0 })}`);
    await raw.frame((frame) => frame.startsWith('42["updateChatHistory"'));
    return raw;
  }

  mark() {
    return this.inbox.items.length;
  }

  send(frame) {
    this.ws.send(frame);
  }

  frame(matches, options) {
    return this.inbox.wait('frame', (frame) => typeof frame === 'string' && matches(frame), options);
  }

  /** The body of the first event of this name. */
  async event(name, options) {
    const prefix = `42["${name}",`;
    const frame = await this.frame((each) => each.startsWith(prefix), options);
    return JSON.parse(frame.slice(2))[1];
  }
}
