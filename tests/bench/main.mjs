/*
 * ./dev bench: parley beside its peers, in one run (README.md).
 *
 *   --quick            one short run of each: does it work, not how fast is it
 *   --runs N (3)       interleaved between the peers      --seconds N (4)  of each measurement
 *   --only NAME,...    scenarios, or groups of them       --peers NAME,...
 *   --out FOLDER       where bench.json and bench.svg go  --publish        and the tables of docs/PERFORMANCE.md
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ROOT, run } from '../integration/lib/instance.mjs';
import { costs } from './lib/cost.mjs';
import { commit, machine, versions } from './lib/machine.mjs';
import { plot } from './lib/plot.mjs';
import { publish, textReport } from './lib/report.mjs';
import { SCENARIOS } from './lib/scenarios.mjs';
import { Nest, Parley, REAL_HASHES, inMemory } from './lib/servers.mjs';
import { judge, summary } from './lib/stats.mjs';
import { World } from './lib/world.mjs';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    runs: { type: 'string' },
    seconds: { type: 'string' },
    only: { type: 'string', default: '' },
    peers: { type: 'string', default: '' },
    out: { type: 'string', default: fileURLToPath(new URL('results', import.meta.url)) },
    publish: { type: 'boolean', default: false },
  },
});

const names = (text) => text.split(',').filter(Boolean);
const isParley = (peer) => peer.startsWith('parley');

/* What stays up between scenarios, each begun when it is first needed. */
class Bench {
  constructor(seconds, folder) {
    Object.assign(this, { seconds, folder, scenarios: [], kept: new Map() });
  }

  keep(name, start) {
    if (!this.kept.has(name)) this.kept.set(name, start());
    return this.kept.get(name);
  }

  async begin(peer, options) {
    const nest = peer === 'nest';
    const server = await (nest ? Nest.start() : Parley.start(options));
    return { server, world: new World(server.target(peer, true).http, this.folder, nest ? server : null) };
  }

  /** The system of a peer, for everything but what needs one that has done nothing. */
  async system(peer) {
    const all = await this.keep(isParley(peer) ? 'parley' : peer, () => this.begin(peer));
    this.targets = { ...this.targets, [peer]: all.server.target(peer, peer === 'parley-lighttpd') };
    return all;
  }

  async world(peer) {
    return (await this.system(peer)).world;
  }

  /** Its port and processes. */
  target(peer) {
    return this.targets[peer];
  }

  fresh(peer) {
    const name = isParley(peer) ? 'parley' : peer;
    return this.keep(`fresh ${name}`, () => this.begin(name, { set: REAL_HASHES }));
  }

  async withBrokers(count) {
    const { server: parley, world } = await this.keep('brokers', () => this.begin('parley'));
    if (parley.instance.status.brokers.length !== count) {
      await parley.again(['--brokers', String(count)]);
      world.http = parley.instance.http;
    }
    return { parley, world };
  }

  median(name, peer) {
    return this.scenarios.find((each) => each.name === name)?.peers[peer]?.median;
  }

  async end() {
    for (const begun of this.kept.values()) {
      const all = await begun.catch(() => null);
      await all?.server.stop();
    }
  }
}

/* Which peers can be measured here; the others, and why not. */
async function prepare(wanted) {
  const skipped = {};
  for (const peer of ['node-socketio', 'socketioxide', 'nest'].filter((each) => wanted.has(each))) {
    const { code, stdout } = await run('taskset', ['-c', '0,1', path.join(ROOT, 'tests/bench/peers', peer, 'prepare')], { timeout: 1_200_000 });
    if (code !== 0) skipped[peer] = stdout.trim().split('\n').pop() || `prepare: exit ${code}`;
  }
  return skipped;
}

