/* MQTT devices: they are their users, and nothing more. The mosquitto of the instance, with parley's plugin. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFile, rename } from 'node:fs/promises';
import { after, test } from 'node:test';
import * as check from './lib/check.mjs';
import { connackOf, device } from './lib/device.mjs';
import { run, started } from './lib/instance.mjs';
import { mqttOptions } from './lib/mqtt.mjs';
import { signup, signups, unique } from './lib/users.mjs';
import { quantile, until } from './lib/wait.mjs';

const LIMITS = { 'limits.devices_per_user': 3, 'limits.device_subscriptions': 5, 'limits.device_payload_bytes': 1024, 'limits.device_held_messages': 20 };
const instance = await started({ after }, { set: { ...LIMITS, 'limits.sends_per_s': 200, 'limits.send_burst': 200 } });
const NOT_AUTHORIZED = 0x87;
const at = (name) => `/channels/${encodeURIComponent(name)}`;
const sendTopic = (user) => `parley/v1/devices/${user.username}/send`;
const resultTopic = (user) => `parley/v1/devices/${user.username}/result`;

/** A user with a channel, and a device that reads it. */
async function reader(t, more) {
  const user = await signup(instance);
  const name = unique('room');
  const { topic } = await user.create(name);
  const phone = await device(t, instance, user, more);
  assert.deepEqual(await phone.subscribe([topic]), [1]);
  return { user, name, topic, phone };
}

function answer(phone, what, matches) {
  return phone.waitFor(what, (each) => each.topic.endsWith('/result') && matches(each.body));
}

