/*
 * A clean Debian of this machine's release in a folder: debootstrap's, with PostgreSQL, mosquitto and lighttpd, from
 * this machine's own mirror; kept as a tarball in build/ for the next run. What runs in it has namespaces of its own for
 * processes and mounts, so that all of it ends with the test; it shares the network: ports must be free ones.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ROOT, run } from '../../integration/lib/instance.mjs';
import { until } from '../../integration/lib/wait.mjs';

const CACHE = path.join(ROOT, 'build', 'packages');
/* With /bin/kill, which every Debian but the smallest has and units reload with. */
const SERVERS = ['postgresql', 'mosquitto', 'lighttpd', 'procps'];
const TIMEOUT = 600_000;

/** Run a program to its end; its standard output, or an error that holds all it said. */
export async function must(command, args, options = {}) {
  const { code, stdout, stderr } = await run(command, args, { timeout: TIMEOUT, ...options });
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${code}\n${stdout.slice(-4000)}\n${stderr.slice(-4000)}`);
  return stdout;
}

/** Why there can be no chroot here, or null. */
export async function obstacle() {
  if (process.getuid() !== 0) return 'a chroot needs root';
  for (const program of ['debootstrap', 'dpkg-buildpackage', 'dh', 'lintian', 'systemd-analyze']) {
    const { code } = await run('sh', ['-c', `PATH=$PATH:/usr/sbin command -v ${program}`]);
    if (code !== 0) return `there is no ${program}`;
  }
  const { code, stderr } = await run('unshare', ['--mount', '--pid', '--fork', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']);
  if (code !== 0) return `no namespaces and mounts of our own: ${stderr.trim()}`;
  if (!(await mirror())) return 'apt knows no mirror of this release';
  return null;
}

/** Where this machine's packages of its release come from: {codename, uri, sources}; null if there is no such place. */
async function mirror() {
  const codename = /^VERSION_CODENAME=(.+)$/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1];
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)';
  const { stdout } = await run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']);
  const sources = stdout.split('\n').map((line) => line.split(' '))
    .filter(([, release, component, origin]) => origin === 'Debian' && component === 'main' && release.startsWith(codename));
  const main = sources.find(([, release]) => release === codename);
  return main ? { codename, uri: main[0], sources: sources.map(([uri, release]) => `deb ${uri} ${release} main\n`).join('') } : null;
}

async function bootstrap(folder) {
  const { codename, uri, sources } = await mirror();
  const quick = (await run('sh', ['-c', 'command -v eatmydata'])).code === 0 ? ['eatmydata'] : [];
  const [command, ...args] = [...quick, 'debootstrap', '--variant=minbase', codename, folder, uri];
  await must(command, args, { env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` } });
  await writeFile(path.join(folder, 'etc/apt/sources.list'), sources);
  await writeFile(path.join(folder, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  await writeFile(path.join(folder, 'etc/dpkg/dpkg.cfg.d/quick'), 'force-unsafe-io\n');
  await writeFile(path.join(folder, 'etc/apt/apt.conf.d/quick'), 'APT::Install-Recommends "false";\nAcquire::Languages "none";\n');
  const chroot = new Chroot(folder);
  await chroot.start();
  try {
    await chroot.must('apt-get', 'update', '-qq');
    await chroot.must('apt-get', 'install', '-y', '-qq', ...SERVERS);
    await chroot.must('apt-get', 'clean');
  } finally {
    await chroot.stop();
  }
}

export class Chroot {
  constructor(folder) {
    this.folder = folder;
  }

  /** A fresh one in `folder`, from the tarball of an earlier run or from the mirror. */
  static async make(folder) {
    const tarball = path.join(CACHE, `chroot-${(await mirror()).codename}.tar`);
    await mkdir(folder, { recursive: true });
    if (existsSync(tarball)) {
      await must('tar', ['--numeric-owner', '-xpf', tarball, '-C', folder]);
    } else {
      await bootstrap(folder);
      await mkdir(CACHE, { recursive: true });
      await must('tar', ['--numeric-owner', '-cf', `${tarball}.${process.pid}`, '-C', folder, '.']);
      await rename(`${tarball}.${process.pid}`, tarball);
    }
    const chroot = new Chroot(folder);
    await chroot.start();
    return chroot;
  }

  /** Its first process, whose end ends all others. */
  async start() {
    const mounts = 'mount -t proc proc "$1/proc" && mount -t tmpfs tmpfs "$1/run" && mount -t tmpfs tmpfs "$1/dev/shm"';
    const reap = '$SIG{CHLD} = "IGNORE"; sleep 60 while 1';
    this.init = spawn('unshare', ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c',
      `mkdir -p "$1/dev/shm"; ${mounts} && exec chroot "$1" perl -e '${reap}'`, 'sh', this.folder], { stdio: 'ignore' });
    this.ended = new Promise((resolve) => { this.init.on('exit', resolve); });
    /* The child of unshare is the first process of the namespace. */
    this.pid = await until('the first process of the chroot', async () => {
      const child = (await readFile(`/proc/${this.init.pid}/task/${this.init.pid}/children`, 'utf8')).trim();
      return child && (await readFile(`/proc/${child}/comm`, 'utf8')).trim() === 'perl' && child;
    }, { timeout: 30_000 });
    await this.must('mkdir', '-p', '/run/lock');
  }

  /** The command line that runs something inside. */
  inside(...args) {
    return ['nsenter', `--target=${this.pid}`, '--mount', '--pid', 'chroot', this.folder, 'env', '-i',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL=C.UTF-8', 'DEBIAN_FRONTEND=noninteractive',
      ...Object.entries(process.env).filter(([name]) => /^https?_proxy$/i.test(name)).map(([name, value]) => `${name}=${value}`),
      ...args];
  }

  must(...args) {
    const [command, ...rest] = this.inside(...args);
    return must(command, rest);
  }

  /** Its file, as a path outside. */
  path(name) {
    return path.join(this.folder, name);
  }

  read(name) {
    return readFile(this.path(name), 'utf8');
  }

  /** Change a file: what `change` makes of its text. */
  async edit(name, change) {
    const before = await this.read(name);
    const after = change(before);
    if (after === before) throw new Error(`nothing changed in ${name}`);
    await writeFile(this.path(name), after);
  }

  async stop() {
    this.init.kill('SIGKILL');
    await this.ended;
  }

  async remove() {
    await this.stop();
    if (!process.env.PARLEY_KEEP) await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
