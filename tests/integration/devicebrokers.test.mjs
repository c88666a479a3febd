/* Devices' commands are shared by the brokers: one that stops or dies loses nothing that was answered. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import * as check from './lib/check.mjs';
import { device } from './lib/device.mjs';
import { started } from './lib/instance.mjs';
import { signup, unique } from './lib/users.mjs';
import { until } from './lib/wait.mjs';

const instance = await started({ after }, { args: ['--brokers', '2'] });

async function commands(index) {
  const text = await (await fetch(`${instance.status.brokers[index]}/metrics`)).text();
  return Number(/^parley_commands_total (\d+)$/m.exec(text)[1]);
}

test('each broker gets its share; every answer is true while brokers stop and die', async (t) => {
  const user = await signup(instance);
  const name = unique('shared');
  await user.create(name);
  const phone = await device(t, instance, user);
  await phone.subscribe([`parley/v1/devices/${user.username}/result`]);
  const answers = new Map();
  phone.client.on('message', (topic, payload) => {
    const body = JSON.parse(payload);
    if (body.event === 'sendMessageSuccess') answers.set(body.nonce, body.seq);
    else assert.equal(body.code, 'unavailable', JSON.stringify(body));
  });
  const send = (i) => phone.client.publish(`parley/v1/devices/${user.username}/send`,
    JSON.stringify({ room: name, text: `number ${i}`, nonce: `n${i}` }), { qos: 1 });
  for (let i = 0; i < 100; i++) send(i);
  await until('a hundred answers', () => answers.size === 100);
  for (const index of [0, 1]) assert.ok(await commands(index) >= 20, `broker ${index + 1} had its share`);
  const { brokers } = instance.status.pids;
  for (let i = 100; i < 500; i++) {
    send(i);
    if (i === 200) process.kill(brokers[0], 'SIGTERM');
    if (i === 350) process.kill(brokers[1], 'SIGKILL');
    if (i % 10 === 0) await new Promise((resolve) => { setTimeout(resolve, 5); });
  }
  const before = new Map(answers);
  await until('all answers', () => {
    for (let i = 100; i < 500; i++) if (!answers.has(`n${i}`)) send(i);
    return answers.size === 500;
  }, { timeout: 30_000, every: 300 });
  const written = (await user.allMessages(name)).filter((each) => each.kind === 'text');
  check.rising(written.map((each) => each.seq), 'the log');
  assert.equal(written.length, 500, 'each once');
  for (const each of written) assert.equal(answers.get(each.nonce), each.seq, each.nonce);
  for (const [nonce, seq] of before) assert.equal(answers.get(nonce), seq, `${nonce}: the same answer again`);
  assert.ok(phone.client.connected);
});
