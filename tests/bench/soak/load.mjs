/*
 * The load of a soak. Members that stay connected count every delivery; beside them clients come and
 * go in every way they do, some read slowly, and REST is used. Latency is measured from when a send
 * was due, not from when it was sent.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { io } from 'socket.io-client';
import { rest } from '../../integration/lib/rest.mjs';
import { PASSWORD, User, unique } from '../../integration/lib/users.mjs';
import { Client } from './client.mjs';

const MEMBERS = 10; /* of a room */
const SLOW_ROOMS = 50; /* of a slow reader */
const TICK_MS = 5;
const LOST_AFTER_MS = 30_000;

const pick = (list) => list[Math.floor(Math.random() * list.length)];
const between = (least, most) => least + Math.random() * (most - least);

async function inParallel(count, most, make) {
  const results = new Array(count);
  let next = 0;
  await Promise.all(Array.from({ length: Math.min(most, count) }, async () => {
    while (next < count) {
      const i = next++;
      results[i] = await make(i);
    }
  }));
  return results;
}

export class Load {
  constructor(instance, options) {
    this.instance = instance;
    this.options = options;
    this.latencies = [];
    this.sends = new Map();
    this.counts = {
      sent: 0, delivered: 0, lost: 0, twice: 0, refused: 0, errors: 0, stayersLost: 0,
      cycles: 0, recovered: 0, notRecovered: 0, slowReads: 0, requests: 0,
    };
    this.problems = new Map();
    this.next = 0;
    this.running = false;
    this.kept = [];
  }

  /* ---- who there is ---- */

  async signup() {
    const answer = await rest(this.instance.http, 'POST', '/auth/signup', { body: { username: unique('soak'), password: PASSWORD } });
    if (answer.status !== 201) throw new Error(`signup: ${answer.status} ${answer.text.slice(0, 200)}`);
    return new User(this.instance, answer.body);
  }

  async call(user, method, target, body) {
    const answer = await rest(this.instance.http, method, target, { token: user.accessToken, body });
    if (answer.status >= 300) throw new Error(`${method} ${target}: ${answer.status} ${answer.text.slice(0, 200)}`);
    return answer.body;
  }

  async prepare() {
    const { clients, churners, slow } = this.options;
    const rooms = Math.max(1, Math.floor(clients / MEMBERS));
    const users = await inParallel(clients + churners + slow, 16, () => this.signup());
    this.churners = users.splice(0, churners);
    this.slow = users.splice(0, slow);
    this.rooms = Array.from({ length: rooms }, () => ({ name: unique('soak-'), stayers: [] }));
    const owners = users.slice(0, rooms);
    await inParallel(rooms, 16, (i) => this.call(owners[i], 'POST', '/channels', { name: this.rooms[i].name, status: 'PUBLIC' }));
    await inParallel(users.length - rooms, 16, (i) => this.enter(users[rooms + i], this.rooms[i % rooms]));
    for (const room of this.rooms.slice(0, SLOW_ROOMS)) {
      await inParallel(this.slow.length, 16, (i) => this.enter(this.slow[i], room));
    }
    this.stayers = await inParallel(users.length, 32, (i) => this.stay(users[i], this.rooms[i % rooms]));
  }

  enter(user, room) {
    return this.call(user, 'PUT', `/channels/${room.name}/members/me`, {});
  }

  async stay(user, room) {
    let seq = 0;
    const client = await Client.open(this.instance.http, {
      token: user.accessToken,
      on: (event, body) => {
        if (event !== 'newMessage') return;
        if (body.seq <= seq) this.counts.twice++;
        seq = body.seq;
        this.received(body.text);
      },
    });
    client.ws.on('close', () => { if (this.running) this.counts.stayersLost++; });
    client.room = room;
    room.stayers.push(client);
    return client;
  }

  /* ---- sends that are counted ---- */

  received(text) {
    if (!text.startsWith('s ')) return;
    const [, id, due] = text.split(' ');
    this.latencies.push(performance.now() - Number(due));
    const send = this.sends.get(Number(id));
    if (!send) return;
    this.counts.delivered++;
    if (--send.missing === 0) this.sends.delete(Number(id));
  }

  takeLatencies() {
    const taken = this.latencies;
    this.latencies = [];
    return taken;
  }

  async send(due) {
    const client = pick(this.stayers);
    const id = ++this.next;
    this.counts.sent++;
    this.sends.set(id, { missing: client.room.stayers.length, at: performance.now() });
    try {
      const answer = await client.ask('sendMessage', { room: client.room.name, text: `s ${id} ${due.toFixed(2)}` });
      if (answer.code === undefined) return;
      this.counts.refused++;
      this.note(`send: ${answer.code}`);
      this.sends.delete(id);
    } catch (error) {
      this.failed('send', error);
    }
  }

  async sendOnTime(rate) {
    const start = performance.now();
    for (let n = 0; this.running; await delay(TICK_MS)) {
      const due = Math.floor(((performance.now() - start) / 1000) * rate);
      for (; n < due; n++) void this.send(start + (n * 1000) / rate);
    }
  }

  /** Sends a second, beside the churn, with as many in flight as there are rooms: what `rate` is half of. */
  async saturate(seconds) {
    const end = performance.now() + seconds * 1000;
    const before = this.counts.sent;
    await Promise.all(this.rooms.map(async () => {
      while (performance.now() < end) await this.send(performance.now());
    }));
    this.takeLatencies();
    return (this.counts.sent - before) / seconds;
  }

