/* A Socket.IO client of few cycles: websocket only, one namespace, for the many of a soak. */
import WebSocket from 'ws';

export class Client {
  /** Resolves once the history (or the restored session) is there. `on(event, body)` gets every event. */
  static open(origin, { token, history = 0, session, recovery = false, on = () => {}, timeout = 30_000 }) {
    const client = new Client(origin, { token, history, ...(recovery && { recovery: true }), ...session }, on);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => client.fail(new Error('not connected in time')), timeout);
      client.settle = (error) => {
        clearTimeout(timer);
        client.settle = () => {};
        if (error) reject(error);
        else resolve(client);
      };
    });
  }

  constructor(origin, auth, on) {
    this.auth = auth;
    this.on = on;
    this.acks = new Map();
    this.last = 0;
    this.settle = () => {};
    this.closed = false;
    this.ws = new WebSocket(`${origin.replace(/^http/, 'ws')}/socket.io/?EIO=4&transport=websocket`,
      { perMessageDeflate: false });
    this.ws.on('message', (data) => this.receive(data.toString()));
    this.ws.on('error', (error) => this.fail(error));
    this.ws.on('close', () => this.fail(new Error('closed')));
  }

  fail(error) {
    this.closed = true;
    this.settle(error);
    for (const { reject } of this.acks.values()) reject(error);
    this.acks.clear();
    this.ws.terminate();
  }

  receive(frame) {
    if (frame.startsWith('42')) this.event(JSON.parse(frame.slice(2)));
    else if (frame === '2') this.ws.send('3');
    else if (frame.startsWith('43')) this.answer(frame);
    else if (frame.startsWith('40')) this.connected(JSON.parse(frame.slice(2)));
    else if (frame.startsWith('0')) this.ws.send(`40${JSON.stringify(this.auth)}`);
    else if (frame.startsWith('4')) this.fail(new Error(`refused: ${frame.slice(0, 200)}`));
  }

  connected({ sid, pid }) {
    this.recovered = sid === this.auth.sid;
    this.sid = sid;
    this.pid = pid;
    if (this.recovered) this.settle();
  }

  event([name, body, offset]) {
    if (typeof offset === 'string') this.offset = offset;
    if (name === 'updateChatHistory') this.settle();
    this.on(name, body, this);
  }

  answer(frame) {
    const at = frame.indexOf('[');
    const id = Number(frame.slice(2, at));
    const waiting = this.acks.get(id);
    this.acks.delete(id);
    waiting?.resolve(JSON.parse(frame.slice(at))[0]);
  }

  /** Emit; the acknowledgement. Rejected if the connection ends before. */
  ask(event, body) {
    if (this.closed) return Promise.reject(new Error('closed'));
    const id = ++this.last;
    this.ws.send(`42${id}${JSON.stringify([event, body])}`);
    return new Promise((resolve, reject) => { this.acks.set(id, { resolve, reject }); });
  }

  /** What to come back to this session with. */
  get session() {
    return { pid: this.pid, offset: this.offset, sid: this.sid };
  }

  pause() { this.ws.pause(); }

  resume() { this.ws.resume(); }

  /** As a client that leaves. */
  leave() {
    if (!this.closed) this.ws.send('41');
    this.closed = true;
    this.ws.close();
  }

  /** As a connection that is lost. */
  cut() {
    this.closed = true;
    this.ws.terminate();
  }
}
