/* REST: every endpoint of the core, its successes, and each error a client can reach. */
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { after, describe, test } from 'node:test';
import * as check from './lib/check.mjs';
import { shared } from './lib/instance.mjs';
import { rawRequest } from './lib/rest.mjs';
import { BAD_CHANNEL_NAMES, BAD_TEXTS, GOOD_TEXTS } from './lib/tables.mjs';
import { PASSWORD, signup, signups, unique } from './lib/users.mjs';

const instance = await shared({ after });
const at = (name) => `/channels/${encodeURIComponent(name)}`;

describe('signup', () => {
  test('makes a user and a session', async () => {
    const username = unique('Ann');
    const answer = await instance.rest('POST', '/auth/signup', { body: { username, password: PASSWORD } });
    assert.equal(answer.status, 201, answer.text);
    assert.equal(answer.type, 'application/json');
    assert.equal(typeof answer.body.accessToken, 'string');
    assert.equal(typeof answer.body.refreshToken, 'string');
    assert.equal(answer.body.expiresIn, 900);
    check.user(answer.body.user, username);
    assert.equal((await instance.rest('GET', '/users/me', { token: answer.body.accessToken })).status, 200);
  });

  test('refuses a name that differs only in case', async () => {
    const ann = await signup(instance, 'Ann');
    for (const username of [ann.username, ann.username.toUpperCase(), ann.username.toLowerCase()]) {
      check.problem(await instance.rest('POST', '/auth/signup', { body: { username, password: PASSWORD } }),
        409, 'name_taken');
    }
  });

  test('two at once with one name: one wins', async () => {
    const username = unique('twin');
    const answers = await Promise.all(Array.from({ length: 6 }, () =>
      instance.rest('POST', '/auth/signup', { body: { username, password: PASSWORD } })));
    assert.deepEqual(answers.map((each) => each.status).sort(), [201, 409, 409, 409, 409, 409]);
  });

  for (const [what, username] of [
    ['two characters', 'ab'], ['33 characters', 'a'.repeat(33)], ['a leading dot', '.abc'],
    ['a leading dash', '-abc'], ['a space', 'a bc'], ['an at sign', 'a@bc'], ['not ASCII', 'zoë'],
    ['NUL', 'ab\u0000c'], ['empty', ''],
  ]) {
    test(`refuses a username with ${what}`, async () => {
      check.problem(await instance.rest('POST', '/auth/signup', { body: { username, password: PASSWORD } }),
        400, 'validation_failed', 'username');
    });
  }

  for (const username of ['abc', '0.a', 'a_b-c.d', 'z'.repeat(32)]) {
    test(`takes a username of the form ${username.slice(0, 8)}`, async () => {
      const answer = await instance.rest('POST', '/auth/signup', { body: { username, password: PASSWORD } });
      assert.ok(answer.status === 201 || answer.body.code === 'name_taken', answer.text);
    });
  }

  for (const [what, password] of [['7 characters', 'a'.repeat(7)], ['129 characters', 'a'.repeat(129)]]) {
    test(`refuses a password of ${what}`, async () => {
      check.problem(await instance.rest('POST', '/auth/signup', { body: { username: unique('u'), password } }),
        400, 'validation_failed', 'password');
    });
  }

  test('counts a password in characters', async () => {
    const username = unique('emo');
    const password = '🔑'.repeat(128);
    assert.equal((await instance.rest('POST', '/auth/signup', { body: { username, password } })).status, 201);
    assert.equal((await instance.rest('POST', '/auth/login', { body: { username, password } })).status, 200);
  });

  test('names every field that is wrong', async () => {
    const answer = await instance.rest('POST', '/auth/signup', { body: { username: 7 } });
    check.problem(answer, 400, 'validation_failed', 'username');
    check.problem(answer, 400, 'validation_failed', 'password');
  });
});

describe('login', () => {
  test('gives a session, without regard to the case of the name', async () => {
    const ann = await signup(instance, 'Ann');
    const answer = await instance.rest('POST', '/auth/login', {
      body: { username: ann.username.toUpperCase(), password: PASSWORD },
    });
    assert.equal(answer.status, 200, answer.text);
    check.user(answer.body.user, ann.username);
    assert.notEqual(answer.body.refreshToken, ann.refreshToken);
  });

  test('a wrong password and an unknown user answer alike', async () => {
    const ann = await signup(instance);
    const wrong = await instance.rest('POST', '/auth/login', { body: { username: ann.username, password: 'not the one' } });
    const nobody = await instance.rest('POST', '/auth/login', { body: { username: unique('no'), password: PASSWORD } });
    check.problem(wrong, 401, 'unauthenticated');
    check.problem(nobody, 401, 'unauthenticated');
    const strip = ({ requestId, instance: where, ...rest }) => rest;
    assert.deepEqual(strip(wrong.body), strip(nobody.body));
  });

  test('refuses a body without its fields', async () => {
    check.problem(await instance.rest('POST', '/auth/login', { body: {} }), 400, 'validation_failed', 'username');
  });
});

