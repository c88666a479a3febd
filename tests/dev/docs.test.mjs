/*
 * The documents: their links lead somewhere, the commands they give work, and the clients of docs/demo chat with each
 * other. (The tour of README.md is run by tests/integration/tour.test.mjs.)
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { ROOT, run, started } from '../integration/lib/instance.mjs';
import { PASSWORD, User, signups, unique } from '../integration/lib/users.mjs';
import { until } from '../integration/lib/wait.mjs';
import { Senders } from '../faults/lib/sender.mjs';

const documents = ['README.md', 'CONTRIBUTING.md'];
for (const folder of ['docs', 'docs/decisions', 'docs/demo']) {
  documents.push(...(await readdir(path.join(ROOT, folder))).filter((name) => name.endsWith('.md')).map((name) => path.join(folder, name)));
}

/* A heading's anchor, as web front ends of git make it. */
const anchor = (title) => title.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '').trim().replace(/\s/g, '-');

describe('the documents', () => {
  for (const name of documents) {
    test(`${name}: every link leads somewhere`, async () => {
      const text = await readFile(path.join(ROOT, name), 'utf8');
      for (const [, link] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https?:/.test(link)) continue;
        const [file, hash] = link.split('#');
        const target = path.join(ROOT, file ? path.join(path.dirname(name), file) : name);
        assert.ok(existsSync(target), `${name} links to ${link}`);
        if (!hash) continue;
        const titles = [...(await readFile(target, 'utf8')).matchAll(/^#+ (.*)$/gm)].map(([, title]) => anchor(title));
        assert.ok(titles.includes(hash), `${name} links to ${link}, which has no such heading`);
      }
    });
  }

  test('the first change of CONTRIBUTING.md builds and runs', async () => {
    const text = await readFile(path.join(ROOT, 'CONTRIBUTING.md'), 'utf8');
    const [, commands] = /^```sh contributing\n([\s\S]*?)^```$/m.exec(text);
    const { code, stdout, stderr } = await run('bash', ['-e'], { input: commands, timeout: 900_000 });
    assert.equal(code, 0, stdout.slice(-2000) + stderr.slice(-2000));
  });
});

/** A demo client at work: say(line) and what it has printed. */
class Demo {
  constructor(t, command, args, options) {
    this.output = '';
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true, ...options });
    this.child.stdout.on('data', (data) => { this.output += data; });
    this.child.stderr.on('data', (data) => { this.output += data; });
    t.after(() => {
      try {
        process.kill(-this.child.pid, 'SIGKILL');
      } catch { /* it has ended */ }
    });
  }

  say(line) {
    this.child.stdin.write(`${line}\n`);
  }

  prints(text) {
    return until(`"${text}"`, () => this.output.includes(text), { timeout: 15_000 }).catch((error) => {
      throw new Error(`${error.message}; it printed: ${this.output}`);
    });
  }
}

describe('the clients of docs/demo', async () => {
  const instance = await started({ after });
  const folder = await mkdtemp(path.join(tmpdir(), 'parley-demo-'));
  after(() => rm(folder, { recursive: true, force: true }));
  await cp(path.join(ROOT, 'docs/demo'), folder, { recursive: true });
  await symlink(path.join(ROOT, 'tests/node_modules'), path.join(folder, 'node_modules'));

  /* Ann says something before, the demo says something, and each sees the other. */
  async function chats(t, start) {
    const [ann, bob] = await signups(instance, 2);
    const room = unique('demo');
    await ann.create(room);
    await bob.join(room);
    const demo = await start({ ann, bob, room, env: { ...process.env, TOKEN: bob.accessToken } });
    const client = await ann.connect(t);
    await demo.ready();
    await ann.say(room, 'hello from a test');
    await demo.prints(`${ann.username}: hello from a test`);
    demo.say('and hello back');
    await client.waitFor('newMessage', (message) => message.text === 'and hello back' && message.sender === bob.username, { timeout: 15_000 });
    await demo.prints(`${bob.username}: and hello back`);
  }

  test('JavaScript', (t) => chats(t, async ({ ann, room, env }) => {
    await ann.say(room, 'said before');
    const demo = new Demo(t, process.execPath, ['chat.mjs', room, instance.http], { cwd: folder, env });
    demo.ready = () => demo.prints('said before');
    return demo;
  }));

  test('Python', async (t) => {
    const venv = path.join(ROOT, 'build', 'demo-python');
    await mkdir(path.dirname(venv), { recursive: true });
    for (const [command, ...args] of [['python3', '-m', 'venv', venv], [path.join(venv, 'bin/pip'), 'install', '-q', '--disable-pip-version-check', 'python-socketio[client]==5.*']]) {
      const { code, stderr } = await run(command, args, { timeout: 300_000 }).catch((error) => ({ code: -1, stderr: error.message }));
      if (code !== 0) return t.skip(`python-socketio could not be installed: ${stderr.trim().split('\n').at(-1)}`);
    }
    return chats(t, async ({ ann, room, env }) => {
      await ann.say(room, 'said before');
      const demo = new Demo(t, path.join(venv, 'bin/python'), ['chat.py', room, instance.http], { cwd: folder, env });
      demo.ready = () => demo.prints('said before');
      return demo;
    });
  });

  test('shell: curl and mosquitto_sub', (t) => chats(t, async ({ ann, bob, room, env }) => {
    const [host, port] = instance.status.devices.split(':');
    const demo = new Demo(t, './chat.sh', [bob.username, room, host, port, instance.http], { cwd: folder, env });
    /* It hears only what is said from now on: say something until it does. */
    demo.ready = () => until('the subscription', async () => {
      await ann.say(room, 'are you there?');
      return demo.output.includes('are you there?');
    }, { every: 300 });
    return demo;
  }));
});

