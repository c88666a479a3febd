/*
 * The policy of every limit: what happens at it and just past it, what the refused one is told, and
 * that all is well afterwards. The table is complete: the last test reads settings.def and fails for
 * a `limits.*` without an entry here.
 *
 * Three instances with limits small enough to be met; what needs faults is in tests/faults and named
 * in ELSEWHERE.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, readdir } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import WebSocket from 'ws';
import * as check from './lib/check.mjs';
import { ROOT, started } from './lib/instance.mjs';
import { rawRequest } from './lib/rest.mjs';
import { RawClient, connect, open } from './lib/socket.mjs';
import { PASSWORD, signup, signups, unique } from './lib/users.mjs';
import { until, within } from './lib/wait.mjs';

const tested = new Set();
const at = (name) => `/channels/${encodeURIComponent(name)}`;
const LONG_LIFE = { 'auth.access_ttl_s': 86400 };

/** A test of the policy of these limits. */
function policy(names, what, fn, options = {}) {
  for (const name of names) tested.add(`limits.${name}`);
  test(`${names.join(', ')}: ${what}`, { timeout: 60_000, ...options }, fn);
}

/** Tested in another file: [file, a test's title or a part of it]. */
const ELSEWHERE = {
  'limits.devices_per_user': ['integration/devices.test.mjs', 'limits: devices of a user'],
  'limits.device_subscriptions': ['integration/devices.test.mjs', 'limits: devices of a user, subscriptions of a device'],
  'limits.device_payload_bytes': ['integration/devices.test.mjs', 'a device may publish to its own send topic'],
  'limits.device_held_messages': ['integration/devices.test.mjs', 'while PostgreSQL stands still'],
  'limits.typing_per_s': ['integration/typing.test.mjs', 'typing'],
  'limits.history_messages': ['integration/limits.test.mjs', 'the operator can cap history'],
  'limits.hash_queue': ['faults/flood.test.mjs', 'log in at once'],
  'limits.output_bytes': ['faults/bounds.test.mjs', 'a client that stops reading is closed, comes back, and has missed nothing'],
  'limits.history_memory_bytes': ['faults/history.test.mjs', 'messages of history for clients that are slow'],
};

function limited(answer, most) {
  check.problem(answer, 429, 'rate_limited');
  const seconds = Number(answer.headers.get('retry-after'));
  assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= most, `Retry-After: ${answer.headers.get('retry-after')}`);
}

function limitedEvent(body, most) {
  check.refused(body, 'rate_limited');
  assert.ok(body.retryAfter > 0 && body.retryAfter <= most, JSON.stringify(body));
}

/* All before the first test: a test that is declared begins. */
const sizes = await started({ after }, {
  set: {
    ...LONG_LIFE, 'limits.message_chars': 10, 'limits.channel_name_chars': 20, 'limits.username_min_chars': 5, 'limits.username_max_chars': 16,
    'limits.password_min_chars': 9, 'limits.password_max_chars': 25, 'limits.room_password_max_chars': 6, 'limits.nonce_chars': 14,
    'limits.body_bytes': 2048, 'limits.json_depth': 5, 'limits.header_bytes': 2048, 'limits.page': 7, 'limits.reason_chars': 8, 'limits.sanction_s': 60, 'limits.blocks_per_user': 2,
    'socketio.connect_timeout_ms': 1500,
  },
});
const rates = await started({ after }, {
  set: {
    ...LONG_LIFE, 'limits.sends_per_s': 4, 'limits.send_burst': 6, 'limits.commands_per_s': 4, 'limits.command_burst': 12, 'limits.rooms_per_user': 8,
    'limits.connects_per_s': 2, 'limits.connect_burst': 20, 'limits.connections_per_user': 2, 'limits.private_creations_per_hour': 3,
    'limits.password_tries': 3, 'limits.password_tries_per_address': 8, 'limits.signups_per_hour': 30, 'limits.searches_per_s': 2,
    'fcgi.trusted_proxies': '127.0.0.1',
  },
});
const broker = await started({ after }, {
  set: {
    ...LONG_LIFE, 'limits.connections': 12, 'limits.connections_per_address': 8, 'limits.commands_waiting': 4, 'limits.queue': 6,
    'broker.readers': 1, 'limits.output_packets': 100, 'limits.process_output_bytes': 400_000, 'limits.output_bytes': 4_000_000,
    'limits.message_chars': 10_000, 'limits.recovery_sessions': 3, 'limits.recovery_bytes': 65536, 'limits.recovery_events': 20,
    'socketio.connect_timeout_ms': 1500,
  },
});