describe('tokens', () => {
  const sign = async (change, header = { alg: 'HS256', typ: 'JWT' }, key = undefined) => {
    const ann = await signup(instance);
    const secret = key ?? (await instance.config())['auth.secret'];
    const claims = change(JSON.parse(Buffer.from(ann.accessToken.split('.')[1], 'base64url')));
    const head = Buffer.from(JSON.stringify(header)).toString('base64url');
    const body = Buffer.from(JSON.stringify(claims)).toString('base64url');
    const mac = header.alg === 'none' ? '' : createHmac('sha256', secret).update(`${head}.${body}`).digest('base64url');
    return `${head}.${body}.${mac}`;
  };
  const me = (token) => instance.rest('GET', '/users/me', { token });

  test('one that we sign ourselves like parley is taken: the next tests test what they say', async () => {
    assert.equal((await me(await sign((claims) => claims))).status, 200);
  });

  test('an expired one is token_expired', async () => {
    const answer = await me(await sign((claims) => ({ ...claims, iat: claims.iat - 5000, exp: claims.iat - 4000 })));
    check.problem(answer, 401, 'token_expired');
    assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer/);
  });

  for (const [what, make] of [
    ['of another key', () => sign((claims) => claims, undefined, 'k'.repeat(32))],
    ['of another issuer', () => sign((claims) => ({ ...claims, iss: 'elsewhere' }))],
    ['without expiry', () => sign(({ exp, ...rest }) => rest)],
    ['with alg none', () => sign((claims) => claims, { alg: 'none', typ: 'JWT' })],
    ['that is random', () => randomBytes(40).toString('base64url')],
    ['that is empty', () => ''],
    ['of three dots', () => '...'],
    ['of 7,000 bytes', () => 'a'.repeat(7000)],
  ]) {
    test(`one ${what} is unauthenticated`, async () => {
      const answer = await me(await make());
      check.problem(answer, 401, 'unauthenticated');
      assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer/);
    });
  }

  test('none at all is unauthenticated on every route that needs one', async () => {
    for (const [method, target, body] of [
      ['GET', '/users/me'], ['GET', '/users/someone'], ['GET', '/channels'], ['POST', '/channels', { name: 'x', status: 'PUBLIC' }],
      ['GET', '/channels/x'], ['PATCH', '/channels/x', {}], ['DELETE', '/channels/x'], ['PUT', '/channels/x/members/me', {}],
      ['DELETE', '/channels/x/members/me'], ['GET', '/channels/x/messages'], ['POST', '/channels/x/messages', { text: 'x' }],
      ['GET', '/history'], ['POST', '/auth/logout'],
    ]) {
      check.problem(await instance.rest(method, target, { body }), 401, 'unauthenticated');
    }
  });

  test('a refresh token is no access token, nor the other way round', async () => {
    const ann = await signup(instance);
    check.problem(await me(ann.refreshToken), 401, 'unauthenticated');
    check.problem(await instance.rest('POST', '/auth/refresh', { body: { refreshToken: ann.accessToken } }),
      401, 'unauthenticated');
  });
});

describe('refresh', () => {
  const refresh = (refreshToken) => instance.rest('POST', '/auth/refresh', { body: { refreshToken } });

  test('rotates: a new pair, and the old access token goes on', async () => {
    const ann = await signup(instance);
    const answer = await refresh(ann.refreshToken);
    assert.equal(answer.status, 200, answer.text);
    assert.notEqual(answer.body.refreshToken, ann.refreshToken);
    check.user(answer.body.user, ann.username);
    for (const token of [ann.accessToken, answer.body.accessToken]) {
      assert.equal((await instance.rest('GET', '/users/me', { token })).status, 200);
    }
  });

  test('used again within 10 s gives the same successor, also when both come at once', async () => {
    const ann = await signup(instance);
    const answers = await Promise.all([refresh(ann.refreshToken), refresh(ann.refreshToken), refresh(ann.refreshToken)]);
    assert.deepEqual(answers.map((each) => each.status), [200, 200, 200]);
    assert.equal(new Set(answers.map((each) => each.body.refreshToken)).size, 1);
    assert.equal((await refresh(answers[0].body.refreshToken)).status, 200);
  });

  test('used again later ends the whole family', async () => {
    const ann = await signup(instance);
    const next = (await refresh(ann.refreshToken)).body;
    await instance.sql(`update session set rotated_at = rotated_at - interval '11 seconds'
      where user_id = (select id from app_user where username = '${ann.username}')`);
    check.problem(await refresh(ann.refreshToken), 401, 'unauthenticated');
    check.problem(await refresh(next.refreshToken), 401, 'unauthenticated');
    check.problem(await instance.rest('GET', '/users/me', { token: next.accessToken }), 401, 'unauthenticated');
  });

  test('a token two generations old ends the family at once', async () => {
    const ann = await signup(instance);
    const second = (await refresh(ann.refreshToken)).body;
    const third = (await refresh(second.refreshToken)).body;
    check.problem(await refresh(ann.refreshToken), 401, 'unauthenticated');
    check.problem(await refresh(third.refreshToken), 401, 'unauthenticated');
  });

  test('ends one family only', async () => {
    const ann = await signup(instance);
    const other = (await instance.rest('POST', '/auth/login', { body: { username: ann.username, password: PASSWORD } })).body;
    await instance.rest('POST', '/auth/logout', { token: ann.accessToken });
    assert.equal((await refresh(other.refreshToken)).status, 200);
  });

  for (const [what, token] of [['rubbish', 'rubbish'], ['empty', '']]) {
    test(`refuses a token that is ${what}`, async () => {
      const answer = await refresh(token);
      assert.ok(answer.status === 401 || answer.status === 400, answer.text);
    });
  }
});

describe('logout', () => {
  test('ends the session: tokens die, the live socket is told and closed', async (t) => {
    const ann = await signup(instance);
    const client = await ann.connect(t);
    const answer = await ann.rest('POST', '/auth/logout', { body: 'any { body', type: 'text/plain' });
    assert.equal(answer.status, 204, answer.text);
    assert.equal(answer.text, '');
    await client.waitFor('(disconnect)');
    check.problem(await ann.rest('GET', '/users/me'), 401, 'unauthenticated');
    check.problem(await instance.rest('POST', '/auth/refresh', { body: { refreshToken: ann.refreshToken } }),
      401, 'unauthenticated');
    check.problem(await ann.rest('POST', '/auth/logout'), 401, 'unauthenticated');
  });

  test('leaves the other sessions of the user alone', async (t) => {
    const ann = await signup(instance);
    const other = (await instance.rest('POST', '/auth/login', { body: { username: ann.username, password: PASSWORD } })).body;
    const client = await ann.connect(t, { token: other.accessToken });
    const ended = await ann.connect(t);
    assert.equal((await ann.rest('POST', '/auth/logout')).status, 204);
    await ended.waitFor('(disconnect)');
    assert.equal((await client.ask('getHistory', { room: 'none' })).code, 'room_not_found');
    assert.equal(client.socket.connected, true);
  });
});