  expire() {
    const now = performance.now();
    for (const [id, { missing, at }] of this.sends) {
      if (now - at < LOST_AFTER_MS) break;
      this.counts.lost += missing;
      this.sends.delete(id);
    }
  }

  /* ---- those who come and go ---- */

  note(what) {
    this.problems.set(what, (this.problems.get(what) ?? 0) + 1);
  }

  failed(what, error) {
    if (!this.running) return;
    this.counts.errors++;
    this.note(`${what}: ${error.message.slice(0, 120)}`);
  }

  open(user, options) {
    return Client.open(this.instance.http, { token: user.accessToken, ...options });
  }

  async visit(user) {
    const client = await this.open(user, { history: 5 });
    const { name } = pick(this.rooms);
    await client.ask('joinChannel', { name });
    await client.ask('sendMessage', { room: name, text: 'hello' });
    client.ask('typing', { room: name, typing: true }).catch(() => {});
    await client.ask('getHistory', { room: name, limit: 20 });
    await client.ask('sendMessage', { room: name, text: 'and goodbye' });
    await client.ask('leaveChannel', { name });
    if (this.options.forget) this.kept.push(client);
    else if (Math.random() < 0.5) client.leave();
    else client.cut();
  }

  async comeBack(user) {
    const { name } = pick(this.rooms);
    let client = await this.open(user, { recovery: true });
    await client.ask('joinChannel', { name });
    await client.ask('sendMessage', { room: name, text: 'an offset' });
    client.cut();
    await delay(between(20, 500));
    client = await this.open(user, { recovery: true, session: client.session });
    this.counts[client.recovered ? 'recovered' : 'notRecovered']++;
    await client.ask('leaveChannel', { name });
    client.leave();
  }

  async poll(user) {
    const socket = io(this.instance.http, { auth: { token: user.accessToken, history: 1 }, forceNew: true, reconnection: false });
    try {
      await new Promise((resolve, reject) => {
        socket.once('updateChatHistory', resolve);
        socket.once('connect_error', reject);
        socket.once('disconnect', (reason) => reject(new Error(reason)));
      });
      await socket.timeout(20_000).emitWithAck('getHistory', { room: pick(this.rooms).name, limit: 1 });
      await delay(between(0, 200));
    } finally {
      socket.removeAllListeners();
      socket.disconnect();
    }
  }

  /* In the middle of connecting. */
  async vanish(user) {
    const opened = this.open(user, { history: 50 }).then((client) => client.cut(), () => {});
    await delay(between(0, 20));
    await opened;
  }

  async churn(user) {
    const ways = ['visit', 'visit', 'comeBack', 'poll', 'vanish'];
    while (this.running) {
      const way = pick(ways);
      try {
        await this[way](user);
        this.counts.cycles++;
      } catch (error) {
        this.failed(way, error);
      }
      await delay(between(20, 2 * this.options.pause));
    }
  }

  /* Stops reading for a while, and then goes on, if it has not been given up meanwhile. At a broker's
   * own port: a front would read for it. */
  async readSlowly(user) {
    while (this.running) {
      try {
        const client = await Client.open(pick(this.instance.status.brokers), { token: user.accessToken, history: 100 });
        client.pause();
        await this.sleep(between(0.1, 1) * this.options.stall);
        client.resume();
        await this.sleep(500);
        client.cut();
        this.counts.slowReads++;
      } catch (error) {
        this.failed('readSlowly', error);
        await this.sleep(500);
      }
    }
  }

  async request(user) {
    const { name } = pick(this.rooms);
    const n = this.counts.requests++;
    if (n % 50 === 0) {
      const answer = await rest(this.instance.http, 'POST', '/auth/login', { body: { username: user.username, password: PASSWORD } });
      if (answer.status !== 200) throw new Error(`login: ${answer.status}`);
      user.accessToken = answer.body.accessToken;
      await rest(this.instance.http, 'POST', '/auth/refresh', { body: { refreshToken: answer.body.refreshToken } });
    } else if (n % 3 === 0) {
      await this.call(user, 'POST', `/channels/${this.rooms[0].name}/messages`, { text: 'by REST' });
    } else if (n % 3 === 1) {
      await this.call(user, 'GET', `/channels/${this.rooms[0].name}/messages?limit=50`);
    } else {
      await this.call(user, 'GET', pick(['/channels?member=me&limit=20', `/channels/${name}`, '/users/me', '/channels?limit=20']));
    }
  }

  async requests() {
    while (this.running) {
      try {
        await this.request(pick(this.slow));
      } catch (error) {
        this.failed('request', error);
      }
      await delay(between(0, 2 * this.options.pause));
    }
  }

  /** Sleep, but not past the end. */
  async sleep(ms) {
    const end = performance.now() + ms;
    while (this.running && performance.now() < end) await delay(Math.min(100, ms));
  }

  /* ---- beginning and end ---- */

  /** Those who come and go, and REST. */
  startChurn() {
    this.running = true;
    this.work = [
      ...this.churners.map((user) => this.churn(user)),
      ...this.slow.map((user) => this.readSlowly(user)),
      this.requests(), this.requests(),
    ];
  }

  startSends(rate) {
    this.work.push(this.sendOnTime(rate));
  }

  /** Ends the load; waits for what is on its way, and closes everything. */
  async stop() {
    this.running = false;
    await Promise.all(this.work ?? []);
    const end = performance.now() + LOST_AFTER_MS;
    while (this.sends.size > 0 && performance.now() < end) await delay(50);
    for (const { missing } of this.sends.values()) this.counts.lost += missing;
    this.sends.clear();
    for (const client of [...this.stayers ?? [], ...this.kept]) client.leave();
    this.kept = [];
  }
}
