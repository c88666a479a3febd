/*
 * What a send costs: CPU time by process, system calls, commits and WAL, and which part of the broker its time goes to.
 *
 * Two passes of the same load. The first is left alone: only counters are read that are kept anyway, four times a second. The second is watched
 * by perf, whose work slows it down, so that only counts and shares are taken from it.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { run } from '../../integration/lib/instance.mjs';
import { Session } from '../../integration/lib/psql.mjs';
import { functionFiles, profile, samples } from './parts.mjs';

const PERIOD_MS = 250;
const TICK_US = 10_000; /* of /proc/PID/stat, on every Linux */
const HZ = 499; /* samples a second: not in step with anything */
const STACK_BYTES = 8192;
const OURS = /\/(parley-broker|broadcast-server)$/;

/* The clock of the generator's window too. */
const now = () => Number(process.hrtime.bigint() / 1000n);

/* ---- processes ---- */

function childrenOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

const withChildren = (pids) => pids.flatMap((pid) => [pid, ...childrenOf(pid)]);

/** User and system time in µs from a line of /proc/PID/stat; `ended`: that of its ended children too. */
export function times(stat, ended) {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ').map(Number);
  const [user, system, endedUser, endedSystem] = fields.slice(11, 15);
  return { user: (user + (ended ? endedUser : 0)) * TICK_US, system: (system + (ended ? endedSystem : 0)) * TICK_US };
}

function cpuOf(pids) {
  const sum = { user: 0, system: 0 };
  const add = (pid, ended) => {
    const { user, system } = times(readFileSync(`/proc/${pid}/stat`, 'utf8'), ended);
    sum.user += user;
    sum.system += system;
  };
  for (const pid of pids) {
    add(pid, true);
    for (const child of childrenOf(pid)) {
      try {
        add(child, false);
      } catch { /* it has just ended: its time is its parent's now */ }
    }
  }
  return sum;
}

/* ---- counters over time ---- */

/** The first and the last sample within the generator's window, or of all if it had none. */
export function within(all, window) {
  const inside = window ? all.filter(({ at_us: at }) => at >= window.from_us && at <= window.until_us) : all;
  if (inside.length < 2) throw new Error('the load was too short to be measured');
  return [inside[0], inside.at(-1)];
}

/** What happened between two samples, for each of so many sends a second. */
export function perSend([first, last], rate) {
  const sends = (rate * (last.at_us - first.at_us)) / 1e6;
  const names = Object.keys(first.cpu);
  const of = (kind) => Object.fromEntries(names.map((name) => [name, (last.cpu[name][kind] - first.cpu[name][kind]) / sends]));
  const user = of('user');
  const system = of('system');
  const total = Object.fromEntries(names.map((name) => [name, user[name] + system[name]]));
  return { sends, cpu_us: { ...total, total: Object.values(total).reduce((sum, each) => sum + each, 0) }, system_us: system };
}

const POSITIONS = `select pg_current_wal_insert_lsn(), pg_current_wal_insert_lsn() - '0/0', pg_snapshot_xmax(pg_current_snapshot()),
  (select sum(xact_commit) from pg_stat_database)`;

class Sampler {
  constructor(pids, pg) {
    Object.assign(this, { pids, all: [], stopped: false });
    this.psql = pg ? new Session(null, { status: { pg } }) : null;
  }

  async take() {
    const sample = { at_us: now(), cpu: Object.fromEntries(Object.entries(this.pids).map(([name, pids]) => [name, cpuOf(pids)])) };
    if (this.psql) {
      const [[lsn, bytes, xid, commits]] = await this.psql.sql(POSITIONS);
      Object.assign(sample, { lsn, wal: Number(bytes), xid: Number(xid), transactions: Number(commits) });
    }
    this.all.push(sample);
  }

  async run() {
    while (!this.stopped) {
      await this.take();
      await delay(PERIOD_MS);
    }
  }

  static async during(pids, pg, work) {
    const sampler = new Sampler(pids, pg);
    const running = sampler.run();
    running.catch(() => {}); /* told below */
    try {
      const result = await work();
      sampler.stopped = true;
      await running;
      return { result, all: sampler.all, folder: await sampler.dataFolder() };
    } finally {
      sampler.stopped = true;
      sampler.psql?.child.kill('SIGKILL');
    }
  }

  async dataFolder() {
    return this.psql ? (await this.psql.sql('show data_directory'))[0][0] : null;
  }
}

/* ---- WAL ---- */