/* ---- sizes ---- */

policy(['message_chars'], 'characters, not bytes; validation_failed over REST and socket', async (t) => {
  const ann = await signup(sizes);
  const name = unique('chars');
  await ann.create(name);
  const client = await ann.connect(t);
  for (const character of ['x', '漢', '🔑']) {
    for (const count of [9, 10]) {
      await ann.say(name, character.repeat(count));
      await client.must('sendMessage', { room: name, text: character.repeat(count) });
    }
    const text = character.repeat(11);
    check.problem(await ann.rest('POST', `${at(name)}/messages`, { body: { text } }), 400, 'validation_failed', 'text');
    check.refused(await client.command('sendMessage', { room: name, text }), 'validation_failed', 'text');
  }
});

policy(['channel_name_chars'], 'validation_failed', async () => {
  const ann = await signup(sizes);
  const named = (length) => unique('n').padEnd(length, '漢');
  for (const length of [19, 20]) await ann.create(named(length));
  check.problem(await ann.rest('POST', '/channels', { body: { name: named(21), status: 'PUBLIC' } }), 400, 'validation_failed', 'name');
});

policy(['username_min_chars', 'username_max_chars', 'password_min_chars', 'password_max_chars'], 'validation_failed', async () => {
  const sign = (username, password) => sizes.rest('POST', '/auth/signup', { body: { username, password } });
  const name = (length) => unique('').padEnd(16, 'x').slice(0, length);
  for (const length of [5, 6, 15, 16]) assert.equal((await sign(name(length), PASSWORD)).status, 201);
  for (const username of [name(4), `${name(16)}x`]) check.problem(await sign(username, PASSWORD), 400, 'validation_failed', 'username');
  for (const length of [9, 10, 24, 25]) assert.equal((await sign(unique('p'), '🔑'.repeat(length))).status, 201);
  for (const length of [8, 26]) check.problem(await sign(unique('p'), '🔑'.repeat(length)), 400, 'validation_failed', 'password');
});

policy(['room_password_max_chars'], 'validation_failed', async (t) => {
  const client = await (await signup(sizes)).connect(t);
  const create = (length) => client.command('createChannel', { name: unique('d'), status: 'PRIVATE', password: '🔑'.repeat(length) });
  for (const length of [1, 5, 6]) assert.equal((await create(length)).code, undefined);
  check.refused(await create(7), 'validation_failed', 'password');
});

policy(['nonce_chars'], 'validation_failed', async (t) => {
  const ann = await signup(sizes);
  const name = unique('nonce');
  await ann.create(name);
  const client = await ann.connect(t);
  for (const length of [1, 13, 14]) await client.must('sendMessage', { room: name, text: 'x', nonce: unique('').repeat(2).slice(0, length) });
  check.refused(await client.command('sendMessage', { room: name, text: 'x', nonce: 'n'.repeat(15) }), 'validation_failed', 'nonce');
  const answer = await ann.rest('POST', `${at(name)}/messages`, { body: { text: 'x' }, headers: { 'idempotency-key': 'n'.repeat(15) } });
  check.problem(answer, 400, 'validation_failed', 'nonce');
});

