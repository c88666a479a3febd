/* MQTT: each row of a log is one message on its topic; who is live follows the logs. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import * as check from './lib/check.mjs';
import { run, shared } from './lib/instance.mjs';
import { mqttOptions, subscribe } from './lib/mqtt.mjs';
import { signup, signups, unique } from './lib/users.mjs';
import { until } from './lib/wait.mjs';

const instance = await shared({ after });
const at = (name) => `/channels/${encodeURIComponent(name)}`;

async function userId(user) {
  return (await instance.sql(`select id from app_user where username = '${user.username}'`))[0][0];
}

test('each message is on its room\'s topic: the event array, with seq, kind, actor and author beside it', async (t) => {
  const [ann, bob] = await signups(instance, 2);
  const name = unique('topic');
  const { topic, lastSeq } = await ann.create(name);
  const id = await userId(ann);
  const tap = await subscribe(t, instance, topic);
  const client = await ann.connect(t);
  const bySocket = await client.must('sendMessage', { room: name, text: 'by "socket" é😀\n', nonce: 'n' });
  const byRest = await ann.say(name, 'by REST');
  for (const { seq } of [bySocket, byRest]) {
    const seen = await tap.waitFor(`seq ${seq} on ${topic}`, (each) => each.props.seq === String(seq));
    const emitted = await client.waitFor('newMessage', (body) => body.seq === seq);
    assert.deepEqual(JSON.parse(seen.payload), ['newMessage', emitted]);
    assert.equal(seen.qos, 1);
    assert.equal(seen.retain, 0);
    assert.equal(seen.props.kind, 'text');
    assert.equal(seen.props.actor, id);
    assert.equal(seen.props.author, id);
  }
  await bob.join(name);
  const joined = await tap.waitFor('memberJoined', (each) => each.props.kind === 'memberJoined');
  assert.equal(JSON.parse(joined.payload)[0], 'memberJoined');
  await tap.waitFor('the system message', (each) => each.props.kind === 'system');
  await bob.leave(name);
  await tap.waitFor('memberLeft', (each) => each.props.kind === 'memberLeft');
  const { lastSeq: last } = await ann.must('GET', at(name));
  await tap.waitFor('the last row', (each) => each.props.seq === String(last));
  const seqs = tap.messages.map((each) => Number(each.props.seq)).sort((a, b) => a - b);
  assert.deepEqual(seqs, Array.from({ length: last - lastSeq }, (_, i) => lastSeq + 1 + i));
});

test('the user\'s inbox tells of joining, leaving, a direct room and logout', async (t) => {
  const [ann, bob] = await signups(instance, 2);
  const name = unique('inbox');
  const { topic } = await ann.create(name);
  const tap = await subscribe(t, instance, `parley/v1/users/${await userId(bob)}`);
  await bob.join(name);
  await bob.leave(name);
  await ann.create(bob.username, 'DIRECT');
  await bob.must('POST', '/auth/logout');
  await tap.waitFor('sessionEnded', (each) => each.props.kind === 'sessionEnded');
  const kinds = tap.messages.map((each) => each.props.kind);
  for (const kind of ['joined', 'left', 'sessionEnded']) assert.ok(kinds.includes(kind), kinds.join());
  check.contiguous(tap.messages.map((each) => Number(each.props.seq)).sort((a, b) => a - b), 'the inbox');
  const joined = tap.messages.find((each) => each.props.kind === 'joined');
  assert.equal(`parley/v1/rooms/${joined.props.room}`, topic);
});

test('a room nobody here is in is still published for others', async (t) => {
  const ann = await signup(instance);
  const name = unique('quiet');
  const { topic } = await ann.create(name);
  const tap = await subscribe(t, instance, topic);
  const { seq } = await ann.say(name, 'anyone?');
  await tap.waitFor('the message', (each) => each.props.seq === String(seq));
});

async function metric(name) {
  const text = await (await fetch(`${instance.status.brokers[0]}/metrics`)).text();
  return Number(new RegExp(`^parley_${name} (\\d+)$`, 'm').exec(text)[1]);
}

test('a broker listens to a room from its first local member to its last', async (t) => {
  const [ann, bob, eve] = await signups(instance, 3);
  const [name, other] = [unique('subs'), unique('mark')];
  await ann.create(name);
  await bob.join(name);
  await eve.create(other);
  await until('others to be gone', async () => await metric('rooms') === 0);
  const watcher = await eve.connect(t);
  await until('one room', async () => await metric('rooms') === 1);
  const first = await ann.connect(t);
  const second = await bob.connect(t);
  assert.equal(await metric('rooms'), 2);
  const before = await metric('mqtt_received_total');
  await bob.say(name, 'both');
  for (const each of [first, second]) await each.waitFor('newMessage', (body) => body.text === 'both');
  assert.ok(await metric('mqtt_received_total') > before);
  first.close();
  await until('one user less', async () => await metric('users') === 2);
  assert.equal(await metric('rooms'), 2);
  await bob.say(name, 'one');
  await second.waitFor('newMessage', (body) => body.text === 'one');
  second.close();
  await until('the room to be let go', async () => await metric('rooms') === 1);
  /* What REST publishes now reaches no broker: only the room of the watcher does, and probes. */
  for (let i = 0; i < 50; i++) await bob.say(name, `none ${i}`);
  await eve.say(other, 'mark');
  await watcher.waitFor('newMessage', (body) => body.text === 'mark');
  const after50 = await metric('mqtt_received_total');
  for (let i = 0; i < 50; i++) await bob.say(name, `none ${50 + i}`);
  await eve.say(other, 'mark 2');
  await watcher.waitFor('newMessage', (body) => body.text === 'mark 2');
  assert.ok(await metric('mqtt_received_total') - after50 < 25, 'still subscribed');
  const again = await ann.connect(t, { auth: { history: 1 } });
  check.message(again.history[name].at(-1), { text: 'none 99' });
  await bob.say(name, 'back');
  await again.waitFor('newMessage', (body) => body.text === 'back');
});

