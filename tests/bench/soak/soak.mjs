/* A soak: load on an instance for a time, samples, and a verdict. What ./dev soak and its test run. */
import os from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { LIMITS, judge } from './judge.mjs';
import { Load } from './load.mjs';
import { Sampler } from './sample.mjs';

/* Limits that bound a single client are lifted: a few users make all the load. What is kept for a
 * while (heartbeats, sessions to come back to) is kept for so short a time that it is level in the
 * half that is judged. */
export const SETTINGS = {
  'auth.access_ttl_s': 86400,
  'broker.recovery_ms': 5000,
  'limits.recovery_events': 16384,
  'limits.connections_per_user': 100000,
  'limits.connections_per_address': 100000,
  'limits.rooms_per_user': 100000,
  'socketio.ping_interval_ms': 5000,
  'socketio.ping_timeout_ms': 15000,
};

const SATURATE_S = 6;
const LEFT_MS = 60_000; /* until what ended is gone */
const LEFT_DESCRIPTORS = 10;
const BUSY_MACHINE = 2; /* load average of a CPU above which others had a say in the latency */

async function sampleFor(sampler, load, seconds, period, say) {
  const end = performance.now() + seconds * 1000;
  for (let next = performance.now(); performance.now() < end; next += period) {
    const sample = await sampler.take();
    load.expire();
    say(sample);
    await delay(Math.max(0, Math.min(next + period, end) - performance.now()));
  }
}

/* Everybody has gone: what the brokers hold goes back to what it was. */
async function afterwards(sampler, before) {
  const end = performance.now() + LEFT_MS;
  for (;;) {
    const sample = await sampler.take();
    const left = Object.entries(sample.descriptors)
      .filter(([name]) => name.startsWith('broker')).map(([name, count]) => count - before.descriptors[name]);
    const most = Math.max(...left);
    if ((sample.connections === 0 && most <= LEFT_DESCRIPTORS) || performance.now() >= end) {
      sampler.samples.pop();
      return { connections: sample.connections, descriptors: most, memory: sample.memory };
    }
    sampler.samples.pop();
    await delay(250);
  }
}

function verdictOf(rows, load, left, { busy, machine }) {
  const { counts } = load;
  const bad = rows.filter(({ flat }) => !flat).map(({ name, rise, allowed, unit }) => `${name} rises by ${rise.toFixed(1)} ${unit} (${allowed.toFixed(1)} allowed)`);
  if (counts.lost) bad.push(`${counts.lost} deliveries were lost`);
  if (counts.twice) bad.push(`${counts.twice} deliveries came twice or out of order`);
  if (counts.stayersLost) bad.push(`${counts.stayersLost} members that stay lost their connection`);
  if (counts.notRecovered > counts.recovered) bad.push(`${counts.notRecovered} of ${counts.notRecovered + counts.recovered} sessions were not recovered`);
  if (counts.errors > 0.02 * (counts.sent + counts.cycles)) bad.push(`${counts.errors} errors`);
  if (left.connections > 0) bad.push(`${left.connections} connections were left`);
  if (left.descriptors > LEFT_DESCRIPTORS) bad.push(`${left.descriptors} descriptors were left`);
  return { flat: bad.length === 0, bad, lowerBound: busy > 0.9, disturbed: machine > BUSY_MACHINE * os.cpus().length };
}

/**
 * options: seconds, rate (sends a second; 0: half of what it reaches), clients, churners, slow, pause
 * (ms between cycles), stall (ms of a slow reader), period (ms between samples), limits ('long',
 * 'short'), forget (leave connections behind, to see that it is noticed). `say(sample)` is called as
 * it goes.
 */
export async function soak(instance, options, say = () => {}) {
  const load = new Load(instance, options);
  const sampler = new Sampler(instance, load);
  try {
    const before = await sampler.take();
    sampler.samples.pop();
    await load.prepare();
    load.startChurn();
    const reached = options.rate ? undefined : await load.saturate(SATURATE_S);
    const rate = options.rate || Math.max(1, Math.round(reached / 2));
    const pids = await instance.pids();
    load.startSends(rate);
    sampler.started = performance.now();
    await sampleFor(sampler, load, options.seconds, options.period, say);
    const stillUp = pids === await instance.pids();
    await load.stop();
    const left = await afterwards(sampler, before);
    const series = sampler.series();
    const rows = judge(series, LIMITS[options.limits]);
    const mean = (name) => sampler.samples.reduce((sum, each) => sum + each[name], 0) / sampler.samples.length;
    const busy = mean('busy');
    const machine = mean('load');
    const verdict = verdictOf(rows, load, left, { busy, machine });
    if (!stillUp) {
      verdict.flat = false;
      verdict.bad.push('a process was started again');
    }
    return {
      options, reached, rate, busy, machine, counts: load.counts, problems: Object.fromEntries(load.problems),
      rows, left, verdict, series, samples: sampler.samples,
    };
  } finally {
    load.running = false;
    sampler.close();
  }
}
