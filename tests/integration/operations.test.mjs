/*
 * What an operator sees and does: metrics, readiness, logs, a configuration that changes while the
 * programs run. One instance, whose log is JSON and says everything.
 */
import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, test } from 'node:test';
import { metrics } from './lib/metrics.mjs';
import { ROOT, run, started } from './lib/instance.mjs';
import { RawClient, connect, open } from './lib/socket.mjs';
import { PASSWORD, signup, unique } from './lib/users.mjs';
import { until } from './lib/wait.mjs';

const instance = await started({ after }, {
  set: {
    'log.json': 'true', 'log.level': 'debug', 'limits.sends_per_s': 1, 'limits.send_burst': 30,
    'limits.connections_per_user': 3, 'socketio.token_in_query': 'true', 'broker.recovery_ms': 60_000,
  },
});
const [broker] = instance.status.brokers;
const brokerMetrics = () => metrics(`${broker}/metrics`);
const workerMetrics = () => metrics(instance.status.fcgiMetrics);
const logFile = (name) => path.join(instance.data, 'log', name);
const logLines = async (name) => (await readFile(logFile(name), 'utf8')).split('\n').slice(0, -1);
const logEvents = async (name, event) => (await logLines(name)).map((line) => JSON.parse(line)).filter((line) => line.event === event);

/* All that this file's scenario has of secrets; no log may have any of them. */
const secrets = new Map();
const secret = (what, value) => {
  assert.ok(typeof value === 'string' && value.length >= 6, `${what}: ${value}`);
  secrets.set(value, what);
  return value;
};

const text = () => secret('a message', `the text ${unique('of ')}`);

async function user(prefix) {
  const one = await signup(instance, prefix);
  secret('an access token', one.accessToken);
  secret('a refresh token', one.refreshToken);
  return one;
}

secret('the users\' password', PASSWORD);
const config = await instance.config();
for (const key of ['auth.secret', 'mqtt.password']) secret(key, config[key]);
for (const line of (await readFile(path.join(instance.data, 'secrets'), 'utf8')).trim().split('\n')) {
  secret(line.split(' ')[0], line.split(' ')[1]);
}

const ann = await user('ann');
const bob = await user('bob');
const room = unique('room');
const locked = unique('locked');
await ann.create(room);
await ann.create(locked, 'PRIVATE', secret('a room\'s password', unique('sesame-')));
await bob.join(room);

test('what clients do is counted and timed, and Prometheus can read it', async (t) => {
  const before = await brokerMetrics();
  const a = await ann.connect(t, { auth: { recovery: true } });
  secret('a sid', a.socket.io.engine.id);
  secret('a socket id', a.socket.id);
  const b = await connect(t, instance.http, { token: bob.accessToken, transports: ['polling'] });
  secret('a sid', b.socket.io.engine.id);
  const now = await brokerMetrics();
  assert.equal(now.value('parley_transport_connections', { transport: 'websocket' }), 1);
  assert.equal(now.value('parley_transport_connections', { transport: 'polling' }), 1);
  assert.equal(now.value('parley_sockets'), 2);
  assert.equal(now.value('parley_users'), 2);
  assert.equal(now.value('parley_admission_seconds_count') - before.value('parley_admission_seconds_count'), 2);

  for (let i = 0; i < 10; i++) await a.must('sendMessage', { room, text: text() });
  await bob.say(room, text());
  await b.must('getHistory', { room, limit: 5 });
  await a.must('markRead', { room, seq: 3 });
  await until('all to be received', () => b.received('newMessage').length >= 11);
  const then = await brokerMetrics();
  const grew = (name, labels) => then.value(name, labels) - now.value(name, labels);
  assert.equal(grew('parley_command_seconds_count', { command: 'sendMessage' }), 10);
  assert.equal(grew('parley_command_seconds_count', { command: 'getHistory' }), 1);
  assert.equal(grew('parley_command_seconds_count', { command: 'other' }), 1);
  assert.equal(grew('parley_commands_total'), 12);
  assert.equal(grew('parley_batch_sends_sum'), 10);
  assert.equal(grew('parley_batch_sends_count'), grew('parley_commit_seconds_count'));
  assert.equal(grew('parley_batch_sends_count'), grew('parley_batches_total'));
  assert.equal(grew('parley_delivery_seconds_count'), 11);
  assert.ok(grew('parley_delivery_seconds_sum') < 11 * 20, 'dates are read wrongly');
  assert.ok(grew('parley_command_seconds_sum', { command: 'sendMessage' }) > 0);
  assert.ok(grew('parley_loop_turn_seconds_count') > 0);
  assert.equal(then.value('parley_commands_running'), 0);
  assert.equal(then.value('parley_commands_waiting'), 0);
  assert.equal(then.value('parley_ready'), 1);
  assert.ok(then.value('process_resident_memory_bytes') > 1e6);
  assert.ok(then.value('process_open_fds') > 5);
  assert.ok(Math.abs(then.value('process_start_time_seconds') - Date.now() / 1000) < 3600);
});

