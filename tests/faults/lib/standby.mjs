/*
 * A streaming standby of an instance's PostgreSQL on a host of its own, and what is done to the two:
 * kill the primary, promote, let the old one come back. The conninfo that parley gets names both.
 */
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { chmod, chown, mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { run } from '../../integration/lib/instance.mjs';
import { until } from '../../integration/lib/wait.mjs';
import { allReady, isGone, pidOf, signal } from './processes.mjs';

const AS_POSTGRES = ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups', 'env', 'HOME=/', 'LC_ALL=C.UTF-8'];

async function must(command, args, options) {
  const { code, stdout, stderr } = await run(command, args, options);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

function statOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return '';
  }
}

/* A process and those that it began. Without a pause: there are a crowd's messages between any two. */
function familyOf(pid) {
  const others = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number);
  return [pid, ...others.filter((each) => Number(statOf(each).split(') ').at(-1).split(' ')[1]) === pid)];
}

function end(pid, which) {
  try {
    process.kill(pid, which);
  } catch {
    /* it is gone */
  }
}

export class Standby {
  /** Copied from the running primary, and streaming. The instance is one of hostsInstance. */
  static async start(t, instance, network) {
    const standby = new Standby();
    Object.assign(standby, { instance, network, address: await network.add('pg2') });
    const secrets = await readFile(path.join(instance.data, 'secrets'), 'utf8');
    standby.password = /^SUPERUSER (\S+)$/m.exec(secrets)[1];
    standby.script = path.join(instance.data, 'run', 'postgres.run');
    standby.primaryScript = await readFile(standby.script, 'utf8');
    standby.programs = /(\S+)\/postgres -D/.exec(standby.primaryScript)[1];
    standby.home = await mkdtemp(path.join(tmpdir(), 'parley-standby-'));
    const user = Number(await must('id', ['-u', 'postgres']));
    await chown(standby.home, user, -1);
    await chmod(standby.home, 0o711);
    t.after(() => standby.stop());
    await standby.copy();
    await standby.begin();
    await standby.tell();
    return standby;
  }

  /* On the standby's host, as PostgreSQL's user. */
  command(...words) {
    return [...this.network.on('pg2'), ...AS_POSTGRES, ...words];
  }

  conninfo(host, more = '') {
    return `host=${host} port=5432 user=postgres password=${this.password} ${more}`;
  }

  async copy() {
    const [program, ...args] = this.command(path.join(this.programs, 'pg_basebackup'), '-d',
      this.conninfo(this.network.address('pg')), '-D', path.join(this.home, 'pg'), '-R', '-X', 'stream', '-c', 'fast', '--no-sync');
    await must(program, args, { cwd: '/' });
  }

  async begin() {
    const [program, ...args] = this.command(path.join(this.programs, 'postgres'), '-D', path.join(this.home, 'pg'),
      '-c', `listen_addresses=${this.address}`, '-c', `unix_socket_directories=${this.home}`, '-c', 'wal_receiver_timeout=5s');
    this.child = spawn(program, args, { cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] });
    this.log = '';
    this.child.stderr.on('data', (data) => { this.log += data; });
    await until('the standby to answer', async () => (await this.ask('select 1')).code === 0, { timeout: 30_000, every: 50 });
  }

  /** A statement as administrator, of the standby or (primary: true) of the first primary: psql's result. */
  ask(statement, { primary = false, database = 'postgres' } = {}) {
    const folder = this.instance.primaryFolder;
    return run('psql', ['-X', '-A', '-t', '-q', '-d', this.conninfo(primary ? folder : this.home, `dbname=${database}`), '-c', statement]);
  }

  async number(statement, options) {
    const { code, stdout, stderr } = await this.ask(statement, { database: 'parley', ...options });
    if (code !== 0) throw new Error(stderr);
    return Number(stdout);
  }

  /* parley learns of both. */
  async tell() {
    const { instance } = this;
    const file = path.join(instance.data, 'parley.conf');
    const text = await readFile(file, 'utf8');
    const both = `${this.network.address('pg')},${this.address}`;
    await writeFile(file, text.replace(/^(conninfo = )host=\S+(.*)$/m, `$1host=${both}$2 target_session_attrs=read-write`));
    const names = ['fcgi', ...instance.status.brokers.map((_, i) => `broker-${i + 1}`)];
    for (const name of names) {
      const old = await signal(instance, name, 'SIGTERM');
      await until(`another ${name}`, async () => {
        const pid = await pidOf(instance, name);
        return pid && pid !== old && !isGone(pid);
      }, { timeout: 20_000, every: 20 });
    }
    await allReady(instance);
  }

  /** Commits wait until the standby has applied them. */
  async synchronous() {
    for (const statement of ["alter system set synchronous_standby_names = '*'", "alter system set synchronous_commit = 'remote_apply'", 'select pg_reload_conf()']) {
      const { code, stderr } = await this.ask(statement, { primary: true });
      if (code !== 0) throw new Error(stderr);
    }
    await until('a synchronous standby', async () => (await this.ask('select sync_state from pg_stat_replication', { primary: true })).stdout.trim() === 'sync');
  }

  /** The primary is no more, all of it at once, and stays away. */
  async killPrimary() {
    const pid = await pidOf(this.instance, 'postgres');
    await writeFile(this.script, '#!/bin/sh\nexec env --default-signal=INT sleep 1000000\n');
    for (const each of familyOf(pid)) end(each, 'SIGKILL');
    const file = path.join(this.instance.data, 'pg');
    this.primaryData = await readlink(file).catch(() => file);
  }

  async promote() {
    const { code, stderr } = await this.ask('select pg_promote()');
    if (code !== 0) throw new Error(stderr);
    this.instance.localPg = this.instance.localPg.replace(/host=\S+/, `host=${this.home}`);
    await this.instance.refresh();
  }

  /** The old primary starts again, as if nothing had been. */
  async comeBack() {
    await rm(path.join(this.primaryData, 'postmaster.pid'), { force: true });
    await writeFile(this.script, this.primaryScript);
    await signal(this.instance, 'postgres', 'SIGTERM');
    const folder = this.instance.primaryFolder;
    await until('the old primary', async () => (await run('psql', ['-X', '-A', '-t', '-d', this.conninfo(folder, 'dbname=postgres'), '-c', 'select 1'])).code === 0, { timeout: 30_000, every: 50 });
  }

  async restart() {
    const gone = new Promise((resolve) => { this.child.on('exit', resolve); });
    const lines = await readFile(path.join(this.home, 'pg', 'postmaster.pid'), 'utf8');
    end(Number(lines.split('\n')[0]), 'SIGINT');
    await gone;
    return () => this.begin();
  }

  async stop() {
    const lines = await readFile(path.join(this.home, 'pg', 'postmaster.pid'), 'utf8').catch(() => '');
    if (lines) end(Number(lines.split('\n')[0]), 'SIGQUIT');
    if (this.child && this.child.exitCode === null) await new Promise((resolve) => { this.child.on('exit', resolve); });
    await rm(this.home, { recursive: true, force: true });
  }
}
