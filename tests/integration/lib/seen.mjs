/*
 * What the tests of a run have seen of the interfaces, noted in the folder PARLEY_SEEN (run.mjs makes
 * it): one file a process, one JSON line for each thing seen, each once. Read together at the end by
 * described.mjs. Without the folder nothing is noted.
 */
import { appendFileSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

const folder = process.env.PARLEY_SEEN;
const noted = new Set();

/** Note `thing`, an object that says what was seen in `kind`, unless it was noted before. */
export function note(thing) {
  if (!folder) return;
  const line = JSON.stringify(thing);
  if (noted.has(line)) return;
  noted.add(line);
  appendFileSync(path.join(folder, String(process.pid)), `${line}\n`);
}

const complaints = new Set();

/** Note that `what` was not as described. Once for each `what`; the run fails at its end. */
export function complain(what, detail) {
  if (!folder || complaints.has(what)) return;
  complaints.add(what);
  note({ kind: 'complaint', what, detail, file: path.basename(process.argv[1] ?? '') });
}

/** All that was noted in the folder. */
export function readSeen(from) {
  return readdirSync(from).flatMap((name) => readFileSync(path.join(from, name), 'utf8').split('\n'))
    .filter(Boolean).map((line) => JSON.parse(line));
}
