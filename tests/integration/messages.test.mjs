/*
 * What becomes of messages after they were sent: edits, deletes, who does not see them (blocks),
 * and finding them again; how far one has read. Over both fronts, with two
 * brokers, live and re-read.
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import * as check from './lib/check.mjs';
import { started } from './lib/instance.mjs';
import { liveRows, readLog, seamHolds } from './lib/logs.mjs';
import { subscribe } from './lib/mqtt.mjs';
import { connect } from './lib/socket.mjs';
import { signups, unique } from './lib/users.mjs';
import { until } from './lib/wait.mjs';

const instance = await started({ after }, { args: ['--brokers', '2'] });
const at = (t, user, broker, options) => connect(t, instance.status.brokers[broker], { token: user.accessToken, ...options });
const path = (room, seq) => `/channels/${encodeURIComponent(room)}/messages/${seq}`;

/** A room of ann (its owner), bob and carl, in which bob has said "helo". */
async function scene() {
  const [ann, bob, carl] = await signups(instance, 3);
  const room = unique('room');
  const { topic } = await ann.create(room);
  await bob.join(room);
  await carl.join(room);
  const said = await bob.say(room, 'helo', 'n1');
  return { ann, bob, carl, room, topic, seq: said.seq, said };
}

describe('editing', () => {
  test('every member is told, at every broker, and history shows the new text', async (t) => {
    const { ann, bob, room, seq, said } = await scene();
    const [a0, a1, b0] = [await at(t, ann, 0), await at(t, ann, 1, { transports: ['polling'] }), await at(t, bob, 0)];
    const answer = await b0.command('editMessage', { room, seq, text: 'hello' });
    assert.deepEqual(answer, { message: answer.message, room, seq, eventSeq: seq + 1 });
    for (const client of [a0, a1, b0]) {
      const body = await client.waitFor('messageUpdated');
      check.message(body, { room, seq, sender: bob.username, text: 'hello', date: said.date, nonce: 'n1', eventSeq: seq + 1 });
      assert.ok(body.editedAt > body.date);
    }
    check.message((await ann.messages(room)).messages.at(-1), { seq, text: 'hello' });
    check.message(await ann.must('GET', path(room, seq)), { seq, text: 'hello' });
    const late = await at(t, ann, 1);
    check.message(late.history[room].at(-1), { seq, text: 'hello' });
    assert.deepEqual((await bob.must('GET', '/history'))[room].at(-1), late.history[room].at(-1));
  });

  test('over REST the answer is the Message', async (t) => {
    const { ann, bob, room, seq } = await scene();
    const live = await at(t, ann, 1);
    const answer = await bob.rest('PATCH', path(room, seq), { body: { text: 'hello' } });
    assert.equal(answer.status, 200);
    const body = await live.waitFor('messageUpdated');
    assert.deepEqual({ ...answer.body, eventSeq: seq + 1 }, body);
    assert.deepEqual(answer.body, await bob.must('GET', path(room, seq)));
    assert.deepEqual(await bob.must('PATCH', path(room, seq), { body: { text: 'hello' } }), answer.body);
    await bob.say(room, 'mark');
    assert.equal((await live.waitFor('newMessage')).seq, seq + 2);
    check.problem(await bob.rest('PATCH', path(room, seq), { body: {} }), 400, 'validation_failed', 'text');
    check.problem(await bob.rest('PATCH', path(room, seq), { body: { text: ' ' } }), 400, 'validation_failed', 'text');
    check.problem(await ann.rest('PATCH', path(room, seq), { body: { text: 'x' } }), 403, 'forbidden');
    check.problem(await bob.rest('PATCH', path(room, 99), { body: { text: 'x' } }), 404, 'message_not_found');
    check.problem(await bob.rest('PATCH', path(room, 'x'), { body: { text: 'x' } }), 404, 'message_not_found');
    check.problem(await bob.rest('PATCH', path(unique('no'), 1), { body: { text: 'x' } }), 404, 'room_not_found');
  });

  test('a connection\'s sends and edits take effect in the order sent', async (t) => {
    const { bob, room } = await scene();
    const client = await at(t, bob, 0);
    const first = (await client.must('sendMessage', { room, text: 'zero' })).seq;
    const asked = [];
    for (let i = 0; i < 20; i++) {
      asked.push(client.ask('sendMessage', { room, text: `m${i}` }));
      asked.push(client.ask('editMessage', { room, seq: first, text: `e${i}` }));
    }
    const answers = await Promise.all(asked);
    const rows = answers.map((each) => each.eventSeq ?? each.seq);
    assert.deepEqual(rows, rows.map((_, i) => first + 1 + i));
  });
});

