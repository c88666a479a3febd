/* docs/EVENTS.md, for reading, and docs/asyncapi.yaml, for machines, name the same events and fields. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { events } from '../integration/lib/asyncapi.mjs';

const text = readFileSync(new URL('../../docs/EVENTS.md', import.meta.url), 'utf8');
const NO_FIELDS = ['updateChatHistory', 'CONNECT', '*']; /* a record by channel; the table of options */

/* Rows of tables as cells; those whose first cell names events: [names, cells]. */
const known = new Set([...events.commands.keys(), ...events.emitted.keys()]);
const rows = text.split('\n').filter((line) => line.startsWith('| `')).map((line) => line.split(/(?<!\\)\|/).slice(1, -1))
  .map((cells) => [[...cells[0].matchAll(/`(\w+)`/g)].map((each) => each[1]), cells])
  .filter(([names]) => names.length && names.every((each) => known.has(each)));

/* `{room, seq, nonce?}` as ["nonce?", "room", "seq"], or undefined if the cell has none. */
function fieldsOf(cell) {
  const found = /`\{([^}:]*)\}`/.exec(cell);
  return found?.[1].split(',').map((each) => each.trim()).filter(Boolean).sort();
}

function fieldsOfMessage(id) {
  let { payload } = events.document.components.messages[id];
  if (payload.$ref) payload = events.document.components.schemas[payload.$ref.split('/').at(-1)];
  return Object.keys(payload.properties ?? {}).map((name) => ((payload.required ?? []).includes(name) ? name : `${name}?`)).sort();
}

const cellsOf = (name, from) => rows.filter(([names]) => names.includes(name)).map(([, cells]) => cells).find(from);

test('every command, with its fields and those of its success', () => {
  for (const command of events.commands.values()) {
    if (NO_FIELDS.includes(command.name)) continue;
    const success = command.answers.find((each) => each.name.endsWith('Success'));
    const cells = cellsOf(command.name, (each) => !success || (fieldsOf(each[1]) && fieldsOf(each[2])));
    assert.ok(cells, `${command.name} is in no table of docs/EVENTS.md`);
    assert.deepEqual(fieldsOf(cells[1]), fieldsOfMessage(command.id), command.name);
    if (success) assert.deepEqual(fieldsOf(cells[2]), fieldsOfMessage(success.id), success.name);
  }
});

test('every event of the server, with its fields', () => {
  for (const event of events.emitted.values()) {
    if (NO_FIELDS.includes(event.name) || /(Success|Error)$/.test(event.name)) continue;
    const described = fieldsOfMessage(event.id);
    const cells = cellsOf(event.name, (each) => {
      const fields = fieldsOf(each[1]);
      return fields ? String(fields) === String(described) : /Message/.test(each[1]);
    });
    assert.ok(cells, `${event.name} {${described}} is in no table of docs/EVENTS.md`);
  }
});

test('nothing is in the tables that is not described', () => {
  const named = [...text.matchAll(/^\| ((?:`\w+` ?)+)\|/gm)].flatMap(([, cell]) => [...cell.matchAll(/`(\w+)`/g)].map((each) => each[1]));
  const codes = new Set([...events.emitted.values()].flatMap((each) => each.codes));
  const other = new Set(['history', 'since', 'recovery']);
  const sanctions = named.filter((each) => !known.has(each) && !codes.has(each) && !other.has(each));
  assert.deepEqual(sanctions, []);
});