policy(['body_bytes'], 'a REST body is payload_too_large; a packet ends its connection, and only that', async (t) => {
  const ann = await signup(sizes);
  const name = unique('body');
  await ann.create(name);
  const padded = (text, length) => text.replace('PAD', 'y'.repeat(length - text.length + 3));
  for (const length of [2047, 2048]) {
    const answer = await ann.rest('POST', `${at(name)}/messages`, { body: padded('{"text":"x","pad":"PAD"}', length) });
    assert.equal(answer.status, 201, answer.text);
  }
  check.problem(await ann.rest('POST', `${at(name)}/messages`, { body: padded('{"text":"x","pad":"PAD"}', 2049) }), 413, 'payload_too_large');
  const other = await ann.connect(t);
  for (const length of [2047, 2048, 2049]) {
    const raw = await RawClient.join(t, sizes.http, ann.accessToken);
    raw.send(padded(`42["sendMessage",${JSON.stringify({ room: name, text: 'raw' })},"PAD"]`, length));
    if (length <= 2048) await raw.event('sendMessageSuccess');
    else assert.equal(await within('the close', raw.closed), 1009);
  }
  const poll = `${sizes.status.brokers[0]}/socket.io/?EIO=4&transport=polling`;
  const { sid } = JSON.parse((await (await fetch(poll)).text()).slice(1));
  assert.equal((await fetch(`${poll}&sid=${sid}`, { method: 'POST', body: `4${'x'.repeat(2048)}` })).status, 413);
  await other.must('sendMessage', { room: name, text: 'calm' });
});

policy(['json_depth'], 'validation_failed over REST; a packet too deep ends its connection', async (t) => {
  const ann = await signup(sizes);
  const name = unique('deep');
  await ann.create(name);
  const deep = (levels) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  assert.equal((await ann.rest('POST', `${at(name)}/messages`, { body: `{"text":"x","x":${deep(4)}}` })).status, 201);
  check.problem(await ann.rest('POST', `${at(name)}/messages`, { body: `{"text":"x","x":${deep(5)}}` }), 400, 'validation_failed', '');
  const raw = await RawClient.join(t, sizes.http, ann.accessToken);
  raw.send(`42["sendMessage",{"room":${JSON.stringify(name)},"text":"x","x":${deep(3)}}]`);
  await raw.event('sendMessageSuccess');
  raw.send(`42["sendMessage",{"room":${JSON.stringify(name)},"text":"x","x":${deep(4)}}]`);
  await within('the close', raw.closed);
});

policy(['header_bytes'], '431 at the front and at the broker', async () => {
  for (const origin of [sizes.http, sizes.status.brokers[0]]) {
    const ask = (length) => rawRequest(origin, { target: '/healthz', headers: { 'x-pad': 'y'.repeat(length) } });
    assert.equal((await ask(1500)).status, 200, origin);
    assert.equal((await ask(2100)).status, 431, origin);
  }
});

policy(['page'], 'a limit past it is validation_failed; without one no more come', async (t) => {
  const ann = await signup(sizes);
  const name = unique('page');
  await ann.create(name);
  for (let i = 0; i < 10; i++) await ann.say(name, `${i}`);
  for (const query of ['?limit=6', '?limit=7', '']) {
    const page = await ann.messages(name, query);
    assert.equal(page.messages.length, Number(query.slice(7) || 7));
    assert.equal(page.hasMore, true);
  }
  check.problem(await ann.rest('GET', `${at(name)}/messages?limit=8`), 400, 'validation_failed', 'limit');
  for (const list of ['/channels', `${at(name)}/members`]) check.problem(await ann.rest('GET', `${list}?limit=8`), 400, 'validation_failed', 'limit');
  const client = await ann.connect(t);
  assert.equal((await client.must('getHistory', { room: name, limit: 7 })).messages.length, 7);
  check.refused(await client.command('getHistory', { room: name, limit: 8 }), 'validation_failed', 'limit');
});

policy(['reason_chars', 'sanction_s'], 'validation_failed', async (t) => {
  const [ann, bob] = await signups(sizes, 2);
  const name = unique('mod');
  await ann.create(name);
  await bob.join(name);
  const client = await ann.connect(t);
  const mute = (more) => client.command('muteUser', { room: name, username: bob.username, ...more });
  for (const length of [7, 8]) assert.equal((await mute({ reason: '漢'.repeat(length) })).code, undefined);
  check.refused(await mute({ reason: '漢'.repeat(9) }), 'validation_failed', 'reason');
  for (const seconds of [59, 60]) assert.equal((await mute({ seconds })).code, undefined);
  check.refused(await mute({ seconds: 61 }), 'validation_failed', 'seconds');
});

