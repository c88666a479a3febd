/* The Socket.IO gateway, through the unmodified npm socket.io-client. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import * as check from './lib/check.mjs';
import { shared } from './lib/instance.mjs';
import { RawClient, connect, open } from './lib/socket.mjs';
import { BAD_CHANNEL_NAMES, BAD_TEXTS, GOOD_TEXTS } from './lib/tables.mjs';
import { signup, signups, unique } from './lib/users.mjs';

const instance = await shared({ after });
const at = (name) => `/channels/${encodeURIComponent(name)}`;
const seqs = (list) => list.map((each) => each.seq);

describe('connecting', () => {
  for (const [what, options] of [
    ['no token', {}],
    ['rubbish for a token', { token: 'rubbish' }],
    ['a number for a token', { token: 7 }],
    ['an empty token', { token: '' }],
    ['rubbish in the Authorization header', { headers: { authorization: 'Bearer rubbish' } }],
    ['a token in the query, which is off', { query: { token: 'later' } }],
  ]) {
    for (const nsp of ['/', '/chat']) {
      test(`with ${what} in ${nsp}: accessDenied, then disconnected`, async (t) => {
        const given = { ...options };
        if (given.query) given.query = { token: (await signup(instance)).accessToken };
        const client = open(t, instance.http, { ...given, nsp });
        const denied = await client.waitFor('accessDenied');
        check.refused(denied, 'unauthenticated');
        assert.equal(await client.waitFor('(disconnect)'), 'io server disconnect');
        assert.deepEqual(client.received('updateChatHistory'), []);
      });
    }
  }

  test('with a token of an ended session: accessDenied', async (t) => {
    const ann = await signup(instance);
    await ann.must('POST', '/auth/logout');
    const client = open(t, instance.http, { token: ann.accessToken });
    check.refused(await client.waitFor('accessDenied'), 'unauthenticated');
    await client.waitFor('(disconnect)');
  });

  for (const [what, options] of [
    ['in the CONNECT payload', (token) => ({ token })],
    ['in the CONNECT payload with Bearer', (token) => ({ token: `Bearer ${token}` })],
    ['in the Authorization header', (token) => ({ headers: { authorization: token } })],
    ['in the Authorization header with Bearer', (token) => ({ headers: { authorization: `Bearer ${token}` } })],
    ['over polling', (token) => ({ token, transports: ['polling'] })],
    ['over polling with an upgrade', (token) => ({ token, transports: ['polling', 'websocket'] })],
    ['in /chat', (token) => ({ token, nsp: '/chat' })],
  ]) {
    test(`with a token ${what}`, async (t) => {
      const ann = await signup(instance);
      const name = unique('conn');
      await ann.create(name);
      const client = await connect(t, instance.http, options(ann.accessToken));
      assert.deepEqual(Object.keys(client.history), [name]);
      check.refused(await client.command('sendMessage', { room: name, text: '' }), 'validation_failed', 'text');
      const sent = await client.command('sendMessage', { room: name, text: 'hi' });
      check.message(await client.waitFor('newMessage'), { seq: sent.seq, text: 'hi', sender: ann.username });
    });
  }

  test('the payload wins over the header', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const name = unique('who');
    await ann.create(name);
    await bob.join(name);
    const client = await connect(t, instance.http, {
      token: ann.accessToken, headers: { authorization: `Bearer ${bob.accessToken}` },
    });
    await client.must('sendMessage', { room: name, text: 'hi' });
    check.message(await client.waitFor('newMessage'), { sender: ann.username });
  });

  test('both namespaces over one connection, each with its own events', async (t) => {
    const ann = await signup(instance);
    const name = unique('both');
    await ann.create(name);
    const raw = await RawClient.open(t, instance.http);
    raw.send(`40${JSON.stringify({ token: ann.accessToken })}`);
    raw.send(`40/chat,${JSON.stringify({ token: ann.accessToken })}`);
    await raw.frame((frame) => frame.startsWith('42["updateChatHistory"'));
    await raw.frame((frame) => frame.startsWith('42/chat,["updateChatHistory"'));
    await ann.say(name, 'to both');
    await raw.frame((frame) => frame.startsWith('42["newMessage"'));
    await raw.frame((frame) => frame.startsWith('42/chat,["newMessage"'));
  });

  test('an unknown namespace is refused as Socket.IO does', async (t) => {
    const ann = await signup(instance);
    const client = open(t, instance.http, { token: ann.accessToken, nsp: '/nothing' });
    assert.equal((await client.waitFor('(connect_error)')).message, 'Invalid namespace');
  });

  test('a foreign Origin is refused, localhost and none are not', async (t) => {
    const ann = await signup(instance);
    const evil = open(t, instance.http, { token: ann.accessToken, headers: { origin: 'http://evil.example' } });
    await evil.waitFor('(connect_error)');
    for (const origin of ['http://localhost:5173', 'http://127.0.0.1:8080']) {
      await connect(t, instance.http, { token: ann.accessToken, headers: { origin } });
    }
  });

  test('many connections of one user each get every event', async (t) => {
    const ann = await signup(instance);
    const name = unique('many');
    await ann.create(name);
    const clients = await Promise.all(Array.from({ length: 10 }, (_, i) =>
      ann.connect(t, { nsp: i % 2 ? '/' : '/chat', transports: [i % 3 ? 'websocket' : 'polling'] })));
    const sent = await clients[3].must('sendMessage', { room: name, text: 'to all of me' });
    for (const client of clients) check.message(await client.waitFor('newMessage'), { seq: sent.seq });
  });
});

describe('one who is in many rooms', () => {
  test('gets 250 histories, and what is said in each', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const names = Array.from({ length: 250 }, (_, i) => unique(`r${i} `));
    for (const name of names) await ann.create(name);
    const [one, two] = [await ann.connect(t), await ann.connect(t, { transports: ['polling'], nsp: '/chat' })];
    for (const client of [one, two]) assert.deepEqual(Object.keys(client.history).sort(), [...names].sort());
    await Promise.all(names.map((name, i) => (i % 2 ? ann.say(name, `to ${name}`) : one.must('sendMessage', { room: name, text: `to ${name}` }))));
    for (const client of [one, two]) {
      for (const name of names) await client.waitFor('newMessage', (body) => body.text === `to ${name}`, { timeout: 10_000 });
      assert.equal(client.received('newMessage').length, names.length);
    }
    const client = await bob.connect(t);
    assert.deepEqual(client.history, {});
  });
});

describe('history on connection', () => {
  test('is {} for one who is nowhere', async (t) => {
    const client = await (await signup(instance)).connect(t);
    assert.deepEqual(client.history, {});
  });

  test('is Record<roomName, Message[]>, oldest first, the same as REST', async (t) => {
    const ann = await signup(instance);
    const names = [unique('one'), unique('two "quoted" é'), unique('empty')];
    for (const name of names) await ann.create(name);
    for (let i = 0; i < 12; i++) await ann.say(names[i % 2], `m${i} "x" é\n`);
    const client = await ann.connect(t);
    assert.deepEqual(Object.keys(client.history).sort(), [...names].sort());
    assert.deepEqual(client.history, await ann.must('GET', '/history'));
    for (const list of Object.values(client.history)) {
      check.rising(seqs(list), 'history');
      for (const each of list) check.message(each);
    }
  });

  test('history: N is the last N of each room, 0 is none', async (t) => {
    const ann = await signup(instance);
    const names = [unique('one'), unique('two')];
    for (const name of names) {
      await ann.create(name);
      for (let i = 0; i < 6; i++) await ann.say(name, `m${i}`);
    }
    const full = await ann.must('GET', '/history');
    const three = await ann.connect(t, { auth: { history: 3 } });
    for (const name of names) assert.deepEqual(three.history[name], full[name].slice(-3));
    const none = await ann.connect(t, { auth: { history: 0 } });
    assert.deepEqual(Object.values(none.history).flat(), []);
    const many = await ann.connect(t, { auth: { history: 1000 } });
    assert.deepEqual(many.history, full);
  });

  test('history: N counts messages, not other rows', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const name = unique('rows');
    await ann.create(name);
    await ann.say(name, 'one');
    await bob.join(name);
    await bob.leave(name);
    const full = await ann.must('GET', '/history');
    const client = await ann.connect(t, { auth: { history: 2 } });
    assert.deepEqual(client.history[name], full[name].slice(-2));
  });

  test('since: only what is newer of the rooms named, the others in full', async (t) => {
    const ann = await signup(instance);
    const [one, two, three] = [unique('one'), unique('two'), unique('three')];
    for (const name of [one, two, three]) {
      await ann.create(name);
      for (let i = 0; i < 5; i++) await ann.say(name, `m${i}`);
    }
    const full = await ann.must('GET', '/history');
    const seen = full[one][2].seq;
    const beyond = full[three].at(-1).seq + 100;
    const client = await ann.connect(t, { auth: { since: { [one]: seen, [three]: beyond, [unique('none')]: 3 } } });
    assert.deepEqual(client.history[one], full[one].filter((each) => each.seq > seen));
    assert.deepEqual(client.history[two], full[two]);
    assert.deepEqual(client.history[three], full[three], 'a seq beyond the last: in full');
  });

  test('since: what was missed of membership follows as events, in seq order', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const name = unique('missed');
    await ann.create(name);
    const before = (await ann.must('GET', at(name))).lastSeq;
    await bob.join(name);
    await bob.say(name, 'was here');
    await bob.leave(name);
    const client = await ann.connect(t, { auth: { since: { [name]: before } } });
    const joined = await client.waitFor('memberJoined', (body) => body.room === name);
    const left = await client.waitFor('memberLeft', (body) => body.room === name);
    assert.equal(joined.username, bob.username);
    assert.equal(left.username, bob.username);
    assert.ok(joined.seq > before && joined.seq < left.seq);
    const all = [...seqs(client.history[name]), joined.seq, left.seq].sort((a, b) => a - b);
    const { lastSeq } = await ann.must('GET', at(name));
    assert.deepEqual(all, Array.from({ length: lastSeq - before }, (_, i) => before + 1 + i));
  });

  for (const [what, auth] of [
    ['history: "x"', { history: 'x' }], ['history: -1', { history: -1 }], ['history: 1.5', { history: 1.5 }],
    ['since: []', { since: [] }], ['since: {room: "x"}', { since: { room: 'x' } }], ['since: {room: -1}', { since: { room: -1 } }],
  ]) {
    test(`wrong options (${what}) are told, and nothing crashes`, async (t) => {
      const ann = await signup(instance);
      const client = open(t, instance.http, { token: ann.accessToken, auth });
      await client.inbox.wait('an answer', (each) => ['accessDenied', '(connect_error)', '(disconnect)', 'error'].includes(each.event));
    });
  }

  test('a long history arrives whole and before any live event', async (t) => {
    const ann = await signup(instance);
    const name = unique('long');
    await ann.create(name);
    const { topic } = await ann.must('GET', at(name));
    const id = topic.split('/').pop();
    await instance.sql(`begin; select 1 from room where id = ${id} for update;
      insert into room_event (room_id, seq, kind, actor_id, text, at)
        select ${id}, r.last_seq + n, 1, (select id from app_user where username = '${ann.username}'), repeat('é', 120) || n, now()
        from room r, generate_series(1, 8000) n where r.id = ${id};
      update room set last_seq = last_seq + 8000 where id = ${id}; commit`);
    const slow = open(t, instance.http, { token: ann.accessToken });
    const sends = (async () => {
      for (let i = 0; i < 40; i++) await ann.say(name, `live ${i}`);
    })();
    slow.history = await slow.waitFor('updateChatHistory', () => true, { timeout: 30_000 });
    await sends;
    const list = slow.history[name];
    assert.ok(list.length > 8000, String(list.length));
    await slow.waitFor('newMessage', (body) => body.text === 'live 39').catch((error) => {
      if (!list.some((each) => each.text === 'live 39')) throw error;
    });
    assert.deepEqual([...list, ...slow.received('newMessage')], await ann.allMessages(name));
    const first = slow.events.find((each) => !each.event.startsWith('('));
    assert.equal(first.event, 'updateChatHistory');
  });

  test('a long history arrives whole over polling', async (t) => {
    const ann = await signup(instance);
    const name = unique('long');
    await ann.create(name);
    const { topic } = await ann.must('GET', at(name));
    const id = topic.split('/').pop();
    await instance.sql(`begin; select 1 from room where id = ${id} for update;
      insert into room_event (room_id, seq, kind, actor_id, text, at)
        select ${id}, r.last_seq + n, 1, (select id from app_user where username = '${ann.username}'), repeat('é', 120) || n, now()
        from room r, generate_series(1, 3000) n where r.id = ${id};
      update room set last_seq = last_seq + 3000 where id = ${id}; commit`);
    const client = await ann.connect(t, { transports: ['polling'] });
    assert.deepEqual(client.history[name], await ann.allMessages(name));
  });
});

describe('sendMessage', () => {
  test('every member gets it once, the sender too, whichever way it came in', async (t) => {
    const [ann, bob, eve] = await signups(instance, 3);
    const name = unique('send');
    await ann.create(name);
    await bob.join(name);
    const [a, b, e] = await Promise.all([ann, bob, eve].map((each) => each.connect(t)));
    const sent = await a.command('sendMessage', { room: name, text: 'by socket', nonce: 'n1' });
    assert.deepEqual({ ...sent, message: undefined }, { message: undefined, room: name, seq: sent.seq, nonce: 'n1' });
    const posted = await bob.say(name, 'by REST');
    assert.equal(posted.seq, sent.seq + 1);
    for (const client of [a, b]) {
      const first = await client.waitFor('newMessage', (body) => body.seq === sent.seq);
      check.message(first, { room: name, kind: 'text', sender: ann.username, text: 'by socket', nonce: 'n1' });
      assert.deepEqual(await client.waitFor('newMessage', (body) => body.seq === posted.seq), posted);
    }
    await a.must('sendMessage', { room: name, text: 'the end' });
    await b.waitFor('newMessage', (body) => body.text === 'the end');
    assert.equal(b.received('newMessage').length, 3);
    assert.deepEqual(e.received('newMessage'), []);
  });

  test('is persisted when it is acknowledged', async (t) => {
    const ann = await signup(instance);
    const name = unique('kept');
    await ann.create(name);
    const client = await ann.connect(t);
    for (let i = 0; i < 20; i++) {
      const { seq } = await client.must('sendMessage', { room: name, text: `m${i}` });
      check.message(await ann.must('GET', `${at(name)}/messages/${seq}`), { text: `m${i}` });
    }
  });

  test('an answer comes as an event too when no ack was asked', async (t) => {
    const ann = await signup(instance);
    const name = unique('noack');
    await ann.create(name);
    const client = await ann.connect(t);
    client.emit('sendMessage', { room: name, text: 'x', nonce: 'yes' });
    const good = await client.waitFor('sendMessageSuccess');
    assert.equal(good.nonce, 'yes');
    assert.equal(typeof good.message, 'string');
    client.emit('sendMessage', { room: unique('none'), text: 'x' });
    check.refused(await client.waitFor('sendMessageError'), 'room_not_found');
  });

  test('resent with its nonce gives the same answer and no second row, also over REST', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const name = unique('nonce');
    await ann.create(name);
    await bob.join(name);
    const [client, other] = [await ann.connect(t), await bob.connect(t)];
    const first = await client.command('sendMessage', { room: name, text: 'once', nonce: 'r1' });
    const again = await client.command('sendMessage', { room: name, text: 'once', nonce: 'r1' });
    assert.deepEqual(again, first);
    const second = await ann.connect(t);
    assert.deepEqual(await second.command('sendMessage', { room: name, text: 'once', nonce: 'r1' }), first);
    const rest = await ann.rest('POST', `${at(name)}/messages`, { body: { text: 'once', nonce: 'r1' } });
    assert.equal(rest.status, 200, rest.text);
    assert.equal(rest.body.seq, first.seq);
    check.refused(await client.command('sendMessage', { room: name, text: 'other', nonce: 'r1' }), 'nonce_conflict');
    await ann.say(name, 'end');
    await other.waitFor('newMessage', (body) => body.text === 'end');
    assert.equal(other.received('newMessage').filter((body) => body.text === 'once').length, 1);
  });

  test('the same nonce many times in one batch writes one row', async (t) => {
    const ann = await signup(instance);
    const name = unique('batch');
    await ann.create(name);
    const client = await ann.connect(t);
    const acks = await Promise.all(Array.from({ length: 20 }, () =>
      client.ask('sendMessage', { room: name, text: 'x', nonce: 'b' })));
    assert.equal(new Set(acks.map((each) => each.seq)).size, 1, JSON.stringify(acks));
    assert.equal((await ann.messages(name)).messages.filter((each) => each.kind === 'text').length, 1);
  });

  test('errors: not a member, unknown room, direct rooms of others', async (t) => {
    const [ann, bob, eve] = await signups(instance, 3);
    const name = unique('err');
    await ann.create(name);
    const { name: direct } = await ann.create(bob.username, 'DIRECT');
    const client = await eve.connect(t);
    check.refused(await client.command('sendMessage', { room: name, text: 'x' }), 'not_a_member');
    check.refused(await client.command('sendMessage', { room: unique('none'), text: 'x' }), 'room_not_found');
    check.refused(await client.command('sendMessage', { room: direct, text: 'x' }), 'room_not_found');
    check.refused(await client.command('sendMessage', { room: name }), 'validation_failed', 'text');
    check.refused(await client.command('sendMessage', { text: 'x' }), 'validation_failed', 'room');
  });

  test('texts: limits are in characters', async (t) => {
    const ann = await signup(instance);
    const name = unique('text');
    await ann.create(name);
    const client = await ann.connect(t);
    for (const [what, text] of GOOD_TEXTS) {
      const { seq, code } = await client.command('sendMessage', { room: name, text });
      assert.equal(code, undefined, what);
      assert.equal((await client.waitFor('newMessage', (body) => body.seq === seq)).text, text, what);
    }
    for (const [what, text] of BAD_TEXTS) {
      const answer = await client.command('sendMessage', { room: name, text });
      assert.equal(answer.code, 'validation_failed', what);
      check.refused(answer, 'validation_failed', 'text');
    }
  });

  test('a room is found by any spelling of its name, and answers with its own', async (t) => {
    const ann = await signup(instance);
    const name = unique('Größe ');
    await ann.create(name);
    const client = await ann.connect(t);
    const sent = await client.command('sendMessage', { room: name.toUpperCase(), text: 'x' });
    assert.equal(sent.room, name);
  });

  test('fields that are not listed are ignored', async (t) => {
    const ann = await signup(instance);
    const name = unique('extra');
    await ann.create(name);
    const client = await ann.connect(t);
    const sent = await client.must('sendMessage', { room: name, text: 'x', sender: 'mallory', seq: 9, kind: 'system', __proto__x: 1 });
    check.message(await client.waitFor('newMessage', (body) => body.seq === sent.seq), { sender: ann.username, kind: 'text' });
  });
});

describe('createChannel', () => {
  test('success, the name it is known by, and live at once', async (t) => {
    const ann = await signup(instance);
    const client = await ann.connect(t);
    const name = unique('make é');
    const made = await client.command('createChannel', { name, status: 'PUBLIC' });
    assert.equal(made.room, name);
    check.channel(await ann.must('GET', at(name)), { role: 'OWNER', members: 1 });
    const sent = await client.must('sendMessage', { room: name, text: 'first' });
    check.message(await client.waitFor('newMessage', (body) => body.seq === sent.seq), { room: name });
    const system = await client.waitFor('newMessage', (body) => body.room === name && body.kind === 'system');
    assert.ok(system.text.includes(ann.username), system.text);
  });

  test('rules of the password and the name', async (t) => {
    const ann = await signup(instance);
    const client = await ann.connect(t);
    const name = unique('rule');
    check.refused(await client.command('createChannel', { name, status: 'PRIVATE' }), 'validation_failed', 'password');
    check.refused(await client.command('createChannel', { name, status: 'PRIVATE', password: '' }), 'validation_failed', 'password');
    check.refused(await client.command('createChannel', { name, status: 'PUBLIC', password: 'x' }), 'validation_failed', 'password');
    check.refused(await client.command('createChannel', { name, status: 'NONE' }), 'validation_failed', 'status');
    check.refused(await client.command('createChannel', { name }), 'validation_failed', 'status');
    check.refused(await client.command('createChannel', { status: 'PUBLIC' }), 'validation_failed', 'name');
    await client.must('createChannel', { name, status: 'PUBLIC', password: null });
    check.refused(await client.command('createChannel', { name: name.toUpperCase(), status: 'PUBLIC' }), 'name_taken');
    for (const [what, bad] of BAD_CHANNEL_NAMES) {
      const answer = await client.command('createChannel', { name: bad, status: 'PUBLIC' });
      assert.equal(answer.code, 'validation_failed', what);
    }
  });

  test('a direct room: reconnectNeeded to the other user, live for both at once', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const a = await ann.connect(t);
    const bobs = [await bob.connect(t), await bob.connect(t, { nsp: '/chat' })];
    const made = await a.command('createChannel', { name: bob.username.toUpperCase(), status: 'DIRECT' });
    const name = [ann.username, bob.username].sort().join('@');
    assert.equal(made.room, name);
    for (const b of bobs) assert.equal(typeof (await b.waitFor('reconnectNeeded')).message, 'string');
    assert.deepEqual(a.received('reconnectNeeded'), []);
    await a.must('sendMessage', { room: name, text: 'hi bob' });
    for (const b of bobs) await b.waitFor('newMessage', (body) => body.text === 'hi bob' && body.room === name);
    await bobs[0].must('sendMessage', { room: name, text: 'hi ann' });
    await a.waitFor('newMessage', (body) => body.text === 'hi ann');
    const again = await bobs[0].command('createChannel', { name: ann.username, status: 'DIRECT' });
    assert.equal(again.room, name);
  });

  test('a direct room made by REST says reconnectNeeded too', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const b = await bob.connect(t);
    const { name } = await ann.create(bob.username, 'DIRECT');
    await b.waitFor('reconnectNeeded');
    await ann.say(name, 'psst');
    await b.waitFor('newMessage', (body) => body.text === 'psst');
  });

  test('a direct room not with oneself, not with nobody, not with a password', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const client = await ann.connect(t);
    check.refused(await client.command('createChannel', { name: ann.username, status: 'DIRECT' }), 'validation_failed', 'name');
    check.refused(await client.command('createChannel', { name: unique('no'), status: 'DIRECT' }), 'user_not_found');
    check.refused(await client.command('createChannel', { name: bob.username, status: 'DIRECT', password: 'x' }),
      'validation_failed', 'password');
  });
});

describe('joinChannel and leaveChannel', () => {
  test('a join: success with its seq, memberJoined and a system message to all members, then live', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const name = unique('join');
    await ann.create(name);
    await ann.say(name, 'before');
    const [a, b] = [await ann.connect(t), await bob.connect(t)];
    const joined = await b.command('joinChannel', { name });
    assert.equal(joined.room, name);
    for (const client of [a, b]) {
      const event = await client.waitFor('memberJoined', (body) => body.room === name);
      assert.equal(event.seq, joined.seq);
      assert.equal(event.username, bob.username);
      const system = await client.waitFor('newMessage', (body) => body.room === name && body.kind === 'system');
      check.message(system, { seq: joined.seq + 1 });
      assert.ok(system.text.includes(bob.username), system.text);
    }
    await a.must('sendMessage', { room: name, text: 'welcome' });
    await b.waitFor('newMessage', (body) => body.text === 'welcome');
    assert.ok(!b.received('newMessage').some((body) => body.text === 'before'));
    check.refused(await b.command('joinChannel', { name }), 'already_member');
  });

  test('a private one: none, wrong and right password', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const name = unique('priv');
    await ann.create(name, 'PRIVATE', 'open sesame');
    const client = await bob.connect(t);
    for (const password of [undefined, null, '', 'wrong']) {
      check.refused(await client.command('joinChannel', { name, password }), 'wrong_password');
    }
    check.refused(await client.command('sendMessage', { room: name, text: 'x' }), 'not_a_member');
    await client.must('joinChannel', { name, password: 'open sesame' });
    await client.must('sendMessage', { room: name, text: 'x' });
  });

  test('a leave: success, told to those who stay, and silence for the one who left', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const [name, other] = [unique('leave'), unique('stay')];
    for (const each of [name, other]) {
      await ann.create(each);
      await bob.join(each);
    }
    const [a, b] = [await ann.connect(t), await bob.connect(t)];
    const answer = await b.command('leaveChannel', { name });
    assert.equal(answer.room, name);
    const left = await a.waitFor('memberLeft', (body) => body.room === name);
    assert.equal(left.username, bob.username);
    const system = await a.waitFor('newMessage', (body) => body.room === name && body.kind === 'system');
    assert.ok(system.text.includes(bob.username), system.text);
    await a.must('sendMessage', { room: name, text: 'he is gone' });
    await a.must('sendMessage', { room: other, text: 'still with us' });
    await b.waitFor('newMessage', (body) => body.text === 'still with us');
    assert.ok(!b.received('newMessage').some((body) => body.text === 'he is gone'));
    check.refused(await b.command('leaveChannel', { name }), 'not_a_member');
    check.refused(await b.command('sendMessage', { room: name, text: 'x' }), 'not_a_member');
  });

  test('joining and leaving by REST changes what an open socket gets', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const [name, other] = [unique('rest'), unique('mark')];
    await ann.create(name);
    await ann.create(other);
    await bob.join(other);
    const [a, b] = [await ann.connect(t), await bob.connect(t, { transports: ['polling'] })];
    for (let round = 0; round < 3; round++) {
      await bob.join(name);
      await b.waitFor('memberJoined', (body) => body.room === name, { timeout: 2000 });
      await a.must('sendMessage', { room: name, text: `in ${round}` });
      await b.waitFor('newMessage', (body) => body.text === `in ${round}`);
      await bob.leave(name);
      await b.waitFor('memberLeft', (body) => body.room === name && body.username === bob.username, { timeout: 2000 });
      await a.must('sendMessage', { room: name, text: `out ${round}` });
      await a.must('sendMessage', { room: other, text: `mark ${round}` });
      await b.waitFor('newMessage', (body) => body.text === `mark ${round}`);
      assert.ok(!b.received('newMessage').some((body) => body.text.startsWith('out')));
      b.inbox.items.length = 0;
    }
  });

  test('direct rooms are not joined or left', async (t) => {
    const [ann, bob, eve] = await signups(instance, 3);
    const { name } = await ann.create(bob.username, 'DIRECT');
    const [a, e] = [await ann.connect(t), await eve.connect(t)];
    check.refused(await a.command('joinChannel', { name }), 'forbidden');
    check.refused(await a.command('leaveChannel', { name }), 'forbidden');
    check.refused(await e.command('joinChannel', { name }), 'room_not_found');
    check.refused(await e.command('leaveChannel', { name }), 'room_not_found');
  });

  test('a channel that does not exist', async (t) => {
    const client = await (await signup(instance)).connect(t);
    const name = unique('none');
    check.refused(await client.command('joinChannel', { name }), 'room_not_found');
    check.refused(await client.command('leaveChannel', { name }), 'room_not_found');
    check.refused(await client.command('joinChannel', {}), 'validation_failed', 'name');
    check.refused(await client.command('leaveChannel', { name: 7 }), 'validation_failed', 'name');
  });

  test('the last owner leaves: the next owns; the last member leaves: archived', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const [a, b] = [await ann.connect(t), await bob.connect(t)];
    const name = unique('heir');
    await a.must('createChannel', { name, status: 'PUBLIC' });
    await b.must('joinChannel', { name });
    await a.must('leaveChannel', { name });
    const heir = await b.waitFor('memberUpdated', (body) => body.room === name);
    assert.equal(heir.username, bob.username);
    assert.equal(heir.role, 'OWNER');
    await b.must('leaveChannel', { name });
    check.refused(await a.command('joinChannel', { name }), 'room_not_found');
    check.refused(await a.command('createChannel', { name, status: 'PUBLIC' }), 'name_taken');
  });
});

describe('getHistory', () => {
  test('pages like REST', async (t) => {
    const ann = await signup(instance);
    const name = unique('get');
    await ann.create(name);
    for (let i = 0; i < 8; i++) await ann.say(name, `m${i}`);
    const client = await ann.connect(t, { auth: { history: 0 } });
    const { messages } = await ann.messages(name);
    const last = await client.command('getHistory', { room: name, limit: 3 });
    assert.deepEqual(last.messages, messages.slice(-3));
    assert.equal(last.hasMore, true);
    const before = await client.command('getHistory', { room: name, before: last.messages[0].seq, limit: 100 });
    assert.deepEqual(before.messages, messages.slice(0, -3));
    assert.equal(before.hasMore, false);
    const later = await client.command('getHistory', { room: name, after: messages[1].seq, limit: 2 });
    assert.deepEqual(later.messages, messages.slice(2, 4));
    check.refused(await client.command('getHistory', { room: name, limit: 101 }), 'validation_failed', 'limit');
    check.refused(await client.command('getHistory', { room: unique('none') }), 'room_not_found');
  });
});

describe('the order of one connection', () => {
  test('create, join and send without waiting take effect in the order sent', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const [a, b] = [await ann.connect(t), await bob.connect(t)];
    for (let round = 0; round < 10; round++) {
      const name = unique('pipe');
      const made = Promise.all([
        a.ask('createChannel', { name, status: 'PUBLIC' }),
        a.ask('sendMessage', { room: name, text: 'one' }),
        a.ask('sendMessage', { room: name, text: 'two' }),
        a.ask('leaveChannel', { name: unique('none') }),
        a.ask('sendMessage', { room: name, text: 'three' }),
      ]);
      const answers = await made;
      assert.deepEqual(answers.map((each) => each.code), [undefined, undefined, undefined, 'room_not_found', undefined],
        JSON.stringify(answers));
      const joined = await Promise.all([
        b.ask('joinChannel', { name }),
        b.ask('sendMessage', { room: name, text: 'four' }),
        b.ask('leaveChannel', { name }),
        b.ask('sendMessage', { room: name, text: 'five' }),
      ]);
      assert.deepEqual(joined.map((each) => each.code), [undefined, undefined, undefined, 'not_a_member'], JSON.stringify(joined));
      const texts = (await ann.messages(name)).messages.filter((each) => each.kind === 'text').map((each) => each.text);
      assert.deepEqual(texts, ['one', 'two', 'three', 'four']);
    }
  });

  test('fifty sends without waiting keep their order, live and in the log', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const name = unique('fifty');
    await ann.create(name);
    await bob.join(name);
    const [a, b] = [await ann.connect(t), await bob.connect(t)];
    const wanted = Array.from({ length: 50 }, (_, i) => `m${i}`);
    const acks = await Promise.all(wanted.map((text) => a.ask('sendMessage', { room: name, text })));
    check.contiguous(acks.map((each) => each.seq), 'acks');
    await b.waitFor('newMessage', (body) => body.text === 'm49');
    assert.deepEqual(b.received('newMessage').map((body) => body.text), wanted);
    const texts = (await ann.allMessages(name)).filter((each) => each.kind === 'text').map((each) => each.text);
    assert.deepEqual(texts, wanted);
  });

  test('more commands than may wait: rate_limited, not dropped, not closed', async (t) => {
    const ann = await signup(instance);
    const client = await ann.connect(t);
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) =>
      client.ask('joinChannel', { name: `none ${i}` })));
    const codes = new Set(answers.map((each) => each.code));
    assert.ok([...codes].every((code) => code === 'room_not_found' || code === 'rate_limited'), [...codes].join());
    assert.equal(client.socket.connected, true);
    check.refused(await client.command('joinChannel', { name: unique('none') }), 'room_not_found');
  });
});

describe('updateChannel', () => {
  test('renames and closes a channel; members see it; only the owner may', async (t) => {
    const [ann, bob, eve] = await signups(instance, 3);
    const [name, next] = [unique('upd'), unique('upd')];
    await ann.create(name);
    await bob.join(name);
    const [a, b, e] = await Promise.all([ann, bob, eve].map((each) => each.connect(t)));
    const done = await a.command('updateChannel', { name, newName: next, status: 'PRIVATE', password: 'pw' });
    assert.equal(done.room, next);
    const told = await b.waitFor('channelUpdated', (body) => body.room === next);
    assert.equal(told.name, next);
    assert.equal(told.previousName, name);
    assert.equal(told.status, 'PRIVATE');
    check.refused(await e.command('joinChannel', { name, password: 'no' }), 'wrong_password');
    await e.must('joinChannel', { name: next, password: 'pw' });
    check.refused(await b.command('updateChannel', { name: next, newName: unique('x') }), 'forbidden');
    check.refused(await a.command('updateChannel', { name: next, newName: 'a@b' }), 'validation_failed', 'newName');
    check.refused(await a.command('updateChannel', { name: unique('none'), newName: unique('x') }), 'room_not_found');
    const taken = unique('taken');
    await bob.create(taken);
    check.refused(await a.command('updateChannel', { name: next, newName: taken }), 'name_taken');
    await a.must('updateChannel', { name: next, status: 'PUBLIC' });
    await b.waitFor('channelUpdated', (body) => body.status === 'PUBLIC');
  });
});

describe('changes that others see live', () => {
  test('a rename and a change of status', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const [name, next] = [unique('old'), unique('new')];
    await ann.create(name);
    await bob.join(name);
    const client = await bob.connect(t);
    await ann.must('PATCH', at(name), { body: { name: next } });
    const told = await client.waitFor('channelUpdated');
    assert.ok(Object.values(told).includes(next), JSON.stringify(told));
    await ann.say(next, 'here');
    check.message(await client.waitFor('newMessage', (body) => body.text === 'here'), { room: next });
    const later = await bob.connect(t);
    assert.deepEqual(Object.keys(later.history), [next]);
    for (const each of later.history[next]) assert.equal(each.room, next);
  });
});

describe('mutes, bans and blocks, set by hand in the tables', () => {
  const idOf = (user) => `(select id from app_user where username = '${user.username}')`;
  const member = (user, name) => `user_id = ${idOf(user)} and room_id = (select id from room where name = '${name}')`;

  test('a muted member reads, but sending is muted until then', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const name = unique('mute');
    await ann.create(name);
    await bob.join(name);
    await instance.sql(`update membership set muted_until = now() + interval '1 hour' where ${member(bob, name)}`);
    const client = await bob.connect(t);
    const answer = await client.command('sendMessage', { room: name, text: 'x' });
    check.refused(answer, 'muted');
    assert.ok(Date.parse(answer.until) > Date.now(), JSON.stringify(answer));
    const posted = await bob.rest('POST', `${at(name)}/messages`, { body: { text: 'x' } });
    check.problem(posted, 403, 'muted');
    assert.ok(Date.parse(posted.body.until) > Date.now(), posted.text);
    await ann.say(name, 'hear me');
    await client.waitFor('newMessage', (body) => body.text === 'hear me');
    await instance.sql(`update membership set muted_until = now() - interval '1 second' where ${member(bob, name)}`);
    await client.must('sendMessage', { room: name, text: 'x' });
  });

  test('a banned user cannot join until then', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const name = unique('ban');
    await ann.create(name);
    await bob.join(name);
    await bob.leave(name);
    await instance.sql(`update membership set banned_until = now() + interval '1 hour' where ${member(bob, name)}`);
    const client = await bob.connect(t);
    const answer = await client.command('joinChannel', { name });
    check.refused(answer, 'banned');
    assert.ok(Date.parse(answer.until) > Date.now(), JSON.stringify(answer));
    check.problem(await bob.rest('PUT', `${at(name)}/members/me`, { body: {} }), 403, 'banned');
    await instance.sql(`update membership set banned_until = now() - interval '1 second' where ${member(bob, name)}`);
    await client.must('joinChannel', { name });
  });

  test('messages of a user one has blocked do not come, live or in history; a direct room is blocked', async (t) => {
    const [ann, bob, eve] = await signups(instance, 3);
    const name = unique('block');
    await ann.create(name);
    await bob.join(name);
    await eve.join(name);
    const { name: direct } = await ann.create(bob.username, 'DIRECT');
    await bob.say(name, 'from bob before');
    await instance.sql(`insert into user_block (blocker_id, blocked_id) values (${idOf(ann)}, ${idOf(bob)})`);
    const [a, e] = [await ann.connect(t), await eve.connect(t)];
    assert.ok(!a.history[name].some((each) => each.sender === bob.username));
    assert.ok(e.history[name].some((each) => each.sender === bob.username));
    await bob.say(name, 'from bob live');
    await eve.say(name, 'from eve');
    await a.waitFor('newMessage', (body) => body.text === 'from eve');
    await e.waitFor('newMessage', (body) => body.text === 'from bob live');
    assert.ok(!a.received('newMessage').some((body) => body.sender === bob.username));
    assert.ok(!(await ann.messages(name)).messages.some((each) => each.sender === bob.username));
    assert.ok(!(await ann.must('GET', '/history'))[name].some((each) => each.sender === bob.username));
    for (const who of [ann, bob]) {
      check.problem(await who.rest('POST', `${at(direct)}/messages`, { body: { text: 'x' } }), 403, 'blocked');
    }
    check.refused(await a.command('sendMessage', { room: direct, text: 'x' }), 'blocked');
  });
});
