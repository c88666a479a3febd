/*
 * parley-fcgi as a process: how it listens, stops, survives a lack of descriptors, takes over a
 * listening socket, and answers as a plain CGI program. Each test starts a worker of its own on the
 * run's database and MQTT broker.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readlink, rm, stat } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { fastcgi, metaVariables, parseAnswer } from './lib/fastcgi.mjs';
import { shared } from './lib/instance.mjs';
import { PASSWORD, signup, unique } from './lib/users.mjs';
import { until } from './lib/wait.mjs';

const instance = await shared({ after });
const program = await readlink(`/proc/${instance.status.pids.fcgi}/exe`);
const configuration = path.join(instance.data, 'parley.conf');
const account = () => JSON.stringify({ username: unique('w'), password: PASSWORD });

/* A worker on a socket of its own; `command` wraps it. */
async function start(t, { env = {}, command = [program, '--config', configuration] } = {}) {
  const folder = await mkdtemp(path.join(tmpdir(), 'parley-worker-'));
  const socket = path.join(folder, 's');
  const child = spawn(command[0], command.slice(1), {
    stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, PARLEY_FCGI_SOCKET: socket, SOCKET: socket, ...env },
  });
  const worker = { socket, child, log: '' };
  child.stderr.on('data', (data) => { worker.log += data; });
  worker.ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve(signal ?? code)));
  t.after(async () => {
    child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });
  await until('the worker', async () => {
    try {
      return (await fastcgi(socket, 'GET', '/healthz')).status === 200;
    } catch {
      return false;
    }
  }, { timeout: 10_000, every: 20 });
  return worker;
}

describe('a worker', () => {
  test('listens on a socket for its group only, and removes it in the end', async (t) => {
    const worker = await start(t);
    assert.equal((await stat(worker.socket)).mode & 0o777, 0o660);
    worker.child.kill('SIGTERM');
    assert.equal(await worker.ended, 0, worker.log);
    await assert.rejects(stat(worker.socket));
  });

  test('takes the place of a socket that a dead one left', async (t) => {
    const worker = await start(t);
    worker.child.kill('SIGKILL');
    await worker.ended;
    await stat(worker.socket);
    const next = spawn(program, ['--config', configuration], { stdio: 'ignore', env: { ...process.env, PARLEY_FCGI_SOCKET: worker.socket } });
    t.after(() => next.kill('SIGKILL'));
    await until('the next worker', () => fastcgi(worker.socket, 'GET', '/healthz').then(() => true, () => false), { timeout: 10_000, every: 20 });
  });

  test('told to stop, finishes what it has begun', async (t) => {
    const worker = await start(t, { env: { PARLEY_AUTH_HASH_BYTES: '67108864', PARLEY_AUTH_HASH_OPS: '4' } });
    const slow = Promise.all([1, 2, 3].map(() => fastcgi(worker.socket, 'POST', '/api/v1/auth/signup', { body: account() })));
    await new Promise((resolve) => { setTimeout(resolve, 60); });
    worker.child.kill('SIGTERM');
    assert.deepEqual((await slow).map((answer) => answer.status), [201, 201, 201]);
    assert.equal(await worker.ended, 0, worker.log);
  });

  test('goes on after a lack of descriptors', async (t) => {
    const worker = await start(t, {
      env: { PARLEY_FCGI_THREADS: '16' },
      command: ['sh', '-c', `ulimit -n 14; exec '${program}' --config '${configuration}'`],
    });
    const idle = Array.from({ length: 30 }, () => createConnection(worker.socket).on('error', () => {}));
    await until('a failed accept', () => worker.log.includes('accept_failed'), { timeout: 10_000, every: 20 });
    for (const each of idle) each.destroy();
    await until('an answer', () => fastcgi(worker.socket, 'GET', '/healthz').then((answer) => answer.status === 200, () => false),
      { timeout: 10_000, every: 50 });
    worker.child.kill('SIGTERM');
    assert.equal(await worker.ended, 0, worker.log);
  });

  test('serves a listening socket that it inherits, and stops all the same', async (t) => {
    const script = 'use Socket; socket(S, AF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un($ENV{SOCKET})) or die $!;'
      + 'listen(S, 16); open(STDIN, "<&", \\*S); delete $ENV{REQUEST_METHOD}; exec @ARGV';
    const worker = await start(t, {
      env: { PARLEY_FCGI_SOCKET: '' }, command: ['perl', '-e', script, program, '--config', configuration],
    });
    const answer = await fastcgi(worker.socket, 'POST', '/api/v1/auth/signup', { body: account() });
    assert.equal(answer.status, 201, answer.text);
    worker.child.kill('SIGTERM');
    assert.equal(await worker.ended, 0, worker.log);
    await stat(worker.socket); /* not ours to remove */
  });

  test('reads a body with and without its length, up to the limit', async (t) => {
    const worker = await start(t);
    const token = (await signup(instance)).accessToken;
    const make = (body, length) => fastcgi(worker.socket, 'POST', '/api/v1/channels', {
      token, body, headers: length === undefined ? {} : { CONTENT_LENGTH: length },
    });
    const channel = () => JSON.stringify({ name: unique('len'), status: 'PUBLIC' });
    for (const [what, body, length, status] of [
      ['with its length', channel(), undefined, 201],
      ['without', channel(), '', 201],
      ['that breaks off', channel(), '500', 400],
      ['with a length that is none', channel(), '-1', 400],
      ['too long', 'x'.repeat(200_000), undefined, 413],
      ['too long, without its length', 'x'.repeat(200_000), '', 413],
      ['said to be too long', channel(), '70000', 413],
    ]) {
      const answer = await make(body, length);
      assert.equal(answer.status, status, `${what}: ${answer.text}`);
    }
  });
});

