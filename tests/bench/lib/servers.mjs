/*
 * The servers that are compared. All run on one core (main.mjs has put itself, and so its children,
 * on it): parley with its PostgreSQL, mosquitto and web server; a peer likewise.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ROOT, freePort, run, up } from '../../integration/lib/instance.mjs';
import { administrator } from '../../faults/lib/postgres.mjs';
import { ended, firstLine } from './generator.mjs';

const BENCH = path.join(ROOT, 'tests/bench');
const BUILT = path.join(ROOT, 'build/tests/bench');

/* Rooms in memory, on a port: what the Socket.IO library alone is compared with. */
const IN_MEMORY = {
  'parley-library': [`${BUILT}/broadcast-server`],
  socketioxide: [`${BENCH}/peers/socketioxide/run`],
  'node-socketio': [`${BENCH}/peers/node-socketio/run`],
  baseline: [`${BUILT}/baseline`],
  'baseline-coalesce': [`${BUILT}/baseline`, '--coalesce'],
};

/* Nothing may be refused, and nobody wait for a password's hash, while something else is measured. */
export const LIFTED = {
  'auth.access_ttl_s': 86400,
  'limits.marks_per_s': 0,
  'limits.searches_per_s': 0,
  'limits.connections': 100000,
  'limits.connections_per_user': 100000,
  'limits.connections_per_address': 1000000,
  'limits.rooms_per_user': 100000,
};

/* As a new installation has them. */
export const REAL_HASHES = { 'auth.hash_ops': 2, 'auth.hash_bytes': 19922944 };

/* Resident memory of processes together, KiB: a page of a file that several of them have mapped (the
 * libraries) is there once. What a process has changed is its own ("Anonymous"). */
export function residentKib(pids) {
  const files = new Map();
  let own = 0;
  for (const pid of pids) {
    for (const [, offset, device, inode, fields] of readFileSync(`/proc/${pid}/smaps`, 'utf8')
      .matchAll(/^[0-9a-f]+-[0-9a-f]+ \S+ (\S+) (\S+) (\d+)(.*\n(?:[A-Z]\S*:.*\n)+)/gm)) {
      const kib = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(fields)[1]);
      const changed = inode === '0' ? kib('Rss') : kib('Anonymous');
      const key = `${device} ${inode} ${offset}`;
      own += changed;
      files.set(key, Math.max(files.get(key) ?? 0, kib('Rss') - changed));
    }
  }
  return own + [...files.values()].reduce((sum, each) => sum + each, 0);
}

/* A program that listens on --port and says "ready". */
class Program {
  static async start(name, command, args = [], env = {}) {
    const port = await freePort();
    const child = spawn(command[0], [...command.slice(1), '--port', String(port), ...args], {
      stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env },
    });
    const program = new Program(name, port, child);
    try {
      if (await firstLine(child, name, 60_000) !== 'ready') throw new Error(`${name}: is not ready`);
    } catch (error) {
      await program.stop();
      throw error;
    }
    return program;
  }

  constructor(name, port, child) {
    this.name = name;
    this.port = port;
    this.child = child;
    this.pids = { [name]: [child.pid] };
  }

  get residentKib() {
    return residentKib([this.child.pid]);
  }

  async stop() {
    this.child.kill('SIGTERM');
    const hard = setTimeout(() => this.child.kill('SIGKILL'), 5000);
    await ended(this.child);
    clearTimeout(hard);
  }
}

export function inMemory(name) {
  return Program.start(name, IN_MEMORY[name]);
}

/** A parley, in a folder of its own. Restart it with other arguments by `again`. */
export class Parley {
  static async start({ set = {}, args = [] } = {}) {
    const parley = new Parley();
    parley.data = await mkdtemp(path.join(tmpdir(), 'parley-bench-'));
    parley.set = set;
    await parley.up(args);
    return parley;
  }

  async up(args) {
    this.instance = await up(this.data, { set: { ...LIFTED, ...this.set }, args });
  }

  async down() {
    await this.instance?.down();
  }

  async again(args) {
    await this.down();
    await this.up(args);
  }

  async stop() {
    await this.down();
    await rm(this.data, { recursive: true, force: true });
  }

  /** The broker's own port, or with `front` the web server's. */
  target(name, front) {
    const { status } = this.instance;
    const { pids } = status;
    return {
      name,
      port: Number(new URL(front ? status.http : status.brokers[0]).port),
      http: status.http,
      pg: status.pg,
      pids: {
        broker: pids.brokers, fcgi: [pids.fcgi].flat(), mosquitto: [pids.mosquitto],
        lighttpd: [pids.lighttpd], postgres: [pids.postgres],
      },
    };
  }

  /** Brokers and workers together. */
  get residentKib() {
    const { pids } = this.instance.status;
    return residentKib([...pids.brokers, pids.fcgi].flat());
  }
}

/** The Nest gateway, with a cluster like parley's: that of a parley which has nothing else to do. */
export class Nest {
  static SECRET = 'only for benchmarks';

  static async start() {
    const nest = new Nest();
    nest.parley = await Parley.start();
    try {
      await nest.database();
      nest.program = await Program.start('nest', [`${BENCH}/peers/nest/run`], ['--pg', nest.pg], { PEER_SECRET: Nest.SECRET });
    } catch (error) {
      await nest.stop();
      throw error;
    }
    return nest;
  }

  async database() {
    const { instance } = this.parley;
    const [, role] = /user=(\S+)/.exec(instance.status.pg);
    const { code, stderr } = await administrator(instance, `create database nest owner ${role}`);
    if (code !== 0) throw new Error(`psql: ${stderr}`);
    this.pg = instance.status.pg.replace(/dbname=\S+/, 'dbname=nest');
  }

  async sql(statement) {
    const { code, stdout, stderr } = await run('psql', ['-XAtq', '-F', '\t', '-v', 'ON_ERROR_STOP=1', '-d', this.pg, '-c', statement]);
    if (code !== 0) throw new Error(`psql: ${stderr}`);
    return stdout.split('\n').filter(Boolean).map((line) => line.split('\t'));
  }

  target() {
    return {
      name: 'nest', port: this.program.port, http: `http://127.0.0.1:${this.program.port}`, pg: this.pg,
      pids: { nest: [this.program.child.pid], postgres: [this.parley.instance.status.pids.postgres] },
    };
  }

  get residentKib() {
    return this.program.residentKib;
  }

  async stop() {
    await this.program?.stop();
    await this.parley.stop();
  }
}
