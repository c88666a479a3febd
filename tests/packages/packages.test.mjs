/*
 * The tarball and the Debian packages: made of this tree, looked at by lintian and systemd-analyze, installed into a
 * clean chroot as docs/OPERATIONS.md says, run as their units say, talked through, upgraded, removed, purged.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ROOT, freePort, run } from '../integration/lib/instance.mjs';
import { connect } from '../integration/lib/socket.mjs';
import { PASSWORD, unique } from '../integration/lib/users.mjs';
import { until } from '../integration/lib/wait.mjs';
import { Chroot, must, obstacle } from './lib/chroot.mjs';
import { Unit } from './lib/unit.mjs';

const PACKAGES = ['parley', 'parley-broker', 'parley-common', 'parley-fcgi', 'parley-mqtt-plugin', 'parley-web'];
/* Of systemd-analyze security, in tenths: 100 is no sandbox at all. What is left: sockets, which are the job. */
const EXPOSURE = 15;
const NEWER = '0.1.0+upgrade';

const skip = await obstacle() ?? false;
const ports = {};
let source;
let lintian;
let chroot;
let units;
let ann;
let room;

/** dpkg-buildpackage in the unpacked tarball. */
function build(...args) {
  const env = { ...process.env, DEB_BUILD_OPTIONS: `nocheck noautodbgsym parallel=${availableParallelism()}`, DEB_CFLAGS_APPEND: '-O1' };
  return must('dpkg-buildpackage', ['-us', '-uc', ...args], { cwd: source, env });
}

/* A version above, of the same build. */
async function makeUpgrade() {
  const changelog = path.join(source, 'debian/changelog');
  const entry = `parley (${NEWER}) bookworm; urgency=medium\n\n  * A test.\n\n -- a test <test@localhost>  Tue, 24 Nov 2026 01:00:00 +0000\n\n`;
  await writeFile(changelog, entry + await readFile(changelog, 'utf8'));
  await build('-b', '-nc');
}

/** Both versions, and what lintian says of the first. */
async function makePackages() {
  const [tarball] = (await readdir(path.join(ROOT, 'build'))).filter((name) => /^parley-[\d.]+\.tar\.xz$/.test(name));
  await must('tar', ['-xJf', path.join(ROOT, 'build', tarball), '-C', folder]);
  source = path.join(folder, tarball.replace('.tar.xz', ''));
  await build('-F');
  const [changes] = (await readdir(folder)).filter((name) => name.endsWith('.changes'));
  const args = ['--profile', 'debian', '--fail-on', 'error,warning', '--no-tag-display-limit', path.join(folder, changes)];
  [lintian] = await Promise.all([run('lintian', args, { timeout: 600_000 }), makeUpgrade()]);
}

/** The packages of one version, put where the chroot sees them; their paths inside. */
async function packages(version) {
  const place = chroot.path('srv/packages');
  await mkdir(place, { recursive: true });
  const files = (await readdir(folder)).filter((name) => name.endsWith('.deb') && name.includes(`_${version}_`));
  assert.deepEqual(files.map((name) => name.split('_')[0]).sort(), PACKAGES);
  for (const name of files) await must('cp', [path.join(folder, name), place]);
  return files.map((name) => `/srv/packages/${name}`);
}

const unit = (name) => units.find((one) => one.name.startsWith(name));
const http = () => `http://127.0.0.1:${ports.http}`;

async function startServices() {
  const names = ['postgresql@15-main.service', 'mosquitto.service', 'parley-migrate.service', 'parley-fcgi.service',
    `parley-broker@${ports.broker}.service`, 'lighttpd.service'];
  const [cluster] = await readdir(chroot.path('etc/postgresql'));
  names[0] = `postgresql@${cluster}-main.service`;
  units = names.map((name) => new Unit(chroot, name));
}

async function ready() {
  const answers = () => Promise.all([http(), `http://127.0.0.1:${ports.broker}`].map((base) => fetch(`${base}/readyz`).then((answer) => answer.status)));
  await until('readiness', async () => (await answers()).every((status) => status === 200), { timeout: 60_000, every: 100 })
    .catch(async (error) => {
      throw new Error([error.message, ...await Promise.all(units.map(async (one) => `-- ${one.name}\n${await one.said().catch(() => '')}`))].join('\n'));
    });
}

/** A request by curl: the body of an answer that must be 2xx. */
async function curl(method, target, body, token) {
  const args = ['-sS', '-m', '20', '-X', method, '-w', '\n%{http_code}', '-H', 'Content-Type: application/json'];
  if (token) args.push('-H', `Authorization: Bearer ${token}`);
  const answer = await must('curl', [...args, ...(body ? ['-d', JSON.stringify(body)] : []), `${http()}/api/v1${target}`]);
  const [, text, status] = /^([\s\S]*)\n(\d+)$/.exec(answer);
  assert.match(status, /^2/, `${method} ${target}: ${status} ${text}`);
  return text && JSON.parse(text);
}