describe('users', () => {
  test('me and others by name, in any case of letters', async () => {
    const [ann, bob] = await signups(instance, 2);
    check.user(await ann.must('GET', '/users/me'), ann.username);
    check.user(await ann.must('GET', `/users/${bob.username}`), bob.username);
    check.user(await ann.must('GET', `/users/${bob.username.toUpperCase()}`), bob.username);
  });

  test('an unknown one is user_not_found', async () => {
    const ann = await signup(instance);
    check.problem(await ann.rest('GET', `/users/${unique('no')}`), 404, 'user_not_found');
  });
});

describe('making channels', () => {
  test('a public one: 201, Location, and its maker owns it', async () => {
    const ann = await signup(instance);
    const name = unique('pub ');
    const answer = await ann.rest('POST', '/channels', { body: { name, status: 'PUBLIC' } });
    assert.equal(answer.status, 201, answer.text);
    check.channel(answer.body, { name, status: 'PUBLIC', role: 'OWNER', members: 1 });
    const location = new URL(answer.headers.get('location'), `${instance.http}/api/v1/channels`);
    const there = await instance.rest('GET', location.pathname, { token: ann.accessToken, base: '' });
    check.channel(there.body, { name });
  });

  test('one whose name is not ASCII is found by its Location', async () => {
    const ann = await signup(instance);
    const name = unique('Käse 🧀 %2F ? # ');
    const answer = await ann.rest('POST', '/channels', { body: { name, status: 'PUBLIC' } });
    assert.equal(answer.status, 201, answer.text);
    const location = new URL(answer.headers.get('location'), `${instance.http}/api/v1/channels`);
    const there = await instance.rest('GET', location.pathname, { token: ann.accessToken, base: '' });
    check.channel(there.body, { name });
  });

  test('a private one needs a password', async () => {
    const ann = await signup(instance);
    for (const password of [undefined, null, '']) {
      check.problem(await ann.rest('POST', '/channels', { body: { name: unique('p'), status: 'PRIVATE', password } }),
        400, 'validation_failed', 'password');
    }
    check.channel(await ann.create(unique('p'), 'PRIVATE', 'p'), { status: 'PRIVATE', role: 'OWNER' });
  });

  test('a public one must not have one, but null and "" are none', async () => {
    const ann = await signup(instance);
    check.problem(await ann.rest('POST', '/channels', { body: { name: unique('p'), status: 'PUBLIC', password: 'secret' } }),
      400, 'validation_failed', 'password');
    for (const password of [null, '']) {
      check.channel(await ann.must('POST', '/channels', { body: { name: unique('p'), status: 'PUBLIC', password } }));
    }
  });

  test('names are unique by NFKC and case folding', async () => {
    const ann = await signup(instance);
    const tail = unique('x');
    await ann.create(`Straße ﬁ ${tail}`);
    for (const name of [`STRASSE FI ${tail.toUpperCase()}`, `strasse fi ${tail}`, `Ｓｔｒａßｅ fi ${tail}`]) {
      check.problem(await ann.rest('POST', '/channels', { body: { name, status: 'PUBLIC' } }), 409, 'name_taken');
    }
    check.channel(await ann.must('GET', at(`STRASSE fi ${tail}`)), { name: `Straße ﬁ ${tail}` });
  });

  for (const [what, name] of BAD_CHANNEL_NAMES) {
    test(`refuses a name with ${what}`, async () => {
      const ann = await signup(instance);
      check.problem(await ann.rest('POST', '/channels', { body: { name, status: 'PUBLIC' } }),
        400, 'validation_failed', 'name');
    });
  }

  test('takes a name of 64 characters that are not bytes', async () => {
    const ann = await signup(instance);
    const tail = unique('');
    const name = '🏠'.repeat(64 - tail.length) + tail;
    check.channel(await ann.create(name), { name });
  });

  test('refuses an unknown or missing status', async () => {
    const ann = await signup(instance);
    for (const status of ['SECRET', 'public', '', undefined, 3]) {
      check.problem(await ann.rest('POST', '/channels', { body: { name: unique('s'), status } }),
        400, 'validation_failed', 'status');
    }
  });
});

describe('direct rooms', () => {
  test('are named after both, made once, and found from either side', async () => {
    const [ann, bob] = await signups(instance, 2);
    const first = await ann.rest('POST', '/channels', { body: { name: bob.username, status: 'DIRECT' } });
    assert.equal(first.status, 201, first.text);
    const name = [ann.username, bob.username].sort().join('@');
    check.channel(first.body, { name, status: 'DIRECT', members: 2 });
    assert.ok(first.body.role === undefined || first.body.role === null, first.text);
    const again = await ann.rest('POST', '/channels', { body: { name: bob.username, status: 'DIRECT' } });
    assert.equal(again.status, 200, again.text);
    check.channel(again.body, { name });
    const back = await bob.rest('POST', '/channels', { body: { name: ann.username, status: 'DIRECT' } });
    assert.equal(back.status, 200, back.text);
    assert.equal(back.body.topic, first.body.topic);
  });

  test('both making it at once make one', async () => {
    const [ann, bob] = await signups(instance, 2);
    const answers = await Promise.all([
      ann.rest('POST', '/channels', { body: { name: bob.username, status: 'DIRECT' } }),
      bob.rest('POST', '/channels', { body: { name: ann.username, status: 'DIRECT' } }),
    ]);
    assert.deepEqual(answers.map((each) => each.status).sort(), [200, 201]);
    assert.equal(answers[0].body.topic, answers[1].body.topic);
  });

  test('not with oneself, not with nobody', async () => {
    const ann = await signup(instance);
    const self = await ann.rest('POST', '/channels', { body: { name: ann.username, status: 'DIRECT' } });
    check.problem(self, 400, 'validation_failed', 'name');
    check.problem(await ann.rest('POST', '/channels', { body: { name: unique('no'), status: 'DIRECT' } }),
      404, 'user_not_found');
  });

  test('do not exist for outsiders in any call', async () => {
    const [ann, bob, eve] = await signups(instance, 3);
    const { name } = await ann.create(bob.username, 'DIRECT');
    await ann.say(name, 'for your eyes only');
    for (const [method, target, body] of [
      ['GET', at(name)], ['PATCH', at(name), { name: 'x' }], ['DELETE', at(name)], ['PUT', `${at(name)}/members/me`, {}],
      ['PUT', `${at(name)}/members/me`, { password: 'x' }], ['DELETE', `${at(name)}/members/me`],
      ['GET', `${at(name)}/messages`], ['POST', `${at(name)}/messages`, { text: 'x' }],
    ]) {
      check.problem(await eve.rest(method, target, { body }), 404, 'room_not_found');
    }
    assert.ok(!(await eve.rest('GET', `/channels?q=${ann.username}`)).text.includes(name));
    assert.ok(!(name in await eve.must('GET', '/history')));
  });

  test('nobody joins, leaves, changes or ends one', async () => {
    const [ann, bob] = await signups(instance, 2);
    const { name } = await ann.create(bob.username, 'DIRECT');
    check.problem(await ann.rest('PUT', `${at(name)}/members/me`, { body: {} }), 403, 'forbidden');
    check.problem(await ann.rest('DELETE', `${at(name)}/members/me`), 403, 'forbidden');
    check.problem(await ann.rest('PATCH', at(name), { body: { name: unique('n') } }), 403, 'forbidden');
    check.problem(await ann.rest('DELETE', at(name)), 403, 'forbidden');
    check.message(await bob.say(name, 'still here'), { room: name });
  });
});

