/*
 * docs/asyncapi.yaml as a judge: is this event, acknowledgement or MQTT message as described? What
 * passes by is noted (seen.mjs). Schemas of what the server sends are taken at their word: a member that
 * is not described is not to be there, because clients would begin to depend on it. What a client
 * sends may have more.
 */
import { readFileSync } from 'node:fs';
import Ajv from 'ajv';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';
import { complain, note } from './seen.mjs';

const FILE = new URL('../../../docs/asyncapi.yaml', import.meta.url);
const CLOSED = 'closed';
const OPEN = 'open';
/* Of a site's own, in the setting app.events of the tests. */
const SITE_EVENTS = ['move', 'shout'];

/* Close every object that lists its members. */
function close(node) {
  if (Array.isArray(node)) return node.map(close);
  if (node === null || typeof node !== 'object') return node;
  const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, close(value)]));
  const isObject = copy.type === 'object' && copy.properties && typeof copy.properties === 'object';
  if (isObject && copy.additionalProperties === undefined) copy.additionalProperties = false;
  return copy;
}

function pointer(text) {
  return text.replaceAll('~', '~0').replaceAll('/', '~1');
}

const nameOf = (reference) => reference.$ref.split('/').at(-1).replaceAll('~1', '/').replaceAll('~0', '~');

export class Events {
  constructor(document) {
    this.document = document;
    this.ajv = new Ajv({ strict: false, allErrors: false });
    addFormats(this.ajv, ['date-time']);
    this.ajv.addSchema(close(document), CLOSED);
    this.ajv.addSchema(document, OPEN);
    this.validators = new Map();
    this.commands = new Map();
    this.emitted = new Map();
    for (const operation of Object.values(document.operations)) this.readOperation(operation);
    this.topics = Object.entries(document.channels).filter(([, channel]) => this.isMqtt(channel)).map(([name, channel]) => ({
      name, channel, pattern: new RegExp(`^${channel.address.replace(/\{[^}]+\}/g, '[^/]+')}$`),
    }));
  }

  isMqtt(channel) {
    return channel.servers.some((each) => nameOf(each) === 'mqtt');
  }

  /* An operation of the gateway: a command (with its answers), or an event of the server. */
  readOperation(operation) {
    const channel = nameOf(operation.channel);
    if (this.isMqtt(this.document.channels[channel])) return;
    const events = (references) => (references ?? []).map((each) => this.message(channel, nameOf(each)));
    const answers = events(operation.reply?.messages);
    for (const each of events(operation.messages)) {
      if (operation.action === 'receive') this.commands.set(each.name, { ...each, answers });
      else this.emitted.set(each.name, each);
    }
    for (const each of answers) this.emitted.set(each.name, each);
  }

  message(channel, key) {
    const reference = this.document.channels[channel].messages[key];
    const id = reference.$ref ? nameOf(reference) : key;
    const message = this.document.components.messages[id];
    return { name: message.name, id, codes: this.codesOf(message) };
  }

  /* The codes that an answer may have. */
  codesOf(message) {
    const code = message.payload?.properties?.code;
    return code?.enum ?? (code?.const ? [code.const] : []);
  }

  /** What is wrong with `body` as the payload of a message of the components; undefined: nothing. */
  wrong(id, body, { part = 'payload', as = CLOSED } = {}) {
    const reference = `${as}#/components/messages/${pointer(id)}/${part}`;
    let validate = this.validators.get(reference);
    if (!validate) {
      validate = this.ajv.compile({ $ref: reference });
      this.validators.set(reference, validate);
    }
    return validate(body) ? undefined : this.ajv.errorsText(validate.errors);
  }

  judge(what, id, body, as = CLOSED) {
    const wrong = this.wrong(id, body, { as });
    if (wrong) complain(`${what}: ${wrong}`, JSON.stringify(body)?.slice(0, 400));
  }

  /** An event that the server emitted. */
  received(name, body) {
    const event = this.emitted.get(name) ?? this.emitted.get('*');
    if (!event) {
      complain(`the event ${name} is not described`, JSON.stringify(body)?.slice(0, 400));
      return;
    }
    note({ kind: 'event', name: event.name, code: event.codes.length ? body?.code : undefined });
    if (event.name !== '*') this.judge(name, event.id, body);
  }

  /** A command that was acknowledged: what was asked is as described if it succeeded. */
  answered(name, asked, answer) {
    const command = this.commands.get(name);
    if (!command) {
      if (answer?.code === undefined && !SITE_EVENTS.includes(name)) complain(`the command ${name} is not described`);
      return;
    }
    const failed = answer !== null && typeof answer === 'object' && 'code' in answer;
    note({ kind: 'command', name, failed });
    if (!failed) this.judge(`${name} as asked`, command.id, asked, OPEN);
    const answers = command.answers.filter((each) => each.name.endsWith('Error') === failed);
    if (!answers.some((each) => !this.wrong(each.id, answer))) {
      complain(`the acknowledgement of ${name}: ${answers.map((each) => this.wrong(each.id, answer))}`, JSON.stringify(answer)?.slice(0, 400));
    }
  }

  /** An event that a client sent without asking for an acknowledgement. */
  sent(name) {
    if (this.commands.has(name)) note({ kind: 'command', name });
  }

  /** The payload of a CONNECT that was accepted. */
  connected(auth) {
    note({ kind: 'command', name: 'CONNECT' });
    this.judge('the CONNECT payload', this.commands.get('CONNECT').id, auth, OPEN);
  }

  /** A device published on a topic, whatever it was. */
  publishedTo(topic) {
    const found = this.topics.find((each) => each.pattern.test(topic));
    if (found) note({ kind: 'topic', name: found.name });
  }

  /** A message on a topic: payload is text, props the user properties (MQTT 5; else undefined). */
  published({ topic, qos, retain, payload, props }) {
    const found = this.topics.find((each) => each.pattern.test(topic));
    if (!found) {
      complain(`the topic ${topic.replace(/\d+/g, '0')} is not described`, payload?.slice?.(0, 200));
      return;
    }
    note({ kind: 'topic', name: found.name });
    if (retain) complain(`a retained message on ${found.name}`, topic);
    const qosDescribed = found.channel.bindings?.mqtt?.['x-qos'];
    if (qosDescribed !== undefined && qos !== undefined && qos > qosDescribed) complain(`QoS ${qos} on ${found.name}`, topic);
    let body = null;
    try {
      if (payload !== '' && payload !== null && payload !== undefined) body = typeof payload === 'string' ? JSON.parse(payload) : payload;
    } catch {
      complain(`${found.name}: no JSON`, payload.slice(0, 200));
      return;
    }
    this.judgeTopic(found, body, props);
  }

  judgeTopic(found, body, props) {
    const problems = [];
    for (const reference of Object.values(found.channel.messages)) {
      const id = nameOf(reference);
      const wrong = this.wrong(id, body)
        ?? (props && this.document.components.messages[id].headers ? this.wrong(id, props, { part: 'headers' }) : undefined);
      if (!wrong) return;
      problems.push(`${id}: ${wrong}`);
    }
    complain(`${found.name} ${props?.kind ?? ''}: ${problems.join('; ')}`, JSON.stringify({ body, props }).slice(0, 600));
  }
}

export const events = new Events(parse(readFileSync(FILE, 'utf8')));
