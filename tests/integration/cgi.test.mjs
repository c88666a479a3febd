/*
 * The workers' program as plain CGI, by the examples of deploy/lighttpd/cgi.conf and deploy/apache/cgi.conf: what it
 * answers is, byte for byte, what the FastCGI workers behind the instance's own front answer.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { connect as tcp } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { ROOT, freePort, run, shared } from './lib/instance.mjs';
import { rawRequest, rest } from './lib/rest.mjs';
import { PASSWORD, User, signup, unique } from './lib/users.mjs';
import { until } from './lib/wait.mjs';

const APACHE = '/usr/sbin/apache2';
const MODULES = ['alias', 'authz_core', 'cgid', 'env', 'mpm_event'];

const instance = await shared({ after });
const folder = await mkdtemp(path.join(tmpdir(), 'parley-cgi-'));
await chmod(folder, 0o711);
after(() => process.env.PARLEY_KEEP || rm(folder, { recursive: true, force: true }));

/* Apache's children are www-data, which an installation would put into parley's group: here they get a copy of the
 * program and of the configuration, may pass through to PostgreSQL's socket, and reach mosquitto by its port. */
const PROGRAM = path.join(folder, 'parley-fcgi');
const CONFIG = path.join(folder, 'parley.conf');
await copyFile(await readlink(`/proc/${instance.status.pids.fcgi}/exe`), PROGRAM);
await chmod(PROGRAM, 0o755);
await writeFile(CONFIG, (await readFile(path.join(instance.data, 'parley.conf'), 'utf8')).replace(/^host = \S+\/mqtt\.sock$/m, 'host = 127.0.0.1'));
await chmod(CONFIG, 0o644);
const [, pgFolder] = /host=(\/\S+)/.exec(instance.status.pg) ?? [];
for (let at = pgFolder; at && at !== tmpdir() && at.startsWith(instance.data); at = path.dirname(at)) await chmod(at, 0o711);

const example = async (server) => (await readFile(path.join(ROOT, `deploy/${server}/cgi.conf`), 'utf8'))
  .replaceAll('@PROGRAM@', PROGRAM).replaceAll('@CONFIG@', CONFIG);

/** A web server in the foreground, once it answers; ended after the tests. */
async function serve(command, args, url) {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (data) => { errors += data; });
  after(() => new Promise((resolve) => {
    child.on('exit', resolve);
    if (child.exitCode !== null) resolve();
    child.kill('SIGTERM');
  }));
  let last;
  await until(`${command} to answer`, async () => {
    assert.equal(child.exitCode, null, `${command} has ended: ${errors}`);
    last = await rawRequest(url, { target: '/healthz' });
    return last.status === 200;
  }, { timeout: 30_000 }).catch((error) => {
    throw new Error(`${error.message}; ${last?.status} ${last?.text} ${errors}`);
  });
  return url;
}

/** The instance's own lighttpd once more, with CGI in the place of FastCGI. */
async function lighttpd() {
  const [port, file, uploads] = [await freePort(), path.join(folder, 'lighttpd.conf'), path.join(folder, 'uploads')];
  await mkdir(uploads);
  const own = await readFile(path.join(instance.data, 'lighttpd/lighttpd.conf'), 'utf8');
  const fastcgi = /^fastcgi\.server = \([\s\S]*?^\)$/m;
  assert.match(own, fastcgi);
  await writeFile(file, own.replace(fastcgi, () => `include "${path.join(folder, 'cgi.conf')}"`)
    .replace(/^server\.port = .*$/m, `server.port = ${port}`)
    .replace(/^\$SERVER\["socket"\].*$/gm, '')
    .replace(/^server\.upload-dirs = .*$/m, `server.upload-dirs = ( "${uploads}" )`));
  await writeFile(path.join(folder, 'cgi.conf'), await example('lighttpd'));
  return serve('/usr/sbin/lighttpd', ['-D', '-f', file], `http://127.0.0.1:${port}`);
}

async function apache() {
  const [port, here] = [await freePort(), path.join(folder, 'apache')];
  await mkdir(here);
  await writeFile(path.join(here, 'apache.conf'), `ServerRoot "${here}"
PidFile "${here}/pid"
DefaultRuntimeDir "${here}"
Listen 127.0.0.1:${port}
ServerName localhost
User www-data
Group www-data
ErrorLog "${here}/error.log"
${MODULES.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
ScriptSock "${folder}/cgid.sock"
<VirtualHost 127.0.0.1:${port}>
AllowEncodedSlashes NoDecode
${await example('apache')}
</VirtualHost>
`);
  return serve(APACHE, ['-D', 'FOREGROUND', '-f', path.join(here, 'apache.conf')], `http://127.0.0.1:${port}`);
}

