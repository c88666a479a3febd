/*
 * A rolling upgrade halfway: broker and worker of the release before on the schema of this tree, beside those of this
 * tree, on one database and one mosquitto. The release before is the last tag v*, or, while there is none, the commit
 * before the last migration came: what a schema of this tree may have to bear.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { ROOT, freePort, run, started } from '../integration/lib/instance.mjs';
import { connect } from '../integration/lib/socket.mjs';
import { signups, unique } from '../integration/lib/users.mjs';
import { until } from '../integration/lib/wait.mjs';

const BINARIES = ['parley-broker', 'parley-fcgi'];
const git = async (...args) => {
  const { code, stdout } = await run('git', ['-C', ROOT, ...args]).catch(() => ({ code: -1, stdout: '' }));
  return code === 0 ? stdout.trim() : '';
};

/** The commit of the release before: {commit}, or {reason} when this copy of the tree does not have it. */
async function before() {
  if (!(await git('rev-parse', '--git-dir'))) return { reason: 'this tree has no history' };
  const tag = await git('describe', '--tags', '--abbrev=0', '--match=v*', 'HEAD^');
  if (tag) return { commit: tag };
  const added = await git('log', '--diff-filter=A', '--format=%H', '-1', '--', 'sql/*.sql');
  const commit = added && await git('rev-parse', '--verify', '--quiet', `${added}^`);
  if (!commit || await git('rev-parse', '--is-shallow-repository') === 'true') return { reason: 'the history is cut off before the last migration' };
  return { commit };
}

async function must(command, args, options) {
  const { code, stdout, stderr } = await run(command, args, { timeout: 600_000, ...options });
  assert.equal(code, 0, `${command} ${args.join(' ')}\n${stdout.slice(-2000)}\n${stderr.slice(-4000)}`);
}

/** Build that commit's programs in `folder`. */
async function build(folder, commit) {
  const archive = path.join(folder, 'tree.tar');
  const tree = path.join(folder, 'tree');
  await must('git', ['-C', ROOT, 'archive', '--format=tar', '--prefix=tree/', '-o', archive, commit]);
  await must('tar', ['-xf', archive, '-C', folder]);
  await must('./autogen.sh', [], { cwd: tree });
  const ccache = (await run('sh', ['-c', 'command -v ccache'])).code === 0 ? ['CC=ccache gcc'] : [];
  await must('./configure', ['CFLAGS=-O0', ...ccache], { cwd: tree });
  await must('make', ['-s', `-j${availableParallelism()}`, ...BINARIES], { cwd: tree });
  return tree;
}

/** A program of the old tree, with the instance's configuration; ended after `t`. */
function serve(t, tree, instance, program, env) {
  const child = spawn(path.join(tree, program), ['--config', path.join(instance.data, 'parley.conf')], { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((resolve) => { child.on('exit', (code, signal) => resolve(code ?? signal)); });
  child.said = '';
  child.stderr.on('data', (data) => { child.said = (child.said + data).slice(-4000); });
  child.end = async () => {
    child.kill('SIGTERM');
    return ended;
  };
  t.after(() => {
    child.kill('SIGKILL');
    return ended;
  });
  return child;
}

const { commit, reason } = await before();

describe('the release before on the schema of this tree', { skip: reason ?? false }, () => {
  test('chats with this one on the same database and MQTT broker', async (t) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'parley-before-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    /* It knows no path as mqtt.host. */
    const [tree, instance] = await Promise.all([build(folder, commit), started(t, { set: { 'mqtt.host': '127.0.0.1' } })]);
    const port = await freePort();
    const broker = serve(t, tree, instance, 'parley-broker', { PARLEY_BROKER_PORT: port, PARLEY_BROKER_ID: 'before', PARLEY_BROKER_SID_PREFIX: 'b9-' });
    const old = `http://127.0.0.1:${port}`;
    await until('the old broker', async () => {
      assert.equal(broker.exitCode, null, broker.said);
      return (await fetch(`${old}/readyz`)).status === 200;
    }, { timeout: 60_000, every: 100 });

    const [ann, bob] = await signups(instance, 2);
    const room = unique('both');
    await ann.create(room);
    await bob.join(room);
    const one = await ann.connect(t);
    const other = await connect(t, old, { token: bob.accessToken });
    const heard = async (text) => {
      for (const client of [one, other]) await client.waitFor('newMessage', (message) => message.text === text, { timeout: 30_000 });
    };
    await one.must('sendMessage', { room, text: 'from the new broker' });
    await heard('from the new broker');
    await other.must('sendMessage', { room, text: 'from the old broker' });
    await heard('from the old broker');
    await ann.say(room, 'from the new worker');
    await heard('from the new worker');

    /* The old worker takes the place of the new one: its CGI face needs no web server of its own. */
    const body = JSON.stringify({ text: 'from the old worker' });
    const env = {
      ...process.env, PARLEY_FCGI_SOCKET: '', PARLEY_CONFIG: path.join(instance.data, 'parley.conf'), GATEWAY_INTERFACE: 'CGI/1.1',
      REQUEST_METHOD: 'POST', REQUEST_URI: `/api/v1/channels/${room}/messages`, QUERY_STRING: '', CONTENT_TYPE: 'application/json',
      CONTENT_LENGTH: String(body.length), HTTP_AUTHORIZATION: `Bearer ${bob.accessToken}`, REMOTE_ADDR: '127.0.0.1',
    };
    const answer = await run(path.join(tree, 'parley-fcgi'), [], { env, input: body });
    assert.match(answer.stdout, /^Status: 201/m, answer.stdout + answer.stderr);
    await heard('from the old worker');

    const mine = await ann.allMessages(room);
    const late = await connect(t, old, { token: ann.accessToken });
    assert.deepEqual(late.history[room].map(({ seq, text }) => [seq, text]), mine.map(({ seq, text }) => [seq, text]));
    assert.equal(await broker.end(), 0, broker.said);
    await one.must('sendMessage', { room, text: 'the new one alone' });
  });
});
