/* MQTT devices: the npm client, unmodified, with everything it receives kept in order. */
import mqtt from 'mqtt';
import { events as described } from './asyncapi.mjs';
import { unique } from './users.mjs';
import { within } from './wait.mjs';

/** Packets that arrive come as {topic, payload, body, props, qos, retain}. */
export class Device {
  constructor(client) {
    this.client = client;
    this.messages = [];
    this.waiting = new Set();
    this.gone = new Promise((resolve) => { client.on('close', resolve); });
    client.on('message', (topic, payload, packet) => {
      const text = payload.toString();
      const message = {
        topic, payload: text, qos: packet.qos, retain: packet.retain, at: performance.now(),
        props: { ...packet.properties?.userProperties },
        correlation: packet.properties?.correlationData?.toString(),
      };
      try { message.body = JSON.parse(text); } catch { /* passing news need not be JSON here */ }
      this.messages.push(message);
      described.published({ ...message, props: packet.properties?.userProperties });
      for (const check of [...this.waiting]) check();
    });
  }

  /** The first message that `matches`; waits for it. */
  waitFor(what, matches, timeout = 5000) {
    let check;
    const found = new Promise((resolve) => {
      check = () => {
        const message = this.messages.find(matches);
        if (message) resolve(message);
      };
      this.waiting.add(check);
      check();
    });
    return within(what, found, timeout).finally(() => this.waiting.delete(check));
  }

  /** The seqs of a room's rows, in the order they came. */
  seqs(topic) {
    return this.messages.filter((each) => each.topic === topic).map((each) => each.body[1].seq);
  }

  text(text, timeout) {
    return this.waitFor(`"${text}"`, (each) => each.body?.[1]?.text === text, timeout);
  }

  /** SUBACK codes. */
  async subscribe(topics, options = { qos: 1 }) {
    const granted = await within('SUBACK', new Promise((resolve, reject) => {
      this.client.subscribe(topics, options, (error, codes, packet) => {
        if (packet?.granted) resolve(packet.granted);
        else if (error) reject(error);
        else resolve(codes.map((each) => each.qos));
      });
    }));
    return granted;
  }

  async unsubscribe(topic) {
    await within('UNSUBACK', this.client.unsubscribeAsync(topic));
  }

  /** PUBACK's reason code. */
  publish(topic, payload, { qos = 1, ...options } = {}) {
    return within('PUBACK', new Promise((resolve) => {
      this.client.publish(topic, payload, { qos, ...options }, (error, packet) => {
        if (!error) described.publishedTo(topic);
        resolve(error ? error.code ?? String(error) : packet?.reasonCode ?? 0);
      });
    }));
  }

  close() {
    this.client.end(true);
  }
}

/** Options of a connection as `user`: see the npm client; MQTT 5 unless told. */
export function options(instance, user, more = {}) {
  const [host, port] = instance.status.devices.split(':');
  return {
    host, port: Number(port), protocolVersion: 5, clientId: `${user.username}/${unique('d')}`,
    username: user.username, password: user.accessToken, reconnectPeriod: 0, connectTimeout: 10_000,
    clean: true, resubscribe: false, ...more,
  };
}

/** A connected device; closed after `t`. Rejects with an error whose `code` is CONNACK's. */
export async function device(t, instance, user, more = {}) {
  const client = mqtt.connect(options(instance, user, more));
  const result = new Device(client);
  t?.after(() => result.close());
  await within('CONNACK', new Promise((resolve, reject) => {
    client.on('connect', resolve);
    client.on('error', reject);
    client.on('close', () => reject(new Error('closed')));
  }));
  return result;
}

/** What became of an attempt to connect: 0, or CONNACK's code. */
export async function connackOf(t, instance, user, more) {
  try {
    (await device(t, instance, user, more)).close();
    return 0;
  } catch (error) {
    return error.code ?? String(error);
  }
}