describe('looking at channels', () => {
  test('the list holds public ones and mine; member=me mine only; q searches', async () => {
    const [ann, bob] = await signups(instance, 2);
    const tail = unique('list');
    await ann.create(`${tail} pub`);
    await ann.create(`${tail} priv`, 'PRIVATE', 'secret');
    await bob.create(`${tail} bobs`);
    const names = async (who, query) => (await who.must('GET', `/channels?limit=100&${query}`)).channels.map((each) => each.name).sort();
    assert.deepEqual(await names(ann, `q=${tail}`), [`${tail} bobs`, `${tail} priv`, `${tail} pub`]);
    assert.deepEqual(await names(bob, `q=${tail}`), [`${tail} bobs`, `${tail} pub`]);
    assert.deepEqual(await names(ann, 'member=me'), [`${tail} priv`, `${tail} pub`]);
    assert.deepEqual(await names(bob, `member=me&q=${tail}`), [`${tail} bobs`]);
    for (const each of (await ann.must('GET', `/channels?q=${tail}`)).channels) check.channel(each);
  });

  test('q is a text, not a pattern', async () => {
    const ann = await signup(instance);
    const tail = unique('q');
    await ann.create(`${tail} 100% sure_`);
    const found = async (q) => (await ann.must('GET', `/channels?q=${encodeURIComponent(q)}`)).channels.length;
    assert.equal(await found(`${tail} 100% S`), 1);
    assert.equal(await found(`${tail}_100`), 0);
    assert.equal(await found(`${tail}%sure`), 0);
    assert.equal(await found('\\'), 0);
  });

  test('pages by cursor, each channel once, with Link', async () => {
    const ann = await signup(instance);
    const tail = unique('page');
    for (let i = 0; i < 7; i++) await ann.create(`${tail} ${i}`);
    const names = [];
    let target = `/api/v1/channels?q=${tail}&limit=3`;
    let pages = 0;
    while (target) {
      const answer = await instance.rest('GET', target, { token: ann.accessToken, base: '' });
      assert.equal(answer.status, 200, answer.text);
      names.push(...answer.body.channels.map((each) => each.name));
      const link = /<([^>]+)>;\s*rel="?next"?/.exec(answer.headers.get('link') ?? '');
      assert.equal(Boolean(link), 'nextCursor' in answer.body && answer.body.nextCursor !== null);
      const next = link && new URL(link[1], `${instance.http}/api/v1/`);
      target = next && next.pathname + next.search;
      pages++;
    }
    assert.equal(pages, 3);
    assert.deepEqual(names.sort(), Array.from({ length: 7 }, (_, i) => `${tail} ${i}`));
  });

  test('refuses a limit out of range and a cursor of nobody', async () => {
    const ann = await signup(instance);
    for (const query of ['limit=0', 'limit=101', 'limit=-1', 'limit=x', 'limit=', 'limit=1.5', 'limit=99999999999999999999']) {
      check.problem(await ann.rest('GET', `/channels?${query}`), 400, 'validation_failed', 'limit');
    }
    check.problem(await ann.rest('GET', '/channels?cursor=rubbish'), 400, 'validation_failed');
  });

  test('a public one is open to look at, a private one does not show', async () => {
    const [ann, bob] = await signups(instance, 2);
    const pub = unique('pub');
    const priv = unique('priv');
    await ann.create(pub);
    await ann.create(priv, 'PRIVATE', 'secret');
    const seen = await bob.must('GET', at(pub));
    check.channel(seen, { name: pub, members: 1 });
    assert.ok(seen.role === undefined || seen.role === null);
    check.problem(await bob.rest('GET', at(priv)), 404, 'room_not_found');
    check.problem(await bob.rest('GET', `${at(priv)}/messages`), 404, 'room_not_found');
    check.problem(await bob.rest('GET', at(unique('none'))), 404, 'room_not_found');
    check.channel(await ann.must('GET', at(priv)), { status: 'PRIVATE', role: 'OWNER' });
  });

  test('members are listed with their roles', async () => {
    const [ann, bob] = await signups(instance, 2);
    const name = unique('mem');
    await ann.create(name);
    await bob.join(name);
    const { members } = await ann.must('GET', `${at(name)}/members`);
    assert.deepEqual(members.map((each) => [each.username, each.role]).sort(),
      [[ann.username, 'OWNER'], [bob.username, 'USER']].sort());
  });
});