/* What of an answer is the program's, and not the web server's (the length of a body it may also send in chunks) or the moment's. */
const HEADERS = ['content-type', 'allow', 'location', 'link', 'vary', 'retry-after', 'www-authenticate',
  'cache-control', 'x-request-id', 'access-control-allow-origin', 'access-control-allow-methods',
  'access-control-allow-headers', 'access-control-max-age', 'access-control-expose-headers'];
const essence = (answer) => ({
  status: answer.status, text: answer.text, headers: Object.fromEntries(HEADERS.map((name) => [name, answer.headers.get(name)])),
});

/** A request whose body comes in chunks, without a length. */
function chunked(origin, target, { token, pieces }) {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const socket = tcp(Number(port), hostname);
    let text = '';
    socket.setTimeout(30_000, () => socket.destroy(new Error('no answer in 30 s')));
    socket.on('data', (data) => { text += data; });
    socket.on('error', reject);
    socket.on('end', () => resolve({ status: Number(text.split(' ')[1]), text: text.slice(text.indexOf('\r\n\r\n') + 4) }));
    socket.write(`POST ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\n`
      + 'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n');
    for (const piece of pieces) socket.write(`${Buffer.byteLength(piece).toString(16)}\r\n${piece}\r\n`);
    socket.write('0\r\n\r\n');
  });
}

const LONG = 400; /* messages: more than one piece of a streamed history */
const ann = await signup(instance);
const room = unique('cgi');
await ann.create(room);
await instance.sql(`with r as (update room set last_seq = last_seq + ${LONG} where name = '${room}' returning id, last_seq)
  insert into room_event (room_id, seq, kind, actor_id, text, at)
  select r.id, r.last_seq - ${LONG} + n, 1, (select id from app_user where username = '${ann.username}'), 'line ' || n, now()
  from r, generate_series(1, ${LONG}) n`);

const messages = `/api/v1/channels/${room}/messages`;
const json = { 'content-type': 'application/json' };
const auth = { authorization: `Bearer ${ann.accessToken}` };
const sent = (method, target, body, headers = {}) => ({ method, target, body, headers: { ...auth, ...json, ...headers } });
const SAME = {
  'what needs no database': { target: '/healthz' },
  'a probe through PostgreSQL and MQTT': { target: '/readyz' },
  'who I am': { target: '/api/v1/users/me', headers: auth },
  'a channel': { target: `/api/v1/channels/${room}`, headers: auth },
  'a page of messages, with links': { target: `${messages}?limit=3`, headers: auth },
  'a streamed history': { target: '/api/v1/history', headers: auth },
  'HEAD': { method: 'HEAD', target: messages, headers: auth },
  'a message seen before': sent('POST', messages, '{"text":"by CGI","nonce":"seen"}'),
  'a nonce for something else': sent('POST', messages, '{"text":"other","nonce":"seen"}'),
  'no answer body': sent('PUT', `/api/v1/channels/${room}/read`, '{"seq":1}'),
  'no token': { target: messages },
  'a token that is none': { target: messages, headers: { authorization: 'Bearer nonsense' } },
  'a wrong password': { method: 'POST', target: '/api/v1/auth/login', headers: json, body: JSON.stringify({ username: ann.username, password: 'not this one' }) },
  'no such route': { target: '/api/v1/nowhere', headers: auth },
  'the bare prefix': { target: '/api/v1', headers: auth },
  'no such channel': { target: '/api/v1/channels/nowhere-at-all', headers: auth },
  'a slash in a name': { target: `/api/v1/channels/${room}%2Fslash`, headers: auth },
  'another method': sent('PUT', messages, '{}'),
  'a field that is wrong': sent('POST', messages, '{"text":7}'),
  'no JSON': sent('POST', messages, '{"text":'),
  'another type': sent('POST', messages, 'text', { 'content-type': 'text/plain' }),
  'a body over the limit': sent('POST', messages, JSON.stringify({ text: 'x'.repeat(70_000) })),
  'a query that would be arguments': { target: '/api/v1/users/me?--routes', headers: auth },
  'a query that would be a configuration': { target: '/api/v1/users/me?-c/dev/null', headers: auth },
  'OPTIONS of an allowed origin': { method: 'OPTIONS', target: messages, headers: { origin: 'http://localhost:5173', 'access-control-request-method': 'POST' } },
  'OPTIONS of another origin': { method: 'OPTIONS', target: messages, headers: { origin: 'https://example.org' } },
  'GET of an allowed origin': { target: '/api/v1/users/me', headers: { ...auth, origin: 'http://localhost:5173' } },
};