describe('deleting', () => {
  test('the text is gone, live, in history, and in PostgreSQL', async (t) => {
    const { ann, bob, room, topic, seq, said } = await scene();
    const [a1, b0] = [await at(t, ann, 1), await at(t, bob, 0)];
    await b0.must('editMessage', { room, seq, text: 'secret' });
    const answer = await b0.command('deleteMessage', { room, seq });
    assert.deepEqual(answer, { message: answer.message, room, seq, eventSeq: seq + 2 });
    const body = await a1.waitFor('messageDeleted');
    check.message(body, { room, seq, sender: bob.username, text: '', date: said.date, eventSeq: seq + 2 });
    assert.ok(body.deletedAt > body.editedAt);
    check.message((await ann.messages(room)).messages.at(-1), { seq, text: '', deletedAt: body.deletedAt });
    assert.ok(!JSON.stringify(await instance.sql(`select * from room_event where room_id = ${topic.split('/').pop()}`)).includes('secret'));
    const again = await b0.must('deleteMessage', { room, seq });
    assert.equal(again.eventSeq, undefined);
    check.refused(await b0.command('editMessage', { room, seq, text: 'x' }), 'message_not_found');
    check.refused(await b0.command('deleteMessage', { room, seq: 99 }), 'message_not_found');
    check.refused(await b0.command('deleteMessage', { room, seq: '1' }), 'validation_failed', 'seq');
  });

  test('the owner deletes others\' messages, members do not; over REST', async (t) => {
    const { ann, carl, room, seq } = await scene();
    const live = await at(t, carl, 0);
    check.problem(await carl.rest('DELETE', path(room, seq)), 403, 'forbidden');
    check.problem(await ann.rest('DELETE', path(room, 1)), 404, 'message_not_found');
    check.problem(await ann.rest('DELETE', path(room, 2)), 403, 'forbidden');
    assert.equal((await ann.rest('DELETE', path(room, seq))).status, 204);
    check.message(await live.waitFor('messageDeleted'), { seq, text: '' });
    assert.equal((await ann.rest('DELETE', path(room, seq))).status, 204);
  });
});

describe('coming back', () => {
  test('since: edits and deletes of what was seen follow as events, in the order of the log', async (t) => {
    const { ann, bob, room, topic, seq } = await scene();
    const other = await ann.say(room, 'to go');
    await bob.must('PATCH', path(room, seq), { body: { text: 'hello' } });
    await ann.must('DELETE', path(room, other.seq));
    const last = await ann.say(room, 'new');
    await ann.must('PATCH', path(room, last.seq), { body: { text: 'newer' } });
    const client = await at(t, bob, 1, { auth: { since: { [room]: other.seq } } });
    assert.deepEqual(client.history[room].map((each) => [each.seq, each.text]), [[last.seq, 'newer']]);
    await client.waitFor('messageUpdated', (body) => body.seq === last.seq);
    check.message(client.received('messageUpdated')[0], { seq, text: 'hello', eventSeq: other.seq + 1 });
    check.message(client.received('messageDeleted')[0], { seq: other.seq, text: '', eventSeq: other.seq + 2 });
    assert.deepEqual(liveRows(client, room), [other.seq + 1, other.seq + 2, last.seq + 1]);
    seamHolds(client, room, await readLog(instance, topic), other.seq);
  });

  test('recovery: a session that comes back to another broker gets them too', async (t) => {
    const { ann, bob, room, seq } = await scene();
    const client = await at(t, ann, 0, { auth: { recovery: true } });
    await bob.say(room, 'one');
    await client.waitFor('newMessage');
    const from = client.mark();
    client.socket.io.engine.close();
    await client.waitFor('(disconnect)', () => true, { from });
    await bob.must('PATCH', path(room, seq), { body: { text: 'hello' } });
    await bob.must('DELETE', path(room, seq + 1));
    client.socket.io.uri = instance.status.brokers[1];
    client.socket.connect();
    await client.waitFor('messageDeleted', () => true, { from, timeout: 20_000 });
    assert.equal(client.socket.recovered, true);
    assert.deepEqual(liveRows(client, room, from), [seq + 2, seq + 3]);
    check.message(client.received('messageUpdated')[0], { seq, text: 'hello' });
  });
});