describe('docs/EVENTS.md', () => {
  test('its device hears itself, and the answer to what it says', async (t) => {
    const text = await readFile(path.join(ROOT, 'docs/EVENTS.md'), 'utf8');
    const [sub, pub] = ['sub', 'pub'].map((which) => new RegExp(`^ {4}(mosquitto_${which} [^\\n]*NAME[^\\n]*\\\\\\n.*)$`, 'm').exec(text)[1]);
    const instance = await started(t);
    const [ann] = await signups(instance, 1);
    const { topic } = await ann.create('greenhouse');
    const env = {
      ...process.env, PORT: instance.status.devices.split(':')[1], NAME: ann.username, TOKEN: ann.accessToken, TOPIC: topic,
    };
    const device = new Demo(t, 'bash', ['-c', sub], { env });
    await until('the device to hear', async () => {
      await ann.say('greenhouse', 'is it warm?');
      return device.output.includes('is it warm?');
    }, { every: 300 });
    const said = await run('bash', ['-c', pub], { env });
    assert.equal(said.code, 0, said.stderr);
    await device.prints('21.5 C');
    await device.prints('sendMessageSuccess');
  });
});

describe('docs/OPERATIONS.md', () => {
  test('make install puts everything where the units and the examples expect it', async (t) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'parley-install-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const made = await run('make', ['-C', path.join(ROOT, 'build'), 'install', `DESTDIR=${folder}`], { timeout: 300_000 });
    assert.equal(made.code, 0, made.stderr.slice(-2000));
    const prefix = path.join(folder, 'usr/local');
    for (const name of ['sbin/parley-broker', 'sbin/parley-fcgi', 'bin/parleyctl', 'lib/parley/parley-devices.so', 'share/parley/sql/0001_init.sql']) {
      assert.ok(existsSync(path.join(prefix, name)), name);
    }
    const { code, stdout } = await run(path.join(prefix, 'bin/parleyctl'), ['--help']);
    assert.equal(code, 0);
    assert.match(stdout, /migrate/);
  });

  /* Everything in a room's log, as text: what a restore must bring back as it was. */
  const rowsOf = (instance, room) => instance.sql(`select e.seq, e.kind, e.actor_id, e.target_seq, e.text, e.payload, e.at, e.nonce
    from room_event e join room_name n on n.room_id = e.room_id where n.name_key = '${room}' order by e.seq`);

  /* Run the page's commands: a dump of `from`, restored into the database of `to`, whose programs then start anew. */
  async function dumpAndRestore(t, from, to) {
    const text = await readFile(path.join(ROOT, 'docs/OPERATIONS.md'), 'utf8');
    const commands = [...text.matchAll(/^```sh operations\n([\s\S]*?)^```$/gm)].map(([, block]) => block).join('');
    const folder = await mkdtemp(path.join(tmpdir(), 'parley-dump-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const bin = path.join(folder, 'bin');
    await mkdir(bin);
    await writeFile(path.join(bin, 'parleyctl'), `#!/bin/sh\nexec ${path.join(ROOT, 'build/parleyctl')} "$@" --dir ${path.join(ROOT, 'sql')}\n`, { mode: 0o755 });
    const env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, PG: from.status.pg, PG_OTHER: to.status.pg };
    const { code, stderr } = await run('bash', ['-e'], { input: commands, cwd: folder, env });
    assert.equal(code, 0, stderr);
    const old = [...to.status.pids.brokers, to.status.pids.fcgi];
    for (const pid of old) process.kill(pid, 'SIGTERM');
    await until('new processes', async () => {
      const { brokers, fcgi } = (await to.refresh()).pids;
      return [...brokers, fcgi].every((pid) => pid && !old.includes(pid));
    }, { timeout: 60_000 });
    await to.ready(60_000);
  }

  const loginTo = (instance, username) => until('a login', async () => {
    const answer = await instance.rest('POST', '/auth/login', { body: { username, password: PASSWORD } });
    return answer.status === 200 && new User(instance, answer.body);
  });

  test('what was dumped while messages were sent is there after a restore, and clients come back honestly', async (t) => {
    const [from, to] = [await started(t), await started(t)];
    const acked = new Map();
    const senders = new Senders(t, { acked, ack: (nonce, room, seq) => acked.set(nonce, { room, seq }) });
    const people = await signups(from, 3);
    const rooms = [unique('kept'), unique('kept')];
    for (const room of rooms) {
      await people[0].create(room);
      await people[1].join(room);
      await people[2].join(room);
    }
    await people[0].say(rooms[0], 'the word is petrichor');
    const ann = await people[0].connect(t, { auth: { recovery: true } });
    senders.bySocket(from.http, people[1], rooms, { width: 3 });
    senders.byRest(people[2], rooms);
    await until('messages', () => senders.sent > 100, { timeout: 60_000 });
    const before = new Map(acked);
    const pid = ann.socket._pid;
    assert.ok(pid, 'ann\'s session can be recovered');
    await dumpAndRestore(t, from, to);
    assert.ok(senders.sent > before.size, 'nothing was sent meanwhile');
    await senders.finish();

    /* What was acknowledged before is there; and all that is there is a beginning of each log, to the byte. */
    for (const room of rooms) {
      const [kept, all] = [await rowsOf(to, room), await rowsOf(from, room)];
      assert.ok(kept.length < all.length, 'it was dumped while messages were sent');
      assert.deepEqual(kept, all.slice(0, kept.length));
      const nonces = new Set(kept.map((row) => row.at(-1)));
      for (const [nonce, sent] of before) if (sent.room === room) assert.ok(nonces.has(nonce), `acknowledged before the dump: ${JSON.stringify(sent)}`);
      assert.deepEqual(await to.sql(`select last_seq from room where id = (select room_id from room_name where name_key = '${room}')`), [[String(kept.length)]]);
    }

    /* A session of before is not recovered; a position past the end brings all. */
    const again = await loginTo(to, people[0].username);
    const [room] = rooms;
    const messages = await again.allMessages(room);
    const back = await again.connect(t, { auth: { recovery: true, pid, offset: ann.socket._lastOffset } });
    assert.equal(back.socket.recovered, false);
    assert.deepEqual(back.history[room], messages);
    const past = { [room]: messages.at(-1).seq + 1000 };
    const since = await again.connect(t, { auth: { since: past } });
    assert.deepEqual(since.history[room], messages);
    const synced = await again.must('POST', '/sync', { body: { since: past } });
    assert.ok(JSON.stringify(synced).includes('the word is petrichor'));
    await until('the word to be found', async () => (await again.must('GET', '/search?q=petrichor')).messages.length > 0);

    /* And on it goes; no sweep finds the old rows again and again. */
    assert.equal((await back.must('sendMessage', { room, text: 'and on' })).seq, messages.at(-1).seq + 1);
    await since.waitFor('newMessage', (message) => message.text === 'and on');
    const count = async (name) => Number(new RegExp(`^parley_${name} (\\d+)$`, 'm').exec(await (await fetch(`${to.status.brokers[0]}/metrics`)).text())[1]);
    const [sweeps, finds] = [await count('sweeps_total'), await count('sweep_finds_total')];
    await until('more sweeps', async () => await count('sweeps_total') >= sweeps + 3, { timeout: 30_000 });
    assert.ok(await count('sweep_finds_total') <= finds + 1);
  });
});
