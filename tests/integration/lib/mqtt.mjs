/* mosquitto_sub with parley's own credentials, printing each message as JSON. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { events as described } from './asyncapi.mjs';
import { within } from './wait.mjs';

export async function mqttOptions(instance) {
  const config = await instance.config();
  const [host, port] = instance.status.mqtt.split(':');
  const args = ['-V', '5', '-h', host, '-p', port];
  if (config['mqtt.username']) args.push('-u', config['mqtt.username'], '-P', config['mqtt.password']);
  return args;
}

/**
 * Subscribe; resolves after SUBACK. `messages` grows: {topic, qos, retain, payload, props}. `payload`
 * is text. Ended after `t`.
 */
export async function subscribe(t, instance, topic) {
  const args = [...await mqttOptions(instance), '-q', '1', '-t', topic, '-d', '-F', '%j'];
  /* Line by line: the debug line that tells of SUBACK must not wait in a buffer. */
  const child = spawn('stdbuf', ['-oL', 'mosquitto_sub', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  t?.after(() => child.kill('SIGKILL'));
  const messages = [];
  const waiting = new Set();
  let ready;
  let failed;
  const acknowledged = new Promise((resolve, reject) => {
    ready = resolve;
    failed = reject;
  });
  let stderr = '';
  child.stderr.on('data', (data) => { stderr += data; });
  child.on('exit', (code) => failed(new Error(`mosquitto_sub ended with ${code}: ${stderr}`)));
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.includes('Subscribed (mid')) ready();
    if (!line.startsWith('{"tst"')) return;
    const each = JSON.parse(line);
    messages.push({
      topic: each.topic, qos: each.qos, retain: each.retain, payload: each.payload,
      props: each.properties?.['user-properties'] ?? {},
    });
    described.published(messages.at(-1));
    for (const check of [...waiting]) check();
  });
  await within('SUBACK', acknowledged, 10_000);
  const waitFor = (what, matches, timeout = 5000) => within(what, new Promise((resolve) => {
    const check = () => {
      const found = messages.find(matches);
      if (!found) return;
      waiting.delete(check);
      resolve(found);
    };
    waiting.add(check);
    check();
  }), timeout);
  return { messages, waitFor, close: () => child.kill('SIGKILL') };
}
