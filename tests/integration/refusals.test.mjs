/*
 * What a call is refused with because of its room, its user, or how often: from every operation of
 * swagger.yaml and every command of docs/asyncapi.yaml that says so, each with its code. Why, and what
 * follows, is tested with each of them elsewhere.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { events } from './lib/asyncapi.mjs';
import { started } from './lib/instance.mjs';
import { Description } from './lib/openapi.mjs';
import { operationsOf } from './lib/operations.mjs';
import { connect } from './lib/socket.mjs';
import { PASSWORD, signup, unique } from './lib/users.mjs';

const instance = await started({ after }, {
  set: {
    'limits.sends_per_s': 1, 'limits.send_burst': 30, 'limits.password_tries': 1,
    'limits.private_creations_per_hour': 6, 'limits.signups_per_hour': 60, 'limits.rooms_per_user': 8,
    'limits.blocks_per_user': 1, 'limits.marks_per_s': 1, 'limits.searches_per_s': 1, 'limits.commands_per_s': 1, 'limits.command_burst': 60, 'limits.publishes_per_s': 1,
  },
});
const description = await Description.of(instance.http);
const operations = operationsOf(description);
const commands = [...events.commands.values()].filter((each) => each.name !== 'CONNECT');
const says = (command, code) => command.answers.some((each) => each.codes.includes(code));

/** A public room of ann (its owner), bob and carl; ann has said something in it, dora is not in it. */
async function scene() {
  const [ann, bob, carl, dora] = [await signup(instance), await signup(instance), await signup(instance), await signup(instance)];
  const name = unique('refusals');
  await ann.create(name);
  await bob.join(name);
  await carl.join(name);
  const { seq } = await ann.say(name, 'hello');
  return { ann, bob, carl, dora, name, seq };
}

/** Each operation that documents status and code is asked by `user` and answers so. */
async function operationsRefuse(status, code, user, values, bodies = {}, except = []) {
  for (const operation of operations.filter((each) => each.answers(status, code) && !except.includes(each.operation.operationId))) {
    const body = bodies[operation.operation.operationId] ?? operation.body;
    const answer = await operation.send(instance, { token: user.accessToken, values, body });
    assert.equal(`${operation.name} ${answer.status} ${answer.body?.code}`, `${operation.name} ${status} ${code}`, answer.text);
  }
}

/** The first example of a command, with its fields that are in `values` replaced. */
function askFor(command, values) {
  const body = { ...events.document.components.messages[command.id].examples[0].payload };
  for (const [field, value] of Object.entries(values)) if (field in body) body[field] = value;
  return body;
}

/** The same for commands. */
async function commandsRefuse(t, code, user, values, bodies = {}, except = []) {
  const client = await connect(t, instance.http, { token: user.accessToken, auth: { history: 0 } });
  for (const command of commands.filter((each) => says(each, code) && !except.includes(each.name))) {
    const body = bodies[command.name] ?? askFor(command, values);
    const ack = await client.command(command.name, body);
    assert.equal(`${command.name} ${ack.code}`, `${command.name} ${code}`, JSON.stringify(ack));
  }
}

describe('a room that is not there', () => {
  const values = { name: 'no such room', room: 'no such room' };
  test('over REST', async () => {
    const { ann, bob } = await scene();
    await operationsRefuse(404, 'room_not_found', ann, { ...values, username: bob.username, seq: '1' });
  });
  test('over the gateway', async (t) => {
    const { ann, bob } = await scene();
    await commandsRefuse(t, 'room_not_found', ann, { ...values, username: bob.username });
  });
});

describe('a user who is not there', () => {
  const bodies = { createChannel: { name: 'nobody', status: 'DIRECT' } };
  /* The other of a direct room who has gone: tests/integration/accounts. */
  test('over REST', async () => {
    const { ann, name } = await scene();
    await operationsRefuse(404, 'user_not_found', ann, { name, username: 'nobody' },
      { ...bodies, updateChannel: { owner: 'nobody' }, publish: { user: 'nobody', event: 'gift' } }, ['sendMessage']);
  });
  test('over the gateway', async (t) => {
    const { ann, name } = await scene();
    await commandsRefuse(t, 'user_not_found', ann, { room: name, username: 'nobody' },
      { ...bodies, updateChannel: { name, owner: 'nobody' } }, ['sendMessage']);
  });
});

describe('one who is not in the room', () => {
  test('over REST', async () => {
    const { bob, dora, name, seq } = await scene();
    await operationsRefuse(403, 'not_a_member', dora, { name, username: bob.username, seq });
  });
  test('over the gateway', async (t) => {
    const { bob, dora, name, seq } = await scene();
    await commandsRefuse(t, 'not_a_member', dora, { name, room: name, username: bob.username, seq });
  });
});

