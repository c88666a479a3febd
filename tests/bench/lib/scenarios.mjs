/*
 * What is measured: ../README.md says of each what it means. A scenario is measured for each of its
 * peers in turn, and that over again (main.mjs): `measure(bench, peer)` resolves to {value, ...what
 * the generator said}.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort, ROOT } from '../../integration/lib/instance.mjs';
import { ended, holding, load } from './generator.mjs';
import { inMemory } from './servers.mjs';

const LIBRARY = ['parley-library', 'socketioxide', 'node-socketio', 'baseline', 'baseline-coalesce'];
const LIBRARIES = LIBRARY.slice(0, 3);
const SYSTEM = ['parley', 'parley-lighttpd', 'nest'];
const PEERS = ['parley', 'nest'];

/* ---- the library alone: a new process each time ---- */

/* `peer`: its name, or the server itself, which goes on running. */
async function alone(peer, work) {
  if (typeof peer !== 'string') return work(peer);
  const server = await inMemory(peer);
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}

const times = (bench) => ({ seconds: bench.seconds, warmup: 1 });

const fanOut = (options) => (bench, peer) => alone(peer, async (server) => {
  const said = await load('rooms', { port: server.port, ...times(bench), ...options });
  return { value: said.per_s, ...said };
});

const latencyAlone = (options) => (bench, peer) => alone(peer, async (server) => {
  const said = await load('rooms', { port: server.port, ...times(bench), seconds: 2 * bench.seconds, ...options });
  return { value: said.latency_us.p99 / 1000, ...said };
});

const handshakes = (clients) => (bench, peer) => alone(peer, async (server) => {
  const said = await load('handshakes', { port: server.port, clients, ...times(bench) });
  return { value: said.per_s, lost: said.failed, ...said };
});

/* All connect and join at the same moment; one message shows who is in the room. */
const storm = (clients) => (bench, peer) => alone(peer, async (server) => {
  const said = await load('rooms', {
    port: server.port, clients, rooms: 1, parallel: 0, lanes: 1, messages: 1, seconds: 5, warmup: 0,
  });
  return { ...said, value: clients - said.deliveries };
});

const memoryAlone = (clients) => (bench, peer) => alone(peer, async (server) => {
  await load('rooms', { port: server.port, clients: 16, rooms: 1, messages: 1, seconds: 1, warmup: 0 });
  const before = server.residentKib;
  return holding({ port: server.port, clients, rooms: 100 }, (said) => {
    if (said.ready !== clients) throw new Error(`${peer}: ${said.ready} of ${clients} connected`);
    return { value: (server.residentKib - before) / clients, ...said };
  });
});

/* ---- the whole system, which stays up ---- */

async function rooms(bench, peer, count, members, options) {
  const { file } = await (await bench.world(peer)).roomsOf(count, members);
  return load('rooms', {
    port: bench.target(peer).port, events: 'chat', file, clients: count * members, rooms: count, ...times(bench), ...options,
  });
}

/* Sends a second: each is delivered to all members of its room before the next on its lane. */
const sends = (count, members, lanes) => async (bench, peer) => {
  const said = await rooms(bench, peer, count, members, { lanes });
  return { value: said.per_s / members, ...said };
};

const connectStorm = (clients) => async (bench, peer) => {
  const { file } = await (await bench.world(peer)).roomsOf(100, 10);
  const said = await load('rooms', {
    port: bench.target(peer).port, events: 'chat', file, clients, rooms: 100, parallel: 0, history: 50,
    lanes: 1, messages: 1, seconds: 1, warmup: 0,
  });
  if (said.ready !== clients) said.lost += clients - said.ready;
  return { ...said, value: said.connecting_ms / 1000, lower_bound: said.connecting_busy > 0.9 };
};

/* The same rate for all: half of what the Nest gateway reaches (if that was not measured: little). */
async function latencyAtHalf(bench, peer) {
  const rate = Math.round((bench.median('sends-100', 'nest') ?? 1000) / 2);
  const said = await rooms(bench, peer, 100, 10, { lanes: 100, rate, seconds: 2 * bench.seconds });
  return { value: said.latency_us.p99 / 1000, rate, ...said };
}

/* For parley the web server's. */
const portOf = (http) => Number(new URL(http).port);