describe('changing channels', () => {
  test('a new name that is none is called what the client called it', async () => {
    const ann = await signup(instance);
    const name = unique('named');
    await ann.create(name);
    for (const bad of [5, '', 'a/b', 'constructor']) {
      check.problem(await ann.rest('PATCH', at(name), { body: { name: bad } }), 400, 'validation_failed', 'name');
      check.problem(await ann.rest('PATCH', at(name), { body: { newName: bad } }), 400, 'validation_failed', 'newName');
    }
  });

  test('the owner renames: old names go on leading to it and stay taken', async () => {
    const [ann, bob] = await signups(instance, 2);
    const [first, second] = [unique('first'), unique('second')];
    await ann.create(first);
    await bob.join(first);
    check.channel(await ann.must('PATCH', at(first), { body: { name: second } }), { name: second });
    check.channel(await bob.must('GET', at(first)), { name: second });
    check.message(await bob.say(first, 'by the old name'), { room: second });
    check.problem(await bob.rest('POST', '/channels', { body: { name: first, status: 'PUBLIC' } }), 409, 'name_taken');
    const taken = unique('taken');
    await bob.create(taken);
    check.problem(await ann.rest('PATCH', at(second), { body: { name: taken } }), 409, 'name_taken');
    check.channel(await ann.must('PATCH', at(second), { body: { name: first } }), { name: first });
  });

  test('the owner makes it private and public again', async () => {
    const [ann, bob, eve] = await signups(instance, 3);
    const name = unique('turn');
    await ann.create(name);
    check.problem(await ann.rest('PATCH', at(name), { body: { status: 'PRIVATE' } }), 400, 'validation_failed', 'password');
    check.channel(await ann.must('PATCH', at(name), { body: { status: 'PRIVATE', password: 'pw' } }), { status: 'PRIVATE' });
    check.problem(await bob.rest('PUT', `${at(name)}/members/me`, { body: {} }), 403, 'wrong_password');
    await bob.join(name, 'pw');
    check.channel(await ann.must('PATCH', at(name), { body: { password: 'pw2' } }), { status: 'PRIVATE' });
    check.problem(await eve.rest('PUT', `${at(name)}/members/me`, { body: { password: 'pw' } }), 403, 'wrong_password');
    check.channel(await ann.must('PATCH', at(name), { body: { status: 'PUBLIC' } }), { status: 'PUBLIC' });
    await eve.join(name);
    check.problem(await ann.rest('PATCH', at(name), { body: { password: 'pw' } }), 400, 'validation_failed', 'password');
    check.problem(await ann.rest('PATCH', at(name), { body: { status: 'DIRECT' } }), 400, 'validation_failed', 'status');
  });

  test('only one who may', async () => {
    const [ann, bob, eve] = await signups(instance, 3);
    const name = unique('mine');
    await ann.create(name);
    await bob.join(name);
    check.problem(await bob.rest('PATCH', at(name), { body: { name: unique('x') } }), 403, 'forbidden');
    check.problem(await bob.rest('DELETE', at(name)), 403, 'forbidden');
    for (const [method, body] of [['PATCH', { name: unique('x') }], ['DELETE', undefined]]) {
      const answer = await eve.rest(method, at(name), { body });
      assert.ok(['forbidden', 'not_a_member'].includes(answer.body.code), answer.text);
      assert.equal(answer.status, 403);
    }
  });

  test('the owner deletes: it is gone for all, its name stays taken, members are told', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const name = unique('gone');
    await ann.create(name);
    await bob.join(name);
    const client = await bob.connect(t);
    const answer = await ann.rest('DELETE', at(name));
    assert.equal(answer.status, 204, answer.text);
    await client.waitFor('channelDeleted', (body) => body.room === name);
    for (const who of [ann, bob]) {
      check.problem(await who.rest('GET', at(name)), 404, 'room_not_found');
      check.problem(await who.rest('POST', `${at(name)}/messages`, { body: { text: 'x' } }), 404, 'room_not_found');
    }
    check.problem(await bob.rest('POST', '/channels', { body: { name, status: 'PUBLIC' } }), 409, 'name_taken');
    assert.ok(!(name in await bob.must('GET', '/history')));
  });
});

describe('joining and leaving', () => {
  test('a public one: Channel with my role; twice is already_member', async () => {
    const [ann, bob] = await signups(instance, 2);
    const name = unique('join');
    await ann.create(name);
    check.channel(await bob.join(name), { name, role: 'USER', members: 2 });
    check.problem(await bob.rest('PUT', `${at(name)}/members/me`, { body: {} }), 409, 'already_member');
    const none = await signup(instance);
    const bare = await none.rest('PUT', `${at(name)}/members/me`);
    assert.equal(bare.status, 200, `without a body: ${bare.text}`);
  });

  test('a private one: none, wrong and right password', async () => {
    const [ann, bob] = await signups(instance, 2);
    const name = unique('priv');
    await ann.create(name, 'PRIVATE', 'pâssword');
    for (const password of [undefined, '', 'wrong', 'pâssword ']) {
      check.problem(await bob.rest('PUT', `${at(name)}/members/me`, { body: { password } }), 403, 'wrong_password');
    }
    check.channel(await bob.join(name, 'pâssword'), { role: 'USER', members: 2 });
    check.problem(await bob.rest('PUT', `${at(name)}/members/me`, { body: { password: 'pâssword' } }), 409, 'already_member');
  });

  test('leaving: 204, then not_a_member for what members may', async () => {
    const [ann, bob] = await signups(instance, 2);
    const name = unique('leave');
    await ann.create(name);
    await bob.join(name);
    const answer = await bob.rest('DELETE', `${at(name)}/members/me`);
    assert.equal(answer.status, 204, answer.text);
    check.problem(await bob.rest('DELETE', `${at(name)}/members/me`), 403, 'not_a_member');
    check.problem(await bob.rest('POST', `${at(name)}/messages`, { body: { text: 'x' } }), 403, 'not_a_member');
    check.problem(await bob.rest('GET', `${at(name)}/messages`), 403, 'not_a_member');
    assert.ok(!(name in await bob.must('GET', '/history')));
    check.channel(await bob.join(name), { role: 'USER' });
  });

  test('one that does not exist is room_not_found', async () => {
    const ann = await signup(instance);
    const name = unique('none');
    check.problem(await ann.rest('PUT', `${at(name)}/members/me`, { body: {} }), 404, 'room_not_found');
    check.problem(await ann.rest('DELETE', `${at(name)}/members/me`), 404, 'room_not_found');
  });

  test('the last owner leaves: the longest-serving member owns; the last member archives it', async () => {
    const [ann, bob, eve] = await signups(instance, 3);
    const name = unique('heir');
    await ann.create(name);
    await bob.join(name);
    await eve.join(name);
    await ann.leave(name);
    check.channel(await bob.must('GET', at(name)), { role: 'OWNER', members: 2 });
    check.channel(await eve.must('GET', at(name)), { role: 'USER' });
    await bob.leave(name);
    check.channel(await eve.must('GET', at(name)), { role: 'OWNER', members: 1 });
    await eve.leave(name);
    check.problem(await eve.rest('GET', at(name)), 404, 'room_not_found');
    check.problem(await ann.rest('PUT', `${at(name)}/members/me`, { body: {} }), 404, 'room_not_found');
    check.problem(await ann.rest('POST', '/channels', { body: { name, status: 'PUBLIC' } }), 409, 'name_taken');
  });

  test('an admin is heir before an older member', async () => {
    const [ann, bob, eve] = await signups(instance, 3);
    const name = unique('heir');
    await ann.create(name);
    await bob.join(name);
    await eve.join(name);
    await instance.sql(`update membership set role = 'ADMIN' where is_member and user_id =
      (select id from app_user where username = '${eve.username}')`);
    await ann.leave(name);
    check.channel(await eve.must('GET', at(name)), { role: 'OWNER' });
    check.channel(await bob.must('GET', at(name)), { role: 'USER' });
  });
});