for (const [name, start, skip] of [['lighttpd', lighttpd, false],
  ['Apache', apache, existsSync(APACHE) ? false : `there is no ${APACHE}`]]) {
  describe(`CGI under ${name}`, { skip }, async () => {
    const front = skip ? null : await start();
    const through = { http: front, rest: (...args) => rest(front, ...args) };

    test('it answers as the FastCGI workers do', async (t) => {
      await ann.rest('POST', `/channels/${room}/messages`, { body: { text: 'by CGI', nonce: 'seen' } });
      for (const [what, request] of Object.entries(SAME)) {
        await t.test(what, async () => {
          const marked = { ...request, headers: { ...request.headers, 'x-request-id': 'the-same' } };
          const expected = essence(await rawRequest(instance.status.http, marked));
          const actual = essence(await rawRequest(front, marked));
          /* A CGI program's 200 with a Location is the web server's to follow (RFC 3875), so there it has none. */
          if (actual.status === 200 && expected.headers.location) expected.headers.location = null;
          assert.deepEqual(actual, expected);
        });
      }
    });

    test('the program is run or not found, never sent', async () => {
      for (const target of ['/healthz/', '/healthz/x', '/healthz%2f', '/readyz/x', '/readyzx', '/api/v1x', '/api/v1%2f', '/api/v1/../../healthz/x']) {
        const answer = await rawRequest(front, { target });
        assert.ok([400, 404].includes(answer.status), `${target}: ${answer.status}`);
        assert.match(answer.headers.get('content-type'), /^(application\/problem\+json|text\/html)/, target);
      }
    });

    test('sign up, log in, refresh, log out', async () => {
      const account = { username: unique('cgi'), password: PASSWORD };
      const made = await through.rest('POST', '/auth/signup', { body: account });
      assert.equal(made.status, 201, made.text);
      const login = await through.rest('POST', '/auth/login', { body: account });
      assert.equal(login.status, 200, login.text);
      const user = new User(through, login.body);
      assert.equal((await user.must('GET', '/users/me')).username, account.username);
      const fresh = await through.rest('POST', '/auth/refresh', { body: { refreshToken: user.refreshToken } });
      assert.equal(fresh.status, 200, fresh.text);
      assert.equal((await user.rest('POST', '/auth/logout')).status, 204);
      assert.equal((await user.rest('GET', '/users/me')).status, 401);
    });

    test('what is sent through it is live for others, once and in order', async (t) => {
      const bob = await signup(instance);
      await bob.join(room);
      const client = await bob.connect(t, { auth: { history: 0 } });
      const sender = new User(through, { ...ann, user: { username: ann.username } });
      const texts = Array.from({ length: 5 }, (_, i) => `${name} ${i}`);
      for (const text of texts) await sender.say(room, text);
      const live = () => client.received('newMessage').map((each) => each.text).filter((text) => text.startsWith(name));
      await until('the last', () => live().includes(texts.at(-1)), { timeout: 15_000 });
      assert.deepEqual(live(), texts);
    });

    test('a body in chunks', async () => {
      const answer = await chunked(front, messages, { token: ann.accessToken, pieces: ['{"text":', `"in pieces by ${name}"}`] });
      assert.equal(answer.status, 201, answer.text);
      const over = await chunked(front, messages, { token: ann.accessToken, pieces: Array.from({ length: 80 }, () => 'x'.repeat(1024)) });
      assert.equal(over.status, 413, over.text);
    });

    test('many at once', async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => rawRequest(front, sent('POST', messages, JSON.stringify({ text: `many ${i}` })))));
      assert.deepEqual(answers.map((each) => each.status), Array.from({ length: 20 }, () => 201));
      assert.equal(new Set(answers.map((each) => each.body.seq)).size, 20);
    });
  });
}

test('a program without its configuration says so, and where', async () => {
  const env = { PATH: process.env.PATH, GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'GET', REQUEST_URI: '/healthz' };
  const none = await run(PROGRAM, ['--config', CONFIG], { env, timeout: 10_000 });
  assert.equal(none.code, 1, 'its arguments are the client\'s, and not looked at');
  assert.match(none.stderr, /auth\.secret/);
});
