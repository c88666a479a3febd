/* docs/SECURITY.md names, for each threat, tests that exist: `file` "name of the test". */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const rows = readFileSync(path.join(root, 'docs/SECURITY.md'), 'utf8').split('\n')
  .filter((line) => line.startsWith('| **'));

/** The tests that a cell names, as [file, name]; a file may be followed by several names. */
export function namedIn(cell) {
  const named = [];
  let file;
  for (const [, code, name] of cell.matchAll(/`([^`]+)`|"([^"]+)"/g)) {
    if (code) file = code;
    else named.push([file, name]);
  }
  return named;
}

/* A declaration, not a mention: test("name"), it("name"), describe("name"), or a function that cmocka runs. */
export function declares(text, name) {
  const escaped = name.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
  return new RegExp(`\\b(test|it|describe)\\((['"\`])${escaped}\\2`).test(text)
    || new RegExp(`(cmocka_unit_test\\w*|CASE)\\(${escaped}\\b`).test(text);
}

test('every threat names a test, and every named test exists', () => {
  assert.ok(rows.length >= 20, `only ${rows.length} threats`);
  const wrong = [];
  for (const row of rows) {
    const cells = row.split(' | ');
    const named = namedIn(cells.at(-1));
    if (cells.length !== 3 || named.length === 0) wrong.push(`no test: ${row.slice(0, 60)}`);
    for (const [file, name] of named) {
      const where = path.join(root, 'tests', file);
      if (!existsSync(where)) wrong.push(`no file tests/${file}`);
      else if (!declares(readFileSync(where, 'utf8'), name)) wrong.push(`tests/${file} has no "${name}"`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('a mention is no test', () => {
  assert.ok(declares("  test('a b (c)', async", 'a b (c)'));
  assert.ok(declares('cmocka_unit_test(a_b)', 'a_b'));
  assert.ok(!declares("// test 'a b (c)'", 'a b (c)'));
  assert.ok(!declares('cmocka_unit_test(a_b_c)', 'a_b'));
});
