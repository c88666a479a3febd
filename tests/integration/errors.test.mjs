/*
 * The errors that any call can get, each from every operation of swagger.yaml that says it can, and
 * from every command of docs/asyncapi.yaml: who are you, too large, unavailable, and so on. A new
 * operation or command is tested here as soon as it is described.
 */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { events } from './lib/asyncapi.mjs';
import * as check from './lib/check.mjs';
import { started } from './lib/instance.mjs';
import { Description } from './lib/openapi.mjs';
import { operationsOf } from './lib/operations.mjs';
import { connect } from './lib/socket.mjs';
import { signup, unique } from './lib/users.mjs';
import { until } from './lib/wait.mjs';

const instance = await started({ after }, { set: { 'pg.timeout_ms': 1500 } });
const operations = operationsOf(await Description.of(instance.http));
const codesOf = (command) => command.answers.flatMap((each) => each.codes);
const commands = [...events.commands.values()].filter((each) => each.name !== 'CONNECT' && codesOf(each).length);

/* Send each operation that documents the status and code, and expect it. */
async function expectAll(status, code, send) {
  for (const operation of operations.filter((each) => each.answers(status, code))) {
    const answer = await send(operation);
    if (answer === undefined) continue;
    assert.equal(answer.status, status, `${operation.name}: ${answer.status} ${answer.text.slice(0, 200)}`);
    assert.equal(answer.body.code, code, `${operation.name}: ${answer.text.slice(0, 200)}`);
  }
}

/* A body that fits the operation's example, as far as this instance knows those words. */
async function scene() {
  const user = await signup(instance);
  const other = await signup(instance);
  const name = unique('errors');
  await user.create(name);
  await other.join(name);
  return { user, other, name, values: { name, username: other.username, seq: '1', id: '1' } };
}

/* The first example of a command, about this room and this user. */
function askFor(command, { name, other }) {
  const example = { ...events.document.components.messages[command.id].examples[0].payload };
  for (const field of ['room', 'name']) if (field in example && command.name !== 'createChannel') example[field] = name;
  if ('username' in example) example.username = other.username;
  return example;
}

/* Each command on a socket of its own, so that none waits for another. */
async function expectOfCommands(t, code, place, prepare) {
  const asked = commands.filter((each) => codesOf(each).includes(code));
  const clients = [];
  for (const [i] of asked.entries()) {
    const { user } = place[Math.floor(i / 15)];
    clients.push(await connect(t, instance.status.brokers[0], { token: user.accessToken, auth: { history: 0 } }));
  }
  await prepare();
  await Promise.all(asked.map(async (command, i) => {
    const body = code === 'validation_failed' ? {} : askFor(command, place[0]);
    const ack = await clients[i].command(command.name, body, 30_000);
    assert.equal(ack.code, code, `${command.name}: ${JSON.stringify(ack)}`);
    check.refused(ack, code);
  }));
}

async function expired(user) {
  const claims = JSON.parse(Buffer.from(user.accessToken.split('.')[1], 'base64url'));
  const head = user.accessToken.split('.')[0];
  const body = Buffer.from(JSON.stringify({ ...claims, iat: claims.iat - 5000, exp: claims.iat - 4000 })).toString('base64url');
  const secret = (await instance.config())['auth.secret'];
  return `${head}.${body}.${createHmac('sha256', secret).update(`${head}.${body}`).digest('base64url')}`;
}

