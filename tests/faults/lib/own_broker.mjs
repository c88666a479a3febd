/* One more broker of an instance, a child of the test: with settings of its own, its exit code seen. */
import { spawn } from 'node:child_process';
import { readlink } from 'node:fs/promises';
import path from 'node:path';
import { freePort } from '../../integration/lib/instance.mjs';
import { unique } from '../../integration/lib/users.mjs';
import { until } from '../../integration/lib/wait.mjs';
import { brokerReady, pidOf } from './processes.mjs';

/** {child, log, origin, ended: resolves with its exit code or signal}. `environment` sets what is to differ. */
export async function ownBroker(t, instance, environment = {}) {
  const program = await readlink(`/proc/${await pidOf(instance, 'broker-1')}/exe`);
  const port = await freePort();
  const child = spawn(program, ['--config', path.join(instance.data, 'parley.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, PARLEY_BROKER_PORT: String(port), PARLEY_BROKER_ID: unique('own'), ...environment },
  });
  const broker = { child, log: '', origin: `http://127.0.0.1:${port}` };
  child.stderr.on('data', (data) => { broker.log += data; });
  broker.ended = new Promise((resolve) => { child.on('exit', (code, signal) => resolve(signal ?? code)); });
  t.after(() => child.kill('SIGKILL'));
  await until('the broker', () => brokerReady(broker.origin), { timeout: 15_000 });
  return broker;
}