test('refusals are counted by the limit that refused', async (t) => {
  const refused = async (limit, page = brokerMetrics) => (await page()).value('parley_refusals_total', { limit });
  const a = await ann.connect(t);
  const sends = await refused('sends_per_s');
  let tries = 0;
  while ((await a.ask('sendMessage', { room, text: text() })).code !== 'rate_limited') assert.ok(++tries < 200);
  assert.equal(await refused('sends_per_s'), sends + 1);

  const crowd = await refused('connections_per_user');
  for (let i = 0; i < 3; i++) await open(t, instance.http, { token: ann.accessToken }).inbox.wait('anything', (each) => each.event === 'updateChatHistory' || each.event === 'accessDenied');
  assert.ok(await refused('connections_per_user') > crowd);

  const raw = await RawClient.open(t, instance.http);
  const large = await refused('body_bytes');
  raw.send('4'.padEnd(70_000, 'x'));
  assert.equal(await raw.closed, 1009);
  assert.equal(await refused('body_bytes'), large + 1);
  assert.equal(await refused('body_bytes', workerMetrics), 0);
  assert.equal((await ann.rest('POST', '/channels', { body: { name: 'x'.repeat(70_000), status: 'PUBLIC' } })).status, 413);
  assert.equal(await refused('body_bytes', workerMetrics), 1);
});

test('a worker counts its requests by route and status, on a port of its own', async () => {
  const before = await workerMetrics();
  assert.equal((await ann.rest('GET', `/channels/${room}`)).status, 200);
  assert.equal((await ann.rest('GET', `/channels/${unique('none')}`)).status, 404);
  assert.equal((await ann.rest('GET', `/channels/${room}/messages`)).status, 200);
  assert.equal((await instance.rest('GET', '/users/me')).status, 401);
  const now = await until('the last to be counted', async () => {
    const page = await workerMetrics();
    return page.samples.some((each) => each.labels.route === 'users' && each.labels.status === '401') && page;
  });
  const value = (page, status) => page.samples.find((each) => each.name === 'parley_requests_total'
    && each.labels.route === 'channels' && each.labels.status === status)?.value ?? 0;
  assert.equal(value(now, '200') - value(before, '200'), 1);
  assert.equal(value(now, '404') - value(before, '404'), 1);
  const timed = (page) => page.value('parley_request_seconds_count', { route: 'messages' });
  assert.equal(timed(now) - timed(before), 1);
  assert.equal(now.value('parley_mqtt_connected'), 1);
  const elsewhere = await fetch(new URL('/', instance.status.fcgiMetrics));
  assert.equal(elsewhere.status, 404);
  assert.equal((await fetch(`${instance.http}/metrics`)).status, 404);
});

test('the dashboard names only metrics that there are', async (t) => {
  const dashboard = JSON.parse(await readFile(path.join(ROOT, 'deploy/grafana/parley.json'), 'utf8'));
  const there = new Set([...(await brokerMetrics()).names(), ...(await workerMetrics()).names()]);
  const wanted = dashboard.panels.flatMap((panel) => panel.targets ?? []).flatMap(({ expr }) => expr.match(/\b(parley|process)_[a-z_]+/g));
  assert.ok(wanted.length > 60);
  assert.deepEqual([...new Set(wanted)].filter((name) => !there.has(name)), []);
  const shown = new Set(wanted.map((name) => name.replace(/_(bucket|sum|count)$/, '')));
  const hidden = new Set(['process_virtual_memory_bytes', 'process_start_time_seconds', 'parley_sessions_parked_bytes']);
  const missing = [...there].map((name) => name.replace(/_(bucket|sum|count)$/, '')).filter((name) => !shown.has(name) && !hidden.has(name));
  t.diagnostic(`not on the dashboard: ${[...new Set(missing)].join(' ') || 'none'}`);
});