test('edits and deletes among sends from two brokers and REST: one order everywhere, no gap', async (t) => {
  const { ann, bob, carl, room, topic } = await scene();
  const watchers = [await at(t, ann, 0), await at(t, ann, 1)];
  const writers = [await at(t, bob, 0), await at(t, carl, 1)];
  const work = writers.map(async (client, w) => {
    for (let i = 0; i < 40; i++) {
      const { seq } = await client.must('sendMessage', { room, text: `w${w} ${i}` });
      await client.must('editMessage', { room, seq, text: `w${w} ${i}!` });
      if (i % 3 === 0) await client.must('deleteMessage', { room, seq });
      if (i % 5 === 0) await bob.say(room, 'rest');
    }
  });
  await Promise.all(work);
  const log = await readLog(instance, topic);
  const head = log.at(-1).seq;
  for (const client of watchers) {
    await until('the last row', () => liveRows(client, room).at(-1) === head);
    seamHolds(client, room, log);
  }
});

describe('blocks', () => {
  const texts = (list) => list.filter((each) => each.kind === 'text').map((each) => each.text);
  const heard = (client) => texts(client.received('newMessage'));

  test('the blocked one\'s messages, edits and deletes reach no socket of the blocker, at any broker', async (t) => {
    const { ann, bob, carl, room, seq } = await scene();
    const [a0, a1] = [await at(t, ann, 0), await at(t, ann, 1, { transports: ['polling'] })];
    const ap = await at(t, ann, 1, { auth: { recovery: true }, nsp: '/chat' });
    const [b0, c1] = [await at(t, bob, 0), await at(t, carl, 1)];
    const answer = await a0.command('blockUser', { username: bob.username.toUpperCase() });
    assert.deepEqual(answer, { message: answer.message, username: bob.username });
    /* the inbox row comes over MQTT to the other broker */
    await until('the block at the other broker', async () => {
      const { seq: probe } = await b0.must('sendMessage', { room, text: 'probe' });
      const after = await carl.say(room, 'after');
      for (const client of [a1, ap]) await client.waitFor('newMessage', (body) => body.seq === after.seq);
      return [a1, ap].every((client) => !client.received('newMessage').some((body) => body.seq === probe));
    }, { timeout: 3000 });
    const from = [a0, a1, ap].map((client) => client.mark());
    await b0.must('editMessage', { room, seq, text: 'hello' });
    const said = await b0.must('sendMessage', { room, text: 'unseen' });
    await b0.must('deleteMessage', { room, seq: said.seq });
    await bob.say(room, 'unseen too');
    const last = await carl.say(room, 'seen');
    for (const [i, client] of [a0, a1, ap].entries()) {
      await client.waitFor('newMessage', (body) => body.seq === last.seq);
      assert.deepEqual(client.events.slice(from[i]).map((each) => [each.event, each.body.text]), [['newMessage', 'seen']]);
    }
    await c1.waitFor('newMessage', (body) => body.seq === last.seq);
    assert.deepEqual(heard(c1).slice(-3), ['unseen', 'unseen too', 'seen']);
    assert.equal(c1.received('messageUpdated').length, 1);
    assert.equal(c1.received('messageDeleted').length, 1);
  });

  test('nor any history, since, recovery or REST; unblocking brings them back', async (t) => {
    const { ann, bob, carl, room, seq } = await scene();
    const client = await at(t, ann, 0, { auth: { recovery: true } });
    await carl.say(room, 'one');
    await client.waitFor('newMessage');
    assert.equal((await ann.rest('PUT', `/users/me/blocks/${bob.username}`)).status, 204);
    assert.equal((await ann.rest('PUT', `/users/me/blocks/${bob.username}`)).status, 204);
    const from = client.mark();
    client.socket.io.engine.close();
    await client.waitFor('(disconnect)', () => true, { from });
    await bob.say(room, 'two');
    await bob.must('PATCH', path(room, seq), { body: { text: 'hello' } });
    await carl.say(room, 'three');
    client.socket.io.uri = instance.status.brokers[1];
    client.socket.connect();
    await client.waitFor('newMessage', (body) => body.text === 'three', { from, timeout: 20_000 });
    assert.equal(client.socket.recovered, true);
    assert.deepEqual(client.events.slice(from).filter((each) => !each.event.startsWith('(')).map((each) => each.body.text), ['three']);

    const views = async (replay) => {
      const full = await at(t, ann, 1);
      const few = await at(t, ann, 0, { auth: { history: 2 } });
      const since = await at(t, ann, 1, { auth: { since: { [room]: seq } } });
      if (replay.length) await since.waitFor('messageUpdated'); /* comes by itself, a little later */
      else await since.settle();
      return {
        full: texts(full.history[room]), few: texts(few.history[room]), since: texts(since.history[room]),
        replay: since.received('messageUpdated').map((body) => body.text),
        asked: texts((await full.must('getHistory', { room })).messages),
        page: texts((await ann.messages(room)).messages),
        all: texts((await ann.must('GET', '/history'))[room]),
      };
    };
    const hidden = ['one', 'three'];
    assert.deepEqual(await views([]), { full: hidden, few: hidden, since: hidden, replay: [], asked: hidden, page: hidden, all: hidden });
    check.problem(await ann.rest('GET', path(room, seq)), 404, 'message_not_found');
    assert.equal((await ann.rest('DELETE', `/users/me/blocks/${bob.username}`)).status, 204);
    const all = ['hello', 'one', 'two', 'three'];
    assert.deepEqual(await views(['hello']), {
      full: all, few: ['two', 'three'], since: all.slice(1), replay: ['hello'], asked: all, page: all, all,
    });
    await until('the unblocking at the socket\'s broker', async () => {
      const { seq: probe } = await bob.say(room, 'probe');
      await carl.say(room, 'after');
      await client.settle();
      return client.received('newMessage').some((body) => body.seq === probe);
    });
  });

  test('the direct channel refuses both; the list; what cannot be blocked', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const { name } = await ann.create(bob.username, 'DIRECT');
    const said = await bob.say(name, 'psst');
    const [a0, b1] = [await at(t, ann, 0), await at(t, bob, 1)];
    await a0.must('blockUser', { username: bob.username });
    check.refused(await b1.command('sendMessage', { room: name, text: 'x' }), 'blocked');
    check.refused(await a0.command('sendMessage', { room: name, text: 'x' }), 'blocked');
    check.refused(await b1.command('editMessage', { room: name, seq: said.seq, text: 'x' }), 'blocked');
    check.problem(await bob.rest('POST', `/channels/${encodeURIComponent(name)}/messages`, { body: { text: 'x' } }), 403, 'blocked');
    const list = await ann.must('GET', '/users/me/blocks');
    assert.deepEqual(list.blocks.map((each) => each.username), [bob.username]);
    assert.deepEqual((await bob.must('GET', '/users/me/blocks')).blocks, []);
    await a0.must('unblockUser', { username: bob.username });
    await b1.must('sendMessage', { room: name, text: 'y' });
    await a0.waitFor('newMessage', (body) => body.text === 'y');
    check.refused(await a0.command('blockUser', { username: ann.username }), 'validation_failed', 'username');
    check.refused(await a0.command('blockUser', { username: unique('no') }), 'user_not_found');
    check.refused(await a0.command('unblockUser', {}), 'validation_failed', 'username');
    check.problem(await ann.rest('PUT', `/users/me/blocks/${ann.username}`), 400, 'validation_failed', 'username');
    check.problem(await ann.rest('PUT', `/users/me/blocks/${unique('no')}`), 404, 'user_not_found');
    check.problem(await ann.rest('DELETE', `/users/me/blocks/${unique('no')}`), 404, 'user_not_found');
    check.problem(await ann.rest('GET', '/users/me/blocks?cursor=x'), 400, 'validation_failed');
  });

  test('pages of the list lead on', async () => {
    const [ann, ...others] = await signups(instance, 4);
    for (const other of others) await ann.must('PUT', `/users/me/blocks/${other.username}`);
    const first = await ann.rest('GET', '/users/me/blocks?limit=2');
    assert.equal(first.body.blocks.length, 2);
    assert.match(first.headers.get('link'), /rel="next"/);
    const second = await ann.must('GET', `/users/me/blocks?limit=2&cursor=${first.body.nextCursor}`);
    assert.equal(second.nextCursor, undefined);
    const names = [...first.body.blocks, ...second.blocks].map((each) => each.username);
    assert.deepEqual(names.sort(), others.map((each) => each.username).sort());
  });
});