describe('messages', () => {
  test('a post is 201 with the Message, and reads back the same', async () => {
    const ann = await signup(instance);
    const name = unique('post');
    await ann.create(name);
    const answer = await ann.rest('POST', `${at(name)}/messages`, { body: { text: 'hello', nonce: 'n-1' } });
    assert.equal(answer.status, 201, answer.text);
    check.message(answer.body, { room: name, kind: 'text', sender: ann.username, text: 'hello', nonce: 'n-1' });
    const { messages } = await ann.messages(name);
    assert.deepEqual(messages.at(-1), answer.body);
    const one = await ann.must('GET', `${at(name)}/messages/${answer.body.seq}`);
    assert.deepEqual(one, answer.body);
  });

  test('a nonce seen is 200 with the first answer and no second row', async () => {
    const ann = await signup(instance);
    const name = unique('nonce');
    await ann.create(name);
    const post = (options) => ann.rest('POST', `${at(name)}/messages`, options);
    const first = await post({ body: { text: 'once', nonce: 'abc' } });
    assert.equal(first.status, 201, first.text);
    for (const options of [
      { body: { text: 'once', nonce: 'abc' } },
      { body: { text: 'once' }, headers: { 'idempotency-key': 'abc' } },
    ]) {
      const again = await post(options);
      assert.equal(again.status, 200, again.text);
      assert.deepEqual(again.body, first.body);
    }
    check.problem(await post({ body: { text: 'twice', nonce: 'abc' } }), 409, 'nonce_conflict');
    assert.equal((await ann.messages(name)).messages.filter((each) => each.text === 'once').length, 1);
  });

  test('ten resends at once write one row', async () => {
    const ann = await signup(instance);
    const name = unique('nonce');
    await ann.create(name);
    const answers = await Promise.all(Array.from({ length: 10 }, () =>
      ann.rest('POST', `${at(name)}/messages`, { body: { text: 'once' }, headers: { 'idempotency-key': 'k' } })));
    assert.deepEqual(answers.map((each) => each.status).sort(), [...Array(9).fill(200), 201]);
    assert.equal(new Set(answers.map((each) => each.body.seq)).size, 1);
  });

  test('a nonce is of its author and room', async () => {
    const [ann, bob] = await signups(instance, 2);
    const names = [unique('a'), unique('b')];
    for (const name of names) {
      await ann.create(name);
      await bob.join(name);
    }
    for (const who of [ann, bob]) {
      for (const name of names) {
        const answer = await who.rest('POST', `${at(name)}/messages`, { body: { text: 'x', nonce: 'same' } });
        assert.equal(answer.status, 201, answer.text);
      }
    }
  });

  test('refuses a nonce that is no 1 to 64 visible ASCII characters', async () => {
    const ann = await signup(instance);
    const name = unique('nonce');
    await ann.create(name);
    for (const key of ['x'.repeat(65), 'a b']) {
      check.problem(await ann.rest('POST', `${at(name)}/messages`, { body: { text: 'x' }, headers: { 'idempotency-key': key } }),
        400, 'validation_failed', 'nonce');
    }
    for (const nonce of ['', 'x'.repeat(65), 'a b', 'é', '\u0000', 7]) {
      check.problem(await ann.rest('POST', `${at(name)}/messages`, { body: { text: 'x', nonce } }),
        400, 'validation_failed', 'nonce');
    }
    check.message(await ann.say(name, 'x', '~!"{}\\'.padEnd(64, 'z')));
  });

  for (const [what, text] of GOOD_TEXTS) {
    test(`takes a text that is ${what}, and gives it back unchanged`, async () => {
      const ann = await signup(instance);
      const name = unique('text');
      await ann.create(name);
      check.message(await ann.say(name, text), { text });
      assert.equal((await ann.messages(name)).messages.at(-1).text, text);
    });
  }

  for (const [what, text] of BAD_TEXTS) {
    test(`refuses a text that is or has ${what}`, async () => {
      const ann = await signup(instance);
      const name = unique('text');
      await ann.create(name);
      check.problem(await ann.rest('POST', `${at(name)}/messages`, { body: { text } }), 400, 'validation_failed', 'text');
    });
  }

  test('pages: newest without a cursor, before, after, around, limit, hasMore, Link', async () => {
    const ann = await signup(instance);
    const name = unique('pages');
    await ann.create(name);
    for (let i = 1; i <= 25; i++) await ann.say(name, `m${i}`);
    const all = (await ann.messages(name, '?limit=100')).messages;
    check.rising(all.map((each) => each.seq), 'the page');
    const seqs = all.map((each) => each.seq);
    const page = async (query) => {
      const body = await ann.messages(name, query);
      return { seqs: body.messages.map((each) => each.seq), hasMore: body.hasMore };
    };
    const last = seqs.length;
    assert.deepEqual(await page('?limit=10'), { seqs: seqs.slice(last - 10), hasMore: true });
    assert.deepEqual(await page(''), { seqs, hasMore: false });
    assert.deepEqual(await page(`?before=${seqs[10]}&limit=5`), { seqs: seqs.slice(5, 10), hasMore: true });
    assert.deepEqual(await page(`?before=${seqs[3]}&limit=5`), { seqs: seqs.slice(0, 3), hasMore: false });
    assert.deepEqual(await page(`?after=${seqs[10]}&limit=5`), { seqs: seqs.slice(11, 16), hasMore: true });
    assert.deepEqual(await page(`?after=${seqs[last - 3]}&limit=5`), { seqs: seqs.slice(last - 2), hasMore: false });
    assert.deepEqual(await page('?after=0&limit=2'), { seqs: seqs.slice(0, 2), hasMore: true });
    const around = await page(`?around=${seqs[12]}&limit=5`);
    assert.equal(around.seqs.length, 5);
    assert.ok(around.seqs.includes(seqs[12]));
    const first = seqs.indexOf(around.seqs[0]);
    assert.deepEqual(around.seqs, seqs.slice(first, first + 5));
  });

  test('Link leads through the whole room, backwards', async () => {
    const ann = await signup(instance);
    const name = unique('link é');
    await ann.create(name);
    for (let i = 1; i <= 12; i++) await ann.say(name, `m${i}`);
    const all = (await ann.messages(name, '?limit=100')).messages.map((each) => each.seq);
    let target = `/api/v1${at(name)}/messages?limit=5`;
    const seen = [];
    for (let pages = 0; target && pages < 10; pages++) {
      const answer = await instance.rest('GET', target, { token: ann.accessToken, base: '' });
      assert.equal(answer.status, 200, answer.text);
      seen.unshift(...answer.body.messages.map((each) => each.seq));
      const link = /<([^>]+)>;\s*rel="?(?:next|prev)"?/.exec(answer.headers.get('link') ?? '');
      assert.equal(Boolean(link), answer.body.hasMore, `Link: ${answer.headers.get('link')}`);
      const next = link && new URL(link[1], `${instance.http}/api/v1/`);
      target = next && next.pathname + next.search;
    }
    assert.deepEqual(seen, all);
  });

  test('refuses cursors and limits that are none', async () => {
    const ann = await signup(instance);
    const name = unique('bad');
    await ann.create(name);
    for (const [query, field] of [
      ['before=x', 'before'], ['after=-1', 'after'], ['around=1.5', 'around'], ['limit=0', 'limit'], ['limit=101', 'limit'],
      ['before=99999999999999999999', 'before'],
    ]) {
      check.problem(await ann.rest('GET', `${at(name)}/messages?${query}`), 400, 'validation_failed', field);
    }
    assert.equal((await ann.rest('GET', `${at(name)}/messages?before=1&after=1`)).status, 400);
  });

  test('a message that is none is message_not_found', async () => {
    const ann = await signup(instance);
    const name = unique('none');
    await ann.create(name);
    /* seq 1 is the maker's memberJoined: a row of the log, but no message. */
    for (const seq of ['999999', '0', 'x', '1', '99999999999999999999']) {
      check.problem(await ann.rest('GET', `${at(name)}/messages/${seq}`), 404, 'message_not_found');
    }
  });

  test('not a member: not_a_member in a public room, nothing in a private one', async () => {
    const [ann, bob] = await signups(instance, 2);
    const [pub, priv] = [unique('pub'), unique('priv')];
    await ann.create(pub);
    await ann.create(priv, 'PRIVATE', 'x');
    check.problem(await bob.rest('POST', `${at(pub)}/messages`, { body: { text: 'x' } }), 403, 'not_a_member');
    check.problem(await bob.rest('GET', `${at(pub)}/messages`), 403, 'not_a_member');
    const answer = await bob.rest('POST', `${at(priv)}/messages`, { body: { text: 'x' } });
    assert.ok(['not_a_member', 'room_not_found'].includes(answer.body.code), answer.text);
  });

  test('system messages tell of making, joining and leaving', async () => {
    const [ann, bob] = await signups(instance, 2);
    const name = unique('sys');
    await ann.create(name);
    await bob.join(name);
    await bob.leave(name);
    const { messages } = await ann.messages(name);
    assert.equal(messages.length, 3);
    for (const each of messages) check.message(each, { room: name, kind: 'system' });
    assert.ok(messages[0].text.includes(ann.username), messages[0].text);
    assert.ok(messages[1].text.includes(bob.username), messages[1].text);
    assert.ok(messages[2].text.includes(bob.username), messages[2].text);
  });
});

