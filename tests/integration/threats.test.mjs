/*
 * What an attacker sends whom no other file has in mind: SQL in every text, requests that mean two things, requests that
 * never end, objects with ten thousand names. docs/SECURITY.md has the list.
 */
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { shared } from './lib/instance.mjs';
import { signup, signups, unique } from './lib/users.mjs';
import { within } from './lib/wait.mjs';

const instance = await shared({ after });
const at = (name, rest = '') => `/channels/${encodeURIComponent(name)}${rest}`;

/** A TCP connection: what came, and whether the other side has closed. */
function dial(t, base) {
  const { hostname, port } = new URL(base);
  const socket = net.connect(port, hostname);
  t.after(() => socket.destroy());
  const line = { socket, text: '', open: true };
  socket.on('data', (bytes) => { line.text += bytes; });
  socket.on('error', () => {});
  line.closed = new Promise((resolve) => {
    socket.on('close', () => {
      line.open = false;
      resolve();
    });
  });
  return line;
}

const SQL = [
  "'; DROP TABLE message; --",
  "' OR '1'='1",
  "$1; SELECT pg_sleep(10)",
  "\\'; DELETE FROM app_user; --",
  "E'\\047 UNION SELECT password_hash",
  "$$ || (SELECT 1) || $$",
];

test('SQL in every text is text', async (t) => {
  const [ann, bob] = await signups(instance, 2);
  const room = unique('sql');
  await ann.create(room);
  await bob.join(room);
  const client = await ann.connect(t);
  for (const sql of SQL) {
    const { seq } = await ann.say(room, sql);
    assert.equal((await ann.must('GET', at(room, `/messages/${seq}`))).text, sql);
    await client.must('sendMessage', { room, text: sql });
    const name = `${sql} ${unique('')}`;
    assert.equal((await ann.create(name, 'PRIVATE', sql)).name, name);
    await bob.join(name, sql);
    await ann.must('PUT', at(name, `/mutes/${bob.username}`), { body: { seconds: 60, reason: sql } });
    assert.equal((await ann.must('GET', at(name, '/audit'))).entries.find((each) => each.reason)?.reason, sql);
    for (const target of [`/channels?q=${encodeURIComponent(sql)}`, `/search?q=${encodeURIComponent(sql)}`]) {
      assert.equal((await ann.rest('GET', target)).status, 200, target);
    }
    for (const target of [at(room, `/messages?before=${encodeURIComponent(sql)}`), `/channels?cursor=${encodeURIComponent(sql)}`,
      `/search?q=a&cursor=${encodeURIComponent(sql)}`, at(room, `/messages/${encodeURIComponent(sql)}`), `/users/${encodeURIComponent(sql)}`]) {
      const { status } = await ann.rest('GET', target);
      assert.ok([400, 404, 422].includes(status), `${target}: ${status}`);
    }
    const login = await instance.rest('POST', '/auth/login', { body: { username: ann.username, password: sql } });
    assert.equal(login.status, 401);
    await delay(220); // five searches a second are allowed
  }
  const texts = (await bob.allMessages(room)).filter((each) => each.kind === 'text').map((each) => each.text);
  assert.deepEqual(texts, SQL.flatMap((sql) => [sql, sql]), 'all is still there, as it was written');
});

describe('a request that means two things is refused, and its connection closed', () => {
  const HEADS = {
    'two lengths': 'Content-Length: 5\r\nContent-Length: 6',
    'a list of lengths': 'Content-Length: 5, 6',
    'a length that is none': 'Content-Length: +5',
    'an encoding that is none': 'Transfer-Encoding: xchunked',
    'chunked, but not last': 'Transfer-Encoding: chunked, gzip',
    'a blank before the colon': 'Content-Length : 5',
    'a folded header': 'X-A: 1\r\n Content-Length: 5',
    'no name': ': 5\r\nContent-Length: 5',
  };
  /* Behind it, what one of two servers could take for a request of its own. */
  const request = (target, head, smuggled) => `POST ${target} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${head}\r\n\r\n`
    + `0\r\n\r\n${smuggled}`;

  for (const [what, head] of Object.entries(HEADS)) {
    for (const [where, base, target] of [
      ['the front, for a worker', instance.http, '/api/v1/channels'],
      ['the front, for a broker', instance.http, '/socket.io/?EIO=4&transport=polling'],
      ['a broker', instance.status.brokers[0], '/socket.io/?EIO=4&transport=polling'],
    ]) {
      test(`${what}: ${where}`, async (t) => {
        const ann = await signup(instance);
        const name = unique('smuggled');
        const body = JSON.stringify({ name, status: 'PUBLIC' });
        const line = dial(t, base);
        line.socket.write(request(target, head, `POST /api/v1/channels HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${ann.accessToken}\r\n`
          + `Content-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`));
        await within('the end of the connection', line.closed, 10_000);
        assert.match(line.text, /^HTTP\/1\.[01] (400|411|501) /, line.text.slice(0, 200));
        assert.equal(line.text.match(/HTTP\/1\.[01] \d/g).length, 1, line.text);
        assert.equal((await ann.rest('GET', at(name))).status, 404);
      });
    }
  }
});

test('a request that never ends is given up by the broker within its 10 s, and others are served meanwhile', async (t) => {
  const lines = ['GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n', 'G', '']
    .flatMap((begin) => Array.from({ length: 20 }, () => {
      const line = dial(t, instance.status.brokers[0]);
      line.socket.write(begin || '\r\n');
      return line;
    }));
  /* A byte now and then is no progress. */
  const drip = setInterval(() => lines.forEach((line) => line.open && line.socket.write('X')), 500);
  t.after(() => clearInterval(drip));
  const ann = await signup(instance);
  const client = await ann.connect(t);
  assert.deepEqual(client.history, {});
  await within('the end of all', Promise.all(lines.map((line) => line.closed)), 20_000);
  assert.equal(client.socket.connected, true);
});

test('requests that never end at the front leave others be', async (t) => {
  const lines = Array.from({ length: 200 }, () => {
    const line = dial(t, instance.http);
    line.socket.write('POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{');
    return line;
  });
  const drip = setInterval(() => lines.forEach((line) => line.open && line.socket.write(' ')), 300);
  t.after(() => clearInterval(drip));
  await delay(1000);
  const ann = await signup(instance);
  await ann.create(unique('beside'));
  const client = await ann.connect(t);
  assert.equal(Object.keys(client.history).length, 1);
});

/* A hash table that an attacker can fill with colliding names, or a search through all names for each field, would take
 * the square of their number: seconds for one such body. */
test('an object of thousands of names costs what its bytes cost', async () => {
  const ann = await signup(instance);
  const room = unique('names');
  await ann.create(room);
  const many = Array.from({ length: 7000 }, (_, i) => `"${i.toString(36)}":1`).join();
  const doubled = Array.from({ length: 7000 }, () => '"a":1').join();
  const began = performance.now();
  for (const names of [many, doubled, many, doubled]) {
    const answer = await fetch(`${instance.http}/api/v1${at(room, '/messages')}`, {
      method: 'POST', body: `{${names},"text":"behind them"}`,
      headers: { authorization: `Bearer ${ann.accessToken}`, 'content-type': 'application/json' },
    });
    assert.equal(answer.status, 201, await answer.text());
  }
  assert.ok(performance.now() - began < 5000);
});