policy(['blocks_per_user'], 'forbidden past it; unblocking one makes room', async () => {
  const [ann, ...others] = await signups(sizes, 4);
  const block = (other, method = 'PUT') => ann.rest(method, `/users/me/blocks/${other.username}`);
  for (const other of others.slice(0, 2)) assert.ok((await block(other)).status < 300);
  check.problem(await block(others[2]), 403, 'forbidden');
  assert.ok((await block(others[0], 'DELETE')).status < 300);
  assert.ok((await block(others[2])).status < 300);
});

/* ---- rates ---- */

let lastAddress = 0;
const elsewhere = () => ({ 'x-forwarded-for': `198.51.100.${++lastAddress}` });

/* `count` times at once: [how many passed, the others' answers]. */
async function burst(count, ask, isGood) {
  const answers = await Promise.all(Array.from({ length: count }, (_, i) => ask(i)));
  return [answers.filter(isGood).length, answers.filter((each) => !isGood(each))];
}

policy(['sends_per_s', 'send_burst'], 'rate_limited with retryAfter, per user and process; then it goes on', async (t) => {
  const [ann, bob] = await signups(rates, 2);
  const name = unique('sends');
  await ann.create(name);
  await bob.join(name);
  const client = await ann.connect(t);
  const [first] = await burst(6, (i) => client.ask('sendMessage', { room: name, text: `m${i}` }), (each) => each.code === undefined);
  assert.equal(first, 6, 'a burst passes whole');
  const [good, bad] = await burst(30, (i) => client.ask('sendMessage', { room: name, text: `m${i}` }), (each) => each.code === undefined);
  assert.ok(good <= 8, `${good} more`);
  for (const each of bad) limitedEvent(each, 1);
  assert.equal((await bob.rest('POST', `${at(name)}/messages`, { body: { text: 'x' } })).status, 201, 'another user is free');
  await delay(bad.at(-1).retryAfter * 1000 + 50);
  await client.must('sendMessage', { room: name, text: 'again' });
  const [few, many] = await burst(40, () => ann.rest('POST', `${at(name)}/messages`, { body: { text: 'x' } }), (each) => each.status === 201);
  assert.ok(few >= 6 && few <= 20, String(few));
  for (const each of many) limited(each, 1);
});

policy(['commands_per_s', 'command_burst'], 'rate_limited past the burst, over socket and REST; reads are free', async (t) => {
  const [ann, bob] = await signups(rates, 2);
  const name = unique('door');
  await ann.create(name);
  const client = await bob.connect(t);
  const answers = [];
  for (let i = 0; i < 40; i++) answers.push(await client.command(i % 2 ? 'leaveChannel' : 'joinChannel', { name }));
  const bad = answers.filter((each) => each.code === 'rate_limited');
  assert.deepEqual(answers.slice(0, 12).map((each) => each.code), Array(12).fill(undefined));
  assert.ok(bad.length >= 15, String(bad.length));
  for (const each of bad) limitedEvent(each, 1);
  limited(await bob.rest('PUT', `${at(name)}/members/me`, { body: {} }).then(async (first) => {
    let answer = first;
    for (let i = 0; answer.status !== 429 && i < 30; i++) answer = await bob.rest(i % 2 ? 'DELETE' : 'PUT', `${at(name)}/members/me`, { body: i % 2 ? undefined : {} });
    return answer;
  }), 1);
  await ann.say(name, 'others are free');
  assert.equal((await client.ask('getHistory', { room: name, limit: 1 })).code === 'rate_limited', false);
  await delay(bad.at(-1).retryAfter * 1000 + 50);
  const again = await client.command('joinChannel', { name });
  assert.notEqual(again.code, 'rate_limited', JSON.stringify(again));
});

