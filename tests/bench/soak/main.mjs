/*
 * ./dev soak: churn at half load on an instance of its own, for as long as asked.
 *
 *   --minutes N   (30)           --rate N      sends a second (0: half of what is reached beside the churn)
 *   --clients N   (1000) members that stay     --churners N  (20) clients that come and go all the time
 *   --brokers N   (2)            --out FOLDER  where soak.json and soak.svg go
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { started } from '../../integration/lib/instance.mjs';
import { plot } from './plot.mjs';
import { SETTINGS, soak } from './soak.mjs';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    rate: { type: 'string', default: '0' },
    clients: { type: 'string', default: '1000' },
    churners: { type: 'string', default: '20' },
    brokers: { type: 'string', default: '2' },
    out: { type: 'string', default: fileURLToPath(new URL('../results', import.meta.url)) },
  },
});

const minutes = Number(values.minutes);
const options = {
  seconds: minutes * 60,
  rate: Number(values.rate),
  clients: Number(values.clients),
  churners: Number(values.churners),
  slow: 5,
  pause: 200,
  stall: 40_000,
  period: Math.max(500, Math.min(5000, minutes * 60_000 / 120)),
  limits: minutes >= 5 ? 'long' : 'short',
};

function report(result) {
  const { counts, verdict } = result;
  console.log(`\n${minutes} min, ${result.rate} sends/s into rooms of 10 (${counts.sent} sent, ${counts.delivered} deliveries, ${counts.lost} lost, ${counts.twice} twice),`);
  console.log(`${counts.cycles} connections came and went, ${counts.recovered} sessions recovered (${counts.notRecovered} not), ${counts.slowReads} stalls of slow readers, ${counts.requests} requests, ${counts.errors} errors`);
  for (const [what, times] of Object.entries(result.problems)) console.log(`  ${times} x ${what}`);
  console.log(`the generator was busy for ${(100 * result.busy).toFixed(0)} % of a core${verdict.lowerBound ? ': latencies are upper bounds, rates lower ones' : ''}\n`);
  for (const { name, unit, first, level, rise, allowed, flat } of result.rows) {
    console.log(`${flat ? 'flat ' : 'RISES'} ${name.padEnd(32)} at first ${first.toFixed(1)}, later ${level.toFixed(1)} ${unit}, rise ${rise.toFixed(1)} (at most ${allowed.toFixed(1)})`);
  }
  console.log(`\nafter the end ${result.left.connections} connections and ${result.left.descriptors} descriptors more than before`);
  for (const each of verdict.bad) console.log(`  ${each}`);
  if (verdict.disturbed) console.log(`the machine's load average was ${result.machine.toFixed(1)} on ${os.cpus().length} CPUs: others had their share in the latency`);
  console.log(`verdict: ${verdict.flat ? 'flat' : 'NOT FLAT'}`);
}

const instance = await started(null, { set: SETTINGS, args: ['--brokers', values.brokers] });
let result;
try {
  result = await soak(instance, options, ({ at, memory, p99, connections, busy }) => {
    console.log(`${at.toFixed(0).padStart(5)} s  ${Object.entries(memory).map(([name, kib]) => `${name} ${(kib / 1024).toFixed(1)}`).join(', ')} MiB  p99 ${p99?.toFixed(1)} ms  ${connections} connections  generator ${(100 * busy).toFixed(0)} %`);
  });
} finally {
  await instance.stop();
}
report(result);
const { series, samples, ...kept } = result;
const computer = { cpus: os.cpus().length, model: os.cpus()[0]?.model, kernel: os.release(), node: process.version };
mkdirSync(values.out, { recursive: true });
/* A line for each sample; hundredths are enough. */
const round = (key, value) => (typeof value === 'number' ? Math.round(value * 100) / 100 : value);
const head = JSON.stringify({ date: new Date().toISOString(), computer, ...kept }, round, 1).slice(0, -2);
const lines = samples.map((each) => `  ${JSON.stringify(each, round)}`).join(',\n');
writeFileSync(path.join(values.out, 'soak.json'), `${head},\n "samples": [\n${lines}\n ]\n}\n`);
writeFileSync(path.join(values.out, 'soak.svg'), plot(`${minutes} minutes at ${result.rate} sends/s with churn: ${result.verdict.flat ? 'flat' : 'not flat'}`, result.rows, series));
console.log(`${path.join(values.out, 'soak.json')} and soak.svg`);
process.exit(result.verdict.flat ? 0 : 1);
