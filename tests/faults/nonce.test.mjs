/*
 * One nonce, one message: whichever way it is sent again, on whichever process, and when the answer
 * to a COMMIT is lost.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect } from '../integration/lib/socket.mjs';
import { unique } from '../integration/lib/users.mjs';
import { until } from '../integration/lib/wait.mjs';
import { Ledger } from './lib/ledger.mjs';
import { Listener } from './lib/listener.mjs';
import { PgProxy } from './lib/pg_proxy.mjs';
import { allReady, brokerNames, replace, rewire } from './lib/processes.mjs';
import { random } from './lib/random.mjs';
import { LONG, instanceFor, scene } from './lib/scene.mjs';
import { Senders } from './lib/sender.mjs';

const instance = await instanceFor({ after }, { brokers: 2 });
const folder = await mkdtemp(path.join(tmpdir(), 'parley-pg-'));
after(() => rm(folder, { recursive: true, force: true }));
const conninfo = (await instance.config())['pg.conninfo'];
const proxy = await PgProxy.start({ after }, conninfo, folder);

/* The same message by every way there is: all answer with one seq. */
async function sendEverywhere(t, { user, room, text, nonce }) {
  const answers = [];
  for (const origin of [...instance.status.brokers, instance.http]) {
    const client = await connect(t, origin, { token: user.accessToken, auth: { history: 0 } });
    answers.push(await client.must('sendMessage', { room, text, nonce }));
    client.close();
  }
  const target = `/channels/${room}/messages`;
  answers.push(await user.must('POST', target, { body: { text, nonce } }));
  answers.push(await user.must('POST', target, { body: { text }, headers: { 'idempotency-key': nonce } }));
  return answers.map((each) => each.seq);
}

test('a nonce is known everywhere, and after restarts', async (t) => {
  const { users: [ann, bob], rooms: [room, other], topics } = await scene(instance, { users: 2, rooms: 2 });
  const listener = await new Listener(t, instance.status.brokers[0], bob).ready();
  const message = { user: ann, room, text: 'once', nonce: unique('n') };
  const seqs = await sendEverywhere(t, message);
  await Promise.all([...brokerNames(instance), 'fcgi'].map((name) => replace(instance, name)));
  await allReady(instance);
  seqs.push(...await sendEverywhere(t, message));
  assert.equal(new Set(seqs).size, 1, String(seqs));
  const ledger = new Ledger();
  for (const seq of seqs) ledger.ack(message.nonce, room, seq, ann.username);
  await ledger.settle(t, instance, topics, [listener]);

  /* Another text under it is refused; another user's or room's nonce is another nonce. */
  const client = await connect(t, instance.status.brokers[1], { token: ann.accessToken, auth: { history: 0 } });
  assert.equal((await client.ask('sendMessage', { room, text: 'other', nonce: message.nonce })).code, 'nonce_conflict');
  const refused = await ann.rest('POST', `/channels/${room}/messages`, { body: { text: 'other', nonce: message.nonce } });
  assert.equal(refused.status, 409, refused.text);
  assert.equal(refused.body.code, 'nonce_conflict');
  assert.notEqual((await bob.say(room, 'once', message.nonce)).seq, seqs[0]);
  assert.equal((await ann.rest('POST', `/channels/${other}/messages`, { body: { text: 'once', nonce: message.nonce } })).status, 201);
});

test('many at once with one nonce are one message', async (t) => {
  const { users: [ann], rooms: [room] } = await scene(instance, { users: 1, rooms: 1 });
  const clients = await Promise.all([0, 1, 0, 1].map((i) => connect(t, instance.status.brokers[i], { token: ann.accessToken })));
  for (let round = 0; round < 10; round++) {
    const message = { room, text: `round ${round}`, nonce: unique('n') };
    const answers = await Promise.all([
      ...clients.flatMap((client) => [client.must('sendMessage', message), client.must('sendMessage', message)]),
      ...[1, 2, 3].map(() => ann.say(room, message.text, message.nonce)),
    ]);
    assert.equal(new Set(answers.map((each) => each.seq)).size, 1, JSON.stringify(answers));
  }
  const texts = (await ann.allMessages(room)).map((each) => each.text).filter((text) => text.startsWith('round'));
  assert.deepEqual(texts, Array.from({ length: 10 }, (_, i) => `round ${i}`));
});