policy(['searches_per_s'], 'rate_limited with Retry-After, per user and process; then it goes on; what cannot be searched is not counted', async () => {
  const [ann, bob] = await signups(rates, 2);
  const search = (user, q = 'tea') => user.rest('GET', `/search?q=${q}`);
  for (let i = 0; i < 20; i++) check.problem(await search(ann, ''), 400, 'validation_failed', 'q');
  const [good, bad] = await burst(40, () => search(ann), (each) => each.status === 200);
  assert.ok(good >= 5 && good <= 38, `${good} of 40`);
  for (const each of bad) limited(each, 1);
  assert.equal((await search(bob)).status, 200, 'another user is free');
  await until('the next one', async () => (await search(ann)).status === 200);
});

policy(['connects_per_s', 'connect_burst'], 'past the burst the transport is closed, without 41', async (t) => {
  const [ann, bob] = await signups(rates, 2);
  const raw = await RawClient.open(t, rates.http);
  let joined = 0;
  for (; joined < 60; joined++) {
    const from = raw.mark();
    raw.send(`40${JSON.stringify({ token: ann.accessToken, history: 0 })}`);
    const got = await Promise.race([raw.frame((each) => each.startsWith('42["updateChatHistory"'), { from }).catch(() => 'closed'), raw.closed.then(() => 'closed')]);
    if (got === 'closed') break;
    raw.send('41');
  }
  assert.ok(joined >= 20 && joined < 60, `${joined} connects`);
  assert.ok(!raw.inbox.items.includes('41'), 'an official client would not come back after 41');
  await connect(t, rates.http, { token: bob.accessToken });
  const patient = open(t, rates.http, { token: ann.accessToken, reconnection: true, reconnectionDelay: 500 });
  await patient.waitFor('updateChatHistory', () => true, { timeout: 10_000 });
});

policy(['connections_per_user'], 'accessDenied rate_limited for the one too many; a place is free when one goes', async (t) => {
  const ann = await signup(rates);
  const clients = [await ann.connect(t), await ann.connect(t)];
  const extra = open(t, rates.http, { token: ann.accessToken });
  check.refused(await extra.waitFor('accessDenied'), 'rate_limited');
  await extra.waitFor('(disconnect)');
  for (const client of clients) assert.equal(client.socket.connected, true);
  clients[0].close();
  await until('room for another', async () => {
    const next = open(t, rates.http, { token: ann.accessToken });
    return next.waitFor('updateChatHistory', () => true, { timeout: 1000 }).catch(() => null);
  });
});

policy(['rooms_per_user'], 'forbidden past it, for creating and joining; leaving one makes room', async () => {
  const [ann, bob] = await signups(rates, 2);
  const names = [];
  const create = () => {
    names.push(unique('r'));
    return ann.rest('POST', '/channels', { body: { name: names.at(-1), status: 'PUBLIC' } });
  };
  const patient = async (ask) => {
    for (;;) {
      const answer = await ask();
      if (answer.status !== 429) return answer;
      await delay(300);
    }
  };
  for (let i = 0; i < 8; i++) assert.equal((await patient(create)).status, 201);
  check.problem(await patient(create), 403, 'forbidden');
  const other = unique('o');
  await bob.create(other);
  const join = () => ann.rest('PUT', `${at(other)}/members/me`, { body: {} });
  check.problem(await patient(join), 403, 'forbidden');
  assert.equal((await patient(() => ann.rest('DELETE', `${at(names[0])}/members/me`))).status, 204);
  assert.equal((await patient(join)).status, 200);
});

policy(['private_creations_per_hour'], 'rate_limited with the wait; public ones are free', async (t) => {
  const client = await (await signup(rates)).connect(t);
  const create = (status) => client.command('createChannel', { name: unique('p'), status, password: status === 'PRIVATE' ? 'x' : undefined });
  for (let i = 0; i < 3; i++) assert.equal((await create('PRIVATE')).code, undefined);
  const refused = await create('PRIVATE');
  limitedEvent(refused, 3600 / 3);
  assert.ok(refused.retryAfter > 1000, JSON.stringify(refused));
  assert.equal((await create('PUBLIC')).code, undefined);
});

