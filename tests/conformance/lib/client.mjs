// What the protocol tests say often: Engine.IO sessions over fetch and over the ws package.
import WebSocket from "ws";

export function waitFor(socket, event) {
  return new Promise((resolve) => socket.addEventListener(event, resolve, { once: true }));
}

// Messages of a websocket in order. Engine.IO pings are answered: a busy machine must not end sessions.
export class Inbox {
  constructor(socket) {
    this.socket = socket;
    this.items = [];
    this.waiters = [];
    this.closed = false;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }) => {
      if (data === "2") return socket.send("3");
      this.put(typeof data === "string" ? data : Buffer.from(data));
    });
    socket.addEventListener("close", ({ code }) => {
      this.closed = true;
      this.code = code;
      this.put(null);
    });
    socket.addEventListener("error", () => {});
  }
  put(item) {
    this.items.push(item);
    this.waiters.shift()?.();
  }
  // The next message; null once the socket has closed.
  async next(timeout = 3000) {
    if (this.items.length === 0) {
      if (this.closed) return null;
      await new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error("no message in time")), timeout);
        this.waiters.push(() => { clearTimeout(timer); resolve(); });
      });
    }
    return this.items.shift();
  }
  async closes(timeout = 3000) {
    while ((await this.next(timeout)) !== null);
    return this.code;
  }
  send(...items) {
    for (const item of items) this.socket.send(item);
  }
  close() {
    this.socket.close();
  }
}

export class Client {
  constructor(server, path = "/socket.io/") {
    this.server = server;
    this.path = path;
  }
  address(query, sid, base = this.server.url) {
    return `${base}${this.path}?EIO=4&${query}${sid === undefined ? "" : `&sid=${sid}`}`;
  }
  fetch(sid, options) {
    return fetch(this.address("transport=polling", sid), options);
  }
  async open() {
    const text = await (await this.fetch()).text();
    return JSON.parse(text.slice(1)).sid;
  }
  async post(sid, body, headers) {
    const response = await this.fetch(sid, { method: "POST", body, headers });
    return { status: response.status, body: await response.text() };
  }
  async poll(sid, options) {
    const response = await this.fetch(sid, options);
    return { status: response.status, body: await response.text() };
  }
  // Poll until something other than a ping comes.
  async pollPacket(sid) {
    for (;;) {
      const got = await this.poll(sid);
      if (got.body !== "2") return got;
      await this.post(sid, "3");
    }
  }
  socket(sid, query = "transport=websocket") {
    const socket = new WebSocket(this.address(query, sid, this.server.ws));
    socket.on("error", () => {});
    return socket;
  }
  // A websocket session past its open packet.
  async websocket() {
    const inbox = new Inbox(this.socket());
    await inbox.next();
    return inbox;
  }
  // A websocket session past CONNECT and the server's `auth` event.
  async connected(connect = "40") {
    const inbox = await this.websocket();
    inbox.send(connect);
    await inbox.next();
    await inbox.next();
    return inbox;
  }
}

// Rounds of a race that a server can make improbable but not impossible: on a busy machine the client
// may sleep for longer than any server waits. A server that does nothing about it loses nearly all.
export async function mostRounds(count, round) {
  let lost = 0;
  for (let i = 0; i < count; i++) if (!(await round(i))) lost++;
  if (lost > count / 5) throw new Error(`${lost} of ${count} rounds lost`);
}
