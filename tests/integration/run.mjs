/*
 * All integration tests, or the files named: one instance for the run, one file after the other, their
 * report (TAP, or --spec) on standard output; at its end whether the two documents (swagger.yaml,
 * docs/asyncapi.yaml) describe what was seen, and, after a run of all files, whether all they describe
 * was seen. The last line sums up: "N passed, N failed, N skipped".
 *
 *   node tests/integration/run.mjs [--spec] [rest gateway ...]
 *
 * PARLEY_INSTANCE (a data folder) uses a running instance; PARLEY_VARIANT=asan runs that build;
 * PARLEY_KEEP=1 keeps the data, and what was seen.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
if (!existsSync(path.join(here, '../node_modules/socket.io-client')) || !existsSync(path.join(here, '../node_modules/ajv'))) {
  const npm = spawnSync('npm', ['ci'], { cwd: path.dirname(here), stdio: ['ignore', 2, 2] });
  if (npm.status !== 0) process.exit(2);
}
const env = { ...process.env, PARLEY_SEEN: mkdtempSync(path.join(tmpdir(), 'parley-seen-')) };
const { started } = await import('./lib/instance.mjs');
const { judgeRun } = await import('./lib/described.mjs');
const names = process.argv.slice(2).filter((each) => !each.startsWith('--'));
const reporter = process.argv.includes('--spec') ? 'spec' : 'tap';

const all = readdirSync(here).filter((each) => each.endsWith('.test.mjs')).map((each) => each.slice(0, -9)).sort();
const chosen = names.length ? names : all;
const unknown = chosen.filter((each) => !all.includes(each));
if (unknown.length) {
  console.error(`no such test: ${unknown.join(' ')}; there are ${all.join(' ')}`);
  process.exit(2);
}

const fileOf = (name) => path.join(here, `${name}.test.mjs`);
const isShared = (name) => /\bshared\(/.test(readFileSync(fileOf(name), 'utf8'));

let instance;
let child;
let ending = false;

async function end(code) {
  if (ending) return;
  ending = true;
  if (child && child.exitCode === null) child.kill('SIGTERM');
  await instance?.stop();
  if (process.env.PARLEY_KEEP) console.log(`what was seen: ${env.PARLEY_SEEN}`);
  else rmSync(env.PARLEY_SEEN, { recursive: true, force: true });
  process.exit(code);
}

process.on('SIGINT', () => end(130));
process.on('SIGTERM', () => end(143));

/* What node:test says of itself at its end: "# pass 12" or "ℹ pass 12". */
const counts = { pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0 };
function count(line) {
  const found = /^[#ℹ] (pass|fail|cancelled|skipped|todo) (\d+)$/.exec(line);
  if (found) counts[found[1]] = Number(found[2]);
}

/* The checks that need the whole run. */
function judge() {
  for (const { name, problems } of judgeRun(env.PARLEY_SEEN, chosen.length === all.length)) {
    counts[problems.length ? 'fail' : 'pass']++;
    console.log(`${problems.length ? '✖' : '✔'} ${name}`);
    for (const each of problems) console.log(`    ${each}`);
  }
}

if (!env.PARLEY_INSTANCE && chosen.some(isShared)) {
  instance = await started(null);
  env.PARLEY_INSTANCE = instance.data;
}
delete env.NODE_TEST_CONTEXT;
child = spawn(process.execPath, [
  '--test', '--test-concurrency=1', `--test-reporter=${reporter}`, ...chosen.map(fileOf),
], { stdio: ['inherit', 'pipe', 'inherit'], env });
let rest = '';
child.stdout.setEncoding('utf8').on('data', (text) => {
  process.stdout.write(text);
  const lines = (rest + text).split('\n');
  rest = lines.pop();
  lines.forEach(count);
});
child.on('close', (code) => {
  if (ending) return;
  judge();
  const failed = counts.fail + counts.cancelled;
  console.log(`\n${counts.pass} passed, ${failed} failed, ${counts.skipped + counts.todo} skipped`);
  end(code || (failed > 0 ? 1 : 0));
});