policy(['password_tries', 'password_tries_per_address'], 'by account and address, and by address; never by account alone', async () => {
  const ann = await signup(rates);
  const login = (username, password, headers) => rates.rest('POST', '/auth/login', { body: { username, password }, headers });
  const here = elsewhere();
  for (let i = 0; i < 3; i++) check.problem(await login(ann.username, 'wrong wrong', here), 401, 'unauthenticated');
  limited(await login(ann.username, 'wrong wrong', here), 100);
  limited(await login(ann.username, PASSWORD, here), 100);
  assert.equal((await login(ann.username, PASSWORD, elsewhere())).status, 200, 'its owner is not locked out');
  const there = elsewhere();
  for (let i = 0; i < 8; i++) check.problem(await login(unique('no'), 'wrong wrong', there), 401, 'unauthenticated');
  limited(await login(unique('no'), 'wrong wrong', there), 38);
  limited(await login(ann.username, PASSWORD, there), 38);
  assert.equal((await login(ann.username, PASSWORD, elsewhere())).status, 200);
});

policy(['signups_per_hour'], 'rate_limited by address', async () => {
  const here = elsewhere();
  const sign = (headers) => rates.rest('POST', '/auth/signup', { body: { username: unique('s'), password: PASSWORD }, headers });
  for (let i = 0; i < 30; i++) assert.equal((await sign(here)).status, 201);
  limited(await sign(here), 120);
  assert.equal((await sign(elsewhere())).status, 201);
});

/* ---- a broker's own ---- */

const [origin] = broker.status.brokers;
const from = (address) => ({ headers: { 'x-forwarded-for': address } });
const metric = async (name) => Number(new RegExp(`^parley_${name} (\\d+)$`, 'm').exec(await (await fetch(`${origin}/metrics`)).text())[1]);
const empty = () => until('all to be gone', async () => await metric('connections') === 0);

policy(['connections', 'connections_per_address'], '503 for a handshake past either, and a place is free when one goes', async (t) => {
  await empty();
  const refused = async (address) => {
    const polled = await fetch(`${origin}/socket.io/?EIO=4&transport=polling`, from(address));
    assert.equal(polled.status, 503, `${address}, ${await metric('connections')} connections`);
    const ws = new WebSocket(`${origin.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`, from(address));
    assert.match((await within('a refusal', once(ws, 'error')))[0].message, /503/);
  };
  const all = [];
  for (let i = 0; i < 8; i++) all.push(await RawClient.open(t, origin, from('192.0.2.1')));
  await refused('192.0.2.1');
  for (let i = 0; i < 4; i++) all.push(await RawClient.open(t, origin, from('192.0.2.2')));
  await refused('192.0.2.3');
  all[0].ws.close();
  await until('a place', async () => await metric('connections') < 12);
  await RawClient.open(t, origin, from('192.0.2.3'));
  for (const each of all) each.ws.terminate();
}, { timeout: 120_000 });

policy(['commands_waiting'], 'rate_limited past it; the others are answered in order', async (t) => {
  await empty();
  const ann = await signup(broker);
  const name = unique('wait');
  await ann.create(name);
  const client = await connect(t, origin, { token: ann.accessToken });
  const [good, bad] = await burst(50, () => client.ask('joinChannel', { name }), (each) => each.code !== 'rate_limited');
  assert.ok(good >= 4 && good < 50, String(good));
  for (const each of bad) check.refused(each, 'rate_limited');
  check.refused(await client.ask('joinChannel', { name }), 'already_member');
});

policy(['queue'], 'a full pool refuses: commands are unavailable, admissions close the transport; then all is well', async (t) => {
  await empty();
  const users = await signups(broker, 10);
  const clients = [];
  for (const user of users.slice(0, 7)) clients.push(await connect(t, origin, { token: user.accessToken }));
  const name = unique('queue');
  await users[0].create(name);
  const answers = await Promise.all(clients.flatMap((client) => Array.from({ length: 4 }, () => client.ask('getHistory', { room: name, limit: 1 }))));
  const codes = new Set(answers.map((each) => each.code));
  for (const code of codes) assert.ok([undefined, 'not_a_member', 'unavailable', 'rate_limited'].includes(code), code);
  assert.ok(codes.has('unavailable'), JSON.stringify([...codes]));
  for (const client of clients) assert.equal(client.socket.connected, true);
  assert.equal((await clients[0].ask('getHistory', { room: name, limit: 1 })).code, undefined);
});

