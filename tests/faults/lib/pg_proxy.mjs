/*
 * A proxy between libpq and PostgreSQL's unix socket that knows where a COMMIT is (PostgreSQL
 * protocol 3.0, message formats): it can end a connection after the server has committed and before
 * the client hears of it, or before the server sees the COMMIT.
 */
import { rm } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import path from 'node:path';

const CANCEL = 80877102;
const TLS = [80877103, 80877104]; /* SSLRequest, GSSENCRequest */

/* Is this Bind message (portal, statement, ...) of the statement `name`? */
function binds(message, name) {
  const portal = message.indexOf(0, 5);
  const end = message.indexOf(0, portal + 1);
  return message.toString('latin1', portal + 1, end) === name;
}

class Pair {
  constructor(proxy, client) {
    this.proxy = proxy;
    this.client = client;
    this.server = createConnection(proxy.upstream);
    this.started = false;
    this.fromClient = Buffer.alloc(0);
    this.fromServer = Buffer.alloc(0);
    this.victim = undefined; /* how the flight under way is to be cut */
    for (const each of [client, this.server]) {
      each.on('error', () => {});
      each.on('close', () => this.cut());
    }
    client.on('data', (data) => this.request(data));
    this.server.on('data', (data) => this.answer(data));
  }

  cut() {
    this.proxy.pairs.delete(this);
    this.client.destroy();
    this.server.destroy();
  }

  request(data) {
    this.fromClient = this.fromClient.length ? Buffer.concat([this.fromClient, data]) : data;
    for (;;) {
      const message = this.nextRequest();
      if (!message) return;
      if (message[0] === 0x42 && this.started === 'typed' && binds(message, 'commit')) {
        this.proxy.commits++;
        this.victim = this.proxy.choose?.();
        if (this.victim === 'before') {
          this.proxy.cuts.before++;
          this.cut();
          return;
        }
      }
      if (this.started === true) this.started = 'typed';
      this.server.write(message);
    }
  }

  nextRequest() {
    const buffer = this.fromClient;
    let length;
    if (!this.started) {
      if (buffer.length < 8) return undefined;
      length = buffer.readUInt32BE(0);
      if (buffer.length < length) return undefined;
      const code = buffer.readUInt32BE(4);
      if (!TLS.includes(code) && code !== CANCEL) this.started = true;
    } else {
      if (buffer.length < 5) return undefined;
      length = 1 + buffer.readUInt32BE(1);
      if (buffer.length < length) return undefined;
    }
    this.fromClient = buffer.subarray(length);
    return buffer.subarray(0, length);
  }

  /* While a flight is to be cut, its answers wait here; when the server says COMMIT it is cut. */
  answer(data) {
    if (!this.victim) {
      this.client.write(data);
      return;
    }
    this.fromServer = Buffer.concat([this.fromServer, data]);
    for (let at = 0; at + 5 <= this.fromServer.length;) {
      const end = at + 1 + this.fromServer.readUInt32BE(at + 1);
      if (end > this.fromServer.length) return;
      const type = this.fromServer[at];
      if (type === 0x43 && this.fromServer.toString('latin1', at + 5, end - 1) === 'COMMIT') {
        this.proxy.cuts.after++;
        this.cut();
        return;
      }
      if (type === 0x5a) { /* ReadyForQuery without a COMMIT: it failed by itself */
        this.victim = undefined;
        this.client.write(this.fromServer);
        this.fromServer = Buffer.alloc(0);
        return;
      }
      at = end;
    }
  }
}

export class PgProxy {
  /**
   * `conninfo`: of the server, with a unix socket folder as its host. Listens beside it, in `folder`;
   * proxy.conninfo(text) is `text` with its host replaced. Ended after `t`.
   */
  static async start(t, conninfo, folder) {
    const proxy = new PgProxy();
    const host = /host=('[^']*'|\S+)/.exec(conninfo)[1].replaceAll("'", '');
    const port = /port=(\d+)/.exec(conninfo)?.[1] ?? '5432';
    proxy.folder = folder;
    proxy.upstream = path.join(host, `.s.PGSQL.${port}`);
    proxy.pairs = new Set();
    proxy.choose = undefined; /* () -> 'before', 'after' or undefined: what becomes of this COMMIT */
    proxy.cuts = { before: 0, after: 0 };
    proxy.commits = 0;
    proxy.server = createServer((client) => proxy.pairs.add(new Pair(proxy, client)));
    const socket = path.join(folder, `.s.PGSQL.${port}`);
    await rm(socket, { force: true });
    await new Promise((resolve) => proxy.server.listen(socket, resolve));
    t.after(() => proxy.end());
    return proxy;
  }

  conninfo(text) {
    return text.replace(/host=('[^']*'|\S+)/, `host=${this.folder}`);
  }

  cut() {
    for (const pair of [...this.pairs]) pair.cut();
  }

  async end() {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
