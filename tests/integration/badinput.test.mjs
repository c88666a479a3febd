/*
 * Bad input on both doors: each row of the tables gets the documented error; a bystander's
 * connection never notices, and at the end every process is the one that was there at the start.
 */
import assert from 'node:assert/strict';
import { createConnection } from 'node:net';
import { after, before, describe, test } from 'node:test';
import WebSocket from 'ws';
import * as check from './lib/check.mjs';
import { shared } from './lib/instance.mjs';
import { rawRequest } from './lib/rest.mjs';
import { RawClient } from './lib/socket.mjs';
import { BAD_JSON, BAD_UTF8, NOT_OBJECTS, WRONG_TYPES } from './lib/tables.mjs';
import { signup, unique } from './lib/users.mjs';
import { within } from './lib/wait.mjs';

const instance = await shared({ after });
const at = (name) => `/channels/${encodeURIComponent(name)}`;
let ann;
let bystander;
let room;
let pids;
let talk = 0;

before(async () => {
  pids = await instance.pids();
  ann = await signup(instance, 'bad');
  room = unique('bad');
  await ann.create(room);
  bystander = await ann.connect(null);
});

after(() => bystander?.close());

/* The bystander talks through the very connection it had before. */
async function unaffected() {
  const text = `still here ${++talk}`;
  await bystander.must('sendMessage', { room, text });
  await bystander.waitFor('newMessage', (body) => body.text === text);
  assert.equal(bystander.received('(disconnect)').length, 0);
}

const withBytes = (bytes) => Buffer.concat([Buffer.from('{"text":"a'), Buffer.from(bytes), Buffer.from('b"}')]);