async function measured(bench, scenario, peer) {
  if (scenario.group !== 'library' && scenario.peers.length > 1) await bench.system(peer);
  const result = await scenario.measure(bench, peer);
  console.log(`  ${peer.padEnd(18)} ${result.value.toFixed(2)} ${scenario.unit}${result.lost ? `, ${result.lost} LOST` : ''}${result.lower_bound ? ', the generator was the limit' : ''}`);
  return result;
}

/* All peers in turn, and again. One that fails is left out, with the reason. */
async function compare(bench, scenario, peers, runs) {
  const { measure, ...said } = scenario;
  const results = new Map(peers.map((peer) => [peer, []]));
  const failed = {};
  console.log(`\n${scenario.name}: ${scenario.title}`);
  for (let i = 0; i < runs; i++) {
    for (const peer of [...results.keys()]) {
      try {
        results.get(peer).push(await measured(bench, scenario, peer));
      } catch (error) {
        console.log(`  ${peer.padEnd(18)} FAILED: ${error.message}`);
        failed[peer] = error.message;
        results.delete(peer);
      }
    }
  }
  const entries = [...results].map(([peer, all]) => [peer, summary(all.map(({ value }) => value), all)]);
  bench.scenarios.push({ ...said, peers: Object.fromEntries(entries), failed });
}

/* Where the time of a send goes: one more run of these, watched. */
const WATCHED = {
  'room-1000-16': ['parley-library', 'socketioxide', 'node-socketio'],
  'rooms-100x10': ['parley-library', 'socketioxide', 'node-socketio'],
  'sends-100': ['parley', 'nest'],
  'sends-one-listener': ['parley', 'nest'],
};

async function watch(bench, scenario, peer) {
  if (scenario.group !== 'library') {
    const { pids, pg } = bench.target(peer);
    return costs({ pids, pg, during: () => scenario.measure(bench, peer) });
  }
  /* A server that stays: the scenario would start one of its own. */
  const server = await inMemory(peer);
  try {
    return await costs({ pids: { server: [server.child.pid] }, pg: null, during: () => scenario.measure(bench, server) });
  } finally {
    await server.stop();
  }
}

async function main() {
  const runs = Number(values.runs ?? (values.quick ? 1 : 3));
  const only = new Set(names(values.only));
  const chosen = SCENARIOS.filter(({ name, group }) => only.size === 0 || only.has(name) || only.has(group));
  const asked = new Set(names(values.peers));
  const of = (scenario, skipped) => scenario.peers.filter((peer) => !(peer in skipped) && (asked.size === 0 || asked.has(peer)));
  const folder = await mkdtemp(path.join(tmpdir(), 'parley-bench-'));
  const bench = new Bench(Number(values.seconds ?? (values.quick ? 1 : 4)), folder);
  const result = { date: new Date().toISOString(), commit: await commit(), quick: values.quick, runs, seconds: bench.seconds, machine: machine() };
  try {
    result.skipped = await prepare(new Set(chosen.flatMap((scenario) => of(scenario, {}))));
    result.versions = await versions();
    result.costs = {};
    for (const scenario of chosen) {
      const peers = of(scenario, result.skipped);
      if (peers.length === 0) continue;
      await compare(bench, scenario, peers, runs);
      for (const peer of WATCHED[scenario.name] ?? []) {
        if (peer in bench.scenarios.at(-1).peers) (result.costs[scenario.name] ??= {})[peer] = await watch(bench, scenario, peer);
      }
    }
  } finally {
    await bench.end();
    await rm(folder, { recursive: true, force: true });
  }
  result.scenarios = bench.scenarios;
  result.goals = judge(result.scenarios);
  console.log(textReport(result));
  mkdirSync(values.out, { recursive: true });
  writeFileSync(path.join(values.out, 'bench.json'), `${JSON.stringify(result, null, 1)}\n`);
  writeFileSync(path.join(values.out, 'bench.svg'), plot(result));
  if (values.publish) publish(result, path.join(ROOT, 'docs/PERFORMANCE.md'));
}

await main();