test('the MQTT service takes no one without parley\'s credentials', async () => {
  const [host, port] = instance.status.mqtt.split(':');
  const anonymous = await run('mosquitto_pub', ['-V', '5', '-h', host, '-p', port, '-t', 'parley/v1/rooms/1', '-m', 'x']);
  assert.notEqual(anonymous.code, 0);
  assert.equal(host, '127.0.0.1');
});

async function publisher(instance, topic) {
  const options = await mqttOptions(instance);
  return async (payload, { retain = false, ...props } = {}) => {
    const args = [...options, '-q', '1', '-t', topic, ...(retain ? ['-r'] : []), ...(payload === '' ? ['-n'] : ['-m', payload])];
    for (const [key, value] of Object.entries(props)) args.push('-D', 'publish', 'user-property', key, value);
    const result = await run('mosquitto_pub', args);
    assert.equal(result.code, 0, result.stderr);
  };
}

test('mangled messages on a room\'s topic change nothing', async (t) => {
  const ann = await signup(instance);
  const name = unique('noise');
  const { topic, lastSeq } = await ann.create(name);
  const client = await ann.connect(t);
  const publish = await publisher(instance, topic);
  const event = (mark) => JSON.stringify(['newMessage', { room: name, seq: 1, text: mark }]);
  await publish('rubbish');
  await publish('');
  await publish(event('no properties'));
  for (const seq of ['0', '-1', 'x', '', '1.5', '99999999999999999999']) await publish(event(`seq ${seq}`), { seq, kind: 'text' });
  await publish(event('kind'), { seq: String(lastSeq + 1), kind: 'nothing' });
  await publish(event('old'), { seq: '1', kind: 'text' });
  await publish(event('far'), { seq: String(lastSeq + 1_000_000), kind: 'text' });
  for (let i = 0; i < 8; i++) await ann.say(name, `real ${i}`);
  await client.waitFor('newMessage', (body) => body.text === 'real 7');
  const texts = client.received('newMessage').map((body) => body.text);
  assert.deepEqual(texts, Array.from({ length: 8 }, (_, i) => `real ${i}`));
});

test('retained messages are ignored', async (t) => {
  const ann = await signup(instance);
  const name = unique('kept');
  const { topic, lastSeq } = await ann.create(name);
  const publish = await publisher(instance, topic);
  await publish('["newMessage",{"text":"retained"}]', { retain: true, seq: String(lastSeq + 1), kind: 'text' });
  const client = await ann.connect(t);
  await ann.say(name, 'real');
  await client.waitFor('newMessage', (body) => body.text === 'real');
  assert.deepEqual(client.received('newMessage').map((body) => body.text), ['real']);
  await publish('', { retain: true });
});