describe('with a proxy that cuts connections at COMMIT', () => {
  before(() => rewire(instance, [...brokerNames(instance), 'fcgi'], { PARLEY_PG_CONNINFO: proxy.conninfo(conninfo) }));

  test('lost answers to COMMIT double nothing and lose nothing', async (t) => {
    const { users, rooms, topics } = await scene(instance, { users: 5, rooms: 3 });
    const ledger = new Ledger();
    const [first, second] = instance.status.brokers;
    const listeners = [
      new Listener(t, first, users[0], { name: 'broker 1' }), new Listener(t, second, users[1], { name: 'broker 2' }),
    ];
    await Promise.all(listeners.map((each) => each.ready()));
    const next = random();
    proxy.choose = () => {
      const dice = next();
      return dice < 0.25 ? 'after' : dice < 0.4 ? 'before' : undefined;
    };
    t.after(() => { proxy.choose = undefined; });
    const senders = new Senders(t, ledger, { pause: 5 });
    senders.bySocket(first, users[0], rooms, { width: 2 });
    senders.bySocket(second, users[1], rooms, { width: 2 });
    senders.byRetries(first, users[2], rooms, { ackTimeout: 300 });
    senders.byRetries(second, users[3], rooms, { ackTimeout: 300 });
    senders.byRest(users[4], rooms, { width: 2 });
    const count = LONG ? 2000 : 300;
    await until(`${count} messages`, () => senders.sent >= count || senders.failures.length, { timeout: 600_000, every: 5 });
    await senders.finish();
    t.diagnostic(`${proxy.commits} commits, cut ${JSON.stringify(proxy.cuts)}, resent ${senders.again}, answers ${JSON.stringify(senders.answers)}`);
    await ledger.settle(t, instance, topics, listeners);
    assert.ok(proxy.cuts.after >= 20 && proxy.cuts.before >= 10, JSON.stringify(proxy.cuts));
  });

  test('what the client gave no nonce is not doubled either', async (t) => {
    const { users: [ann, bob], rooms: [room] } = await scene(instance, { users: 2, rooms: 1 });
    const clients = await Promise.all(instance.status.brokers.map((origin) => connect(t, origin, { token: ann.accessToken })));
    const before = { ...proxy.cuts };
    const next = random();
    proxy.choose = () => (next() < 0.4 ? 'after' : undefined);
    t.after(() => { proxy.choose = undefined; });
    const texts = Array.from({ length: 60 }, () => unique('bare'));
    const acked = [];
    for (let i = 0; i < texts.length; i += 3) {
      await Promise.all([0, 1, 2].map(async (k) => {
        const body = { room, text: texts[i + k] };
        const answer = k < 2 ? await clients[k].ask('sendMessage', body)
          : (await ann.rest('POST', `/channels/${room}/messages`, { body: { text: body.text } })).body;
        if (answer.code === undefined) acked.push(body.text);
        else assert.equal(answer.code, 'unavailable', JSON.stringify(answer));
      }));
    }
    proxy.choose = undefined;
    const log = (await bob.allMessages(room)).map((each) => each.text);
    for (const text of texts) {
      const count = log.filter((each) => each === text).length;
      assert.ok(count <= 1, `${text} is there ${count} times`);
      if (acked.includes(text)) assert.equal(count, 1, `${text} was acknowledged`);
    }
    t.diagnostic(`${acked.length} of ${texts.length} acknowledged, ${proxy.cuts.after - before.after} answers lost`);
    assert.ok(proxy.cuts.after - before.after >= 10 && acked.length >= 30);
  });

  test('other commands are not acknowledged before their COMMIT either', async (t) => {
    const { users: [ann, bob], rooms } = await scene(instance, { users: 2, rooms: 1 });
    const client = await connect(t, instance.status.brokers[0], { token: ann.accessToken });
    const next = random();
    proxy.choose = () => (next() < 0.5 ? 'before' : undefined);
    t.after(() => { proxy.choose = undefined; });
    const before = proxy.cuts.before;
    const made = [];
    for (let i = 0; i < 20; i++) {
      const name = unique('made');
      const answer = i % 2 ? await client.ask('createChannel', { name, status: 'PUBLIC' })
        : (await ann.rest('POST', '/channels', { body: { name, status: 'PUBLIC' } })).body;
      if (answer.code === undefined) made.push(name);
    }
    const left = await client.ask('leaveChannel', { name: rooms[0] });
    proxy.choose = undefined;
    for (const name of made) assert.equal((await ann.must('GET', `/channels/${name}`)).role, 'OWNER', name);
    const { members } = await bob.must('GET', `/channels/${rooms[0]}`);
    assert.equal(members, left.code === undefined ? 1 : 2, JSON.stringify(left));
    t.diagnostic(`${made.length} of 20 made, ${proxy.cuts.before - before} COMMITs cut`);
    assert.ok(proxy.cuts.before - before >= 5 && made.length >= 3);
  });

  test('a channel whose creation was committed unheard exists, and is found', async () => {
    const { users: [ann] } = await scene(instance, { users: 1, rooms: 1 });
    let cut = false;
    proxy.choose = () => {
      if (cut) return undefined;
      cut = true;
      return 'after';
    };
    const name = unique('cut');
    const answer = await ann.rest('POST', '/channels', { body: { name, status: 'PUBLIC' } });
    proxy.choose = undefined;
    assert.ok(cut);
    assert.ok([201, 409, 503].includes(answer.status), answer.text);
    const found = await ann.must('GET', `/channels/${name}`);
    assert.equal(found.role, 'OWNER');
    assert.equal(found.members, 1);
  });
});