test('a worker is ready only if a message really goes through MQTT', async () => {
  const ready = async () => (await fetch(`${instance.http}/readyz`)).status;
  assert.equal(await ready(), 200);
  process.kill(instance.status.pids.mosquitto, 'SIGSTOP');
  try {
    await until('the worker to notice', async () => await ready() === 503, { timeout: 20_000 });
    await until('the broker to notice', async () => (await fetch(`${broker}/readyz`)).status === 503, { timeout: 20_000 });
    const told = await (await fetch(`${broker}/readyz`)).json();
    assert.deepEqual(told, { status: 'unavailable', postgres: true, mqtt: false });
  } finally {
    process.kill(instance.status.pids.mosquitto, 'SIGCONT');
  }
  await until('both to be ready', async () => await ready() === 200 && (await fetch(`${broker}/readyz`)).status === 200, { timeout: 60_000 });
});

test('a request is found in the log by the id that its front, or its answer, gave it', async () => {
  const id = unique('front-');
  const answer = await instance.rest('GET', '/users/me', { headers: { 'x-request-id': id } });
  assert.equal(answer.headers.get('x-request-id'), id);
  assert.equal(answer.body.requestId, id);
  const own = await ann.rest('GET', '/users/me', { headers: { 'x-request-id': 'not "one"' } });
  const made = own.headers.get('x-request-id');
  assert.match(made, /^[A-Za-z0-9_-]{16,}$/);
  const lines = await until('both lines', async () => {
    const all = await logEvents('fcgi.log', 'request');
    const found = [id, made].map((each) => all.find((line) => line.request === each));
    return found.every(Boolean) && found;
  });
  assert.equal(lines[0].status, 401);
  assert.equal(lines[1].status, 200);
  assert.equal(lines[1].route, '/api/v1/users/me');
  assert.ok(lines[1].user > 0);
});

/* ---- SIGHUP ---- */

const confFile = path.join(instance.data, 'parley.conf');

/** Change lines of the configuration, tell the supervisor, and wait until it was read (or refused). */
async function reload(edit, outcome = 'configuration_read') {
  const before = await Promise.all(['fcgi.log', 'broker-1.log'].map(async (name) => (await logEvents(name, outcome)).length));
  await writeFile(confFile, edit(await readFile(confFile, 'utf8')));
  assert.equal((await run('./dev', ['reload', '--data', instance.data])).code, 0);
  for (const [i, name] of ['fcgi.log', 'broker-1.log'].entries()) {
    await until(`${outcome} in ${name}`, async () => (await logEvents(name, outcome)).length > before[i]);
  }
}

const add = (section, line) => (conf) => `${conf}\n[${section}]\n${line}\n`;

test('SIGHUP changes limits, rates and origins at once, without a restart', async (t) => {
  const pids = await instance.pids();
  const a = await bob.connect(t);
  const long = 'x'.repeat(40);
  await until('a send to pass', async () => (await a.ask('sendMessage', { room, text: long })).code === undefined);
  await reload((conf) => add('limits', 'message_chars = 20\nsends_per_s = 0')(conf));
  assert.equal((await a.ask('sendMessage', { room, text: long })).code, 'validation_failed');
  assert.equal((await bob.rest('POST', `/channels/${room}/messages`, { body: { text: long } })).status, 400);
  for (let i = 0; i < 60; i++) await a.must('sendMessage', { room, text: `t ${i}` });

  const from = (origin) => fetch(`${broker}/socket.io/?EIO=4&transport=polling`, { headers: { origin } });
  assert.equal((await from('https://chat.example')).status, 403);
  await reload((conf) => conf.replace(/^origins = .*$/m, 'origins = https://chat.example'));
  const polled = await from('https://chat.example');
  assert.equal(polled.status, 200);
  secret('a sid', JSON.parse((await polled.text()).slice(1)).sid);
  assert.equal((await from('http://localhost:1')).status, 403);
  const cross = await instance.rest('GET', '/healthz', { base: '', headers: { origin: 'https://chat.example' } });
  assert.equal(cross.headers.get('access-control-allow-origin'), 'https://chat.example');

  const changed = (await logEvents('broker-1.log', 'setting_changed')).map((line) => line.setting);
  for (const name of ['limits.message_chars', 'limits.sends_per_s', 'socketio.origins']) assert.ok(changed.includes(name), changed.join());
  assert.equal(await instance.pids(), pids);
  assert.equal(a.socket.connected, true);
});

test('SIGHUP says what needs a restart, and leaves it as it is', async () => {
  await reload(add('broker', 'readers = 7'));
  for (const name of ['fcgi.log', 'broker-1.log']) {
    const [line] = await logEvents(name, 'setting_needs_restart');
    assert.equal(line.setting, 'broker.readers');
    assert.equal(line.level, 'warn');
  }
  assert.equal((await brokerMetrics()).value('parley_pool_threads', { pool: 'readers' }), 4);
});