/* A member of `name` who has stopped reading, at the broker's own port. */
async function deaf(t, user) {
  const raw = await RawClient.open(t, origin, from(`203.0.113.${++lastAddress}`));
  raw.send(`40${JSON.stringify({ token: user.accessToken, history: 0 })}`);
  await raw.frame((frame) => frame.startsWith('42["updateChatHistory"'));
  raw.ws.pause();
  return raw;
}

policy(['process_output_bytes'], 'the one with most waiting is closed, without 41, and can come back', async (t) => {
  await empty();
  const [ann, bob] = await signups(broker, 2);
  const [loud, calm] = [unique('loud'), unique('calm')];
  for (const name of [loud, calm]) await ann.create(name);
  await bob.join(loud);
  const slow = await deaf(t, bob);
  const good = await connect(t, origin, { token: ann.accessToken });
  const text = '漢'.repeat(10_000);
  let sent = 0;
  for (; await metric('slow_closed_total') === 0; sent++) {
    assert.ok(sent < 3000, 'it was never closed');
    await good.must('sendMessage', { room: loud, text });
  }
  await until('its memory', async () => await metric('output_bytes') < 400_000);
  assert.equal(good.socket.connected, true);
  slow.ws.resume();
  await within('the close', slow.closed);
  assert.ok(!slow.inbox.items.includes('41'));
  const back = await connect(t, origin, { token: bob.accessToken, auth: { since: { [loud]: 1 } } });
  assert.equal(back.history[loud].filter((each) => each.kind === 'text').length, sent);
});

policy(['output_packets'], 'a connection with so many packets waiting is closed, without 41', async (t) => {
  await empty();
  const [ann, bob] = await signups(broker, 2);
  const name = unique('many');
  await ann.create(name);
  await bob.join(name);
  const before = await metric('slow_closed_total');
  const slow = await deaf(t, bob);
  const good = await connect(t, origin, { token: ann.accessToken });
  for (let i = 0; await metric('slow_closed_total') === before; i++) {
    assert.ok(i < 3000, 'it was never closed');
    await good.must('sendMessage', { room: name, text: 'x'.repeat(3500) });
  }
  slow.ws.resume();
  await within('the close', slow.closed);
  assert.ok(!slow.inbox.items.includes('41'));
});

policy(['recovery_sessions', 'recovery_bytes'], 'past them the oldest session is forgotten: recovered is false for it, true for the others', async (t) => {
  await empty();
  const users = await signups(broker, 5);
  const name = unique('recover');
  await users[0].create(name);
  for (const user of users.slice(1)) await user.join(name);
  const parked = [];
  for (const user of users) {
    const client = await connect(t, origin, { token: user.accessToken, auth: { recovery: true }, headers: from(`192.0.2.${parked.length}`).headers });
    await user.say(name, 'offset');
    await client.waitFor('newMessage', (body) => body.sender === user.username);
    parked.push(client);
  }
  const back = parked.map((client) => new Promise((resolve) => { client.socket.once('connect', () => resolve(client.socket.recovered)); }));
  for (const client of parked) {
    client.socket.io.reconnection(false);
    client.socket.io.engine.close();
    const left = 5 - parked.indexOf(client) - 1;
    await until('it to be gone', async () => await metric('connections') === left);
  }
  assert.equal(await metric('sessions_parked'), 3);
  for (const client of parked) client.socket.connect();
  assert.deepEqual(await Promise.all(back), [false, false, true, true, true]);
});