/* `ask` resolves to the port and a file of requests. */
const requests = (ask, clients) => async (bench, peer) => {
  const said = await load('rest', { ...await ask(bench, peer), clients, ...times(bench) });
  return { value: said.per_s, lost: said.failed + said.errors, ...said };
};

const HISTORY = 2000;
const PAGES = 1000; /* more of them than anybody keeps */

/* `pick`: of the newest message's seq, the queries of the pages that are asked for in turn. */
const pages = (pick) => async (bench, peer) => {
  const world = await bench.world(peer);
  const { name, token, newest } = await world.historyOf(HISTORY);
  const lines = pick(newest).map((query) => ['GET', `/api/v1/channels/${name}/messages?limit=50${query}`, token, '']);
  return { port: portOf(bench.target(peer).http), file: await world.lines(lines) };
};

const newestPage = pages(() => ['']);
const before = (seqOf) => pages((newest) => Array.from({ length: PAGES }, (_, i) => `&before=${Math.round(seqOf(i, newest))}`));
const pagesAllOver = before((i, newest) => 51 + (newest - 51) * ((i * 617) % PAGES) / PAGES);
const oldestPages = before((i) => 51 + i);
const newestPages = before((i, newest) => newest - i);

async function post(bench, peer) {
  const world = await bench.world(peer);
  const { names } = await world.roomsOf(1, 10);
  const line = ['POST', `/api/v1/channels/${names[0]}/messages`, world.users[0].token, JSON.stringify({ text: 'x'.repeat(80) })];
  return { port: portOf(bench.target(peer).http), file: await world.lines([line]) };
}

/* ---- installations that are made for the purpose ---- */

async function startUp() {
  const data = await mkdtemp(path.join(tmpdir(), 'parley-bench-'));
  /* As a user has it: on all cores. */
  const dev = async (...args) => {
    const child = spawn('taskset', ['-c', '0,1', './dev', ...args, '--data', data], { cwd: ROOT, stdio: 'ignore' });
    await ended(child);
    if (child.exitCode !== 0) throw new Error(`./dev ${args.join(' ')}: exit ${child.exitCode}`);
  };
  try {
    const begun = performance.now();
    await dev('up', '--detach', '--port', String(await freePort()));
    return { value: (performance.now() - begun) / 1000 };
  } finally {
    await dev('down');
    await rm(data, { recursive: true, force: true });
  }
}

/* Brokers and workers with so many idle connections: MiB. */
const memorySystem = (clients) => async (bench, peer) => {
  const { server, world } = await bench.fresh(peer);
  if (clients === 0) return { value: server.residentKib / 1024 };
  const { file } = await world.roomsOf(10, 10);
  return holding({ port: server.target().port, events: 'chat', file, clients, rooms: 10 }, (said) => {
    if (said.ready !== clients) throw new Error(`${peer}: ${said.ready} of ${clients} connected`);
    return { value: server.residentKib / 1024, ...said };
  });
};

/* With hashes as a new installation makes them. */
async function logins(bench, peer) {
  const { server, world } = await bench.fresh(peer);
  return { port: portOf(server.target(peer).http), file: await world.logins(8) };
}

/* Through the web server, which spreads the clients over the brokers. */
const brokers = (count) => async (bench, peer) => {
  const { parley, world } = await bench.withBrokers(count);
  const { file } = await world.roomsOf(100, 10);
  const said = await load('rooms', {
    port: parley.target(peer, true).port, events: 'chat', file, clients: 1000, rooms: 100, lanes: 100, ...times(bench),
  });
  return { value: said.per_s / 10, ...said };
};

/* ---- growth ---- */

const deliveriesTo = (members) => async (bench, peer) => {
  const said = await rooms(bench, peer, 1, members, { lanes: 4 });
  return { value: said.per_s, ...said };
};

/* Connecting as a user of so many rooms, without history: ms. */
const connectOf = (count) => async (bench, peer) => {
  const { file } = await (await bench.world(peer)).userOfRooms(count);
  const said = await load('handshakes', {
    port: bench.target(peer).port, events: 'chat', file, clients: 1, ...times(bench),
  });
  return { value: said.latency_us.p50 / 1000, lost: said.failed, ...said };
};

const scenario = (name, group, title, unit, better, peers, measure) => ({ name, group, title, unit, better, peers, measure });

