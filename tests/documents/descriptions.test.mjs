/* The two machine-readable documents are valid, by the tools of those who made the formats. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, '../..');
const modules = path.join(root, 'tests/node_modules');
const absent = (name) => (existsSync(path.join(modules, name)) ? false : `${name} is not installed: the npm registry was not reached`);

test('swagger.yaml passes Spectral', { skip: absent('@stoplight/spectral-cli') }, async () => {
  const spectral = path.join(modules, '.bin/spectral');
  const args = ['lint', '--quiet', '--fail-severity=warn', '--ruleset', path.join(here, 'spectral.yaml'), path.join(root, 'swagger.yaml')];
  await promisify(execFile)(spectral, args, { timeout: 120_000 }).catch((error) => assert.fail(error.stdout || error.message));
});

test('docs/asyncapi.yaml passes the AsyncAPI parser', { skip: absent('@asyncapi/parser') }, async () => {
  const { Parser } = await import('@asyncapi/parser');
  const { document, diagnostics } = await new Parser().parse(readFileSync(path.join(root, 'docs/asyncapi.yaml'), 'utf8'));
  const bad = diagnostics.filter((each) => each.severity < 2); /* errors and warnings */
  assert.deepEqual(bad.map((each) => `${each.path.join('/')}: ${each.message}`), []);
  assert.equal(document.version(), '3.0.0');
});

test('the examples of docs/asyncapi.yaml are as their schemas say', { skip: absent('ajv') }, async () => {
  const { events } = await import('../integration/lib/asyncapi.mjs');
  const problems = [];
  for (const [id, message] of Object.entries(events.document.components.messages)) {
    for (const example of message.examples ?? []) {
      const wrong = events.wrong(id, example.payload)
        ?? (example.headers ? events.wrong(id, example.headers, { part: 'headers' }) : undefined);
      if (wrong) problems.push(`${id}, ${example.name}: ${wrong}`);
    }
  }
  assert.deepEqual(problems, []);
});
