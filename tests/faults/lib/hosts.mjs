/*
 * An instance of ./dev up spread over a network: PostgreSQL, mosquitto, the workers and each broker get
 * a host of their own and speak TCP with each other; the web server and the clients stay here.
 */
import { appendFile, readFile, readlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { until } from '../../integration/lib/wait.mjs';
import { allReady, isGone, pidOf, signal } from './processes.mjs';
import { instanceFor } from './scene.mjs';

async function edit(file, change) {
  const text = await readFile(file, 'utf8');
  const changed = change(text);
  if (changed === text) throw new Error(`${file} is not as expected`);
  await writeFile(file, changed);
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** Run the service on that host, from its next start on. `more` is added to its command. */
export async function moveTo(instance, network, service, host, { environment = {}, more = '' } = {}) {
  const values = Object.entries(environment).map(([key, value]) => `${key}=${quoted(String(value))}`);
  await edit(path.join(instance.data, 'run', `${service}.run`), (text) => text.replace(/^exec (.*)$/m,
    (line, command) => `exec ${network.on(host).join(' ')} env ${values.join(' ')} ${command}${more}`));
}

/* All of them end, then all are there again: they know each other's new places only then. */
async function again(instance, services) {
  const old = {};
  for (const name of services) old[name] = await signal(instance, name, name === 'postgres' ? 'SIGINT' : 'SIGTERM');
  for (const name of services) {
    await until(`another ${name}`, async () => {
      const pid = await pidOf(instance, name);
      return pid && pid !== old[name] && !isGone(pid);
    }, { timeout: 30_000, every: 20 });
  }
}

async function placePostgres(instance, network) {
  const address = await network.add('pg');
  const data = await readlink(path.join(instance.data, 'pg')).catch(() => path.join(instance.data, 'pg'));
  await appendFile(path.join(data, 'pg_hba.conf'), `host all all ${network.net}.0/24 scram-sha-256\nhost replication all ${network.net}.0/24 scram-sha-256\n`);
  await moveTo(instance, network, 'postgres', 'pg', { more: ` -c listen_addresses=${address}` });
  await edit(path.join(instance.data, 'parley.conf'), (text) => text.replace(/^(conninfo = host=)\S+/m, `$1${address}`));
  return address;
}

async function placeMosquitto(instance, network) {
  const address = await network.add('mqtt');
  await moveTo(instance, network, 'mosquitto', 'mqtt');
  await edit(path.join(instance.data, 'mosquitto', 'mosquitto.conf'), (text) => text.replaceAll('127.0.0.1', address));
  await edit(path.join(instance.data, 'parley.conf'), (text) => text.replace(/^host = \S+\/mqtt\.sock$/m, `host = ${address}`));
}

/* The port and the password of parley's MQTT user. */
async function mqttAccess(instance) {
  const text = await readFile(path.join(instance.data, 'parley.conf'), 'utf8');
  const [, section] = /^\[mqtt\]$([^[]*)/m.exec(text);
  const value = (name) => new RegExp(`^${name} = (.*)$`, 'm').exec(section)[1];
  return { data: instance.data, port: value('port'), password: value('password') };
}

/** Hosts "pg", "mqtt", "worker", "broker-1", "broker-2", ..., and an instance on them. `late` is
 * called before the brokers move, with {data, port, password} of mosquitto; it gives what the environment
 * of some of them shall have. */
export async function hostsInstance(t, network, { brokers = 2, set = {}, late } = {}) {
  const instance = await instanceFor(t, { brokers, set: { 'front.trusted_proxies': network.address('here'), ...set } });
  const names = Array.from({ length: brokers }, (_, i) => `broker-${i + 1}`);
  await placePostgres(instance, network);
  await placeMosquitto(instance, network);
  await network.add('worker');
  await moveTo(instance, network, 'fcgi', 'worker');
  const more = late ? await late(await mqttAccess(instance)) : {};
  const origins = {};
  for (const [i, name] of names.entries()) {
    const address = await network.add(name);
    const { port } = new URL(instance.status.brokers[i]);
    origins[instance.status.brokers[i]] = `http://${address}:${port}`;
    await moveTo(instance, network, name, name, { environment: { PARLEY_BROKER_HOST: address, ...more[name] } });
    await edit(path.join(instance.data, 'lighttpd', 'lighttpd.conf'),
      (text) => text.replaceAll(`"host" => "127.0.0.1", "port" => ${port},`, `"host" => "${address}", "port" => ${port},`));
  }
  instance.localPg = instance.status.pg; /* a test that fails over sets another */
  instance.primaryFolder = /host=(\S+)/.exec(instance.localPg)[1];
  const refresh = instance.refresh.bind(instance);
  instance.refresh = async () => {
    await refresh();
    instance.status.pg = instance.localPg;
    instance.status.brokers = instance.status.brokers.map((each) => origins[each] ?? each);
    return instance.status;
  };
  await again(instance, ['postgres', 'mosquitto', 'fcgi', 'lighttpd', ...names]);
  await instance.refresh();
  await allReady(instance);
  return instance;
}