test('SIGHUP with a mistake in the file changes nothing and says where', async () => {
  const good = await readFile(confFile, 'utf8');
  await reload(add('limits', 'message_chars = many\npage = 3'), 'configuration_invalid');
  const [line] = await logEvents('broker-1.log', 'configuration_invalid');
  assert.match(line.problem, /parley\.conf:\d+: limits\.message_chars/);
  assert.equal(line.level, 'error');
  assert.equal((await ann.rest('GET', `/channels/${room}/messages?limit=100`)).status, 200);
  assert.equal((await bob.rest('POST', `/channels/${room}/messages`, { body: { text: 'x'.repeat(21) } })).status, 400);
  await writeFile(confFile, good);
});

test('SIGHUP changes the log\'s level', async () => {
  const quiet = unique('quiet-');
  const loud = unique('loud-');
  await reload((conf) => conf.replace(/^level = .*$/m, 'level = info'));
  await instance.rest('GET', '/users/me', { headers: { 'x-request-id': quiet } });
  await reload((conf) => conf.replace(/^level = .*$/m, 'level = debug'));
  await instance.rest('GET', '/users/me', { headers: { 'x-request-id': loud } });
  await until('the loud one', async () => (await logEvents('fcgi.log', 'request')).some((line) => line.request === loud));
  assert.ok(!(await logEvents('fcgi.log', 'request')).some((line) => line.request === quiet));
});

/* ---- logs: the last test, over all that the others have left in them ---- */

test('every line is a JSON object with a time, a level and a component, and none has a secret', async (t) => {
  const carol = await user('carol');
  secret('an API key', await instance.apiKey());
  assert.equal((await instance.rest('POST', '/auth/login', { body: { username: carol.username, password: secret('a wrong password', unique('wrong ')) } })).status, 401);
  const again = await instance.rest('POST', '/auth/refresh', { body: { refreshToken: carol.refreshToken } });
  carol.accessToken = secret('an access token', again.body.accessToken);
  secret('a refresh token', again.body.refreshToken);
  assert.equal((await carol.rest('PUT', `/channels/${locked}/members/me`, { body: { password: secret('a wrong room password', unique('open-')) } })).status, 403);
  assert.equal((await instance.rest('POST', '/publish', { token: await instance.apiKey(), body: { room, text: text() } })).status >= 400, true);
  await carol.rest('POST', '/search', { body: {} });
  const changed = secret('a new password', unique('new password '));
  assert.equal((await carol.rest('PATCH', '/users/me', { body: { currentPassword: PASSWORD, password: changed } })).status < 500, true);

  const query = await RawClient.open(t, instance.http, { query: `&token=${bob.accessToken}` });
  query.send('40{"history":0}');
  await query.frame((frame) => frame.startsWith('42["updateChatHistory"'));
  const bad = open(t, instance.http, { token: secret('a bad token', unique('eyJ.bad.')) });
  await bad.waitFor('accessDenied');
  const odd = await RawClient.open(t, instance.http);
  secret('a sid', JSON.parse((await odd.frame((frame) => frame.startsWith('0{'))).slice(1)).sid);
  odd.send(`4${secret('a bad packet', unique('nonsense'))}`);
  await odd.closed;
  const back = await carol.connect(t, { auth: { recovery: true } }).catch(() => undefined);
  if (back) {
    const pid = back.socket._pid ?? back.socket.pid;
    if (pid) secret('a pid', pid);
  }

  await until('the last to be logged', async () => (await logEvents('broker-1.log', 'sio_protocol_error')).length > 0);
  for (const name of ['fcgi.log', 'broker-1.log']) {
    const lines = (await logLines(name)).map((line) => JSON.parse(line));
    for (const line of lines) {
      assert.match(line.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.ok(['debug', 'info', 'warn', 'error'].includes(line.level), JSON.stringify(line));
      assert.equal(line.component, name === 'fcgi.log' ? 'parley-fcgi' : 'parley-broker');
      assert.ok(typeof line.event === 'string' && line.pid > 0);
    }
    if (name === 'fcgi.log') continue;
    const commands = lines.filter((line) => line.event === 'command');
    assert.ok(commands.length > 10 && commands.every((line) => line.connection > 0 && line.user > 0));
    for (const event of ['client_admitted', 'client_denied', 'client_gone', 'connection_closed']) {
      assert.ok(lines.some((line) => line.event === event && line.connection > 0), event);
    }
  }
  assert.ok(secrets.size > 40, `${secrets.size} secrets`);
  for (const name of await readdir(path.join(instance.data, 'log'))) {
    const log = await readFile(logFile(name), 'utf8');
    for (const [value, what] of secrets) assert.ok(!log.includes(value), `${name} has ${what}: ${log.split('\n').find((line) => line.includes(value))}`);
  }
});
