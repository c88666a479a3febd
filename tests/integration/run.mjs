/*
 * All integration tests, or the files named: one instance for the run, one file after the other,
 * TAP on standard output ("# pass N", "# fail N", "# skipped N" at its end).
 *
 *   node tests/integration/run.mjs [--spec] [rest gateway ...]
 *
 * PARLEY_INSTANCE (a data folder) uses a running instance; PARLEY_VARIANT=asan runs that build;
 * PARLEY_KEEP=1 keeps the data.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
if (!existsSync(path.join(here, '../node_modules/socket.io-client'))) {
  const npm = spawnSync('npm', ['ci'], { cwd: path.dirname(here), stdio: ['ignore', 2, 2] });
  if (npm.status !== 0) process.exit(2);
}
const { started } = await import('./lib/instance.mjs');
const names = process.argv.slice(2).filter((each) => !each.startsWith('--'));
const reporter = process.argv.includes('--spec') ? 'spec' : 'tap';
const OWN_INSTANCE = ['accounts', 'brokers', 'limits', 'loop', 'messages', 'moderation', 'recovery', 'seam', 'tour', 'typing'];

const all = readdirSync(here).filter((each) => each.endsWith('.test.mjs')).map((each) => each.slice(0, -9)).sort();
const chosen = names.length ? names : all;
const unknown = chosen.filter((each) => !all.includes(each));
if (unknown.length) {
  console.error(`no such test: ${unknown.join(' ')}; there are ${all.join(' ')}`);
  process.exit(2);
}

let instance;
let child;
let ending = false;

async function end(code) {
  if (ending) return;
  ending = true;
  if (child && child.exitCode === null) child.kill('SIGTERM');
  await instance?.stop();
  process.exit(code);
}

process.on('SIGINT', () => end(130));
process.on('SIGTERM', () => end(143));

const env = { ...process.env };
if (!env.PARLEY_INSTANCE && chosen.some((each) => !OWN_INSTANCE.includes(each))) {
  instance = await started(null);
  env.PARLEY_INSTANCE = instance.data;
}
delete env.NODE_TEST_CONTEXT;
child = spawn(process.execPath, [
  '--test', '--test-concurrency=1', `--test-reporter=${reporter}`,
  ...chosen.map((each) => path.join(here, `${each}.test.mjs`)),
], { stdio: 'inherit', env });
child.on('exit', (code) => end(code ?? 1));
