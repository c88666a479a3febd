/*
 * PostgreSQL's disk is full: first its tables cannot grow, then its log, upon which it stops itself
 * and cannot start again. Writes answer `unavailable` in time, what was acknowledged stays, sockets
 * stay up, and with space again all goes on without a restart of ours.
 *
 * The cluster is on a small file system of its own. Where mounting one is refused, this is skipped.
 */
import assert from 'node:assert/strict';
import { chmod, chown, mkdir, mkdtemp, open, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { run } from '../integration/lib/instance.mjs';
import { unique } from '../integration/lib/users.mjs';
import { until } from '../integration/lib/wait.mjs';
import { Ledger } from './lib/ledger.mjs';
import { Listener } from './lib/listener.mjs';
import { administrator } from './lib/postgres.mjs';
import { allReady, brokerReady, pidOf } from './lib/processes.mjs';
import { instanceFor, scene } from './lib/scene.mjs';
import { Senders } from './lib/sender.mjs';

const MEGABYTE = 1024 * 1024;

const disk = await mkdtemp(path.join(tmpdir(), 'parley-disk-'));
await chmod(disk, 0o755);
const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=160m,mode=755', 'parley-disk', disk]);
const refused = mounted.code !== 0 && `no disk to fill: ${mounted.stderr.trim()}`;

/* The cluster's place is on the disk: DATA/pg links there. */
async function onDisk(data) {
  const home = path.join(disk, 'pg');
  const { stdout } = await run('id', ['-u', 'postgres']);
  await mkdir(home, { mode: 0o700 });
  await chown(home, Number(stdout), -1);
  await chown(disk, Number(stdout), -1);
  await symlink(home, path.join(data, 'pg'));
}

const instance = refused ? undefined : await instanceFor({ after }, { brokers: 2, prepare: onDisk });
after(async () => {
  if (!refused) await run('umount', [disk]);
  await rm(disk, { recursive: true, force: true });
});

/* Write a file until nothing more fits: by megabytes, then by pages. */
async function fill() {
  const file = await open(path.join(disk, 'ballast'), 'w');
  for (const size of [MEGABYTE, 4096]) {
    const block = Buffer.alloc(size, 'x');
    for (;;) {
      try {
        await file.write(block);
      } catch (error) {
        assert.equal(error.code, 'ENOSPC');
        break;
      }
    }
  }
  await file.close();
}

const clear = () => rm(path.join(disk, 'ballast'));

/* Every way to write, until each is refused: how long a refusal took at most. */
async function refusals(client, user, room) {
  const text = 'x'.repeat(100);
  const ways = {
    'sendMessage': () => client.ask('sendMessage', { room, text }),
    'createChannel': () => client.ask('createChannel', { name: unique('full'), status: 'PUBLIC' }),
    'POST message': async () => (await user.rest('POST', `/channels/${room}/messages`, { body: { text } })).body,
    'POST channel': async () => (await user.rest('POST', '/channels', { body: { name: unique('full'), status: 'PUBLIC' } })).body,
  };
  let worst = 0;
  for (const [name, way] of Object.entries(ways)) {
    await until(`${name} to be refused`, async () => {
      const begun = performance.now();
      const { code } = await way();
      worst = Math.max(worst, performance.now() - begun);
      if (code) assert.equal(code, 'unavailable', name);
      return code;
    }, { timeout: 20_000, every: 0 });
  }
  assert.ok(worst < 6000, `${worst} ms`);
  return Math.round(worst);
}

test('PostgreSQL\'s disk is full', { skip: refused, timeout: 120_000 }, async (t) => {
  const { users, rooms, topics } = await scene(instance, { users: 5, rooms: 2 });
  const [first, second] = instance.status.brokers;
  const ledger = new Ledger();
  const listeners = [
    new Listener(t, first, users[0], { name: 'websocket' }),
    new Listener(t, instance.http, users[1], { name: 'front, polling', transports: ['polling'] }),
  ];
  await Promise.all(listeners.map((each) => each.ready()));
  const senders = new Senders(t, ledger, { pause: 10 });
  senders.bySocket(first, users[2], rooms);
  senders.bySocket(second, users[3], rooms);
  senders.byRest(users[4], rooms);
  const asker = await users[0].connect(t, { auth: { history: 0 } });
  await until('some messages', () => senders.sent > 50, { every: 5 });
  const { fcgi, brokers } = (await instance.refresh()).pids;

  await fill();
  const tables = await refusals(asker, users[0], rooms[0]);
  /* Reading goes on: who comes now gets its history. */
  listeners.push(await new Listener(t, second, users[1], { name: 'comes while it is full' }).ready());

  /* No new segment of its log: it stops itself (PANIC), and cannot finish its recovery either. */
  const postmaster = await pidOf(instance, 'postgres');
  await administrator(instance, 'select pg_switch_wal()');
  await administrator(instance, 'checkpoint');
  const begun = performance.now();
  await until('readiness to turn red', async () => !await brokerReady(first), { timeout: 8000 });
  const red = Math.round(performance.now() - begun);
  const stopped = await refusals(asker, users[0], rooms[0]);
  await delay(3000);
  assert.ok(!await brokerReady(first));
  assert.ok((await fetch(`${first}/healthz`)).ok);

  const sent = senders.sent;
  const again = senders.again;
  await clear();
  const healing = performance.now();
  await until('messages again', () => senders.sent > sent + 50 || senders.failures.length, { timeout: 30_000, every: 5 });
  await allReady(instance);
  t.diagnostic(`unavailable after ${tables} ms at most while tables could not grow, ${stopped} ms with PostgreSQL stopped (${postmaster === await pidOf(instance, 'postgres') ? 'its children restarted' : 'started anew'}); red after ${red} ms, healed ${Math.round(performance.now() - healing)} ms after there was space; ${again} sends were tried again`);
  await senders.finish();
  await ledger.settle(t, instance, topics, listeners);
  const now = (await instance.refresh()).pids;
  assert.deepEqual([now.fcgi, now.brokers], [fcgi, brokers], 'something of ours was started again');
  for (const each of listeners) assert.deepEqual(each.drops, [], each.name);
  assert.deepEqual(asker.received('(disconnect)'), []);
});