policy(['recovery_events'], 'who has not received more events than are remembered starts afresh, honestly', async (t) => {
  await empty();
  const [ann, bob] = await signups(broker, 2);
  const name = unique('ring');
  await ann.create(name);
  await bob.join(name);
  const stay = await connect(t, origin, { token: ann.accessToken });
  const client = await connect(t, origin, { token: bob.accessToken, auth: { recovery: true } });
  client.socket.io.reconnection(false);
  /* Sent, and on its way to a client that does not read: only the memory of offsets knows of it. */
  const lose = async (count) => {
    const told = await stay.must('sendMessage', { room: name, text: 'the last he hears' });
    await client.waitFor('newMessage', (body) => body.seq === told.seq);
    const { ws } = client.socket.io.engine.transport;
    ws.pause();
    for (let i = 0; i < count; i++) await stay.must('sendMessage', { room: name, text: 'x'.repeat(9000) });
    ws._socket.destroy();
    await until('it to be gone', () => !client.socket.connected);
    const connected = new Promise((resolve) => { client.socket.once('connect', () => resolve(client.socket.recovered)); });
    client.socket.connect();
    const recovered = await connected;
    const last = await stay.must('sendMessage', { room: name, text: 'after' });
    await client.waitFor('newMessage', (body) => body.seq === last.seq);
    return recovered;
  };
  assert.equal(await lose(10), true);
  assert.equal(await lose(40), false);
});

/* ---- before authentication ---- */

test('before authentication: 10 s by default for a namespace, and nothing but CONNECT is heard', async (t) => {
  const definitions = await readFile(path.join(ROOT, 'shared/base/settings.def'), 'utf8');
  assert.match(definitions, /"socketio\.connect_timeout_ms", INT, "10000"/);
  assert.match(definitions, /"limits\.body_bytes", INT, "65536"/);
  const [bare] = sizes.status.brokers;
  const idle = await RawClient.open(t, bare);
  const busy = await RawClient.open(t, bare);
  const begun = performance.now();
  const timer = setInterval(() => busy.send(`42["sendMessage",{"room":"x","text":"${'y'.repeat(1000)}"}]`), 50);
  t.after(() => clearInterval(timer));
  await within('the close of the busy one', busy.closed, 5000);
  await within('the close of the idle one', idle.closed, 5000);
  assert.ok(performance.now() - begun >= 1000);
  const large = await RawClient.open(t, bare);
  large.send(`40{"token":"${'x'.repeat(2048)}"}`);
  assert.equal(await within('the close of the large one', large.closed), 1009);
  const half = net.connect(Number(new URL(bare).port), '127.0.0.1');
  half.on('error', () => {});
  half.write('GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nX-Slow: ');
  const slow = performance.now();
  await within('the end of a request that does not end', new Promise((resolve) => { half.on('close', resolve).resume(); }), 20_000);
  assert.ok(performance.now() - slow < 13_000, `${performance.now() - slow} ms`);
}, { timeout: 60_000 });

/* Is the limit set by some test, the unit tests of its rule included? */
async function isSetSomewhere(name) {
  const files = await readdir(path.join(ROOT, 'tests'), { recursive: true });
  for (const file of files.filter((each) => !each.startsWith('node_modules') && /\.(mjs|c)$/.test(each) && !each.endsWith('policy.test.mjs'))) {
    if ((await readFile(path.join(ROOT, 'tests', file), 'utf8')).includes(name)) return true;
  }
  return false;
}

test('every limit of settings.def has its test', async () => {
  const definitions = await readFile(path.join(ROOT, 'shared/base/settings.def'), 'utf8');
  const limits = [...definitions.matchAll(/^SETTING\(\w+, "(limits\.\w+)"/gm)].map((match) => match[1]);
  assert.ok(limits.length >= 34, String(limits.length));
  for (const [name, [file, title]] of Object.entries(ELSEWHERE)) {
    const text = await readFile(path.join(ROOT, 'tests', file), 'utf8');
    assert.ok(text.includes(title), `${name}: ${file} has no test "${title}"`);
    tested.add(name);
  }
  assert.deepEqual([...tested].filter((name) => !limits.includes(name)), [], 'tests of limits that are none');
  const untested = [];
  for (const name of limits) if (!tested.has(name) && !await isSetSomewhere(name)) untested.push(name);
  assert.deepEqual(untested, [], 'limits without a test of their policy');
});