describe('REST', () => {
  for (const [what, body] of [...BAD_JSON, ...NOT_OBJECTS]) {
    test(`a body that is ${what}: validation_failed`, async () => {
      check.problem(await ann.rest('POST', `${at(room)}/messages`, { body }), 400, 'validation_failed');
      await unaffected();
    });
  }

  for (const [what, bytes] of BAD_UTF8) {
    test(`invalid UTF-8 (${what}): validation_failed`, async () => {
      check.problem(await ann.rest('POST', `${at(room)}/messages`, { body: withBytes(bytes) }), 400, 'validation_failed');
      await unaffected();
    });
  }

  for (const [label, method, target, fields] of [
    ['signup', 'POST', () => '/auth/signup', { username: 'someone', password: 'long enough' }],
    ['login', 'POST', () => '/auth/login', { username: 'someone', password: 'long enough' }],
    ['refresh', 'POST', () => '/auth/refresh', { refreshToken: 'x' }],
    ['a channel', 'POST', () => '/channels', { name: 'x', status: 'PUBLIC' }],
    ['a message', 'POST', () => `${at(room)}/messages`, { text: 'x' }],
  ]) {
    for (const field of Object.keys(fields)) {
      for (const [what, value] of [['missing', undefined], ...WRONG_TYPES]) {
        test(`${label} with ${field} ${what}: validation_failed`, async () => {
          const answer = await ann.rest(method, target(), { body: { ...fields, [field]: value } });
          check.problem(answer, 400, 'validation_failed', field);
        });
      }
    }
  }

  for (const [what, body] of [['escaped NUL', '{"text":"a\\u0000b"}'], ['a raw NUL', '{"text":"a\u0000b"}']]) {
    test(`${what} in a text: validation_failed`, async () => {
      check.problem(await ann.rest('POST', `${at(room)}/messages`, { body }), 400, 'validation_failed');
    });
  }

  test('a lone surrogate in a text: validation_failed', async () => {
    check.problem(await ann.rest('POST', `${at(room)}/messages`, { body: '{"text":"\\ud83d"}' }), 400, 'validation_failed');
  });

  for (const size of [64 * 1024 + 1, 10_000_000]) {
    test(`a body of ${size} bytes: payload_too_large`, async () => {
      const text = 'x'.repeat(size - 11);
      const answer = await ann.rest('POST', `${at(room)}/messages`, { body: `{"text":"${text}"}` });
      check.problem(answer, 413, 'payload_too_large');
      await unaffected();
    });
  }

  test('depth 32 is read', async () => {
    const body = `{"text":"a","x":${'['.repeat(31)}${']'.repeat(31)}}`;
    assert.equal((await ann.rest('POST', `${at(room)}/messages`, { body })).status, 201);
  });

  test('a body of exactly the limit is read', async () => {
    const body = `{"text":"x","pad":"${'y'.repeat(64 * 1024 - 21)}"}`;
    assert.equal(body.length, 64 * 1024);
    const answer = await ann.rest('POST', `${at(room)}/messages`, { body });
    assert.equal(answer.status, 201, answer.text);
  });

  test('a chunked body is read, or refused for its length', async () => {
    const post = (body) => fetch(`${instance.http}/api/v1${at(room)}/messages`, {
      method: 'POST', duplex: 'half', body,
      headers: { authorization: `Bearer ${ann.accessToken}`, 'content-type': 'application/json' },
    });
    const chunks = (pieces) => new ReadableStream({
      pull(controller) {
        const piece = pieces.shift();
        if (piece === undefined) controller.close();
        else controller.enqueue(Buffer.from(piece));
      },
    });
    const answer = await post(chunks(['{"te', 'xt":"chu', 'nked"}']));
    assert.ok(answer.status === 201 || answer.status === 411, String(answer.status));
    await answer.text();
    const big = await post(chunks(Array.from({ length: 200 }, () => 'x'.repeat(1024)))).catch(() => null);
    if (big) assert.ok([411, 413].includes(big.status), String(big.status));
  });

  for (const [what, request] of [
    ['a target of 20 KB', { target: `/api/v1/channels/${'a'.repeat(20_000)}` }],
    ['a header of 20 KB', { target: '/api/v1/channels', headers: { 'x-long': 'a'.repeat(20_000) } }],
    ['an unknown method', { method: 'PROPFIND', target: '/api/v1/channels' }],
    ['TRACE', { method: 'TRACE', target: '/api/v1/channels' }],
    ['dots in the path', { target: '/api/v1/../../etc/passwd' }],
    ['encoded dots in the path', { target: '/api/v1/%2e%2e/%2e%2e/etc/passwd' }],
    ['a query of 5,000 parameters', { target: `/api/v1/channels?${'limit=1&'.repeat(600)}` }],
  ]) {
    test(`${what} is answered with a 4xx, or served, and nothing else happens`, async () => {
      const answer = await rawRequest(instance.http, {
        ...request, headers: { authorization: `Bearer ${ann.accessToken}`, ...request.headers },
      }).catch((error) => ({ status: 400, text: error.message }));
      assert.ok(answer.status < 500 || answer.status === 501, `${answer.status} ${answer.text.slice(0, 200)}`);
      assert.ok(!/root:/.test(answer.text));
      await unaffected();
    });
  }

  test('a request that stops in the middle of its body', async () => {
    const { port } = new URL(instance.http);
    const socket = createConnection(Number(port), '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`POST /api/v1${at(room)}/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ann.accessToken}\r\n`
      + 'Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"text":"');
    await unaffected();
    socket.destroy();
    await unaffected();
  });

  test('every wrong method on every route answers 405, and no token is needed to learn it', async () => {
    for (const [target, methods] of [
      ['/auth/signup', ['GET', 'PUT', 'PATCH', 'DELETE']], ['/auth/login', ['GET', 'PUT', 'PATCH', 'DELETE']],
      ['/auth/refresh', ['GET', 'PUT']], ['/auth/logout', ['GET', 'PUT']], ['/channels', ['PUT', 'PATCH', 'DELETE']],
      ['/channels/x', ['POST', 'PUT']], ['/channels/x/members/me', ['POST', 'PATCH']],
      ['/channels/x/messages', ['PUT', 'PATCH', 'DELETE']], ['/history', ['POST', 'PUT', 'DELETE']],
    ]) {
      for (const method of methods) check.problem(await ann.rest(method, target), 405, 'method_not_allowed');
    }
  });
});

const DTO = {
  sendMessage: { room: 'x', text: 'x' },
  createChannel: { name: 'x', status: 'PUBLIC' },
  joinChannel: { name: 'x' },
  leaveChannel: { name: 'x' },
  getHistory: { room: 'x' },
};

