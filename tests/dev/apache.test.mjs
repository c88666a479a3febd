/*
 * The same instance behind Apache, as deploy/apache has it: two brokers, the integration tests of REST and of the
 * gateway, long-polling routed by sid; and both web servers with TLS.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { io } from 'socket.io-client';
import { ROOT, freePort, run, started } from '../integration/lib/instance.mjs';
import { connect } from '../integration/lib/socket.mjs';
import { signup, unique } from '../integration/lib/users.mjs';
import { until, within } from '../integration/lib/wait.mjs';

const APACHE = '/usr/sbin/apache2';
const MODULES = ['alias', 'authz_core', 'dir', 'env', 'headers', 'lbmethod_byrequests', 'mime', 'mpm_event', 'proxy',
  'proxy_balancer', 'proxy_fcgi', 'proxy_http', 'rewrite', 'slotmem_shm', 'socache_shmcb', 'ssl', 'unique_id'];
const IDLE_S = 75;

const skip = existsSync(APACHE) ? false : `there is no ${APACHE}`;
const folder = await mkdtemp(path.join(tmpdir(), 'parley-front-'));
after(() => process.env.PARLEY_KEEP || rm(folder, { recursive: true, force: true }));

/** Start a server in the foreground; ended after the tests. */
function serve(command, args, url) {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (data) => { errors += data; });
  after(() => new Promise((resolve) => {
    child.on('exit', resolve);
    if (child.exitCode !== null) resolve();
    child.kill('SIGTERM');
  }));
  return until(`${command} to answer`, () => {
    assert.equal(child.exitCode, null, `${command} has ended: ${errors}`);
    return get(url).then(() => true, () => false);
  });
}

/** GET by https without a check of the certificate, or by http. */
function get(url) {
  if (url.startsWith('http:')) return fetch(url).then((answer) => ({ status: answer.status, headers: Object.fromEntries(answer.headers) }));
  return new Promise((resolve, reject) => {
    request(url, { rejectUnauthorized: false }, (response) => {
      const protocol = response.socket.getProtocol();
      response.resume();
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, protocol }));
    }).on('error', reject).end();
  });
}

/** The virtual host of deploy/apache, filled in for `instance`. */
async function apacheInside(instance) {
  const config = await instance.config();
  /* Apache's children are www-data, and come to the workers' socket and the pages. An installation gives them a group. */
  for (let at = path.dirname(config['fcgi.socket']); at !== tmpdir(); at = path.dirname(at)) await chmod(at, 0o711);
  await chmod(config['fcgi.socket'], 0o666);
  const ports = instance.status.brokers.map((url) => new URL(url).host);
  const lines = (fn) => ports.map(fn).join('\n');
  await cp(path.join(ROOT, 'build/web'), path.join(folder, 'web'), { recursive: true });
  await run('chmod', ['-R', 'a+rX', path.join(folder, 'web')]);
  const values = {
    WEB: path.join(folder, 'web'),
    IDLE: IDLE_S,
    FCGI_SOCKET: config['fcgi.socket'],
    SIO_PATH: '/socket.io/',
    MEMBERS: lines((host) => `    BalancerMember "http://${host}" upgrade=websocket timeout=${IDLE_S}`),
    WORKERS: lines((host) => `<Proxy "http://${host}/socket.io/">\n    ProxySet upgrade=websocket timeout=${IDLE_S}\n</Proxy>`),
    SIDS: lines((host, i) => `RewriteCond "%{QUERY_STRING}" "(^|&)sid=b${i + 1}-"\nRewriteRule "^/socket\\.io/" "http://${host}%{REQUEST_URI}" [P,L]`),
  };
  return (await readFile(path.join(ROOT, 'deploy/apache/parley.conf.in'), 'utf8'))
    .replaceAll(/@([A-Z_]+)@/g, (whole, name) => values[name] ?? assert.fail(`nothing for ${whole}`));
}

async function apache(instance, { tls = false } = {}) {
  const port = await freePort();
  const here = path.join(folder, `apache-${port}`);
  await mkdir(here);
  await chmod(folder, 0o711);
  const inside = `${await apacheInside(instance)}\n${tls ? await readFile(path.join(ROOT, 'deploy/apache/tls.conf'), 'utf8') : ''}`;
  await writeFile(path.join(here, 'apache.conf'), `ServerRoot "${here}"
PidFile "${here}/pid"
DefaultRuntimeDir "${here}"
Listen 127.0.0.1:${port}
ServerName localhost
User www-data
Group www-data
ErrorLog "${here}/error.log"
TypesConfig /etc/mime.types
${MODULES.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
<VirtualHost 127.0.0.1:${port}>
${inside.replaceAll('/etc/parley/tls', folder)}
</VirtualHost>
`);
  const url = `${tls ? 'https' : 'http'}://127.0.0.1:${port}`;
  await serve(APACHE, ['-D', 'FOREGROUND', '-f', path.join(here, 'apache.conf')], `${url}/`);
  return url;
}

const instance = skip ? null : await started({ after }, { args: ['--brokers', '2'] });

