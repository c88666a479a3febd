/* What a test asks of PostgreSQL beside the log. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from '../../integration/lib/instance.mjs';

/** A statement as PostgreSQL's own administrator; its exit code is not looked at. */
export async function administrator(instance, statement) {
  const secrets = await readFile(path.join(instance.data, 'secrets'), 'utf8');
  const [, password] = /^SUPERUSER (\S+)$/m.exec(secrets);
  const conninfo = instance.status.pg.replace(/user=\S+/, 'user=postgres').replace(/password=\S+/, `password=${password}`);
  return run('psql', ['-X', '-A', '-t', '-q', '-d', conninfo, '-c', statement]);
}

/**
 * Look for deadlocks from now on: a function that fails if there was one. Our lock_timeout would break
 * them before PostgreSQL looks, so it has to look sooner. (Its statistics may come ten seconds late: its
 * log does not.)
 */
export async function watchDeadlocks(instance) {
  const count = async () => (await readFile(path.join(instance.data, 'log', 'postgres.log'), 'utf8')).split('deadlock detected').length;
  for (const statement of ['alter system set deadlock_timeout = \'20ms\'', 'select pg_reload_conf()']) {
    const { code, stderr } = await administrator(instance, statement);
    assert.equal(code, 0, stderr);
  }
  const before = await count();
  return async () => assert.equal(await count() - before, 0, 'PostgreSQL had to break a deadlock');
}