/** The table of pg_waldump --stats=record. */
export function walRecords(text) {
  const rows = text.matchAll(/^(\S+)\s+(\d+) \([^)]*\)\s+(\d+) \([^)]*\)\s+(\d+) \([^)]*\)/gm);
  return Object.fromEntries([...rows].map(([, type, count, bytes, images]) => [type,
    { count: Number(count), bytes: Number(bytes), images: Number(images) }]));
}

/** What the records of a range say of so many sends. */
export function walPerSend(records, sends) {
  const all = Object.values(records);
  const sum = (field) => all.reduce((total, each) => total + each[field], 0) / sends;
  const biggest = Object.entries(records).sort(([, a], [, b]) => b.bytes + b.images - a.bytes - a.images).slice(0, 8);
  return {
    records: sum('count'),
    page_images_bytes: sum('images'),
    commits: (records['Transaction/COMMIT']?.count ?? 0) / sends,
    bytes_by_record: Object.fromEntries(biggest.map(([type, { bytes, images }]) => [type, (bytes + images) / sends])),
  };
}

/* The commits are those in the log; transactions that wrote nothing are not there. pg_stat_database has these too, but up to a second late. */
async function wal([first, last], sends, folder, postmaster) {
  if (first.lsn === undefined) return { skipped: 'no database' };
  const counters = {
    bytes: (last.wal - first.wal) / sends,
    writing_transactions: (last.xid - first.xid) / sends,
    transactions: (last.transactions - first.transactions) / sends,
  };
  try {
    const program = path.join(path.dirname(readlinkSync(`/proc/${postmaster}/exe`)), 'pg_waldump');
    const said = await run(program, ['--stats=record', '-p', path.join(folder, 'pg_wal'), '-s', first.lsn, '-e', last.lsn], { timeout: 60_000 });
    const records = walRecords(said.stdout);
    if (Object.keys(records).length === 0) throw new Error(said.stderr.trim().split('\n')[0]);
    return { ...counters, ...walPerSend(records, sends) };
  } catch (error) {
    return { ...counters, skipped: `what it is made of: ${error.message}` };
  }
}

/* ---- perf ---- */

async function whyNoPerf(...args) {
  try {
    const { code, stderr } = await run('perf', args, { timeout: 10_000 });
    return code === 0 ? null : `perf ${args[0]}: ${stderr.trim().split('\n')[0]}`;
  } catch (error) {
    return `no perf: ${error.message}`;
  }
}

function perf(args) {
  const child = spawn('perf', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  child.over = new Promise((resolve) => child.on('close', resolve));
  child.on('error', () => {});
  return child;
}

async function interrupt(child) {
  const hard = setTimeout(() => child.kill('SIGKILL'), 10_000);
  child.kill('SIGINT');
  await child.over;
  clearTimeout(hard);
}

/** Counts a second from lines of perf stat -x, -I: [{at_us, text}], `at_us` when it was read. */
export function countsPerSecond(lines, window) {
  let last = 0;
  let seconds = 0;
  let count = 0;
  for (const { at_us: at, text } of lines) {
    const [time, said] = text.trim().split(',');
    const counted = said === '<not counted>' ? 0 : Number(said); /* it slept all the while */
    const took = Number(time) - last;
    last = Number(time);
    if (!Number.isFinite(counted) || (window && (at - took * 1e6 < window.from_us || at > window.until_us))) continue;
    seconds += took;
    count += counted;
  }
  return seconds > 0 ? count / seconds : null;
}

/* A line may come in pieces. */
function linesOf(stream) {
  const lines = [];
  let rest = '';
  stream.on('data', (data) => {
    const parts = (rest + data).split('\n');
    rest = parts.pop();
    lines.push(...parts.map((text) => ({ at_us: now(), text })));
  });
  return lines;
}

/* Counted in the kernel, each process by itself; nothing is traced. */
class SystemCalls {
  constructor(pids) {
    this.counters = Object.entries(pids).map(([name, all]) => {
      const child = perf(['stat', '-x,', '-I', String(PERIOD_MS), '-e', 'raw_syscalls:sys_enter', '-p', withChildren(all).join(',')]);
      return { name, child, lines: linesOf(child.stderr) };
    });
  }

  async stop() {
    await Promise.all(this.counters.map(({ child }) => interrupt(child)));
  }

  perSend(window, rate, members) {
    const each = Object.fromEntries(this.counters.map(({ name, lines }) => [name, countsPerSecond(lines, window) / rate]));
    const total = Object.values(each).reduce((sum, count) => sum + count, 0);
    return { per_send: { ...each, total }, per_delivery: total / members };
  }
}

/* The build a program of ours comes from: the nearest folder above it with our archives. */
function buildOf(pid) {
  const program = readlinkSync(`/proc/${pid}/exe`);
  if (!OURS.test(program)) return null;
  for (let folder = path.dirname(program); folder !== '/'; folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, 'libsio-net.a'))) return folder;
  }
  return null;
}