/* One request through the program as CGI. */
function cgi(method, target, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, PARLEY_CONFIG: configuration, ...metaVariables(method, target, options) },
    });
    const out = [];
    let log = '';
    child.stdout.on('data', (data) => out.push(data));
    child.stderr.on('data', (data) => { log += data; });
    child.on('close', (code) => {
      if (code !== 0) reject(new Error(`exit ${code}: ${log}`));
      else resolve(parseAnswer(Buffer.concat(out)));
    });
    child.stdin.on('error', () => {});
    child.stdin.end(options.body ?? '');
  });
}

describe('as a CGI program', () => {
  test('answers one request and ends', async () => {
    assert.equal((await cgi('GET', '/healthz')).status, 200);
    assert.equal((await cgi('GET', '/readyz')).status, 200);
    const made = await cgi('POST', '/api/v1/auth/signup', { body: account() });
    assert.equal(made.status, 201, made.text);
    const token = JSON.parse(made.text).accessToken;
    const me = await cgi('GET', '/api/v1/users/me', { token });
    assert.equal(JSON.parse(me.text).username, JSON.parse(made.text).user.username);
    assert.equal((await cgi('GET', '/api/v1/nowhere')).status, 404);
  });

  test('a message sent through it is live for others', async (t) => {
    const ann = await signup(instance);
    const room = unique('cgi');
    await ann.create(room);
    const client = await ann.connect(t, { auth: { history: 0 } });
    const answer = await cgi('POST', `/api/v1/channels/${encodeURIComponent(room)}/messages`, {
      token: ann.accessToken, body: JSON.stringify({ text: 'by CGI' }),
    });
    assert.equal(answer.status, 201, answer.text);
    await client.waitFor('newMessage', (body) => body.text === 'by CGI');
  });
});

describe('the command line', () => {
  const runIt = (args, env = {}) => new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH, ...env } });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data) => { stdout += data; });
    child.stderr.on('data', (data) => { stderr += data; });
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });

  test('--routes prints the table, wrong options the usage', async () => {
    const routes = await runIt(['--routes']);
    assert.equal(routes.code, 0);
    assert.match(routes.stdout, /^GET \/api\/v1\/users\/me auth$/m);
    const wrong = await runIt(['--nonsense']);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /usage: parley-fcgi/);
  });

  test('a bad configuration is named', async () => {
    const short = await runIt([], { PARLEY_AUTH_SECRET: 'short' });
    assert.equal(short.code, 1);
    assert.match(short.stderr, /auth\.secret/);
    const wrong = await runIt([], { PARLEY_FCGI_THREADS: 'many' });
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /PARLEY_FCGI_THREADS/);
    const none = await runIt([], { PARLEY_AUTH_SECRET: 'x'.repeat(32) });
    assert.equal(none.code, 1);
    assert.match(none.stderr, /fcgi\.socket/);
  });
});
