/* The load generator (../load), on a core of its own. It prints one JSON object; what it holds, it holds until it is killed. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { ROOT } from '../../integration/lib/instance.mjs';

const PROGRAM = path.join(ROOT, 'build/tests/bench/load/load');
const CORE = '1';

function start(mode, options) {
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return spawn('taskset', ['-c', CORE, PROGRAM, mode, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/* The first line of what a program prints; rejected if it ends or takes too long before. */
export function firstLine(child, what, timeout) {
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error(`${what}: nothing within ${timeout} ms`)), timeout);
    child.stdout.on('data', (data) => {
      text += data;
      const end = text.indexOf('\n');
      if (end < 0) return;
      clearTimeout(timer);
      resolve(text.slice(0, end));
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      setImmediate(() => reject(new Error(`${what}: exit ${code ?? signal}`)));
    });
  });
}

export function ended(child) {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.on('exit', resolve);
  });
}

/** What the generator measured. `options` are its command line, without the dashes. */
export async function load(mode, options) {
  const child = start(mode, options);
  const timeout = 1000 * ((options.seconds ?? 5) + (options.warmup ?? 1) + (options.drain ?? 10) + 150);
  try {
    return JSON.parse(await firstLine(child, `load ${mode}`, timeout));
  } finally {
    child.kill('SIGKILL');
    await ended(child);
  }
}

/** Connections that do nothing while `work(what the generator said)` runs. */
export async function holding(options, work) {
  const child = start('rooms', { hold: 1, ...options });
  try {
    return await work(JSON.parse(await firstLine(child, 'load rooms --hold', 180_000)));
  } finally {
    child.kill('SIGKILL');
    await ended(child);
  }
}