async function filesOf(build) {
  const archives = readdirSync(build).filter((name) => name.endsWith('.a')).map((name) => path.join(build, name));
  const { stdout } = await run('nm', ['-A', '--defined-only', ...archives], { timeout: 30_000 });
  return functionFiles(stdout);
}

/* Stacks of what is on the CPU, unwound afterwards: neither our build nor the libraries keep frame pointers. */
class Profiler {
  constructor(pid) {
    this.folder = mkdtempSync(path.join(tmpdir(), 'parley-cost-'));
    this.file = path.join(this.folder, 'perf.data');
    this.build = buildOf(pid);
    this.child = perf(['record', '-q', '-B', '-N', '-F', String(HZ), '-e', 'cpu-clock', '-k', 'CLOCK_MONOTONIC', '-m', '8M', '--max-size=512M',
      '--call-graph', `dwarf,${STACK_BYTES}`, '-p', String(pid), '-o', this.file]);
    this.child.stderr.resume();
  }

  async stop() {
    await interrupt(this.child);
  }

  async parts(window) {
    try {
      const said = await run('perf', ['script', '-i', this.file, '--no-inline', '-F', 'tid,time,ip,sym,dso'], { timeout: 120_000 });
      const all = samples(said.stdout).filter(({ at_us: at }) => !window || (at >= window.from_us && at <= window.until_us));
      if (all.length === 0) return { skipped: `perf script: ${said.stderr.trim().split('\n')[0] || `no samples (${said.code})`}` };
      return profile(all, await filesOf(this.build));
    } finally {
      rmSync(this.folder, { recursive: true, force: true });
    }
  }
}

/* ---- all of it ---- */

/** Sends a second, and how many members each goes to, by what the generator says. */
export function shape({ window, sent, seconds, deliveries }) {
  const sends = window?.sends ?? sent;
  return { rate: sends / seconds, members: deliveries / sends };
}

async function watched(pids, during) {
  const profiled = Object.values(pids).flat().find((pid) => buildOf(pid));
  const noCounts = await whyNoPerf('stat', '-e', 'raw_syscalls:sys_enter', 'true');
  const noProfile = profiled === undefined ? 'not a program of ours' : await whyNoPerf('stat', '-e', 'cpu-clock', 'true');
  if (noCounts && noProfile) return { syscalls: { skipped: noCounts }, parts: { skipped: noProfile } };
  const calls = noCounts ? null : new SystemCalls(pids);
  const profiler = noProfile ? null : new Profiler(profiled);
  let result;
  try {
    result = await during();
  } finally {
    await Promise.all([calls?.stop(), profiler?.stop()]);
  }
  const { rate, members } = shape(result);
  return {
    sends_per_s: rate,
    syscalls: calls ? calls.perSend(result.window, rate, members) : { skipped: noCounts },
    parts: profiler ? await profiler.parts(result.window) : { skipped: noProfile },
  };
}

async function measured({ pids, pg, during }) {
  const { result, all, folder } = await Sampler.during(pids, pg, during);
  const { rate, members } = shape(result);
  const ends = within(all, result.window);
  const { sends, ...cpu } = perSend(ends, rate);
  const log = await wal(ends, sends, folder, pids.postgres?.[0]);
  const { syscalls, parts, sends_per_s: slowed } = await watched(pids, during);
  const own = cpu.cpu_us.broker ?? cpu.cpu_us.server;
  const us = parts.share && own !== undefined ? { us_per_send: Object.fromEntries(Object.entries(parts.share).map(([part, share]) => [part, share * own])) } : {};
  return { sends_per_s: rate, deliveries_per_send: members, watched_sends_per_s: slowed ?? null, ...cpu, wal: log, syscalls, parts: { ...us, ...parts } };
}

/**
 * What a send costs while `during()` runs: twice, it resolves to what the load generator said. `pids`:
 * {name: [pid, ...]} of all that serves it, with their children; `pg`: the database's conninfo, or null.
 * What cannot be measured here is {skipped: why}; so is all of it, if the load fails.
 */
export async function costs({ pids, pg = null, during }) {
  try {
    return await measured({ pids, pg, during });
  } catch (error) {
    return { skipped: error.message };
  }
}