describe('what a member may not', () => {
  /* These have reasons of their own: direct rooms, too many. */
  const special = ['createChannel', 'joinChannel', 'leaveChannel', 'blockUser'];

  test('over REST', async () => {
    const { bob, carl, name, seq } = await scene();
    await operationsRefuse(403, 'forbidden', bob, { name, username: carl.username, seq }, {}, special);
  });
  test('over the gateway', async (t) => {
    const { bob, carl, name, seq } = await scene();
    await commandsRefuse(t, 'forbidden', bob, { name, room: name, username: carl.username, seq }, {}, special);
  });
  test('direct rooms, too many rooms, too many blocks', async (t) => {
    const { ann, bob, carl, dora } = await scene();
    const direct = (await ann.create(bob.username, 'DIRECT')).name;
    await ann.must('PUT', `/users/me/blocks/${carl.username}`);
    for (let i = 0; i < 6; i++) await ann.create(unique('many'));
    const others = (list) => list.filter((each) => !special.includes(each));
    const operationIds = operations.map((each) => each.operation.operationId);
    await operationsRefuse(403, 'forbidden', ann, { name: direct, username: dora.username },
      { createChannel: { name: unique('more'), status: 'PUBLIC' } }, others(operationIds));
    await commandsRefuse(t, 'forbidden', ann, { username: dora.username }, {
      createChannel: { name: unique('more'), status: 'PUBLIC' }, joinChannel: { name: direct }, leaveChannel: { name: direct },
    }, others(commands.map((each) => each.name)));
  });
});

describe('banned, muted, blocked, the last owner', () => {
  test('who is banned', async (t) => {
    const { ann, bob, name } = await scene();
    const { seq } = await bob.say(name, 'mine');
    await ann.must('PUT', `/channels/${name}/bans/${bob.username}`, { body: {} });
    await operationsRefuse(403, 'banned', bob, { name, seq });
    await commandsRefuse(t, 'banned', bob, { name, room: name, seq });
  });

  test('who is muted', async (t) => {
    const { ann, bob, name } = await scene();
    const { seq } = await bob.say(name, 'mine');
    await ann.must('PUT', `/channels/${name}/mutes/${bob.username}`, { body: {} });
    await operationsRefuse(403, 'muted', bob, { name, seq });
    await commandsRefuse(t, 'muted', bob, { name, room: name, seq });
  });

  test('who is blocked by the other', async (t) => {
    const { ann, bob, carl } = await scene();
    const { name } = await ann.create(bob.username, 'DIRECT');
    const { seq } = await bob.say(name, 'mine');
    await ann.must('PUT', `/users/me/blocks/${bob.username}`);
    await carl.must('PUT', `/users/me/blocks/${bob.username}`);
    const bodies = { createChannel: { name: carl.username, status: 'DIRECT' } };
    await operationsRefuse(403, 'blocked', bob, { name, seq }, bodies);
    await commandsRefuse(t, 'blocked', bob, { name, room: name, seq }, bodies);
  });

  test('an owner who would step down', async (t) => {
    const { ann, name } = await scene();
    await operationsRefuse(409, 'last_owner', ann, { name, username: ann.username });
    await commandsRefuse(t, 'last_owner', ann, { room: name, username: ann.username });
  });
});

describe('too often', () => {
  let place;
  let closed;
  before(async () => {
    place = await scene();
    closed = unique('closed');
    await place.ann.create(closed, 'PRIVATE', 'open sesame');
  });

  /* What must be asked for the limit to come; else the example of the document. */
  const bodyFor = (id) => ({
    signup: { username: unique('user'), password: PASSWORD },
    login: { username: place.ann.username, password: 'wrong password' },
    changePassword: { password: 'battery staple', currentPassword: 'wrong password' },
    deleteMe: { currentPassword: 'wrong password' },
    createChannel: { name: unique('private'), status: 'PRIVATE', password: 'open sesame' },
    joinChannel: { name: closed, password: 'wrong' },
    updateChannel: { name: place.name, status: 'PRIVATE', password: 'open sesame' },
  }[id]);

  test('over REST', async () => {
    const values = { name: place.name, username: place.carl.username, seq: String(place.seq) };
    for (const operation of operations.filter((each) => each.answers(429, 'rate_limited'))) {
      const id = operation.operation.operationId;
      const outsider = id === 'joinChannel';
      let answer;
      for (let tries = 0; tries < 150 && answer?.status !== 429; tries++) {
        answer = await operation.send(instance, {
          token: operation.isPublic ? undefined : (outsider ? place.dora : place.ann).accessToken,
          values: outsider ? { name: closed } : values,
          body: id === 'updateChannel' ? { status: 'PRIVATE', password: 'open sesame' } : bodyFor(id) ?? operation.body,
        });
      }
      assert.equal(`${operation.name} ${answer.status}`, `${operation.name} 429`, answer.text);
      assert.ok(Number(answer.headers.get('retry-after')) >= 1);
    }
  });

  test('over the gateway', async (t) => {
    for (const command of commands.filter((each) => says(each, 'rate_limited'))) {
      const user = command.name === 'joinChannel' ? place.dora : place.ann;
      const client = await connect(t, instance.http, { token: user.accessToken, auth: { history: 0 } });
      const values = { room: place.name, username: place.carl.username, seq: place.seq };
      let ack;
      for (let tries = 0; tries < 150 && ack?.code !== 'rate_limited'; tries++) {
        const body = bodyFor(command.name) ?? askFor(command, values);
        ack = await client.command(command.name, body);
        /* A read has no rate; too many that wait are refused. */
        if (command.name === 'getHistory') {
          ack = (await Promise.all(Array.from({ length: 200 }, () => client.ask('getHistory', body)))).find((each) => each.code === 'rate_limited');
        }
      }
      assert.equal(`${command.name} ${ack.code}`, `${command.name} rate_limited`, JSON.stringify(ack));
      assert.ok(ack.retryAfter >= 1);
      client.close();
    }
  });
});
