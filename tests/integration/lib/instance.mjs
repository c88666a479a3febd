/*
 * A running parley, started and ended by ./dev. The whole run shares one instance (run.mjs starts
 * it and passes its data folder in PARLEY_INSTANCE); a file that needs other settings, or that
 * harms the processes, starts its own with `started`.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Description } from './openapi.mjs';
import { rest } from './rest.mjs';
import { until } from './wait.mjs';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');

/* The build to run: PARLEY_VARIANT=asan is ./dev up --asan. */
const VARIANT = process.env.PARLEY_VARIANT ? [`--${process.env.PARLEY_VARIANT}`] : [];

/* Cheap hashes and no limits per hour: the tests make hundreds of users. Limits have their own file. */
const QUICK = {
  'auth.hash_ops': 1,
  'auth.hash_bytes': 8192,
  'limits.sends_per_s': 0,
  'limits.commands_per_s': 0,
  'limits.connects_per_s': 0,
  'limits.password_tries': 0,
  'limits.password_tries_per_address': 0,
  'limits.signups_per_hour': 0,
  'limits.private_creations_per_hour': 0,
  'limits.hash_queue': 1000,
};

/** Run a program to its end: {code, stdout, stderr}. */
export function run(command, args, { input, cwd = ROOT, env = process.env, timeout = 120_000 } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), timeout);
    child.stdout.on('data', (data) => { stdout += data; });
    child.stderr.on('data', (data) => { stderr += data; });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code: code ?? signal, stdout, stderr });
    });
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/* ./dev detaches daemons that may inherit its pipes: wait for its exit, not for the pipes' end. */
function dev(args, timeout) {
  return new Promise((resolve, reject) => {
    const child = spawn('./dev', args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), timeout);
    child.stdout.on('data', (data) => { stdout += data; });
    child.stderr.on('data', (data) => { stderr += data; });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      setImmediate(() => {
        child.stdout.destroy();
        child.stderr.destroy();
        resolve({ code: code ?? signal, stdout, stderr });
      });
    });
  });
}

async function devOrFail(args, timeout = 300_000) {
  const result = await dev(args, timeout);
  if (result.code !== 0) {
    throw new Error(`./dev ${args.join(' ')}: exit ${result.code}\n${result.stdout}\n${result.stderr}`);
  }
  return result.stdout;
}

/** The section.key values of an INI file. */
function parseIni(text) {
  const values = {};
  let section = '';
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    if (!line || line.startsWith('#') || line.startsWith(';')) continue;
    const head = /^\[(.+)\]$/.exec(line);
    if (head) {
      section = head[1].trim();
      continue;
    }
    const at = line.indexOf('=');
    if (at < 0) continue;
    const key = line.slice(0, at).trim();
    values[section ? `${section}.${key}` : key] = line.slice(at + 1).trim();
  }
  return values;
}

class Instance {
  constructor(data) {
    this.data = data;
  }

  async refresh() {
    const text = await devOrFail(['status', '--json', '--data', this.data], 30_000);
    this.status = JSON.parse(text);
    /* PARLEY_FRONT: another web server in front of the same instance. */
    this.http = process.env.PARLEY_FRONT ?? this.status.http;
    return this.status;
  }

  /** ./dev down; the data stays. */
  down() {
    return dev(['down', '--data', this.data], 60_000);
  }

  /** parleyctl on this instance. */
  ctl(...args) {
    return devOrFail(['ctl', '--data', this.data, ...args], 60_000);
  }

  /** An API key, the same at every call. */
  apiKey() {
    this.key ??= this.ctl('key', 'add', 'tests').then((text) => text.trim());
    return this.key;
  }

  /** The configuration the programs run with, as section.key. */
  async config() {
    if (!this.settings) {
      const names = (await readdir(this.data)).filter((name) => name.endsWith('.conf'));
      for (const name of names) {
        const values = parseIni(await readFile(path.join(this.data, name), 'utf8'));
        if (values['auth.secret']) this.settings = values;
      }
      if (!this.settings) throw new Error(`no configuration with auth.secret in ${this.data}`);
    }
    return this.settings;
  }

  /** One statement through psql: rows of columns, all text. */
  async sql(statement) {
    const args = ['-X', '-A', '-t', '-q', '-F', '\t', '-v', 'ON_ERROR_STOP=1', '-d', this.status.pg];
    const result = await run('psql', [...args, '-c', statement]);
    if (result.code !== 0) throw new Error(`psql: ${result.stderr}`);
    return result.stdout.split('\n').filter(Boolean).map((line) => line.split('\t'));
  }

  /** A request whose answer must be as the API description says. */
  async rest(method, target, options) {
    const answer = await rest(this.http, method, target, options);
    this.description ??= Description.of(this.http);
    (await this.description).check(options?.base ?? '/api/v1', method, target, answer);
    return answer;
  }

  /** Every process this instance started that must not be replaced by a test that does not kill. */
  async pids() {
    const status = await this.refresh();
    return JSON.stringify(status.pids);
  }

  async ready(timeout = 30_000) {
    await until('readiness', async () => (await rest(this.http, 'GET', '/readyz', { base: '' })).status === 200
      || (await fetch(`${this.status.brokers[0]}/readyz`)).status === 200, { timeout, every: 50 });
  }
}

/** Start an instance on the folder `data`. */
export async function up(data, { set = {}, args = [] } = {}) {
  const settings = Object.entries({ ...QUICK, ...set }).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const instance = new Instance(data);
  await devOrFail(['up', '--port', String(await freePort()), '--data', data, '--detach', ...VARIANT, ...args, ...settings]);
  await instance.refresh();
  return instance;
}

/**
 * An instance of this file's own; ended, with its data, after the test or suite `t`. `prepare(data)`
 * is called with its empty data folder.
 */
export async function started(t, { set, args, prepare } = {}) {
  const data = await mkdtemp(path.join(tmpdir(), 'parley-test-'));
  await prepare?.(data);
  const end = async () => {
    await new Instance(data).down();
    if (!process.env.PARLEY_KEEP) await rm(data, { recursive: true, force: true });
  };
  if (t) t.after(end);
  try {
    const instance = await up(data, { set, args });
    instance.stop = end;
    return instance;
  } catch (error) {
    if (!t) await end();
    throw error;
  }
}

/** The instance of the run (PARLEY_INSTANCE: its data folder), or one of this file's own. */
export async function shared(t) {
  const data = process.env.PARLEY_INSTANCE;
  if (!data) return started(t);
  const instance = new Instance(path.resolve(ROOT, data));
  await instance.refresh();
  return instance;
}
