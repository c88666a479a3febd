/*
 * A network of hosts on one machine: each a network namespace with one address, all on one bridge, in
 * a namespace too. The test itself is a host called "here". What goes from one host to another can be
 * cut: the frames are sent to an address that nobody has, so they are lost in silence, as on a cable
 * that was pulled. (Refused routes and closed interfaces would tell the sender.) Needs root and the
 * kernel's namespaces, bridge and veth; nothing of a packet filter.
 */
import { readdir } from 'node:fs/promises';
import { run } from '../../integration/lib/instance.mjs';
import { isGone } from './processes.mjs';

const NOBODY = '02:ff:ff:ff:ff:ff';
const TAG = /^pl([0-9]+)n[0-9]+-[a-z0-9-]+$/;
let made = 0; /* networks of this process */

async function ip(...args) {
  const { code, stderr } = await run('ip', args);
  if (code !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr.trim()}`);
}

/* What tests that were killed have left. */
async function forget() {
  for (const name of await readdir('/run/netns').catch(() => [])) {
    const found = TAG.exec(name);
    if (found && isGone(Number(found[1]))) await run('ip', ['netns', 'delete', name]);
  }
}

/* The third number of a network 198.18.x.0/24 (RFC 2544: never routed) that is not there yet. */
async function freeNet() {
  const { stdout } = await run('ip', ['-o', '-4', 'address']);
  for (let i = 0; i < 256; i++) {
    const x = (process.pid + i) % 256;
    if (!stdout.includes(` 198.18.${x}.`)) return x;
  }
  throw new Error('no network is free');
}

export class Network {
  constructor(x) {
    this.net = `198.18.${x}`;
    this.tag = `pl${process.pid}n${made++}`;
    this.hosts = {};
  }

  /** A network, ended after `t`; {refused: why} where there can be none. */
  static async start(t) {
    let network;
    try {
      await forget();
      network = new Network(await freeNet());
      t.after(() => network.end());
      await network.begin();
    } catch (error) {
      return { refused: `no network namespaces: ${error.message}` };
    }
    return network;
  }

  async begin() {
    const hub = this.hub = `${this.tag}-hub`;
    await ip('netns', 'add', hub);
    await ip('-n', hub, 'link', 'add', 'bridge', 'type', 'bridge');
    await ip('-n', hub, 'link', 'set', 'bridge', 'up');
    await this.attach('here', 1);
  }

  mac(n) {
    return `02:70:6c:00:00:${n.toString(16).padStart(2, '0')}`;
  }

  /* A cable from the bridge to the host, its other end called "parley" (here: after the tag). */
  async attach(name, n) {
    const host = { name, n, address: `${this.net}.${n}`, ns: name === 'here' ? undefined : `${this.tag}-${name}` };
    host.end = host.ns ? 'parley' : this.tag;
    host.within = host.ns ? ['-n', host.ns] : [];
    if (host.ns) await ip('netns', 'add', host.ns);
    await ip('-n', this.hub, 'link', 'add', `to${n}`, 'type', 'veth', 'peer', 'name', `${this.tag}x`);
    if (host.ns) await ip('-n', this.hub, 'link', 'set', `${this.tag}x`, 'name', host.end, 'netns', host.ns);
    else await ip('-n', this.hub, 'link', 'set', `${this.tag}x`, 'name', host.end, 'netns', String(process.pid));
    await ip('-n', this.hub, 'link', 'set', `to${n}`, 'master', 'bridge', 'up');
    await ip(...host.within, 'link', 'set', host.end, 'address', this.mac(n), 'up');
    await ip(...host.within, 'address', 'add', `${host.address}/24`, 'dev', host.end);
    if (host.ns) await ip(...host.within, 'link', 'set', 'lo', 'up');
    this.hosts[name] = host;
  }

  /** A new host; its address. */
  async add(name) {
    await this.attach(name, Object.keys(this.hosts).length + 1);
    return this.hosts[name].address;
  }

  address(name) {
    return this.hosts[name].address;
  }

  /** The words before a command that make it run on that host. */
  on(name) {
    return ['ip', 'netns', 'exec', this.hosts[name].ns];
  }

  async way(from, to, mac) {
    const host = this.hosts[from];
    await ip(...host.within, 'neighbour', 'replace', this.address(to), 'lladdr', mac, 'nud', 'permanent', 'dev', host.end);
  }

  /** Nothing goes between the two any more, in either direction. */
  async cut(one, other) {
    await Promise.all([this.way(one, other, NOBODY), this.way(other, one, NOBODY)]);
  }

  async heal(one, other) {
    await Promise.all([this.way(one, other, this.mac(this.hosts[other].n)), this.way(other, one, this.mac(this.hosts[one].n))]);
  }

  async end() {
    for (const { ns } of Object.values(this.hosts)) if (ns) await run('ip', ['netns', 'delete', ns]);
    await run('ip', ['link', 'delete', this.tag]);
    await run('ip', ['netns', 'delete', this.hub]);
  }
}