describe('gateway', () => {
  for (const [event, dto] of Object.entries(DTO)) {
    test(`${event} with a missing field or a wrong type: its error names the field`, async (t) => {
      const client = await ann.connect(t, { auth: { history: 0 } });
      for (const field of Object.keys(dto)) {
        for (const [what, value] of [['missing', undefined], ...WRONG_TYPES]) {
          const answer = await client.command(event, { ...dto, [field]: value });
          assert.equal(answer.code, 'validation_failed', `${field} ${what}`);
          check.refused(answer, 'validation_failed', field);
        }
      }
      for (const [, value] of WRONG_TYPES.filter(([what]) => what !== 'object')) {
        check.refused(await client.command(event, value), 'validation_failed');
      }
      assert.equal(client.received('(disconnect)').length, 0);
    });

    test(`${event} with no argument, two arguments, or binary: validation_failed, or the first counts`, async (t) => {
      const client = await ann.connect(t, { auth: { history: 0 } });
      const none = await client.socket.timeout(5000).emitWithAck(event);
      check.refused(none, 'validation_failed');
      const two = await client.socket.timeout(5000).emitWithAck(event, dto, dto);
      assert.equal(typeof two.message, 'string');
      const binary = await client.socket.timeout(5000).emitWithAck(event, Buffer.from([1, 2, 3]));
      check.refused(binary, 'validation_failed');
      const inside = await client.socket.timeout(5000).emitWithAck(event, { ...dto, [Object.keys(dto)[0]]: Buffer.from([1]) });
      check.refused(inside, 'validation_failed');
      assert.equal(client.received('(disconnect)').length, 0);
    });
  }

  for (const name of ['nothing', 'newMessage', 'updateChatHistory', 'error', 'sendMessageSuccess', 'constructor', '__proto__',
    'toString', '', 'é'.repeat(200), 'sendmessage']) {
    test(`the unknown event ${JSON.stringify(name.slice(0, 20))}: error, and the same as ack`, async (t) => {
      const client = await ann.connect(t, { auth: { history: 0 } });
      const ack = await client.ask(name, { room, text: 'x' });
      assert.equal(ack.code, 'validation_failed');
      assert.equal(typeof ack.message, 'string');
      const told = await client.waitFor('error', (body) => JSON.stringify(body) === JSON.stringify(ack));
      assert.deepEqual(told, ack);
      assert.equal(client.received('(disconnect)').length, 0);
      await unaffected();
    });
  }

  test('NUL, a lone surrogate and over-long names in a DTO: validation_failed', async (t) => {
    const raw = await RawClient.join(t, instance.http, ann.accessToken);
    const bodies = [
      `{"room":${JSON.stringify(room)},"text":"a\\u0000b"}`, `{"room":${JSON.stringify(room)},"text":"\\ud83d"}`,
      `{"room":${JSON.stringify(room)},"text":"\\udc00x"}`, `{"room":${JSON.stringify(room)},"text":"${'x'.repeat(60_000)}"}`,
    ];
    for (const [i, body] of bodies.entries()) {
      raw.send(`42${i}["sendMessage",${body}]`);
      const frame = await raw.frame((each) => each.startsWith(`43${i}[`));
      check.refused(JSON.parse(frame.slice(3))[0], 'validation_failed');
    }
    raw.send(`42["sendMessage",{"room":"${'r'.repeat(60_000)}","text":"x"}]`);
    const code = (await raw.event('sendMessageError', { from: 0 })).code;
    assert.ok(['validation_failed', 'room_not_found'].includes(code), code);
  });

  test('duplicate keys: the last wins; hostile keys mean nothing', async (t) => {
    const raw = await RawClient.join(t, instance.http, ann.accessToken);
    raw.send(`421["sendMessage",{"room":"no","room":${JSON.stringify(room)},"text":"dup","__proto__":{"x":1},"constructor":1}]`);
    const frame = await raw.frame((each) => each.startsWith('431['));
    assert.equal(JSON.parse(frame.slice(3))[0].code, undefined, frame);
  });

  /* Not Socket.IO at all: that connection ends, and only that one. */
  for (const [what, frame] of [
    ['malformed JSON', '42["sendMessage",{"room":'],
    ['trailing garbage', '42["sendMessage",{}]x'],
    ['a trailing comma', '42["sendMessage",{},]'],
    ['a number with a bare point', '42["sendMessage",[1.]]'],
    ['NaN', '42["sendMessage",NaN]'],
    ['a raw record separator in a string', '42["sendMessage",{"room":"a\u001eb","text":"x"}]'],
    ['a raw NUL', '42["sendMessage",{"room":"a\u0000b","text":"x"}]'],
    ['an object for an event', '42{}'],
    ['an empty array', '42[]'],
    ['a reserved name', '42["connect",{}]'],
    ['depth 33', `42["sendMessage",${'['.repeat(40)}${']'.repeat(40)}]`],
    ['depth 30,000', `42["sendMessage",${'['.repeat(30000)}${']'.repeat(30000)}]`],
    ['an unknown packet type', '49["x"]'],
    ['an unknown Engine.IO type', '7'],
    ['an empty frame', ''],
    ['an event of a namespace not joined', '42/chat,["sendMessage",{}]'],
    ['a second CONNECT', '40{}'],
    ['an ack id beyond 2^53', '4299999999999999999999["sendMessage",{}]'],
    ['a binary event with eleven attachments', '4511-["x"]'],
    ['text where an attachment belongs', '451-["x",{"_placeholder":true,"num":0}]', '42["x"]'],
    ['100 KB', `42["sendMessage",{"room":"x","text":"${'x'.repeat(100_000)}"}]`],
    ['10 MB', `42["sendMessage",{"room":"x","text":"${'x'.repeat(10_000_000)}"}]`],
  ].map(([what, ...frames]) => [what, frames])) {
    test(`${what} in a frame ends that connection and no other`, async (t) => {
      const raw = await RawClient.join(t, instance.http, ann.accessToken);
      for (const each of frame) raw.send(each);
      await within('the end of the connection', raw.closed, 5000);
      await unaffected();
    });
  }

  for (const [what, bytes] of BAD_UTF8) {
    test(`invalid UTF-8 in a text frame (${what}): closed with 1007`, async (t) => {
      const raw = await RawClient.join(t, instance.http, ann.accessToken);
      raw.ws.send(Buffer.concat([Buffer.from('42["sendMessage",{"room":"'), Buffer.from(bytes), Buffer.from('","text":"x"}]')]),
        { binary: false });
      assert.equal(await within('close', raw.closed, 5000), 1007);
      await unaffected();
    });
  }

  test('an unexpected binary message ends that connection', async (t) => {
    const raw = await RawClient.join(t, instance.http, ann.accessToken);
    raw.ws.send(Buffer.from([1, 2, 3]));
    await within('close', raw.closed, 5000);
    await unaffected();
  });

  for (const [what, frame] of [
    ['CONNECT with an array', '40[]'], ['CONNECT with a string', '40"x"'], ['CONNECT cut off', '40{"token":'],
    ['an event before CONNECT', '42["sendMessage",{}]'], ['a CONNECT of depth 40', `40{"token":${'['.repeat(40)}${']'.repeat(40)}}`],
    ['CONNECT of 100 KB', `40{"token":"${'x'.repeat(100_000)}"}`],
  ]) {
    test(`${what} ends that connection`, async (t) => {
      const raw = await RawClient.open(t, instance.http);
      raw.send(frame);
      await within('close', raw.closed, 5000);
      await unaffected();
    });
  }

  test('over polling: a bad packet, bad UTF-8 and 10 MB are refused', async (t) => {
    const polling = (sid) => `${instance.http}/socket.io/?EIO=4&transport=polling${sid ? `&sid=${sid}` : ''}`;
    const open = async () => JSON.parse((await (await fetch(polling())).text()).slice(1)).sid;
    const post = async (body) => {
      const answer = await fetch(polling(await open()), { method: 'POST', body });
      await answer.text();
      return answer.status;
    };
    assert.equal(await post('40{}'), 200);
    assert.equal(await post('abc'), 400);
    assert.equal(await post(Buffer.from([0x34, 0x30, 0x7b, 0xff, 0x7d])), 400);
    assert.equal(await post(''), 400);
    assert.equal(await post('x'.repeat(10_000_000)).catch(() => 413), 413);
    for (const query of ['EIO=4&transport=polling&sid=nobody', 'EIO=3&transport=polling', 'EIO=4&transport=smoke', 'EIO=4', '',
      'EIO=4&transport=polling&sid=%00']) {
      const answer = await fetch(`${instance.http}/socket.io/?${query}`);
      assert.equal(answer.status, 400, query);
      await answer.text();
    }
    await unaffected();
  });

  test('a websocket whose client vanishes without a word', async (t) => {
    for (let i = 0; i < 10; i++) {
      const raw = await RawClient.join(t, instance.http, ann.accessToken);
      raw.send(`42["sendMessage",{"room":${JSON.stringify(room)},"text":"last words ${i}"}]`);
      raw.ws.terminate();
    }
    await unaffected();
  });

  test('websocket handshakes that are refused before 101', async () => {
    const refusedWith = (query, headers) => new Promise((resolve, reject) => {
      const ws = new WebSocket(`${instance.http.replace('http', 'ws')}/socket.io/?${query}`, { headers });
      ws.on('unexpected-response', (_, response) => {
        resolve(response.statusCode);
        response.destroy();
      });
      ws.on('open', () => {
        ws.close();
        resolve(101);
      });
      ws.on('error', reject);
    });
    assert.equal(await refusedWith('EIO=3&transport=websocket'), 400);
    assert.equal(await refusedWith('EIO=4&transport=websocket&sid=nobody'), 400);
    assert.ok([400, 403].includes(await refusedWith('EIO=4&transport=websocket', { origin: 'http://evil.example' })));
    await unaffected();
  });
});

test('after all of it the same processes run, and nobody was disturbed', async () => {
  assert.equal(await instance.pids(), pids);
  await unaffected();
});
