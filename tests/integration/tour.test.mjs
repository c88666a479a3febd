/*
 * The five-minute tour of README.md, run for real: its commands in one shell, its script with node.
 * Fenced blocks take part by a second word after the language: ```sh tour, ```js tour chat.mjs.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { ROOT, run, started } from './lib/instance.mjs';
import { until } from './lib/wait.mjs';

const readme = await readFile(path.join(ROOT, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```(\w+) tour ?(\S*)\n([\s\S]*?)^```$/gm)]
  .map(([, language, name, text]) => ({ language, name, text }));
const instance = await started({ after });
const here = (text) => text.replaceAll('http://localhost:3000', instance.http);

test('the tour is there: shell commands and a script of ten lines', () => {
  assert.ok(blocks.filter((each) => each.language === 'sh').length >= 2);
  const script = blocks.find((each) => each.language === 'js');
  assert.ok(script.text.trim().split('\n').length <= 10, 'the script is longer than ten lines');
});

test('every command of the tour works, and its script sees what curl posts', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'parley-tour-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await symlink(path.join(ROOT, 'tests/node_modules'), path.join(folder, 'node_modules'));
  const script = blocks.find((each) => each.language === 'js');
  await writeFile(path.join(folder, script.name), here(script.text));

  /* The script's terminal opens where the tour says so, with the shell's variables. */
  const before = [];
  const afterwards = [];
  let seen = false;
  for (const block of blocks) {
    if (block === script) seen = true;
    else (seen ? afterwards : before).push(here(block.text));
  }
  const startsScript = new RegExp(`^node ${script.name.replace('.', '\\.')}.*\n`, 'm');
  /* A process group of its own, so that the script ends with the shell whatever happens. */
  const shell = spawn('bash', ['-e'], { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  t.after(() => process.kill(-shell.pid, 'SIGKILL'));
  let output = '';
  let errors = '';
  shell.stdout.on('data', (data) => { output += data; });
  shell.stderr.on('data', (data) => { errors += data; });
  const reached = (mark, what) => until(what, () => {
    if (shell.exitCode !== null) throw new Error(`the shell ended: ${output}\n${errors}`);
    return output.includes(mark);
  }, { timeout: 30_000 });
  t.after(() => t.diagnostic(`${output}\n${errors}`.slice(0, 3000)));

  shell.stdin.write(`${before.join('\n')}\necho --before--\n`);
  await reached('--before--', 'the first commands');
  const [start] = startsScript.exec(afterwards.join('\n')) ?? [];
  assert.ok(start, `the tour never says: node ${script.name}`);
  shell.stdin.write(`${start.replace(/[\s&]+$/, '')} > script.out 2>&1 &\necho --started--\n`);
  await reached('--started--', 'the script');
  const said = () => readFile(path.join(folder, 'script.out'), 'utf8').catch(() => '');
  await until('the script to be connected', async () => (await said()).length > 0, { timeout: 15_000 });
  shell.stdin.write(`${afterwards.join('\n').replace(startsScript, '')}\necho --after--\n`);
  await reached('--after--', 'the last commands');
  const texts = [...afterwards.join('\n').matchAll(/"text": ?"([^"]+)"/g)].map(([, text]) => text);
  assert.ok(texts.length > 0, 'the tour posts nothing');
  for (const text of texts) await until(`the script to print "${text}"`, async () => (await said()).includes(text));
  assert.doesNotMatch(output, /"code":/, 'a command of the tour was refused');
});

test('the package of the tests is the one the tour installs', async () => {
  const { dependencies } = JSON.parse(await readFile(path.join(ROOT, 'tests/package.json'), 'utf8'));
  assert.match(dependencies['socket.io-client'], /^4\.8\./);
  const { stdout } = await run('git', ['-C', ROOT, 'check-ignore', 'tests/node_modules']);
  assert.ok(stdout.includes('node_modules') || stdout === '');
});
