/* Typing: passing news between the members of a room, over two brokers. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { started } from './lib/instance.mjs';
import { subscribe } from './lib/mqtt.mjs';
import { connect } from './lib/socket.mjs';
import { signups, unique } from './lib/users.mjs';

const instance = await started({ after }, { args: ['--brokers', '2'] });
const at = (t, user, broker, options) => connect(t, instance.status.brokers[broker], { token: user.accessToken, ...options });

/** Ann at broker 0; bob at both; in one room. */
async function scene(t, options) {
  const [ann, bob] = await signups(instance, 2);
  const room = unique('type');
  const { topic } = await ann.create(room);
  await bob.join(room);
  return { ann, bob, room, topic, a: await at(t, ann, 0), b: [await at(t, bob, 0, options), await at(t, bob, 1, options)] };
}

const is = (typing, each) => (body) => body.typing === typing && body.username === each.username;

test('typing reaches the members at all brokers, but not the one who types', async (t) => {
  const { ann, room, topic, a, b } = await scene(t);
  const other = await at(t, ann, 1);
  const watch = await subscribe(t, instance, `${topic}/live`);
  a.emit('typing', { room, typing: true });
  for (const client of b) assert.deepEqual(await client.waitFor('typing'), { room, username: ann.username, typing: true });
  a.emit('typing', { room, typing: false });
  for (const client of b) await client.waitFor('typing', is(false, ann));
  const seen = await watch.waitFor('typing over MQTT', (each) => each.payload.startsWith('["typing"'));
  assert.equal(seen.qos, 0);
  assert.equal(seen.props.kind, 'typing');
  assert.ok(seen.props.author);
  await a.settle();
  await other.settle();
  assert.equal(a.received('typing').length + other.received('typing').length, 0);
});

test('it ends by itself, once, after five to six seconds', async (t) => {
  const { ann, room, a, b } = await scene(t);
  for (let i = 0; i < 3; i++) {
    a.emit('typing', { room, typing: true });
    await a.settle();
  }
  const last = performance.now();
  for (const client of b) {
    await client.waitFor('typing', is(false, ann), { timeout: 8000 });
    const items = client.events.filter((each) => each.event === 'typing');
    assert.deepEqual(items.map((each) => each.body.typing), [true, false]);
    assert.ok(items[1].at - last > 4900, `${items[1].at - last} ms`);
  }
});

test('a message ends it, before the message; the socket going ends it too', async (t) => {
  const { ann, room, a, b } = await scene(t);
  a.emit('typing', { room, typing: true });
  for (const client of b) await client.waitFor('typing', is(true, ann));
  await a.must('sendMessage', { room, text: 'done' });
  for (const client of b) {
    await client.waitFor('newMessage', (body) => body.text === 'done');
    const names = client.events.filter((each) => each.event === 'typing' || each.body?.text === 'done')
      .map((each) => each.body.text ?? each.body.typing);
    assert.deepEqual(names, [true, false, 'done']);
  }
  const marks = b.map((client) => client.mark());
  a.emit('typing', { room, typing: true });
  for (const [i, client] of b.entries()) await client.waitFor('typing', is(true, ann), { from: marks[i] });
  a.close();
  for (const [i, client] of b.entries()) await client.waitFor('typing', is(false, ann), { from: marks[i] });
});

test('strangers, nonsense and too much of it are ignored, without an answer', async (t) => {
  const { room, a, b } = await scene(t);
  const [eve] = await signups(instance, 1);
  const e = await at(t, eve, 0);
  for (const body of [{ room, typing: true }, { room: unique('none'), typing: true }]) e.emit('typing', body);
  for (const body of [undefined, null, 7, [], { room }, { room, typing: 'yes' }, { typing: true }, { room: 7, typing: true }]) {
    a.emit('typing', body);
  }
  for (const client of [a, e]) await client.settle();
  for (let i = 0; i < 200; i++) a.emit('typing', { room, typing: i % 2 === 0 });
  await a.settle();
  await a.must('sendMessage', { room, text: 'end' });
  await b[1].waitFor('newMessage', (body) => body.text === 'end');
  assert.ok(b[1].received('typing').length <= 20);
  assert.equal(e.received('error').length + a.received('error').length, 0);
});

test('an old name leads to the room, the new one is shown', async (t) => {
  const { ann, room, a, b } = await scene(t);
  const name = unique('renamed');
  await a.must('updateChannel', { name: room, newName: name });
  for (const client of b) await client.waitFor('channelUpdated');
  a.emit('typing', { room, typing: true });
  for (const client of b) assert.deepEqual(await client.waitFor('typing'), { room: name, username: ann.username, typing: true });
});

test('recovery does not notice passing news', async (t) => {
  const { ann, bob, room, a } = await scene(t);
  const b = await at(t, bob, 1, { auth: { recovery: true }, reconnection: true });
  await a.must('sendMessage', { room, text: 'one' });
  await b.waitFor('newMessage', (body) => body.text === 'one');
  a.emit('typing', { room, typing: true });
  const [, typing] = [await b.waitFor('typing', is(true, ann)), b.events.find((each) => each.event === 'typing')];
  const message = b.events.find((each) => each.body?.text === 'one');
  assert.equal(typing.args[1], message.args[1], 'it repeats the offset of the row before');
  const from = b.mark();
  b.socket.io.engine.close();
  await a.must('sendMessage', { room, text: 'two' });
  await b.waitFor('newMessage', (body) => body.text === 'two', { from });
  assert.equal(b.socket.recovered, true);
  assert.equal(b.received('newMessage', from).length, 1);
});
