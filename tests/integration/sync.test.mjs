/*
 * POST /sync: exactly the events that a connected client would have received after a position, in
 * the same order. A socket that never sleeps is the measure.
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import * as check from './lib/check.mjs';
import { shared } from './lib/instance.mjs';
import { signup, signups, unique } from './lib/users.mjs';

const instance = await shared({ after });
const sync = (user, since) => user.must('POST', '/sync', { body: { since } });

/** The rows of `room` among what a client has received, as /sync shows them. */
function rowsOf(client, room) {
  return client.events.filter(({ event, body }) => body?.room === room && body.seq > 0 && !/^\(|Success$|Error$/.test(event))
    .map(({ event, body }) => ({ seq: body.eventSeq ?? body.seq, event, data: body }));
}

/* The same rows; those about messages by their seq alone, because they are rendered from the present. */
function compare(actual, expected, what) {
  assert.deepEqual(actual.map((each) => [each.seq, each.event]), expected.map((each) => [each.seq, each.event]), what);
  for (const [i, each] of actual.entries()) {
    if (!/[mM]essage/.test(each.event)) assert.deepEqual(each.data, expected[i].data, what);
  }
}

describe('since every position', () => {
  test('joins, leaves, returns, renames, messages, edits and deletes, as a socket got them', async (t) => {
    const [ann, bob, eve] = await signups(instance, 3);
    const first = unique('sync');
    const live = await ann.connect(t);
    await live.must('createChannel', { name: first, status: 'PUBLIC' });
    const room = unique('synced');
    await bob.join(first);
    const told = await ann.say(first, 'to be edited');
    await bob.say(first, 'mine');
    await eve.join(first);
    await bob.leave(first);
    const gone = await eve.say(first, 'to be deleted');
    await ann.must('PATCH', `/channels/${first}/messages/${told.seq}`, { body: { text: 'edited' } });
    await bob.join(first);
    await eve.must('DELETE', `/channels/${first}/messages/${gone.seq}`);
    const last = await bob.say(first, 'back again');
    await live.waitFor('newMessage', (body) => body.seq === last.seq);
    const rows = rowsOf(live, first);
    check.contiguous(rows.map((each) => each.seq), 'the socket');
    assert.ok(new Set(rows.map((each) => each.event)).size >= 4, JSON.stringify(rows));
    for (let seq = 0; seq <= last.seq; seq++) {
      const { rooms, gone: none } = await sync(ann, { [first]: seq });
      assert.deepEqual(none, []);
      assert.deepEqual(Object.keys(rooms), [first]);
      assert.equal(rooms[first].after, seq);
      assert.equal(rooms[first].lastSeq, last.seq);
      compare(rooms[first].events, rows.filter((each) => each.seq > seq), `since ${seq}`);
    }
    const whole = (await sync(ann, {})).rooms[first];
    compare(whole.events, rows, 'in full');
    assert.deepEqual((await sync(ann, { [first]: last.seq + 1 })).rooms[first], whole, 'beyond its last: in full');
    const { messages } = await ann.messages(first, '?limit=100');
    for (const { event, data } of whole.events) {
      if (event === 'newMessage') assert.deepEqual(data, messages.find((each) => each.seq === data.seq), 'as it is now');
    }
    await live.must('updateChannel', { name: first, newName: room });
    const renamed = await live.waitFor('channelUpdated');
    const after = await sync(ann, { [first]: last.seq });
    assert.deepEqual(after.gone, [], 'the old name leads to it');
    assert.deepEqual(after.rooms[room].events.map((each) => each.data).find((each) => each.name === room), renamed);
    assert.deepEqual((await sync(ann, { [room]: after.rooms[room].lastSeq })).rooms[room].events, []);
  });

  test('polling with lastSeq while others write: every event once, in order', async () => {
    const [ann, bob, eve] = await signups(instance, 3);
    const room = unique('poll');
    await ann.create(room);
    await bob.join(room);
    const got = [];
    let since = 0;
    let going = true;
    const writing = (async () => {
      for (let i = 0; i < 60; i++) {
        await bob.say(room, `m${i}`);
        if (i % 10 === 3) await eve.join(room);
        if (i % 10 === 7) await eve.leave(room);
      }
      going = false;
    })();
    const poll = async () => {
      const { after: from, lastSeq, events } = (await sync(ann, { [room]: since })).rooms[room];
      assert.equal(from, since);
      got.push(...events.map((each) => each.seq));
      since = lastSeq;
    };
    while (going) await poll();
    await writing;
    await poll();
    assert.deepEqual(got, Array.from({ length: got.length }, (_, i) => i + 1));
    assert.ok(got.length >= 60 + 12, String(got.length));
  });
});

describe('rooms that are none of mine', () => {
  test('left, deleted, private and unknown ones all look alike', async () => {
    const [ann, bob] = await signups(instance, 2);
    const [left, deleted, dark, mine] = ['left', 'deleted', 'dark', 'mine'].map(unique);
    for (const name of [left, deleted]) await bob.create(name);
    await bob.create(dark, 'PRIVATE', 'x');
    await ann.create(mine);
    const { name: direct } = await bob.create((await signup(instance)).username, 'DIRECT');
    for (const name of [left, deleted]) await ann.join(name);
    const before = (await sync(ann, {})).rooms;
    assert.deepEqual(Object.keys(before).sort(), [left, deleted, mine].sort());
    await ann.leave(left);
    await bob.must('DELETE', `/channels/${deleted}`);
    const names = [left, deleted, dark, direct, unique('nowhere'), 'b@d', '', '\u0000', ' ', '__proto__x'];
    const { gone, rooms } = await sync(ann, Object.fromEntries([...names, mine].map((name) => [name, 1])));
    assert.deepEqual(gone.sort(), names.sort());
    assert.deepEqual(Object.keys(rooms), [mine]);
    await ann.join(left);
    const back = await sync(ann, { [left]: before[left].lastSeq });
    assert.deepEqual(back.gone, []);
    assert.deepEqual(back.rooms[left].events.map((each) => each.event), ['memberLeft', 'newMessage', 'memberJoined', 'newMessage']);
  });
});

describe('the request', () => {
  for (const [what, body, field] of [
    ['no since', {}, 'since'],
    ['null', { since: null }, 'since'],
    ['an array', { since: [1] }, 'since'],
    ['a negative seq', { since: { a: -1 } }, 'since'],
    ['a fraction', { since: { a: 1.5 } }, 'since'],
    ['a text for a seq', { since: { a: '1' } }, 'since'],
    ['a seq beyond 64 bits', '{"since":{"a":9223372036854775808}}', 'since'],
    ['1001 names', { since: Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`n${i}`, 1])) }, 'since'],
    ['half of a surrogate pair', '{"since":{"\\ud800":1}}', 'since'],
    ['an array for a body', [], ''],
    ['broken JSON', '{"since":', ''],
  ]) {
    test(`${what} is validation_failed`, async () => {
      check.problem(await (await signup(instance)).rest('POST', '/sync', { body }), 400, 'validation_failed', field || undefined);
    });
  }

  test('1000 names are not too many', async () => {
    const ann = await signup(instance);
    const names = Array.from({ length: 1000 }, (_, i) => `n${i}`);
    assert.deepEqual((await sync(ann, Object.fromEntries(names.map((name) => [name, 1])))).gone, names);
  });

  test('without a token, with an ended session, with a body too large', async () => {
    const ann = await signup(instance);
    check.problem(await instance.rest('POST', '/sync', { body: { since: {} } }), 401, 'unauthenticated');
    check.problem(await ann.rest('POST', '/sync', { body: { since: { ['x'.repeat(70_000)]: 1 } } }), 413, 'payload_too_large');
    await ann.must('POST', '/auth/logout');
    check.problem(await ann.rest('POST', '/sync', { body: { since: {} } }), 401, 'unauthenticated');
  });

  test('an answer of many megabytes is streamed whole', async () => {
    const ann = await signup(instance);
    const room = unique('long');
    const { topic } = await ann.create(room);
    const id = topic.split('/').pop();
    await instance.sql(`insert into room_event (room_id, seq, kind, actor_id, text, at)
      select ${id}, last_seq + n, 1, (select id from app_user where username = '${ann.username}'), 'message number ' || n || repeat('.', 100), now()
      from room, generate_series(1, 20000) n where id = ${id}`);
    await instance.sql(`update room set last_seq = last_seq + 20000 where id = ${id}`);
    const { events, lastSeq } = (await sync(ann, { [room]: 1 })).rooms[room];
    assert.deepEqual(events.map((each) => each.seq), Array.from({ length: lastSeq - 1 }, (_, i) => i + 2));
  });
});
