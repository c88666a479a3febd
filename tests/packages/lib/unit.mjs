/*
 * A service of a chroot, started as its unit says: there is no systemd as the first process there, so this reads the
 * installed unit and does the part of it that concerns the process: user, environment, socket, limits, commands. The
 * sandbox around it is systemd's, and is looked at by systemd-analyze.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { until } from '../../integration/lib/wait.mjs';

/* Standard input is the listening socket, as StandardInput=socket has it: path, owner, group, mode, backlog, command. */
const LISTEN = `
use Socket;
my ($path, $user, $group, $mode, $backlog, @command) = @ARGV;
my ($folder) = $path =~ m{^(.*)/};
mkdir $folder, 0755;
unlink $path;
socket(my $socket, AF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
bind($socket, sockaddr_un($path)) or die "bind: $!";
chown scalar getpwnam($user), scalar getgrnam($group), $path or die "chown: $!";
chmod oct $mode, $path or die "chmod: $!";
listen($socket, $backlog) or die "listen: $!";
open STDIN, '<&', $socket or die "dup: $!";
close $socket;
exec @command or die "exec: $!";
`;

/** A file's assignments, by name; an empty one forgets those before it, as systemd has it. */
function parse(text) {
  const values = {};
  for (const line of text.replaceAll('\\\n', ' ').split('\n')) {
    const [, name, value] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? [];
    if (!name) continue;
    if (value === '') values[name] = [];
    else (values[name] ??= []).push(value);
  }
  return values;
}

export class Unit {
  /** `name`: parley-broker@3001.service. */
  constructor(chroot, name) {
    this.chroot = chroot;
    this.name = name;
    this.log = chroot.path(`var/log/unit-${name}.log`);
  }

  async load() {
    const file = this.name.replace(/@[^.]*\./, '@.');
    this.file = ['/etc', '/lib', '/usr/lib'].map((folder) => `${folder}/systemd/system/${file}`).find((place) => existsSync(this.chroot.path(place)));
    if (!this.file) throw new Error(`${this.name} is not installed`);
    const instance = /@([^.]*)\./.exec(this.name)?.[1] ?? '';
    const specifiers = { i: instance, I: instance.replaceAll('-', '/'), H: hostname(), '%': '%' };
    const text = await this.chroot.read(this.file);
    this.unit = parse(text.replaceAll(/%(.)/g, (whole, letter) => specifiers[letter] ?? whole));
  }

  last(name, fallback) {
    return this.unit[name]?.at(-1) ?? fallback;
  }

  async environment() {
    const lines = [...this.unit.Environment ?? []];
    for (const named of this.unit.EnvironmentFile ?? []) {
      const file = named.replace(/^-/, '');
      if (existsSync(this.chroot.path(file))) lines.push(...(await this.chroot.read(file)).split('\n').filter((line) => /^\w+=/.test(line)));
      else if (!named.startsWith('-')) throw new Error(`${this.name}: there is no ${file}`);
    }
    return lines.map((line) => line.replace(/^(\w+)=(['"]?)(.*)\2$/, '$1=$3'));
  }

  /** The command line, inside, of one of the Exec lines. */
  async command(line) {
    const words = line.replace(/^[-@:+!]+/, '').split(/\s+/);
    const user = this.last('User');
    const become = user ? ['setpriv', `--reuid=${user}`, `--regid=${this.last('Group', user)}`, '--init-groups',
      ...(this.last('NoNewPrivileges') === 'yes' ? ['--no-new-privs'] : []),
      ...(this.unit.CapabilityBoundingSet?.length === 0 ? ['--bounding-set=-all'] : [])] : [];
    /* A container may not have as many descriptors to give. */
    const limit = this.last('LimitNOFILE') ? `ulimit -n ${this.last('LimitNOFILE')} 2>/dev/null || :` : ':';
    const all = [...become, 'env', ...await this.environment(),
      'sh', '-c', `${limit}; umask ${this.last('UMask', '0022')}; cd /; exec "$@"`, 'sh', ...words];
    return this.chroot.inside(...await this.socket(), ...all);
  }

  async socket() {
    if (this.last('StandardInput') !== 'socket') return [];
    const socket = new Unit(this.chroot, this.name.replace('.service', '.socket'));
    await socket.load();
    return ['perl', '-e', LISTEN, socket.last('ListenStream'), socket.last('SocketUser', 'root'), socket.last('SocketGroup', 'root'),
      socket.last('SocketMode', '0666'), socket.last('Backlog', '128')];
  }

  async spawn(line) {
    const log = await open(this.log, 'a');
    const [command, ...args] = await this.command(line);
    const child = spawn(command, args, { stdio: ['ignore', log.fd, log.fd] });
    child.ended = new Promise((resolve) => { child.on('exit', (code, signal) => resolve(code ?? signal)); });
    await log.close();
    return child;
  }

  async start() {
    await this.load();
    for (const line of [...this.unit.ExecStartPre ?? [], ...(this.isServer() ? [] : this.unit.ExecStart)]) {
      const code = await (await this.spawn(line)).ended;
      if (code !== 0 && !line.startsWith('-')) throw new Error(`${this.name}: ${line}: ended with ${code}\n${await this.said()}`);
    }
    if (this.isServer()) this.child = await this.spawn(this.last('ExecStart'));
  }

  isServer() {
    return !['oneshot', 'forking'].includes(this.last('Type'));
  }

  said() {
    return this.chroot.read(this.log.slice(this.chroot.folder.length)).then((text) => text.slice(-4000));
  }

  /** SIGTERM to the service, as `systemctl stop`; its exit status. It may take as long as its unit says. */
  async stop() {
    await this.signal('SIGTERM');
    let code;
    this.child.ended.then((status) => { code = status; });
    await until(`${this.name} to end`, () => code !== undefined, { timeout: 1000 * parseInt(this.last('TimeoutStopSec', '90'), 10) });
    return code;
  }

  /* The child is nsenter, which waits for the program in the other namespace. */
  async signal(signal) {
    const inner = (await readFile(`/proc/${this.child.pid}/task/${this.child.pid}/children`, 'utf8')).trim();
    process.kill(Number(inner || this.child.pid), signal);
  }
}
