/*
 * What a REST request costs through the workers' program as plain CGI, beside the FastCGI workers: one request after the
 * other from one connection, the two in turns, through the same kind of lighttpd; and where the time of a CGI process
 * goes, as CPU time of processes that do less and less. The ratios are what to look at.
 *
 *   node tests/bench/cgi.mjs [ROUNDS]
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { metaVariables } from '../integration/lib/fastcgi.mjs';
import { ROOT, freePort, started } from '../integration/lib/instance.mjs';
import { signup, unique } from '../integration/lib/users.mjs';
import { quantile, until } from '../integration/lib/wait.mjs';

const rounds = Number(process.argv[2] ?? 200);
const folder = await mkdtemp(path.join(tmpdir(), 'parley-bench-'));
const instance = await started(null);
const program = await readlink(`/proc/${instance.status.pids.fcgi}/exe`);
const config = path.join(instance.data, 'parley.conf');

/** The instance's lighttpd once more, with CGI in the place of FastCGI. */
async function cgiFront() {
  const port = await freePort();
  await mkdir(path.join(folder, 'uploads'));
  const own = await readFile(path.join(instance.data, 'lighttpd/lighttpd.conf'), 'utf8');
  const example = await readFile(path.join(ROOT, 'deploy/lighttpd/cgi.conf'), 'utf8');
  await writeFile(path.join(folder, 'cgi.conf'), example.replaceAll('@PROGRAM@', program).replaceAll('@CONFIG@', config));
  await writeFile(path.join(folder, 'lighttpd.conf'), own
    .replace(/^fastcgi\.server = \([\s\S]*?^\)$/m, () => `include "${path.join(folder, 'cgi.conf')}"`)
    .replace(/^server\.port = .*$/m, `server.port = ${port}`)
    .replace(/^\$SERVER\["socket"\].*$/gm, '')
    .replace(/^server\.upload-dirs = .*$/m, `server.upload-dirs = ( "${folder}/uploads" )`));
  const child = spawn('/usr/sbin/lighttpd', ['-D', '-f', path.join(folder, 'lighttpd.conf')], { stdio: 'ignore' });
  const front = `http://127.0.0.1:${port}`;
  await until('lighttpd', () => fetch(`${front}/healthz`).then((answer) => answer.ok, () => false), { timeout: 30_000 });
  return { front, end: () => child.kill('SIGTERM') };
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
function timed(front, { method = 'GET', target, token, body }) {
  return new Promise((resolve, reject) => {
    const headers = { ...(token && { authorization: `Bearer ${token}` }), ...(body && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }) };
    const began = performance.now();
    http.request(`${front}${target}`, { method, headers, agent }, (answer) => {
      answer.resume();
      answer.on('end', () => (answer.statusCode < 300 ? resolve(performance.now() - began) : reject(new Error(`${target}: ${answer.statusCode}`))));
    }).on('error', reject).end(body);
  });
}

/** Median CPU time of a process, user and system, in ms. */
function cpu(args, env, body) {
  const times = [];
  for (let i = 0; i < Math.min(rounds, 50); i++) {
    const { stdout } = spawnSync('/usr/bin/env', ['bash', '-c', 'TIMEFORMAT="%U %S"; { time "$@" >/dev/null 2>/dev/null; } 2>&1', 'bash', ...args],
      { env: { PATH: process.env.PATH, ...env }, input: body ?? '' });
    const [user, system] = String(stdout).trim().split(' ').map(Number);
    times.push((user + system) * 1000);
  }
  return quantile(times, 0.5);
}

const ann = await signup(instance);
const room = unique('bench');
await ann.create(room);
for (let i = 0; i < 50; i++) await ann.say(room, `line ${i}`);
const messages = `/api/v1/channels/${room}/messages`;
const kinds = {
  'GET /healthz': { target: '/healthz' },
  'GET a page of 50 messages': { target: messages, token: ann.accessToken },
  'POST a message': { method: 'POST', target: messages, token: ann.accessToken, body: '{"text":"bench"}' },
};
const cgi = await cgiFront();
try {
  console.log(`${'ms, median (p90)'.padEnd(28)} ${'FastCGI'.padStart(16)} ${'CGI'.padStart(16)}   ratio`);
  for (const [name, request] of Object.entries(kinds)) {
    const taken = { fastcgi: [], cgi: [] };
    for (let i = 0; i < rounds; i++) {
      taken.fastcgi.push(await timed(instance.status.http, request));
      taken.cgi.push(await timed(cgi.front, request));
    }
    const show = (times) => `${quantile(times, 0.5).toFixed(2)} (${quantile(times, 0.9).toFixed(2)})`.padStart(16);
    console.log(`${name.padEnd(28)} ${show(taken.fastcgi)} ${show(taken.cgi)} ${(quantile(taken.cgi, 0.5) / quantile(taken.fastcgi, 0.5)).toFixed(1).padStart(7)}`);
  }
  const as = (method, target, options) => ({ PARLEY_CONFIG: config, ...metaVariables(method, target, options) });
  console.log('\nCPU ms of one process');
  for (const [name, args, env, body] of [
    ['fork and exec: /bin/true', ['/bin/true'], {}],
    ['with its libraries: --routes', [program, '--routes'], {}],
    ['with its configuration: GET /healthz', [program], as('GET', '/healthz')],
    ['with PostgreSQL: GET a page', [program], as('GET', messages, { token: ann.accessToken })],
    ['with MQTT: POST a message', [program], as('POST', messages, { token: ann.accessToken, body: '{"text":"bench"}' }), '{"text":"bench"}'],
  ]) console.log(`${name.padEnd(40)} ${cpu(args, env, body).toFixed(1)}`);
} finally {
  agent.destroy();
  cgi.end();
  await instance.stop();
  await rm(folder, { recursive: true, force: true });
}
