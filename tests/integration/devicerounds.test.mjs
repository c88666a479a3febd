/* More devices than mosquitto's plugin may look after in the time it aims at: none is forgotten. */
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { device } from './lib/device.mjs';
import { started } from './lib/instance.mjs';
import { signups } from './lib/users.mjs';
import { within } from './lib/wait.mjs';

/* A round is half a sweep and has 50 places: 100 devices are due again when their five seconds are over. */
const instance = await started({ after }, { set: { 'broker.sweep_ms': 5000 } });

test('a session ended by hand is found among many devices', { timeout: 90_000 }, async (t) => {
  const users = await signups(instance, 180);
  const phones = [];
  for (const user of users) phones.push(await device(t, instance, user));
  await delay(6000); // all are known, and the first ones due again
  const ended = users.map((user, i) => i).filter((i) => i % 10 === 0);
  const names = ended.map((i) => `'${users[i].username}'`).join(',');
  await instance.sql(`update session set ended_at = now() where user_id in (select id from app_user where username in (${names}))`);
  await within('the end of all of them', Promise.all(ended.map((i) => phones[i].gone)), 30_000);
});
