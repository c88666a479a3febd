/* On what, and of what, the numbers are. */
import { existsSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ROOT, run } from '../../integration/lib/instance.mjs';

const PEERS = path.join(ROOT, 'tests/bench/peers');

export function machine() {
  return {
    cpu: os.cpus()[0]?.model ?? 'unknown',
    cores: os.cpus().length,
    memory_mib: Math.round(os.totalmem() / 1048576),
    kernel: os.release(),
    load: os.loadavg()[0],
  };
}

async function said(command, args, pattern) {
  try {
    const { stdout, stderr } = await run(command, args, { timeout: 10_000 });
    return pattern.exec(stdout + stderr)?.[1] ?? 'unknown';
  } catch {
    return 'none';
  }
}

function npmVersion(peer, module) {
  const file = path.join(PEERS, peer, 'node_modules', module, 'package.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : 'none';
}

function crateVersion(crate) {
  const lock = readFileSync(path.join(PEERS, 'socketioxide/Cargo.lock'), 'utf8');
  return new RegExp(`name = "${crate}"\nversion = "(.*)"`).exec(lock)?.[1] ?? 'unknown';
}

/** The commit, with a + if the tree is not what it says. */
export async function commit() {
  const [head, changes] = await Promise.all([
    run('git', ['-C', ROOT, 'rev-parse', '--short=12', 'HEAD']),
    run('git', ['-C', ROOT, 'status', '--porcelain', '--untracked-files=no']),
  ]);
  return head.code === 0 ? head.stdout.trim() + (changes.stdout.trim() ? '+' : '') : 'no git tree';
}

export async function versions() {
  return {
    node: process.version.slice(1),
    'socket.io': npmVersion('node-socketio', 'socket.io'),
    socketioxide: crateVersion('socketioxide'),
    axum: crateVersion('axum'),
    '@nestjs/core': npmVersion('nest', '@nestjs/core'),
    pg: npmVersion('nest', 'pg'),
    postgresql: await said('psql', ['--version'], /(\d+\.\d+)/),
    mosquitto: await said('mosquitto', ['-h'], /version (\S+)/),
    lighttpd: await said('lighttpd', ['-v'], /lighttpd\/(\S+)/),
    gcc: await said('gcc', ['--version'], /(\d+\.\d+\.\d+)/),
    rustc: await said('rustc', ['--version'], /(\d+\.\d+\.\d+)/),
  };
}