describe('history', () => {
  test('is every room of mine with all its messages, oldest first', async () => {
    const [ann, bob] = await signups(instance, 2);
    const names = [unique('h1'), unique('h2'), unique('h3')];
    await ann.create(names[0]);
    await ann.create(names[1], 'PRIVATE', 'x');
    await bob.create(names[2]);
    for (let i = 0; i < 5; i++) await ann.say(names[i % 2], `m${i}`);
    const { name: direct } = await bob.create(ann.username, 'DIRECT');
    await bob.say(direct, 'psst');
    const answer = await ann.rest('GET', '/history');
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.type, 'application/json');
    assert.deepEqual(Object.keys(answer.body).sort(), [names[0], names[1], direct].sort());
    for (const [name, list] of Object.entries(answer.body)) {
      assert.deepEqual(list, (await ann.messages(name)).messages);
    }
  });

  test('is {} for one who is nowhere', async () => {
    const ann = await signup(instance);
    assert.deepEqual(await ann.must('GET', '/history'), {});
  });

  test('holds what was said before one joined', async () => {
    const [ann, bob] = await signups(instance, 2);
    const name = unique('before');
    await ann.create(name);
    await ann.say(name, 'early');
    await bob.join(name);
    assert.ok((await bob.must('GET', '/history'))[name].some((each) => each.text === 'early'));
  });
});

