/*
 * Two mosquittos on hosts of their own, joined by a bridge, as deploy/mosquitto/bridge.conf.in has it:
 * each broker at its own. What the bridge brings comes at once, once; what it does not bring comes by
 * the sweep. Then the bridge is cut, and each broker from its own mosquitto.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ROOT } from '../integration/lib/instance.mjs';
import { connect } from '../integration/lib/socket.mjs';
import { unique } from '../integration/lib/users.mjs';
import { until } from '../integration/lib/wait.mjs';
import { hostsInstance } from './lib/hosts.mjs';
import { Ledger } from './lib/ledger.mjs';
import { Listener } from './lib/listener.mjs';
import { Network } from './lib/network.mjs';
import { allReady, brokerReady, metric } from './lib/processes.mjs';
import { LONG, scene } from './lib/scene.mjs';
import { Senders } from './lib/sender.mjs';

const network = await Network.start({ after });
const skip = network.refused;

/* The second mosquitto, which makes the bridge. The port and the password are the first one's. */
async function secondMosquitto(t, port, password, folder) {
  const address = await network.add('mqtt2');
  const home = await mkdtemp(path.join(tmpdir(), 'parley-bridge-'));
  const template = await readFile(path.join(ROOT, 'deploy/mosquitto/bridge.conf.in'), 'utf8');
  const values = { HERE: address, PORT: port, THERE: network.address('mqtt'), PASSWORD: password, NAME: 'second', ETC: home };
  await writeFile(path.join(home, 'mosquitto.conf'), `user root\n${template.replace(/@([A-Z]+)@/g, (_, name) => values[name])}`);
  for (const name of ['passwd', 'acl']) await copyFile(path.join(folder, name), path.join(home, name === 'passwd' ? 'parley.passwd' : 'parley.acl'));
  const [program, ...args] = [...network.on('mqtt2'), 'mosquitto', '-c', path.join(home, 'mosquitto.conf')];
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } });
  let log = '';
  child.stderr.on('data', (data) => { log += data; });
  child.on('exit', (code) => { if (code) console.error(log); });
  t.after(async () => {
    child.kill('SIGKILL');
    await rm(home, { recursive: true, force: true });
  });
  return address;
}

const instance = skip ? undefined : await hostsInstance({ after }, network, {
  late: async ({ data, port, password }) => ({ 'broker-2': { PARLEY_MQTT_HOST: await secondMosquitto({ after }, port, password, path.join(data, 'mosquitto')) } }),
});

async function crowd(t) {
  const { users, rooms, topics } = await scene(instance, { users: 6, rooms: 4 });
  const [first, second] = instance.status.brokers;
  const ledger = new Ledger();
  const listeners = [
    new Listener(t, first, users[0], { name: 'broker 1' }),
    new Listener(t, second, users[1], { name: 'broker 2' }),
    new Listener(t, instance.http, users[2], { name: 'front, polling', transports: ['polling'] }),
  ];
  await Promise.all(listeners.map((each) => each.ready()));
  const senders = new Senders(t, ledger, { pause: 20 });
  senders.bySocket(first, users[1], rooms, { width: 2 });
  senders.bySocket(second, users[2], rooms, { width: 2 });
  senders.byRest(users[4], rooms);
  return { users, rooms, topics, ledger, listeners, senders };
}

async function goesOn(senders, count = 20) {
  const goal = senders.sent + count;
  await until(`${goal} messages`, () => senders.sent >= goal || senders.failures.length, { timeout: 30_000, every: 5 });
}

/* How long a message takes from one broker to a client at the other. */
async function across(t, from, to, users, room) {
  const [one, other] = await Promise.all([connect(t, from, { token: users[5].accessToken }), connect(t, to, { token: users[3].accessToken })]);
  let best = Infinity;
  for (let i = 0; i < 5; i++) {
    const text = unique('across');
    const begun = performance.now();
    await Promise.all([one.ask('sendMessage', { room, text }), other.waitFor('newMessage', (body) => body.text === text, { timeout: 5000 })]);
    best = Math.min(best, performance.now() - begun);
  }
  for (const each of [one, other]) each.close();
  return best;
}

test('the bridge brings news both ways, with all that goes beside them, and brings them once', { skip, timeout: 60_000 }, async (t) => {
  const { users, rooms: [room] } = await scene(instance, { users: 6, rooms: 1 });
  const [first, second] = instance.status.brokers;
  const finds = await metric(instance, 'sweep_finds_total');
  const there = await across(t, first, second, users, room);
  const back = await across(t, second, first, users, room);
  /* By the sweep the best of five would hardly be as quick, and the sweep would have found them. */
  assert.ok(Math.max(there, back) < 400, `${there} ms there, ${back} ms back`);
  t.diagnostic(`${Math.round(there)} ms there, ${Math.round(back)} ms back, ${await metric(instance, 'sweep_finds_total') - finds} found by sweeps`);
  /* Passing news too. */
  const [one, other] = await Promise.all([connect(t, first, { token: users[1].accessToken }), connect(t, second, { token: users[2].accessToken })]);
  await until('typing to be seen', async () => {
    one.emit('typing', { room, typing: true });
    await delay(200);
    return other.received('typing').length > 0;
  }, { timeout: 10_000 });
});

const CUTS = [['mqtt', 'mqtt2'], ['broker-1', 'mqtt'], ['broker-2', 'mqtt2'], ['worker', 'mqtt']];

test('the bridge, and the ways to it, cut under load', { skip, timeout: LONG ? 600_000 : 180_000 }, async (t) => {
  const { users, rooms, topics, ledger, listeners, senders } = await crowd(t);
  const [first, second] = instance.status.brokers;
  for (const [one, other] of LONG ? [...CUTS, ...CUTS, ...CUTS] : CUTS) {
    await goesOn(senders);
    await network.cut(one, other);
    await delay(LONG ? 20_000 : 3000);
    /* What does not come by MQTT comes by the sweep. */
    await goesOn(senders);
    await network.heal(one, other);
    await allReady(instance, 15_000);
  }
  await goesOn(senders);
  await senders.finish();
  await ledger.settle(t, instance, topics, listeners);
  for (const each of listeners) assert.deepEqual(each.drops, [], each.name);
  assert.ok(await brokerReady(first) && await brokerReady(second));
  /* The bridge comes back by itself, after a while. */
  await until('the bridge', async () => await across(t, first, second, users, rooms[0]) < 300, { timeout: 40_000, every: 500 });
});
