/*
 * A flood of logins, with passwords hashed as in production: it is turned away in time, and who is
 * logged in does not notice.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import * as check from '../integration/lib/check.mjs';
import { PASSWORD, signup, unique } from '../integration/lib/users.mjs';
import { quantile } from '../integration/lib/wait.mjs';
import { LONG, instanceFor } from './lib/scene.mjs';

const instance = await instanceFor({ after }, {
  set: { 'auth.hash_ops': 2, 'auth.hash_bytes': 19922944, 'limits.hash_queue': 64, 'limits.password_tries': 5 },
});

test('REST answers quickly while 40 and then 200 log in at once', { timeout: 120_000 }, async (t) => {
  const ann = await signup(instance);
  const room = unique('calm');
  await ann.create(room);
  const timed = async (promise) => {
    const begun = performance.now();
    const answer = await promise;
    return { ms: performance.now() - begun, answer };
  };
  for (const width of [0, 40, 200]) {
    const outcomes = { 401: 0, 429: 0 };
    let going = true;
    const flooding = Array.from({ length: width }, async () => {
      while (going) {
        const answer = await instance.rest('POST', '/auth/login', { body: { username: unique('no'), password: PASSWORD } });
        outcomes[answer.status]++;
        if (answer.status === 429) {
          check.problem(answer, 429, 'rate_limited');
          assert.equal(answer.headers.get('retry-after'), '1');
          await delay(1000);
        }
      }
    });
    await delay(200);
    const waits = [];
    const end = performance.now() + (LONG ? 20_000 : 3000);
    while (performance.now() < end) {
      const me = await timed(ann.rest('GET', '/users/me'));
      const sent = await timed(ann.rest('POST', `/channels/${room}/messages`, { body: { text: 'calm' } }));
      assert.equal(me.answer.status, 200);
      assert.equal(sent.answer.status, 201);
      waits.push(me.ms, sent.ms);
    }
    going = false;
    await Promise.all(flooding);
    t.diagnostic(`${width} at once: ${JSON.stringify(outcomes)}; ${waits.length} requests of another took ${quantile(waits, 0.5).toFixed(1)} ms, p99 ${quantile(waits, 0.99).toFixed(1)}, at most ${Math.max(...waits).toFixed(1)}`);
    /* Two hundred that come back at the same moment keep also this process busy: there the middle counts. */
    const slow = quantile(waits, width > 100 ? 0.5 : 0.99);
    assert.ok(slow < 1000, String(slow));
    if (width) assert.ok(outcomes[401] > 20, JSON.stringify(outcomes));
    if (width === 40) assert.equal(outcomes[429], 0, 'all fit into the queue');
    if (width === 200) assert.ok(outcomes[429] > 50, JSON.stringify(outcomes));
  }
  const back = await instance.rest('POST', '/auth/login', { body: { username: ann.username, password: PASSWORD } });
  assert.equal(back.status, 200, 'after the flood');
});

test('a client does not get another address by claiming one', async () => {
  const username = unique('nobody');
  const statuses = [];
  for (let i = 0; i < 6; i++) {
    const answer = await instance.rest('POST', '/auth/login', {
      body: { username, password: PASSWORD }, headers: { 'x-forwarded-for': `192.0.2.${i}` },
    });
    statuses.push(answer.status);
  }
  assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429]);
});