async function account(username, step) {
  return { username, ...await curl('POST', `/auth/${step}`, { username, password: PASSWORD }) };
}

/* ./dev's own is stricter than a system's files can bear. */
process.umask(0o022);

/* It takes as long as all the rest: begin at once. */
const folder = await mkdtemp(path.join(tmpdir(), 'parley-packages-'));
await chmod(folder, 0o755);
after(() => process.env.PARLEY_KEEP || rm(folder, { recursive: true, force: true, maxRetries: 5 }));
const clean = skip ? Promise.resolve() : Chroot.make(path.join(folder, 'root'));
clean.catch(() => {});

/* The unit tests are `make check`'s: they are neither built nor run once more. */
test('make distcheck makes a tarball that builds, installs and uninstalls', async () => {
  await must('make', ['-C', path.join(ROOT, 'build'), '-s', `-j${availableParallelism()}`, 'distcheck', 'check_PROGRAMS=', 'TESTS=', 'AM_DISTCHECK_CONFIGURE_FLAGS=CFLAGS=-O0']);
});

describe('packages', { skip }, () => {
  before(async () => {
    const made = await Promise.allSettled([makePackages(), clean]);
    chroot = made[1].value;
    for (const { reason } of made) if (reason) throw reason;
  });
  after(() => chroot?.remove());

  test('lintian has nothing to say', () => {
    assert.deepEqual({ code: lintian.code, said: lintian.stdout }, { code: 0, said: '' });
  });

  test('they install into a clean system, and start nothing by themselves', async () => {
    await chroot.must('apt-get', 'install', '-y', '-qq', ...await packages('0.1.0'));
    assert.match(await chroot.must('id', 'parley'), /\(parley\)/);
    assert.match(await chroot.read('etc/parley/parley.conf'), /^secret = [0-9a-f]{64}$/m);
    assert.equal((await stat(chroot.path('etc/parley/parley.conf'))).mode & 0o777, 0o640);
    assert.equal(await chroot.must('stat', '-c', '%U:%G', '/etc/parley/parley.conf'), 'root:parley\n');
    assert.equal(existsSync(chroot.path('etc/systemd/system/parley.target.wants')), false);
  });

  test('manual pages are there for every program and the configuration, and are clean', async () => {
    for (const page of ['man8/parley-broker.8', 'man8/parley-fcgi.8', 'man8/parley-setup.8', 'man8/parleyctl.8', 'man5/parley.conf.5']) {
      const file = path.join(folder, path.basename(page));
      await writeFile(file, await must('zcat', [chroot.path(`usr/share/man/${page}.gz`)]));
      const lint = (await run('mandoc', ['-Tlint', file])).stdout.split('\n').filter((line) => line && !/referenced manual not found|outdated mandoc\.db/.test(line));
      assert.deepEqual(lint, []);
      const { code, stderr } = await run('man', ['--warnings', '-E', 'UTF-8', '-l', '-Tutf8', '-Z', file]);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    }
  });

  test('systemd accepts the units, and finds them in their sandbox', async () => {
    const place = chroot.path('lib/systemd/system');
    const names = (await readdir(place)).filter((name) => name.startsWith('parley'));
    assert.deepEqual(names.sort(), ['parley-broker@.service', 'parley-fcgi.service', 'parley-fcgi.socket', 'parley-migrate.service', 'parley.target']);
    const instances = names.map((name) => name.replace('@.', '@3001.'));
    const { code, stdout, stderr } = await run('systemd-analyze', [`--root=${chroot.folder}`, '--man=no', 'verify', ...instances]);
    const ours = `${stdout}${stderr}`.split('\n').filter((line) => line.includes('parley'));
    assert.deepEqual({ code, ours }, { code: 0, ours: [] });
    for (const name of names.filter((one) => one.endsWith('.service'))) {
      const file = path.join(folder, name.replace('@.', '@3001.'));
      await must('cp', [path.join(place, name), file]);
      await must('systemd-analyze', ['security', '--no-pager', '--offline=yes', `--threshold=${EXPOSURE}`, file]);
    }
  });

  test('set up as the manual says, people chat through them', async (t) => {
    for (const name of ['http', 'pg', 'mqtt', 'devices', 'broker']) ports[name] = await freePort();
    await startServices();
    const cluster = units[0].name.replace(/^postgresql@(.*)-main.service$/, '$1');
    await chroot.edit(`etc/postgresql/${cluster}/main/postgresql.conf`, (text) => text.replace(/^port = \d+/m, `port = ${ports.pg}\nlisten_addresses = '127.0.0.1'`));
    await units[0].start();
    await chroot.must('parley-setup', '--mqtt-port', String(ports.mqtt), '--devices-port', String(ports.devices), 'all');
    await chroot.edit('etc/lighttpd/conf-available/50-parley.conf', (text) => text.replaceAll('3001', String(ports.broker)));
    await chroot.edit('etc/lighttpd/lighttpd.conf', (text) => text.replace(/^server\.port .*/m, `server.port = ${ports.http}\nserver.bind = "127.0.0.1"`)
      .replace(/^include_shell .*use-ipv6.*/m, ''));
    await chroot.must('lighty-enable-mod', 'parley');
    for (const one of units.slice(1)) await one.start();
    await ready();

    ann = await account(unique('ann'), 'signup');
    const bob = await account(unique('bob'), 'signup');
    room = unique('room');
    await curl('POST', '/channels', { name: room, status: 'PUBLIC' }, ann.accessToken);
    await curl('PUT', `/channels/${room}/members/me`, {}, bob.accessToken);
    const [one, other] = await Promise.all([ann, bob].map(({ accessToken }) => connect(t, http(), { token: accessToken })));
    await one.must('sendMessage', { room, text: 'hello from a package' });
    await other.waitFor('newMessage', ({ text }) => text === 'hello from a package', { timeout: 20_000 });
    await curl('POST', `/channels/${room}/messages`, { text: 'and by REST' }, bob.accessToken);
    await one.waitFor('newMessage', ({ text }) => text === 'and by REST', { timeout: 20_000 });
    const page = await fetch(`${http()}/`);
    assert.match(await page.text(), /parley/);
    assert.equal((await fetch(`${http()}/api-json`)).status, 200);
  });

  test('a device comes in through the plugin', async () => {
    const args = ['-h', '127.0.0.1', '-p', String(ports.devices), '-V', '5', '-u', ann.username, '-P', ann.accessToken, '-q', '1'];
    const topic = `parley/v1/devices/${ann.username}/send`;
    await must('mosquitto_pub', [...args, '-t', topic, '-m', JSON.stringify({ room, text: 'beep', nonce: '1' })]);
    await until('its message', async () => {
      const { messages } = await curl('GET', `/channels/${room}/messages`, undefined, ann.accessToken);
      return messages.some(({ text }) => text === 'beep');
    });
  });

  test('an upgrade keeps configuration and messages', async (t) => {
    const [conf, site] = ['etc/parley/parley.conf', 'etc/lighttpd/conf-available/50-parley.conf'];
    const kept = [await chroot.read(conf), await chroot.read(site)];
    await chroot.must('apt-get', 'install', '-y', '-qq', ...await packages(NEWER));
    assert.equal(await chroot.must('dpkg-query', '-W', '-f', '${Version}', 'parley-broker'), NEWER);
    assert.deepEqual([await chroot.read(conf), await chroot.read(site)], kept);
    /* As the maintainer scripts do where systemd runs. */
    await unit('parley-migrate').start();
    for (const name of ['parley-fcgi', 'parley-broker@']) {
      assert.equal(await unit(name).stop(), 0);
      await unit(name).start();
    }
    await ready();
    const client = await connect(t, http(), { token: (await account(ann.username, 'login')).accessToken });
    const texts = client.history[room].map(({ text }) => text);
    for (const text of ['hello from a package', 'and by REST', 'beep']) assert.ok(texts.includes(text), text);
    await client.must('sendMessage', { room, text: 'and on' });
  });

  test('removed, they leave configuration and data; purged, the data', async () => {
    const count = async () => Number(await chroot.must('runuser', '-u', 'postgres', '--', 'psql', '-XqAt', '-d', 'parley', '-c', 'select count(*) from room_event'));
    for (const one of units.slice(1).reverse()) if (one.child) await one.stop();
    const rows = await count();
    assert.ok(rows > 0);
    await chroot.must('apt-get', 'remove', '-y', '-qq', ...PACKAGES);
    assert.ok(existsSync(chroot.path('etc/parley/parley.conf')));
    assert.equal(existsSync(chroot.path('etc/mosquitto/conf.d/parley.conf')), false, 'mosquitto would not start without the plugin');
    await chroot.must('dpkg', '--purge', ...PACKAGES.filter((name) => name !== 'parley'));
    assert.equal(existsSync(chroot.path('etc/parley')), false);
    assert.equal(existsSync(chroot.path('etc/mosquitto/parley.passwd')), false);
    assert.equal(await count(), rows);
  });
});