describe('search', () => {
  const find = (user, q, more = '') => user.must('GET', `/search?q=${encodeURIComponent(q)}${more}`);
  const indexed = () => until('the index', async () => {
    const [[behind]] = await instance.sql(`select count(*) from room_event e left join message_search s using (room_id, seq)
      where e.kind = 1 and e.text is not null and s.seq is null`);
    return behind === '0';
  }, { timeout: 20_000, every: 200 });

  test('what was just said is found at once, and the same once it is indexed', async () => {
    const { ann, bob, carl, room } = await scene();
    const other = unique('other');
    await ann.create(other);
    const word = unique('word');
    const first = await bob.say(room, `A quick ${word}!`);
    const second = await ann.say(other, `${word.toUpperCase()}, later`);
    await carl.say(room, 'nothing');
    for (let round = 0; round < 2; round++) {
      assert.deepEqual((await find(ann, word)).messages, [second, first]);
      assert.deepEqual((await find(ann, `${word} quick`)).messages, [first]);
      assert.deepEqual((await find(ann, word, `&room=${encodeURIComponent(room.toUpperCase())}`)).messages, [first]);
      assert.deepEqual((await find(carl, word)).messages, [first]);
      await indexed();
    }
    await bob.must('PATCH', path(room, first.seq), { body: { text: 'gone' } });
    assert.deepEqual((await find(carl, word)).messages, []);
    await bob.must('PATCH', path(room, first.seq), { body: { text: `${word} again` } });
    assert.equal((await find(carl, word)).messages.length, 1);
    await carl.must('PUT', `/users/me/blocks/${bob.username}`);
    assert.deepEqual((await find(carl, word)).messages, []);
    await bob.must('DELETE', path(room, first.seq));
    assert.deepEqual((await find(ann, word)).messages, [second]);
    await ann.leave(other);
    assert.deepEqual((await find(ann, word)).messages, []);
  });

  test('pages, with Link', async () => {
    const { ann, room } = await scene();
    for (let i = 0; i < 7; i++) await ann.say(room, `tea ${i}`);
    const first = await ann.rest('GET', '/search?q=tea&limit=4');
    assert.deepEqual(first.body.messages.map((each) => each.text), ['tea 6', 'tea 5', 'tea 4', 'tea 3']);
    const next = /<([^>]+)>; rel="next"/.exec(first.headers.get('link'))[1];
    const second = await ann.must('GET', next.replace('/api/v1', ''));
    assert.deepEqual(second.messages.map((each) => each.text), ['tea 2', 'tea 1', 'tea 0']);
    assert.equal(second.nextCursor, undefined);
  });

  test('what cannot be searched', async () => {
    const [ann] = await signups(instance, 1);
    check.problem(await ann.rest('GET', '/search'), 400, 'validation_failed', 'q');
    check.problem(await ann.rest('GET', '/search?q='), 400, 'validation_failed', 'q');
    check.problem(await ann.rest('GET', '/search?q=%3F'), 400, 'validation_failed', 'q');
    check.problem(await ann.rest('GET', '/search?q=x&cursor=1'), 400, 'validation_failed', 'cursor');
    check.problem(await ann.rest('GET', '/search?q=x&limit=0'), 400, 'validation_failed', 'limit');
    check.problem(await ann.rest('GET', `/search?q=x&room=${unique('no')}`), 404, 'room_not_found');
    check.problem(await instance.rest('GET', '/search?q=x'), 401, 'unauthenticated');
  });
});

