/* What the processes of an instance hold, over time. */
import { readFileSync, readdirSync } from 'node:fs';
import os from 'node:os';
import { Session } from '../../integration/lib/psql.mjs';
import { quantile } from '../../integration/lib/wait.mjs';

const status = (pid, field) => Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
const descriptors = (pid) => readdirSync(`/proc/${pid}/fd`).length;
const children = (pid) => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);

/* PostgreSQL's processes share their buffers: only what each has for itself counts. */
function privateKib(pid) {
  let sum = status(pid, 'RssAnon');
  for (const child of children(pid)) {
    try {
      sum += status(child, 'RssAnon');
    } catch { /* it has just ended */ }
  }
  return sum;
}

/** The programs whose memory and descriptors are judged: {name: pid}. */
export function programs({ pids }) {
  const own = Object.fromEntries(pids.brokers.map((pid, i) => [`broker-${i + 1}`, pid]));
  return { ...own, fcgi: pids.fcgi, lighttpd: pids.lighttpd, mosquitto: pids.mosquitto };
}

const gauges = ['connections', 'sockets', 'output_bytes', 'output_packets', 'sends_waiting', 'commands_waiting',
  'commands_running', 'pool_waiting', 'sessions_parked', 'sessions_recovered_total', 'gaps_fetched_total', 'slow_closed_total'];

/* The sum over the brokers, and over a family's labels. */
async function measured(brokers) {
  const sums = Object.fromEntries(gauges.map((name) => [name, 0]));
  for (const base of brokers) {
    const text = await (await fetch(`${base}/metrics`, { signal: AbortSignal.timeout(20_000) })).text();
    for (const [, name, value] of text.matchAll(/^parley_([a-z_]+)(?:\{[^}]*\})? ([0-9.e+]+)$/gm)) {
      if (name in sums) sums[name] += Number(value);
    }
  }
  return sums;
}

export class Sampler {
  constructor(instance, load) {
    this.instance = instance;
    this.load = load;
    this.psql = new Session(null, instance);
    this.samples = [];
    this.started = performance.now();
    this.utilisation = performance.eventLoopUtilization();
  }

  async take() {
    const pids = programs(this.instance.status);
    const spent = performance.eventLoopUtilization();
    const busy = performance.eventLoopUtilization(spent, this.utilisation).utilization;
    this.utilisation = spent;
    const latencies = this.load.takeLatencies();
    const sample = {
      at: (performance.now() - this.started) / 1000,
      memory: { postgres: privateKib(this.instance.status.pids.postgres) },
      descriptors: {},
      pgConnections: Number((await this.psql.sql("select count(*) from pg_stat_activity where backend_type = 'client backend'"))[0][0]),
      ...await measured(this.instance.status.brokers),
      deliveries: latencies.length,
      p50: latencies.length ? quantile(latencies, 0.5) : null,
      p99: latencies.length ? quantile(latencies, 0.99) : null,
      busy,
      load: os.loadavg()[0],
    };
    for (const [name, pid] of Object.entries(pids)) {
      sample.memory[name] = status(pid, 'VmRSS');
      sample.descriptors[name] = descriptors(pid);
    }
    this.samples.push(sample);
    return sample;
  }

  close() {
    this.psql.child.kill('SIGKILL');
  }

  /** By name, as judge and plot take them. */
  series() {
    const { samples } = this;
    const of = (kind, unit, get) => ({
      kind, unit, points: samples.filter((each) => get(each) !== null).map((each) => [each.at, get(each)]),
    });
    const all = {};
    for (const name of Object.keys(samples[0].memory)) all[`memory of ${name}`] = of('memory', 'KiB', (each) => each.memory[name]);
    for (const name of Object.keys(samples[0].descriptors)) all[`descriptors of ${name}`] = of('descriptors', '', (each) => each.descriptors[name]);
    all['connections to PostgreSQL'] = of('connections', '', (each) => each.pgConnections);
    all['latency, median'] = of('latency', 'ms', (each) => each.p50);
    all['latency, 99th percentile'] = of('latency', 'ms', (each) => each.p99);
    all['sends waiting'] = of('queue', '', (each) => each.sends_waiting);
    all['commands waiting'] = of('queue', '', (each) => each.commands_waiting);
    all['jobs waiting for threads'] = of('queue', '', (each) => each.pool_waiting);
    all['sessions kept for recovery'] = of('queue', '', (each) => each.sessions_parked);
    return all;
  }
}
