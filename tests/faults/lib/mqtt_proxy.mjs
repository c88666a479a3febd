/*
 * A TCP proxy between parley's processes and their MQTT broker that understands MQTT 5 (OASIS
 * standard, section 2.1 and 3.3) well enough to lose, double, delay and reorder single PUBLISH
 * packets. Everything else passes. A PUBLISH with QoS 1 that is lost is acknowledged by the proxy:
 * its sender believes that it has arrived.
 */
import { createConnection, createServer } from 'node:net';

const PUBLISH = 3;
const PUBACK = 4;

/* A packet at `at`: {type, flags, start of the body, end}, or undefined while it is incomplete. */
function packetAt(buffer, at) {
  let length = 0;
  for (let i = 1; i <= 4; i++) {
    if (at + i >= buffer.length) return undefined;
    const byte = buffer[at + i];
    length += (byte & 127) * 128 ** (i - 1);
    if (byte & 128) continue;
    const body = at + i + 1;
    if (body + length > buffer.length) return undefined;
    return { type: buffer[at] >> 4, flags: buffer[at] & 15, body, end: body + length };
  }
  throw new Error('not MQTT');
}

function parsePublish(buffer, { flags, body }) {
  const length = buffer.readUInt16BE(body);
  const topic = buffer.toString('utf8', body + 2, body + 2 + length);
  const qos = (flags >> 1) & 3;
  return { topic, qos, id: qos ? buffer.readUInt16BE(body + 2 + length) : undefined, idAt: body + 2 + length };
}

/* The same PUBLISH with QoS 0: without its packet identifier. */
function withoutId(packet, head, publish) {
  const body = Buffer.concat([packet.subarray(head.body, publish.idAt), packet.subarray(publish.idAt + 2)]);
  const length = [];
  for (let rest = body.length; ;) {
    const byte = rest % 128;
    rest = Math.floor(rest / 128);
    length.push(rest ? byte | 128 : byte);
    if (!rest) break;
  }
  return Buffer.concat([Buffer.from([(PUBLISH << 4) | (head.flags & 1), ...length]), body]);
}

/* One direction of one connection. */
class Pipe {
  constructor(proxy, direction, from, to) {
    Object.assign(this, { proxy, direction, from, to, rest: Buffer.alloc(0) });
    from.on('data', (data) => this.take(data));
  }

  take(data) {
    this.rest = this.rest.length ? Buffer.concat([this.rest, data]) : data;
    let at = 0;
    let clean = 0; /* start of what passes as it is */
    for (;;) {
      const head = packetAt(this.rest, at);
      if (!head) break;
      if (head.type === PUBLISH && this.proxy.rule) {
        this.write(this.rest.subarray(clean, at));
        this.publish(Buffer.from(this.rest.subarray(at, head.end)), at, head);
        clean = head.end;
      }
      at = head.end;
    }
    this.write(this.rest.subarray(clean, at));
    this.rest = this.rest.subarray(at);
  }

  write(bytes) {
    if (bytes.length && !this.to.destroyed) this.to.write(bytes);
  }

  publish(packet, at, head) {
    const own = { ...head, body: head.body - at };
    const publish = parsePublish(packet, own);
    const action = this.proxy.rule(this.direction, publish) ?? 'pass';
    const counts = this.proxy.counts;
    if (action === 'drop') {
      counts.dropped++;
      if (publish.qos && !this.from.destroyed) {
        this.from.write(Buffer.from([PUBACK << 4, 2, publish.id >> 8, publish.id & 255]));
      }
    } else if (action === 'double') {
      counts.doubled++;
      this.write(packet);
      this.write(publish.qos ? withoutId(packet, own, publish) : packet);
    } else if (action === 'pass') {
      counts.passed++;
      this.write(packet);
    } else {
      counts.delayed++;
      setTimeout(() => this.write(packet), action.delay).unref();
    }
  }
}

export class MqttProxy {
  constructor(upstream) {
    this.upstream = upstream;
    this.rule = undefined; /* (direction 'up' or 'down', {topic, qos}) -> 'pass', 'drop', 'double', {delay} */
    this.refusing = false;
    this.pairs = new Set();
    this.reset();
  }

  /** `upstream`: "HOST:PORT". Ended after `t`. */
  static async start(t, upstream) {
    const proxy = new MqttProxy(upstream);
    proxy.server = createServer((socket) => proxy.accept(socket));
    await new Promise((resolve) => proxy.server.listen(0, '127.0.0.1', resolve));
    proxy.port = proxy.server.address().port;
    t.after(() => proxy.end());
    return proxy;
  }

  reset() {
    this.counts = { passed: 0, dropped: 0, doubled: 0, delayed: 0 };
  }

  accept(client) {
    if (this.refusing) {
      client.destroy();
      return;
    }
    const [host, port] = this.upstream.split(':');
    const broker = createConnection({ host, port: Number(port) });
    const pair = [client, broker];
    this.pairs.add(pair);
    for (const each of pair) {
      each.setNoDelay(true);
      each.on('error', () => {});
      each.on('close', () => {
        this.pairs.delete(pair);
        for (const other of pair) other.destroy();
      });
    }
    pair.pipes = [new Pipe(this, 'up', client, broker), new Pipe(this, 'down', broker, client)];
  }

  /** MQTT is away: connections end, new ones too. */
  refuse(on = true) {
    this.refusing = on;
    if (on) this.cut();
  }

  /** MQTT is silent: connections stay, nothing passes. */
  freeze(on = true) {
    for (const pair of this.pairs) for (const each of pair) each[on ? 'pause' : 'resume']();
  }

  cut() {
    for (const pair of this.pairs) for (const each of pair) each.destroy();
  }

  async end() {
    this.refuse();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** Topics of logs: what repair must make up for. Probes and the like are left alone. */
export function isLog(topic) {
  return /^parley\/v1\/(rooms|users)\/\d+$/.test(topic);
}