describe('read markers', () => {
  const read = (room) => `/channels/${encodeURIComponent(room)}/read`;
  const mine = async (user, room) => {
    const channel = (await user.must('GET', '/channels?member=me')).channels.find((each) => each.name === room);
    assert.deepEqual(await user.must('GET', `/channels/${encodeURIComponent(room)}`), channel);
    return [channel.lastReadSeq, channel.unread];
  };

  test('marking moves forward only, members hear of it at every broker, counts follow', async (t) => {
    const { ann, bob, carl, room, seq } = await scene();
    const [a0, a1, b1, c0] = [await at(t, ann, 0), await at(t, ann, 1), await at(t, bob, 1), await at(t, carl, 0)];
    await c0.must('blockUser', { username: ann.username });
    assert.deepEqual(await mine(ann, room), [0, 1]);
    const answer = await a0.command('markRead', { room: room.toUpperCase(), seq });
    assert.deepEqual(answer, { message: answer.message, room, seq });
    for (const client of [a0, a1, b1]) {
      assert.deepEqual(await client.waitFor('readMarker'), { room, username: ann.username, seq });
    }
    assert.deepEqual(await mine(ann, room), [seq, 0]);
    assert.equal((await a0.must('markRead', { room, seq: 1 })).seq, seq);
    const more = await bob.say(room, 'more');
    assert.deepEqual(await mine(ann, room), [seq, 1]);
    assert.deepEqual(await ann.must('PUT', read(room), { body: { seq: 1_000_000 } }), { room, lastReadSeq: more.seq });
    for (const client of [a0, a1, b1]) await client.waitFor('readMarker', (body) => body.seq === more.seq);
    assert.equal(b1.received('readMarker').length, 2);
    await c0.settle();
    assert.deepEqual(c0.received('readMarker'), []);
    assert.deepEqual(await mine(ann, room), [more.seq, 0]);
    assert.deepEqual(await mine(bob, room), [0, 0]);
  });

  test('who may not, and what is no seq', async (t) => {
    const { ann, room } = await scene();
    const [dora] = await signups(instance, 1);
    const d0 = await at(t, dora, 0);
    check.refused(await d0.command('markRead', { room, seq: 1 }), 'not_a_member');
    check.refused(await d0.command('markRead', { room: unique('no'), seq: 1 }), 'room_not_found');
    check.refused(await d0.command('markRead', { room }), 'validation_failed', 'seq');
    check.problem(await dora.rest('PUT', read(room), { body: { seq: 1 } }), 403, 'not_a_member');
    check.problem(await ann.rest('PUT', read(room), { body: {} }), 400, 'validation_failed', 'seq');
    check.problem(await ann.rest('PUT', read(room), { body: { seq: 'x' } }), 400, 'validation_failed', 'seq');
    assert.equal((await dora.must('GET', `/channels/${encodeURIComponent(room)}`)).unread, undefined);
  });
});