describe('over REST', () => {
  let place;
  before(async () => {
    place = await scene();
  });
  const send = (operation, options = {}) => operation.send(instance, {
    token: operation.isPublic ? undefined : place.user.accessToken, values: place.values, ...options,
  });

  test('the worker is alive and ready', async () => {
    for (const target of ['/healthz', '/readyz']) assert.equal((await instance.rest('GET', target, { base: '' })).status, 200);
  });

  test('without a token: unauthenticated', () => expectAll(401, 'unauthenticated', (operation) =>
    (operation.isPublic ? undefined : send(operation, { token: undefined }))));

  test('with an expired token: token_expired', async () => {
    const token = await expired(place.user);
    await expectAll(401, 'token_expired', (operation) => send(operation, { token }));
  });

  test('a body of 70 KiB: payload_too_large', () => expectAll(413, 'payload_too_large', (operation) =>
    send(operation, { body: { text: 'x'.repeat(70 * 1024) } })));

  test('a body that is no JSON by name: unsupported_media_type', () => expectAll(415, 'unsupported_media_type', (operation) =>
    send(operation, { body: 'x', type: 'text/plain' })));

  test('what cannot be read: validation_failed', () => expectAll(400, 'validation_failed', (operation) => {
    if (operation.body !== undefined) return send(operation, { body: '{' });
    const [path] = operation.hasQuery('limit') ? operation.target(place.values).split('?') : [operation.template];
    const target = operation.hasQuery('limit') ? `${path}?limit=0` : path.replace(/\{[^}]+\}/g, '%ff%fe');
    const options = { base: operation.base, token: place.user.accessToken };
    return target === operation.template ? undefined : instance.rest(operation.method, target, options);
  }));
});

describe('over the gateway', () => {
  test('a command without its fields: validation_failed', async (t) => {
    await expectOfCommands(t, 'validation_failed', [await scene(), await scene()], () => {});
  });

  test('a session that has ended, before the broker hears of it: unauthenticated', async (t) => {
    const place = [await scene(), await scene()];
    const names = place.map(({ user }) => `'${user.username}'`).join();
    await expectOfCommands(t, 'unauthenticated', place, () =>
      instance.sql(`update session set ended_at = now() where user_id in (select id from app_user where username in (${names}))`));
  });
});

/* Last: these take PostgreSQL away. */
describe('without the database', () => {
  const names = 'all tables in schema public';
  let place;
  let rest;
  before(async () => {
    place = [await scene(), await scene()];
    const { user, values } = place[0];
    rest = (operation) => operation.send(instance, {
      token: operation.isPublic ? undefined : user.accessToken, values,
      body: operation.template === '/auth/refresh' ? { refreshToken: user.refreshToken } : operation.body,
    });
  });

  test('which refuses our statements: internal', async (t) => {
    const grants = await instance.sql("select table_name, string_agg(privilege_type, ', ') from information_schema.role_table_grants"
      + " where grantee = 'parley_app' and table_schema = 'public' group by 1");
    t.after(async () => {
      for (const [table, privileges] of grants) await instance.sql(`grant ${privileges} on ${table} to parley_app`);
      await place[0].user.must('GET', '/users/me');
    });
    await expectOfCommands(t, 'internal', place, () => instance.sql(`revoke all on ${names} from parley_app`));
    await expectAll(500, 'internal', rest);
  });

  test('which is away: unavailable', async (t) => {
    const { supervisor, postgres } = instance.status.pids;
    t.after(async () => {
      process.kill(supervisor, 'SIGCONT');
      await until('PostgreSQL', async () => (await place[0].user.rest('GET', '/users/me')).status === 200, { timeout: 20_000 });
      await instance.refresh();
    });
    await expectOfCommands(t, 'unavailable', place, async () => {
      process.kill(supervisor, 'SIGSTOP');
      process.kill(postgres, 'SIGINT');
      await until('the end of PostgreSQL', () => instance.sql('select 1').then(() => false, () => true));
    });
    await expectAll(503, 'unavailable', (operation) => (operation.template === '/healthz' ? undefined : rest(operation)));
  });

  test('and without a worker: the web server says unavailable', async (t) => {
    const { supervisor, fcgi } = instance.status.pids;
    process.kill(supervisor, 'SIGSTOP');
    t.after(() => process.kill(supervisor, 'SIGCONT'));
    process.kill(fcgi, 'SIGKILL');
    const answer = await until('503', async () => {
      const each = await instance.rest('GET', '/healthz', { base: '' });
      return each.status === 503 && each;
    });
    assert.equal(answer.body.code, 'unavailable');
  });
});
