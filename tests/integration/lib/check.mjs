/* Assertions on what parley promises in many places. */
import assert from 'node:assert/strict';

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** RFC 9457 with code, errors and requestId. */
export function problem(answer, status, code, field = undefined) {
  const what = `${answer.status} ${answer.text.slice(0, 400)}`;
  assert.equal(answer.status, status, what);
  assert.equal(answer.type ?? answer.headers.get('content-type')?.split(';')[0], 'application/problem+json', what);
  assert.equal(answer.body.code, code, what);
  assert.equal(answer.body.status, status, what);
  assert.equal(typeof answer.body.title, 'string', what);
  assert.ok(typeof answer.body.requestId === 'string' && answer.body.requestId.length > 0, what);
  if (code === 'validation_failed') problemFields(answer.body, what);
  if (field) assert.ok(answer.body.errors.some((each) => each.field === field), `no error of ${field}: ${what}`);
}

function problemFields(body, what) {
  assert.ok(Array.isArray(body.errors), what);
  for (const each of body.errors) {
    assert.equal(typeof each.field, 'string', what);
    assert.equal(typeof each.problem, 'string', what);
  }
}

/** The body of a gateway error: {message, code, ...}. */
export function refused(body, code, field = undefined) {
  const what = JSON.stringify(body)?.slice(0, 400);
  assert.equal(body?.code, code, what);
  assert.equal(typeof body.message, 'string', what);
  if (code === 'validation_failed') problemFields(body, what);
  if (field) assert.ok(body.errors.some((each) => each.field === field), `no error of ${field}: ${what}`);
}

/** A Message, with the fields given in `expected`. */
export function message(actual, expected = {}) {
  const what = JSON.stringify(actual)?.slice(0, 400);
  assert.equal(typeof actual, 'object', what);
  assert.equal(typeof actual.room, 'string', what);
  assert.ok(Number.isSafeInteger(actual.seq) && actual.seq > 0, what);
  assert.ok(actual.kind === 'text' || actual.kind === 'system', what);
  assert.match(actual.date, ISO, what);
  assert.equal(typeof actual.text, 'string', what);
  if (actual.kind === 'system') assert.equal(actual.sender, null, what);
  else assert.equal(typeof actual.sender, 'string', what);
  for (const [key, value] of Object.entries(expected)) assert.deepEqual(actual[key], value, `${key}: ${what}`);
}

/** A Channel. */
export function channel(actual, expected = {}) {
  const what = JSON.stringify(actual)?.slice(0, 400);
  assert.equal(typeof actual?.name, 'string', what);
  assert.ok(['PUBLIC', 'PRIVATE', 'DIRECT'].includes(actual.status), what);
  assert.ok(Number.isSafeInteger(actual.members) && actual.members >= 0, what);
  assert.ok(Number.isSafeInteger(actual.lastSeq) && actual.lastSeq >= 1, what);
  assert.match(actual.topic, /^parley\/v1\/rooms\/\d+$/, what);
  assert.match(actual.createdAt, ISO, what);
  assert.ok(!('password' in actual) && !('passwordHash' in actual), what);
  for (const [key, value] of Object.entries(expected)) assert.deepEqual(actual[key], value, `${key}: ${what}`);
}

/** A User. */
export function user(actual, username) {
  const what = JSON.stringify(actual)?.slice(0, 400);
  assert.equal(actual?.username, username, what);
  assert.match(actual.createdAt, ISO, what);
  assert.deepEqual(Object.keys(actual).filter((key) => /pass|hash|id$/i.test(key)), [], what);
}

/** The numbers of `seqs` run from first to last without gap or repeat. */
export function contiguous(seqs, what) {
  for (let i = 1; i < seqs.length; i++) {
    assert.equal(seqs[i], seqs[i - 1] + 1, `${what}: ${seqs[i]} follows ${seqs[i - 1]}`);
  }
}

/** Strictly rising. */
export function rising(seqs, what) {
  for (let i = 1; i < seqs.length; i++) {
    assert.ok(seqs[i] > seqs[i - 1], `${what}: ${seqs[i]} comes after ${seqs[i - 1]}`);
  }
}