describe('refusals, over both fronts', () => {
  /* What `user` gets for each command about this message, the same over both; undefined: success. */
  async function codes(t, user, room, seq) {
    const client = await at(t, user, 1, { auth: { history: 0 } });
    const calls = {
      editMessage: ['PATCH', path(room, seq), { text: 'x' }],
      deleteMessage: ['DELETE', path(room, seq)],
      markRead: ['PUT', `/channels/${encodeURIComponent(room)}/read`, { seq }],
    };
    const all = {};
    for (const [name, [method, target, body]] of Object.entries(calls)) {
      all[name] = (await user.rest(method, target, { body })).body?.code;
      assert.equal((await client.command(name, { room, seq, text: 'x' })).code, all[name], name);
    }
    return all;
  }
  const moderate = (user, room, what, username) => user.must('PUT', `/channels/${encodeURIComponent(room)}/${what}/${username}`, { body: {} });

  test('of members, strangers, the muted, the banned, and in a direct channel with a block', async (t) => {
    const { ann, bob, carl, room, seq } = await scene();
    const [dora] = await signups(instance, 1);
    assert.deepEqual(await codes(t, carl, room, seq), { editMessage: 'forbidden', deleteMessage: 'forbidden', markRead: undefined });
    assert.deepEqual(await codes(t, dora, room, seq), {
      editMessage: 'not_a_member', deleteMessage: 'not_a_member', markRead: 'not_a_member',
    });
    const nowhere = 'room_not_found';
    assert.deepEqual(await codes(t, dora, unique('no'), seq), { editMessage: nowhere, deleteMessage: nowhere, markRead: nowhere });
    assert.deepEqual(await codes(t, bob, room, 9999), {
      editMessage: 'message_not_found', deleteMessage: 'message_not_found', markRead: undefined,
    });
    await moderate(ann, room, 'mutes', bob.username);
    assert.deepEqual(await codes(t, bob, room, seq), { editMessage: 'muted', deleteMessage: undefined, markRead: undefined });
    await moderate(ann, room, 'bans', bob.username);
    assert.deepEqual(await codes(t, bob, room, seq), { editMessage: 'banned', deleteMessage: 'banned', markRead: 'banned' });

    const { name } = await ann.create(carl.username, 'DIRECT');
    const said = await ann.say(name, 'psst');
    await carl.must('PUT', `/users/me/blocks/${ann.username}`);
    assert.deepEqual(await codes(t, ann, name, said.seq), { editMessage: 'blocked', deleteMessage: undefined, markRead: undefined });
    assert.deepEqual(await codes(t, dora, name, said.seq), { editMessage: nowhere, deleteMessage: nowhere, markRead: nowhere });
  });
});

test('in a channel of more than 100 members only the reader\'s own sockets hear of its marker', async (t) => {
  const { ann, bob, room, topic, seq } = await scene();
  await instance.sql(`update room set members = 101 where id = ${topic.split('/').pop()}`);
  const [[id]] = await instance.sql(`select id from app_user where username = '${ann.username}'`);
  const tap = await subscribe(t, instance, `parley/v1/users/${id}/live`);
  const [a0, a1, b0] = [await at(t, ann, 0), await at(t, ann, 1), await at(t, bob, 0)];
  await a0.must('markRead', { room, seq });
  for (const client of [a0, a1]) assert.deepEqual(await client.waitFor('readMarker'), { room, username: ann.username, seq });
  await tap.waitFor('the marker', (each) => each.props.kind === 'readMarker');
  await bob.say(room, 'mark');
  await b0.waitFor('newMessage', (body) => body.text === 'mark');
  assert.deepEqual(b0.received('readMarker'), []);
});