function base64url(value) {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

/** The user's token with other claims, signed with the instance's own secret. */
async function tokenWith(user, claims, header = { alg: 'HS256', typ: 'JWT' }) {
  const own = JSON.parse(Buffer.from(user.accessToken.split('.')[1], 'base64url'));
  const body = `${base64url(header)}.${base64url({ ...own, ...claims })}`;
  const { 'auth.secret': secret } = await instance.config();
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
}

for (const protocolVersion of [5, 4]) {
  test(`a member's device gets the room's rows, in order, as sockets do (MQTT ${protocolVersion === 5 ? '5' : '3.1.1'})`, async (t) => {
    const { user, name, topic, phone } = await reader(t, { protocolVersion });
    const client = await user.connect(t);
    for (let i = 0; i < 20; i++) await user.say(name, `number ${i}`);
    const last = await phone.text('number 19');
    assert.deepEqual(last.body, ['newMessage', await client.waitFor('newMessage', (body) => body.text === 'number 19')]);
    check.contiguous(phone.seqs(topic), 'the device');
    assert.equal(phone.messages.length, 20);
    assert.equal(last.retain, false);
    if (protocolVersion === 5) assert.deepEqual([last.props.kind, last.props.seq], ['text', String(last.body[1].seq)]);
  });
}

test('mosquitto_sub and mosquitto_pub are devices, too', async (t) => {
  const { user, name, phone } = await reader(t);
  const [host, port] = instance.status.devices.split(':');
  const own = ['-h', host, '-p', port, '-u', user.username, '-P', user.accessToken];
  const sent = await run('mosquitto_pub', [...own, '-t', sendTopic(user), '-q', '1',
    '-m', JSON.stringify({ room: name, text: 'by hand' })]);
  assert.equal(sent.code, 0, sent.stderr);
  await phone.text('by hand');
});

test('who is no member may not subscribe; nor may anyone with a wildcard, nor to anything else', async (t) => {
  const { name, topic, phone, user } = await reader(t);
  const eve = await signup(instance);
  const tap = await device(t, instance, eve);
  await until('her memberships', async () => (await tap.subscribe([topic]))[0] === NOT_AUTHORIZED);
  const others = [`${topic}/live`, 'parley/v1/rooms/+', 'parley/v1/rooms/#', '#', '+/#', 'parley/v1/#',
    'parley/v1/users/1', 'parley/v1/brokers/all/claims', 'parley/v1/plugin/turn', sendTopic(eve), sendTopic(user),
    resultTopic(user), 'parley/v1/devices/+/result', '$SYS/#', '$SYS/broker/version', `$share/g/${topic}`,
    '$share/parley/parley/v1/devices/+/send', `$share/g/${resultTopic(eve)}`, 'x'];
  for (const filter of others) assert.deepEqual(await tap.subscribe([filter]), [NOT_AUTHORIZED], filter);
  for (const filter of ['parley/v1/rooms/+', 'parley/v1/rooms/#', `${topic}/#`, '#']) {
    assert.deepEqual(await phone.subscribe([filter]), [NOT_AUTHORIZED], filter);
  }
  assert.deepEqual(await phone.subscribe([`${topic}/live`, resultTopic(user)]), [1, 1]);
  await user.say(name, 'not for Eve');
  await phone.text('not for Eve');
  assert.deepEqual(tap.messages, []);
});

test('a subscription that was granted before anything was known of its user brings nothing of others', async (t) => {
  const { user, name, topic, phone } = await reader(t);
  const eve = await signup(instance);
  const refused = await instance.sql('select 1'); // the connection to psql is warm
  assert.equal(refused.length, 1);
  const taps = await Promise.all([1, 2, 3].map(async () => {
    const tap = await device(t, instance, eve);
    tap.codes = await tap.subscribe([topic]);
    return tap;
  }));
  for (let i = 0; i < 10; i++) await user.say(name, `private ${i}`);
  await phone.text('private 9');
  for (const tap of taps) assert.deepEqual(tap.messages, []);
});

test('a device may publish to its own send topic, and nowhere else', async (t) => {
  const { user, topic, phone } = await reader(t);
  const other = await signup(instance);
  for (const target of [topic, `${topic}/live`, sendTopic(other), resultTopic(user), 'parley/v1/users/1', 'x',
    'parley/v1/plugin/turn', 'parley/v1/brokers/all/claims', '$SYS/broker/x', '$CONTROL/x/v1']) {
    assert.equal(await phone.publish(target, '{}'), NOT_AUTHORIZED, target);
  }
  assert.equal(await phone.publish(sendTopic(user), '{}', { retain: true }), NOT_AUTHORIZED, 'retained');
  assert.equal(await phone.publish(sendTopic(user), 'x'.repeat(1025)), NOT_AUTHORIZED, 'too large');
  assert.equal(await phone.publish(sendTopic(user), 'x'.repeat(1024)), 0);
});

test('what a device sends is a message like any other', async (t) => {
  const { user, name, topic, phone } = await reader(t);
  const client = await user.connect(t);
  await phone.subscribe([resultTopic(user)]);
  const from = client.mark();
  const properties = { correlationData: Buffer.from('order 17'), userProperties: { user: '1', session: '1', address: 'x' } };
  assert.equal(await phone.publish(sendTopic(user), JSON.stringify({ room: name, text: 'from the phone', nonce: 'n1' }), { properties }), 0);
  const result = await answer(phone, 'the answer', (body) => body.nonce === 'n1');
  const seen = await client.waitFor('newMessage', (body) => body.text === 'from the phone', { from });
  check.message(seen, { sender: user.username, kind: 'text', nonce: 'n1' });
  assert.equal(result.correlation, 'order 17');
  assert.equal(result.body.event, 'sendMessageSuccess');
  assert.deepEqual([result.body.room, result.body.seq], [name, seen.seq]);
  const asAck = await client.ask('sendMessage', { room: name, text: 'from the phone', nonce: 'n1' });
  const { event, ...rest } = result.body;
  assert.deepEqual(rest, asAck, `the same body as the ack, and a resend has the same answer (${event})`);
  check.message((await user.messages(name)).messages.at(-1), { text: 'from the phone', seq: seen.seq });
  assert.deepEqual((await phone.text('from the phone')).body[1], seen);
  assert.deepEqual(phone.seqs(topic), [seen.seq]);
});

test('a QoS 1 message that comes twice is written once, with a nonce', async (t) => {
  const { user, name, phone } = await reader(t);
  await phone.subscribe([resultTopic(user)]);
  const body = JSON.stringify({ room: name, text: 'once', nonce: 'again' });
  await phone.publish(sendTopic(user), body);
  await phone.publish(sendTopic(user), body, { dup: true });
  await until('two answers', () => phone.messages.filter((each) => each.body.nonce === 'again').length === 2);
  const answers = phone.messages.filter((each) => each.topic === resultTopic(user)).map((each) => each.body);
  assert.deepEqual(answers[0], answers[1]);
  assert.equal((await user.messages(name)).messages.filter((each) => each.text === 'once').length, 1);
});

test('errors are answered as sockets are', async (t) => {
  const { user, name, phone } = await reader(t);
  const other = await signup(instance);
  const foreign = unique('foreign');
  await other.create(foreign);
  await phone.subscribe([resultTopic(user)]);
  const refused = async (payload, code, nonce) => {
    const before = phone.messages.length;
    await phone.publish(sendTopic(user), typeof payload === 'string' ? payload : JSON.stringify(payload));
    const result = await phone.waitFor(code, (each) => phone.messages.indexOf(each) >= before && each.topic === resultTopic(user));
    check.refused(result.body, code);
    assert.equal(result.body.event, 'sendMessageError');
    assert.equal(result.body.nonce, nonce);
  };
  await refused({ room: foreign, text: 'x', nonce: 'n2' }, 'not_a_member', 'n2');
  await refused({ room: unique('none'), text: 'x' }, 'room_not_found');
  await refused({ room: name, text: 'x'.repeat(129), nonce: 'n3' }, 'validation_failed', 'n3');
  await refused({ room: name }, 'validation_failed');
  for (const rubbish of ['', '{', 'null', '[]', '"x"', '{"room":NaN}', '\u0000', '{"nonce":7}']) await refused(rubbish, 'validation_failed');
  await instance.sql(`update membership m set muted_until = now() + interval '1 hour' from app_user u, room r
    where m.user_id = u.id and m.room_id = r.id and u.username = '${user.username}' and r.name = '${name}'`);
  await refused({ room: name, text: 'x' }, 'muted');
});

test('who floods is told rate_limited, and others are not kept waiting', async (t) => {
  const flooder = await reader(t);
  const { user, name, phone } = await reader(t);
  await flooder.phone.subscribe([resultTopic(flooder.user)]);
  for (let i = 0; i < 1000; i++) {
    flooder.phone.client.publish(sendTopic(flooder.user), JSON.stringify({ room: flooder.name, text: `${i}` }), { qos: 0 });
  }
  const began = performance.now();
  await phone.publish(sendTopic(user), JSON.stringify({ room: name, text: 'in between' }));
  await phone.text('in between');
  assert.ok(performance.now() - began < 2000, 'the others waited');
  const limited = await answer(flooder.phone, 'rate_limited', (body) => body.code === 'rate_limited');
  assert.ok(limited.body.retryAfter > 0);
  const results = (event) => flooder.phone.messages.filter((each) => each.body.event === event).length;
  /* What is more than the queues between can hold is dropped; but the device is not shut out. */
  await until('it may go on', async () => {
    await flooder.phone.publish(sendTopic(flooder.user), JSON.stringify({ room: flooder.name, text: 'calmer', nonce: 'calmer' }));
    return (await answer(flooder.phone, 'an answer', (body) => body.nonce === 'calmer')) && flooder.phone.messages.some(
      (each) => each.body.nonce === 'calmer' && each.body.event === 'sendMessageSuccess');
  }, { every: 200 });
  const { lastSeq } = await flooder.user.must('GET', at(flooder.name));
  const written = lastSeq - 2;
  assert.ok(written >= 200 && written < 1000, `${written} were written`);
  assert.ok(results('sendMessageSuccess') <= written + 5 && results('sendMessageError') > 0);
});

test('only a good token lets a device in, and only as its own user', async (t) => {
  const [ann, bob] = await signups(instance, 2);
  const refused = async (what, more) => assert.equal(await connackOf(t, instance, ann, more), NOT_AUTHORIZED, what);
  assert.equal(await connackOf(t, instance, ann), 0);
  await refused('no password', { password: undefined });
  await refused('nobody', { username: undefined, password: undefined, clientId: 'x' });
  await refused('rubbish', { password: 'rubbish' });
  await refused('the refresh token', { password: ann.refreshToken });
  await refused('a cut token', { password: ann.accessToken.slice(0, -2) });
  await refused('another\'s token', { password: bob.accessToken });
  await refused('another\'s name', { username: bob.username });
  await refused('her name in capitals', { username: ann.username.toUpperCase() });
  await refused('expired', { password: await tokenWith(ann, { exp: 1_700_000_000 }) });
  await refused('not ours', { password: await tokenWith(ann, { iss: 'x' }) });
  await refused('no algorithm', { password: await tokenWith(ann, {}, { alg: 'none' }) });
  assert.equal(await connackOf(t, instance, ann, { password: await tokenWith(ann, {}) }), 0, 'the test\'s own signature');
  await refused('a session that is to be kept', { clean: false });
  const config = await instance.config();
  await refused('parley\'s own name', { username: config['mqtt.username'], password: config['mqtt.password'], clientId: 'x' });
  const own = await mqttOptions(instance);
  const there = await run('mosquitto_pub', [...own.slice(0, 6), '-u', ann.username, '-P', ann.accessToken, '-t', sendTopic(ann), '-m', 'x']);
  assert.notEqual(there.code, 0, 'parley\'s own listener lets no device in');
});

test('nobody takes over another\'s connection, nor one of parley\'s', async (t) => {
  const { user, name, phone } = await reader(t);
  const eve = await signup(instance);
  const ids = [phone.client.options.clientId, user.username, eve.username, `${user.username}/`, `${eve.username}/`,
    'parley-broker-broker-1', 'x', `${eve.username}/a+b`, `${eve.username}/#`, `${eve.username}/${'x'.repeat(65)}`];
  for (const clientId of ids) assert.equal(await connackOf(t, instance, eve, { clientId }), NOT_AUTHORIZED, clientId);
  assert.equal(await connackOf(t, instance, eve, { clientId: '' }), 0, 'mosquitto chooses one');
  await user.say(name, 'still here');
  await phone.text('still here');
  const again = await device(t, instance, user, { clientId: phone.client.options.clientId });
  await phone.gone;
  assert.equal(again.client.connected, true, 'its own user may');
});

test('a will is never sent', async (t) => {
  const { user, name, topic, phone } = await reader(t);
  await phone.subscribe([resultTopic(user)]);
  const props = { userProperties: { user: '1', session: '1' } };
  const command = JSON.stringify({ room: name, text: 'my last will' });
  const willed = (target) => ({ will: { topic: target, payload: command, qos: 1, properties: props }, clientId: `${user.username}/w` });
  for (const target of [sendTopic(user), topic, resultTopic(user)]) {
    const first = await device(t, instance, user, willed(target)).catch(() => undefined);
    await device(t, instance, user, willed(target)).catch(() => undefined); // takes over
    await first?.gone;
    const second = await device(t, instance, user, { clientId: `${user.username}/w` });
    second.client.stream.destroy();
    await second.gone;
  }
  await phone.publish(sendTopic(user), JSON.stringify({ room: name, text: 'alive' }));
  await phone.text('alive');
  assert.deepEqual(phone.messages.filter((each) => each.payload.includes('my last will')), []);
  assert.deepEqual((await user.messages(name)).messages.filter((each) => each.text === 'my last will'), []);
});

test('a device goes when its session ends', async (t) => {
  const { user, phone } = await reader(t);
  const again = await instance.rest('POST', '/auth/login', { body: { username: user.username, password: 'correct horse battery' } });
  const other = await device(t, instance, { ...user, username: user.username, accessToken: again.body.accessToken });
  const began = performance.now();
  await user.must('POST', '/auth/logout');
  await phone.gone;
  assert.ok(performance.now() - began < 1000, `${performance.now() - began} ms`);
  assert.equal(other.client.connected, true, 'another session stays');
  const late = await device(t, instance, user).catch(() => undefined);
  if (late) await late.gone; // let in by its token alone, until PostgreSQL says otherwise
});

test('a device goes when its user is disabled, its session ended by hand, or run out', async (t) => {
  const disabled = await reader(t);
  const ended = await reader(t);
  const over = await reader(t);
  await instance.ctl('user', 'disable', disabled.user.username);
  const of = (each) => `(select id from app_user where username = '${each.user.username}')`;
  await instance.sql(`update session set ended_at = now() where user_id = ${of(ended)}`);
  await instance.sql(`update session set expires_at = now() where user_id = ${of(over)}`);
  await Promise.all([disabled, ended, over].map(({ phone }) => phone.gone));
});

test('a device outlives its token', async (t) => {
  const user = await signup(instance);
  const name = unique('long');
  const { topic } = await user.create(name);
  const password = await tokenWith(user, { exp: Math.floor(Date.now() / 1000) + 2 });
  const phone = await device(t, instance, user, { password });
  await phone.subscribe([topic]);
  await until('the token to expire', async () => await connackOf(t, instance, user, { password }) === NOT_AUTHORIZED, { every: 200 });
  await user.say(name, 'you are still here');
  await phone.text('you are still here');
  await phone.publish(sendTopic(user), JSON.stringify({ room: name, text: 'so I am' }));
  await phone.text('so I am');
});

async function endsReading(t, end) {
  const { user: ann, name, topic } = await reader(t);
  const bob = await signup(instance);
  await bob.join(name);
  const phone = await device(t, instance, bob);
  const witness = await device(t, instance, ann);
  for (const each of [phone, witness]) await each.subscribe([topic]);
  await ann.say(name, 'before');
  await phone.text('before');
  await end({ ann, bob, name });
  for (let i = 0; i < 20; i++) await ann.say(name, `after ${i}`);
  await witness.text('after 19');
  assert.deepEqual(phone.messages.filter((each) => each.body[1].text?.startsWith('after')), []);
  assert.ok(phone.client.connected);
  await until('a refusal', async () => (await phone.subscribe([topic]))[0] === NOT_AUTHORIZED);
  return { ann, bob, name, topic, phone };
}

test('who leaves reads no further; who joins again, does', async (t) => {
  const { ann, bob, name, topic, phone } = await endsReading(t, ({ bob: who, name: room }) => who.leave(room));
  const left = phone.messages.at(-1);
  assert.equal(left.body[0], 'memberLeft', 'the leave itself is the last thing');
  await bob.join(name);
  await until('membership', async () => (await phone.subscribe([topic]))[0] === 1);
  await ann.say(name, 'welcome back');
  await phone.text('welcome back');
});

for (const [what, act] of [
  ['is banned', ({ ann, bob, name }) => ann.must('PUT', `${at(name)}/bans/${bob.username}`, { body: { reason: 'x' } })],
  ['is kicked', ({ ann, bob, name }) => ann.must('DELETE', `${at(name)}/members/${bob.username}`)],
]) {
  test(`who ${what} reads no further, and cannot send`, async (t) => {
    const { bob, name, phone } = await endsReading(t, act);
    await phone.subscribe([resultTopic(bob)]);
    await phone.publish(sendTopic(bob), JSON.stringify({ room: name, text: 'x' }));
    const { body } = await answer(phone, 'an answer', () => true);
    check.refused(body, what === 'is banned' ? 'banned' : 'not_a_member');
  });
}

test('passing news come to members only', async (t) => {
  const { user, name, topic, phone } = await reader(t);
  const eve = await signup(instance);
  const tap = await device(t, instance, eve);
  await tap.subscribe([`${topic}/live`]); // granted or not
  await phone.subscribe([`${topic}/live`]);
  const client = await user.connect(t);
  await until('typing', () => {
    client.emit('typing', { room: name, typing: phone.messages.length === 0 });
    return phone.messages.some((each) => each.topic === `${topic}/live` && each.body[0] === 'typing');
  }, { every: 200 });
  assert.deepEqual(tap.messages, []);
});

test('rows that were never written are not believed', async (t) => {
  const { user, name, topic, phone } = await reader(t);
  const own = await mqttOptions(instance);
  const id = (await instance.sql(`select id from app_user where username = '${user.username}'`))[0][0];
  const forge = (target, seq, kind) => run('mosquitto_pub', [...own, '-q', '1', '-t', target, '-m', '["newMessage",{"text":"forged"}]',
    '-D', 'publish', 'user-property', 'seq', String(seq), '-D', 'publish', 'user-property', 'kind', kind]);
  await forge(topic, 1_000_000, 'text');
  await forge(`parley/v1/users/${id}`, 1_000_000, 'joined');
  await user.say(name, 'real');
  await phone.text('real');
  await user.say(name, 'and more');
  await phone.text('and more');
  assert.deepEqual(phone.messages.filter((each) => each.payload.includes('forged')), []);
});

test('no row after the leave slips through, however it is raced', async (t) => {
  const ann = await signup(instance);
  const name = unique('raced');
  const { topic } = await ann.create(name);
  const bob = await signup(instance);
  const phone = await device(t, instance, bob);
  const client = await ann.connect(t);
  for (let round = 0; round < 30; round++) {
    await bob.join(name);
    await until('membership', async () => (await phone.subscribe([topic]))[0] === 1);
    /* The leave by a worker, the messages by the broker: two publishers, that overtake each other. */
    await Promise.all([bob.leave(name), ...Array.from({ length: 10 }, (_, i) => client.ask('sendMessage', { room: name, text: `${round}.${i}` }))]);
  }
  await bob.join(name);
  await until('membership', async () => (await phone.subscribe([topic]))[0] === 1);
  await ann.say(name, 'end');
  await phone.text('end');
  const id = topic.split('/').pop();
  const log = await instance.sql(`select e.seq, e.kind from room_event e where e.room_id = ${id}
    and e.kind in (3, 4) and e.subject_id = (select id from app_user where username = '${bob.username}') order by e.seq`);
  const outside = [];
  for (let i = 0; i < log.length; i++) {
    if (log[i][1] === '4') outside.push([Number(log[i][0]) + 1, log[i + 1] ? Number(log[i + 1][0]) - 1 : Infinity]);
  }
  assert.equal(outside.length, 30);
  const leaked = phone.seqs(topic).filter((seq) => outside.some(([from, to]) => seq >= from && seq <= to));
  assert.deepEqual(leaked, []);
});

test('200 times: what is written right after SUBACK is not missed', async (t) => {
  const user = await signup(instance);
  const name = unique('fresh');
  const { topic } = await user.create(name);
  const client = await user.connect(t);
  const times = [];
  for (let i = 0; i < 200; i++) {
    const phone = await device(undefined, instance, user);
    const [code] = await phone.subscribe([topic]);
    assert.equal(code, 1, `round ${i}`);
    client.emit('sendMessage', { room: name, text: `fresh ${i}` });
    const began = performance.now();
    await phone.text(`fresh ${i}`);
    times.push(performance.now() - began);
    phone.close();
  }
  t.diagnostic(`median ${quantile(times, 0.5).toFixed(1)} ms, longest ${Math.max(...times).toFixed(1)} ms`);
});

test('a burst right after SUBACK comes whole and in order', async (t) => {
  const user = await signup(instance);
  const name = unique('burst');
  const { topic } = await user.create(name);
  const client = await user.connect(t);
  const texts = [];
  const sending = (async () => {
    for (let i = 0; i < 150; i++) {
      await client.must('sendMessage', { room: name, text: `${i}` });
      texts.push(`${i}`);
    }
  })();
  const phones = [];
  for (let i = 0; i < 15; i++) {
    const phone = await device(undefined, instance, user);
    await phone.subscribe([topic]);
    phone.from = texts.length;
    phones.push(phone);
    if (phones.length > 2) phones.shift().close();
  }
  await sending;
  for (const phone of phones) {
    await phone.text('149');
    check.contiguous(phone.seqs(topic), 'a fresh device');
    phone.close();
  }
});

test('limits: devices of a user, subscriptions of a device', async (t) => {
  const user = await signup(instance);
  const devices = [];
  for (let i = 0; i < 3; i++) devices.push(await device(t, instance, user));
  assert.equal(await connackOf(t, instance, user), NOT_AUTHORIZED, 'a fourth');
  const same = await device(t, instance, user, { clientId: devices[0].client.options.clientId });
  await devices[0].gone;
  const topics = [];
  for (let i = 0; i < 6; i++) topics.push((await user.create(unique('many'))).topic);
  await until('memberships', async () => (await same.subscribe([topics[0]]))[0] === 1);
  assert.deepEqual(await same.subscribe(topics), [1, 1, 1, 1, 1, NOT_AUTHORIZED]);
  assert.deepEqual(await same.subscribe([topics[0]]), [1], 'it has this one already');
  await same.unsubscribe(topics[0]);
  await until('room for one more', async () => (await same.subscribe([topics[5]]))[0] === 1);
  devices[1].close();
  await until('room for a device', async () => await connackOf(t, instance, user) === 0);
});

test('while PostgreSQL stands still, no device waits for it that is known', async (t) => {
  const { topic, phone } = await reader(t);
  const other = await reader(t);
  const own = await mqttOptions(instance);
  const { 'postgres': postmaster } = (await instance.refresh()).pids;
  const children = (await run('pgrep', ['-P', String(postmaster)])).stdout.split('\n').filter(Boolean).map(Number);
  const { lastSeq } = await phone && await other.user.must('GET', at(other.name));
  const times = [];
  for (const pid of [postmaster, ...children]) process.kill(pid, 'SIGSTOP');
  try {
    const fresh = device(t, instance, other.user);
    const row = (seq, text) => JSON.stringify(['newMessage',
      { room: other.name, seq: Number(seq), kind: 'text', sender: 'parley', text, date: new Date().toISOString() }]);
    for (let i = 0; i < 50; i++) {
      const began = performance.now();
      const seq = String(lastSeq + 1 + i);
      const payload = row(seq, `still ${i}`);
      await run('mosquitto_pub', [...own, '-q', '1', '-t', other.topic, '-m', payload,
        '-D', 'publish', 'user-property', 'seq', seq, '-D', 'publish', 'user-property', 'kind', 'text']);
      const seen = await other.phone.text(`still ${i}`);
      times.push(seen.at - began);
    }
    const late = await fresh;
    assert.deepEqual(await late.subscribe([other.topic]), [1], 'granted, as nothing is known');
    for (let i = 0; i < 25; i++) {
      await run('mosquitto_pub', [...own, '-q', '1', '-t', other.topic, '-m', row(lastSeq + 51 + i, `held ${i}`),
        '-D', 'publish', 'user-property', 'seq', String(lastSeq + 51 + i), '-D', 'publish', 'user-property', 'kind', 'text']);
    }
    await other.phone.text('held 24');
    assert.deepEqual(late.messages, [], 'closed to those who are not known');
    other.late = late;
  } finally {
    for (const pid of [...children, postmaster]) process.kill(pid, 'SIGCONT');
  }
  await other.late.text('held 19');
  await other.user.say(other.name, 'goes on');
  await other.late.text('goes on');
  assert.equal(other.late.messages.length, 21, 'as many are held as limits.device_held_messages allows');
  t.diagnostic(`round trip with mosquitto_pub: median ${quantile(times, 0.5).toFixed(1)} ms, longest ${Math.max(...times).toFixed(1)} ms`);
  assert.ok(Math.max(...times) < 1000, `${Math.max(...times)} ms`);
  assert.ok(topic && phone.client.connected);
});

test('while PostgreSQL is away, what is held does not keep mosquitto busy', async (t) => {
  const user = await signup(instance);
  const { postgres, mosquitto } = (await instance.refresh()).pids;
  const socket = /host=(\S+)/.exec(instance.status.pg)[1];
  const port = /port=(\d+)/.exec(instance.status.pg)?.[1] ?? '5432';
  const door = `${socket}/.s.PGSQL.${port}`;
  const ticks = async () => {
    const fields = (await readFile(`/proc/${mosquitto}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ');
    return Number(fields[11]) + Number(fields[12]);
  };
  const result = resultTopic(user);
  await rename(door, `${door}.away`);
  let late;
  let busy;
  try {
    const { stdout } = await run('pgrep', ['-P', String(postgres), '-f', 'parley_app']);
    for (const pid of stdout.split('\n').filter(Boolean)) process.kill(Number(pid), 'SIGTERM');
    late = await device(t, instance, user);
    await late.subscribe([result]);
    late.client.publish(sendTopic(user), '{}', { qos: 1 });
    await new Promise((resolve) => { setTimeout(resolve, 500); });
    const before = await ticks();
    await new Promise((resolve) => { setTimeout(resolve, 2000); });
    busy = (await ticks() - before) / 200;
    assert.deepEqual(late.messages, [], 'nobody knows yet who it is');
  } finally {
    await rename(`${door}.away`, door);
  }
  await late.waitFor('the answer', (message) => message.topic === result);
  t.diagnostic(`mosquitto was busy for ${(busy * 100).toFixed(0)} % of the time`);
  assert.ok(busy < 0.25, `${busy}`);
});