describe('HTTP', () => {
  test('an unknown route is route_not_found', async () => {
    const ann = await signup(instance);
    for (const target of ['/nothing', '/', '/channels/x/y', '/auth', '/users/me/nothing', '/historyx', '/channels//messages']) {
      check.problem(await ann.rest('GET', target), 404, 'route_not_found');
    }
  });

  test('a wrong method is method_not_allowed, and Allow names the right ones', async () => {
    const ann = await signup(instance);
    for (const [method, target, allowed] of [
      ['DELETE', '/auth/login', 'POST'], ['PUT', '/channels', 'POST'], ['POST', '/history', 'GET'], ['PATCH', '/channels', 'GET'],
      ['DELETE', '/channels/x/messages', 'POST'], ['GET', '/auth/signup', 'POST'],
    ]) {
      const answer = await ann.rest(method, target);
      check.problem(answer, 405, 'method_not_allowed');
      assert.ok((answer.headers.get('allow') ?? '').split(/,\s*/).includes(allowed), `${target}: ${answer.headers.get('allow')}`);
    }
  });

  test('HEAD answers as GET does, without a body', async () => {
    const ann = await signup(instance);
    const get = await ann.rest('GET', '/users/me');
    const head = await rawRequest(instance.http, {
      method: 'HEAD', target: '/api/v1/users/me', headers: { authorization: `Bearer ${ann.accessToken}` },
    });
    assert.equal(head.status, 200);
    assert.equal(head.text, '');
    assert.equal(head.headers.get('content-type'), get.headers.get('content-type'));
    const none = await rawRequest(instance.http, { method: 'HEAD', target: '/api/v1/users/me' });
    assert.equal(none.status, 401);
    assert.equal(none.text, '');
  });

  test('OPTIONS names the methods, without a token', async () => {
    const answer = await instance.rest('OPTIONS', '/channels');
    assert.ok(answer.status === 204 || answer.status === 200, answer.text);
    const methods = (answer.headers.get('allow') ?? '').split(/,\s*/);
    for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS']) assert.ok(methods.includes(method), methods.join());
  });

  test('CORS: origins of the list may call, others get no leave', async () => {
    const from = (origin, method = 'GET') => instance.rest(method, '/channels', {
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
    });
    const preflight = await from('http://localhost:5173', 'OPTIONS');
    assert.equal(preflight.status, 204, preflight.text);
    assert.equal(preflight.headers.get('access-control-allow-origin'), 'http://localhost:5173');
    assert.match(preflight.headers.get('access-control-allow-methods'), /POST/);
    assert.match(preflight.headers.get('access-control-allow-headers'), /authorization/i);
    assert.equal((await from('http://localhost:5173')).headers.get('access-control-allow-origin'), 'http://localhost:5173');
    for (const origin of ['http://evil.example', 'http://localhost.evil.example', 'https://localhost:5173', 'null']) {
      assert.equal((await from(origin)).headers.get('access-control-allow-origin'), null, origin);
    }
  });

  test('a body that is not JSON by its type is unsupported_media_type', async () => {
    const ann = await signup(instance);
    const body = JSON.stringify({ name: unique('t'), status: 'PUBLIC' });
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'multipart/form-data']) {
      check.problem(await ann.rest('POST', '/channels', { body, type }), 415, 'unsupported_media_type');
    }
    for (const type of ['application/json; charset=utf-8', 'Application/JSON']) {
      const answer = await ann.rest('POST', '/channels', { body: { name: unique('t'), status: 'PUBLIC' }, type });
      assert.equal(answer.status, 201, `${type}: ${answer.text}`);
    }
  });

  test('the scheme Bearer is read in any case; another scheme is unauthenticated', async () => {
    const ann = await signup(instance);
    const as = (authorization) => instance.rest('GET', '/users/me', { headers: { authorization } });
    assert.equal((await as(`bearer ${ann.accessToken}`)).status, 200);
    check.problem(await as(`Basic ${ann.accessToken}`), 401, 'unauthenticated');
  });

  test('answers are not cached and not sniffed', async () => {
    const ann = await signup(instance);
    const answer = await ann.rest('GET', '/users/me');
    assert.match(answer.headers.get('cache-control') ?? '', /no-store|private|no-cache/);
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
  });

  test('percent-encoding in paths: a slash is no separator, a bad escape is refused', async () => {
    const ann = await signup(instance);
    check.problem(await ann.rest('GET', '/channels/a%2Fb'), 404, 'room_not_found');
    /* Some of these a web server in front refuses by itself. */
    for (const target of ['/channels/%zz', '/channels/%00', '/channels/%ff%fe', '/channels/x/messages?before=%00', '/users/%00']) {
      const answer = await rawRequest(instance.http, {
        target: `/api/v1${target}`, headers: { authorization: `Bearer ${ann.accessToken}` },
      });
      assert.ok(answer.status >= 400 && answer.status < 500, `${target}: ${answer.status} ${answer.text}`);
    }
  });

  test('the API description is served as JSON and YAML, and Swagger UI over it', async () => {
    const json = await instance.rest('GET', '/api-json', { base: '' });
    assert.equal(json.status, 200);
    assert.match(json.body.openapi, /^3\.1/);
    const yaml = await instance.rest('GET', '/api-yaml', { base: '' });
    assert.equal(yaml.status, 200);
    assert.match(yaml.text, /openapi: ['"]?3\.1/);
    const ui = await fetch(`${instance.http}/api`);
    assert.equal(ui.status, 200);
    const page = await ui.text();
    assert.match(page, /swagger-ui/);
    assert.doesNotMatch(page, /https?:\/\/(?!127\.0\.0\.1|localhost)[^"' ]*\.(js|css)/);
    assert.equal((await fetch(`${instance.http}/`)).status, 200);
    const metrics = await instance.rest('GET', '/metrics', { base: '' });
    assert.notEqual(metrics.status, 200);
  });
});
