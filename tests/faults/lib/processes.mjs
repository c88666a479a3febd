/* Doing harm to the processes of an instance, and seeing them come back. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { until } from '../../integration/lib/wait.mjs';

/** Pid of "mosquitto", "postgres", "fcgi", "lighttpd" or "broker-N", or undefined. */
export async function pidOf(instance, name) {
  try {
    const [pid] = (await readFile(path.join(instance.data, 'run', `${name}.pid`), 'utf8')).split(' ');
    return Number(pid);
  } catch {
    return undefined;
  }
}

export function isGone(pid) {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

/** Signal it. Resolves with the pid when it is done. */
export async function signal(instance, name, which) {
  const pid = await pidOf(instance, name);
  process.kill(pid, which);
  return pid;
}

/** Signal it and wait until the supervisor has started another. */
export async function replace(instance, name, which = 'SIGKILL', timeout = 20_000) {
  const old = await signal(instance, name, which);
  return until(`another ${name}`, async () => {
    const pid = await pidOf(instance, name);
    return pid && pid !== old && !isGone(pid) && pid;
  }, { timeout, every: 10 });
}

export async function brokerReady(base) {
  try {
    return (await fetch(`${base}/readyz`, { signal: AbortSignal.timeout(2000) })).status === 200;
  } catch {
    return false;
  }
}

/** All brokers and a worker say that they are ready. */
export async function allReady(instance, timeout = 30_000) {
  await until('readiness', async () => {
    for (const base of instance.status.brokers) if (!await brokerReady(base)) return false;
    return brokerReady(instance.http);
  }, { timeout, every: 20 });
}

/** Start services again with more environment ({PARLEY_MQTT_PORT: 1234}, say). */
export async function rewire(instance, names, environment) {
  for (const name of names) {
    const script = path.join(instance.data, 'run', `${name}.run`);
    const text = await readFile(script, 'utf8');
    const values = Object.entries(environment).map(([key, value]) => `${key}='${String(value).replaceAll("'", "'\\''")}'`);
    await writeFile(script, text.replace(/^exec /m, `exec env ${values.join(' ')} `));
  }
  await Promise.all(names.map((name) => replace(instance, name, 'SIGTERM')));
  await allReady(instance);
}

/** "broker-1", "broker-2", ... */
export function brokerNames(instance) {
  return instance.status.brokers.map((_, i) => `broker-${i + 1}`);
}

/** A value of a broker's /metrics, or the sum over all brokers. */
export async function metric(instance, name, brokers = instance.status.brokers) {
  let sum = 0;
  for (const base of brokers) {
    const text = await (await fetch(`${base}/metrics`)).text();
    sum += Number(new RegExp(`^parley_${name} (\\d+)$`, 'm').exec(text)[1]);
  }
  return sum;
}

/** How many lines of that event are in a process's log. */
export async function logged(instance, name, event) {
  const text = await readFile(path.join(instance.data, 'log', `${name}.log`), 'utf8');
  return text.split('\n').filter((line) => line.includes(` event=${event} `)).length;
}

/** Resident memory in KiB. */
export async function residentKib(pid) {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))[1]);
}