describe('behind Apache', { skip }, async () => {
  const front = skip ? null : await apache(instance);

  test('the integration tests of REST and the gateway pass', async () => {
    const files = ['rest', 'gateway'].map((name) => path.join(ROOT, `tests/integration/${name}.test.mjs`));
    const env = { ...process.env, PARLEY_INSTANCE: instance.data, PARLEY_FRONT: front };
    delete env.NODE_TEST_CONTEXT;
    const { code, stdout } = await run(process.execPath, ['--test', '--test-concurrency=1', '--test-reporter=tap', ...files], { env, timeout: 400_000 });
    const failed = [...stdout.matchAll(/^ +not ok .*\n[\s\S]{0,900}/gm)].map(([text]) => text);
    assert.equal(code, 0, failed.join('\n'));
    assert.match(stdout, /^# pass [1-9]/m);
  });

  for (const transports of [['polling'], ['polling', 'websocket'], ['websocket']]) {
    test(`two brokers, ${transports.join(' then ')}`, async (t) => {
      const ann = await signup(instance);
      const room = unique('apache');
      await ann.create(room);
      const clients = await Promise.all(Array.from({ length: 6 }, () => connect(t, front, { token: ann.accessToken, transports })));
      for (let i = 0; i < 10; i++) await clients[i % 6].must('sendMessage', { room, text: `number ${i}` });
      for (const client of clients) {
        await client.waitFor('newMessage', (message) => message.text === 'number 9');
        assert.equal(client.received('newMessage').length, 10);
      }
    });
  }

  test('pages have their types and their policy', async () => {
    for (const [target, type, policy] of [['/', /text\/html/, /default-src 'none'/], ['/js/app.js', /javascript/, /default-src 'none'/],
      ['/api', /text\/html/, /unsafe-inline/], ['/api/events', /text\/html/, /./], ['/api-json', /json/, /./], ['/api-yaml', /yaml/, /./]]) {
      const { status, headers } = await get(front + target);
      assert.equal(status, 200, target);
      assert.match(headers['content-type'], type, target);
      assert.match(headers['content-security-policy'] ?? '', policy, target);
    }
    const { status, headers } = await get(`${front}/api/v1/users/me`);
    assert.equal(status, 401);
    assert.match(headers['content-type'], /problem\+json/);
    assert.match(headers['x-request-id'], /^[A-Za-z0-9@_-]{27}$/, 'the id of mod_unique_id');
    assert.equal((await get(`${front}/metrics`)).status, 404);
  });
});

describe('TLS', { skip }, async () => {
  if (!skip) {
    const made = await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost',
      '-keyout', path.join(folder, 'key.pem'), '-out', path.join(folder, 'fullchain.pem')]);
    assert.equal(made.code, 0, made.stderr);
  }

  async function lighttpd() {
    const port = await freePort();
    const config = (await readFile(path.join(instance.data, 'lighttpd/lighttpd.conf'), 'utf8'))
      .replace(/server\.port = \d+/, `server.port = ${port}`).replace(/^\$SERVER\["socket"\].*$/m, '');
    const tls = (await readFile(path.join(ROOT, 'deploy/lighttpd/tls.conf'), 'utf8')).replaceAll('/etc/parley/tls', folder);
    await writeFile(path.join(folder, 'lighttpd.conf'), `${config}\n${tls}`);
    await serve('/usr/sbin/lighttpd', ['-D', '-f', path.join(folder, 'lighttpd.conf')], `https://127.0.0.1:${port}/`);
    return `https://127.0.0.1:${port}`;
  }

  for (const [name, start] of [['Apache', () => apache(instance, { tls: true })], ['lighttpd', lighttpd]]) {
    test(`${name}: https and wss, HSTS, nothing older than TLS 1.2`, async (t) => {
      if (name === 'lighttpd' && !existsSync('/usr/lib/lighttpd/mod_openssl.so')) return t.skip('there is no mod_openssl');
      const url = await start();
      const page = await get(`${url}/`);
      assert.equal(page.status, 200);
      assert.match(page.headers['strict-transport-security'], /max-age=\d{7,}/);
      assert.match(page.protocol, /TLSv1\.[23]/);
      const old = await run('openssl', ['s_client', '-connect', new URL(url).host, '-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'], { input: '' });
      assert.notEqual(old.code, 0, 'TLS 1.1 is refused');
      const ann = await signup(instance);
      const room = unique('tls');
      await ann.create(room);
      for (const transports of [['websocket'], ['polling']]) {
        const socket = io(url, { auth: { token: ann.accessToken }, transports, forceNew: true, rejectUnauthorized: false, reconnection: false });
        t.after(() => socket.disconnect());
        const history = await within('the history', new Promise((resolve) => { socket.on('updateChatHistory', resolve); }));
        assert.deepEqual(Object.keys(history), [room]);
        const answer = await socket.timeout(5000).emitWithAck('sendMessage', { room, text: 'over TLS' });
        assert.equal(answer.code, undefined, JSON.stringify(answer));
      }
      return undefined;
    });
  }
});