const library = (name, title, options) => scenario(name, 'library', title, 'deliveries/s', 'more', LIBRARY, fanOut(options));
const system = (name, title, ...shape) => scenario(name, 'system', title, 'sends/s', 'more', SYSTEM, sends(...shape));
const rest = (name, title, lines, clients) => scenario(name, 'rest', title, 'requests/s', 'more', PEERS, requests(lines, clients));
const growth = (name, title, unit, better, measure, peers = PEERS) => scenario(name, 'growth', title, unit, better, peers, measure);

export const SCENARIOS = [
  library('room-1000-16', 'a room of 1,000, 16 in flight', { clients: 1000, lanes: 16 }),
  library('room-1000-1', 'a room of 1,000, 1 in flight', { clients: 1000, lanes: 1 }),
  library('room-5000-4', 'a room of 5,000, 4 in flight', { clients: 5000, lanes: 4 }),
  library('rooms-100x10', '100 rooms of 10, 1 in flight in each', { clients: 1000, rooms: 100, lanes: 100 }),
  scenario('handshakes', 'library', 'handshakes, 64 at a time', 'handshakes/s', 'more', LIBRARY.slice(0, 4), handshakes(64)),
  scenario('handshakes-1', 'library', 'handshakes, one after another', 'handshakes/s', 'more', LIBRARY.slice(0, 4), handshakes(1)),
  scenario('latency-30', 'library', '30 messages/s into a room of 1,000, p99', 'ms', 'less', LIBRARY, latencyAlone({ clients: 1000, lanes: 1000, rate: 30 })),
  scenario('storm-5000', 'library', 'lost of 5,000 that connect and join at once', 'joins', 'less', LIBRARIES, storm(5000)),
  ...[1000, 5000].map((n) => scenario(`memory-idle-${n}`, 'library', `memory of an idle websocket, of ${n}`, 'KiB', 'less', LIBRARIES, memoryAlone(n))),
  scenario('memory-idle', 'library', 'memory of an idle websocket, of 10,000', 'KiB', 'less', LIBRARIES, memoryAlone(10_000)),

  system('sends-100', '100 rooms of 10, 100 senders', 100, 10, 100),
  system('sends-10', '100 rooms of 10, 10 senders', 100, 10, 10),
  system('sends-1', '100 rooms of 10, 1 sender', 100, 10, 1),
  system('sends-one-listener', '100 rooms with one listener, 100 senders', 100, 1, 100),
  system('sends-one-room', 'one room of 10, 10 senders', 1, 10, 10),
  scenario('latency-half', 'system', 'send to delivery at half of what Nest reaches, p99', 'ms', 'less', SYSTEM, latencyAtHalf),
  scenario('reconnect-1000', 'system', '1,000 that come back at once, until all have history', 's', 'less', SYSTEM, connectStorm(1000)),
  scenario('storm-system', 'system', '5,000 that connect at once, until all have history', 's', 'less', SYSTEM, connectStorm(5000)),
  ...[0, 1000, 5000, 10_000].map((n) => scenario(`memory-system-${n}`, 'system', `memory with ${n} idle connections`, 'MiB', 'less', PEERS, memorySystem(n))),
  scenario('start-up', 'system', './dev up until it is ready, on an empty folder', 's', 'less', ['parley'], startUp),

  rest('rest-history', 'the newest page of 50 messages, 32 connections', newestPage, 32),
  rest('rest-history-walk', 'each time another page of 50 of a long history', pagesAllOver, 32),
  rest('rest-post', 'a message posted, 32 connections', post, 32),
  rest('rest-login', 'a login (Argon2id, 19 MiB, 2 passes), 8 connections', logins, 8),

  ...[10, 100, 1000].map((n) => growth(`growth-members-${n}`, `one room of ${n}, 4 in flight`, 'deliveries/s', 'more', deliveriesTo(n))),
  ...[10, 100, 1000].map((n) => growth(`growth-rooms-${n}`, `connecting as a member of ${n} rooms`, 'ms', 'less', connectOf(n))),
  growth('growth-history-first', 'the oldest pages of 50 of a long history', 'requests/s', 'more', requests(oldestPages, 32)),
  growth('growth-history-last', 'the newest pages of it', 'requests/s', 'more', requests(newestPages, 32)),
  ...[1, 2, 4].map((n) => growth(`growth-brokers-${n}`, `100 rooms of 10, ${n} broker${n > 1 ? 's' : ''} on the one core`, 'sends/s', 'more', brokers(n), ['parley-lighttpd'])),
];
