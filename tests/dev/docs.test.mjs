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

  test('what was dumped while running is there after a restore, and people go on', async (t) => {
    const text = await readFile(path.join(ROOT, 'docs/OPERATIONS.md'), 'utf8');
    const commands = [...text.matchAll(/^```sh operations\n([\s\S]*?)^```$/gm)].map(([, block]) => block).join('');
    const [from, to] = [await started(t), await started(t)];
    const folder = await mkdtemp(path.join(tmpdir(), 'parley-dump-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const [ann] = await signups(from, 1);
    const room = unique('kept');
    await ann.create(room);
    for (let i = 0; i < 20; i++) await ann.say(room, `kept ${i}`);
    const before = await ann.allMessages(room);
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
    }, { timeout: 30_000 });
    await to.ready();
    const again = await until('a login', async () => {
      const answer = await to.rest('POST', '/auth/login', { body: { username: ann.username, password: PASSWORD } });
      return answer.status === 200 && new User(to, answer.body);
    });
    assert.deepEqual(await again.allMessages(room), before);
    const client = await again.connect(t);
    assert.deepEqual(client.history[room], before);
    assert.equal((await client.must('sendMessage', { room, text: 'and on' })).seq, before.at(-1).seq + 1);
  });
});
