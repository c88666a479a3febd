/* /metrics as Prometheus reads it. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './instance.mjs';

/* Debian's, which has prometheus_client (deploy/dev/packages-test.txt). */
const PYTHON = '/usr/bin/python3';
const PARSER = path.join(path.dirname(fileURLToPath(import.meta.url)), 'metrics.py');

export class Metrics {
  constructor(families) {
    this.families = new Map(families.map((family) => [family.name, family]));
    this.samples = families.flatMap((family) => family.samples);
  }

  /** The value of the one sample of that name and these labels (more may be there). */
  value(name, labels = {}) {
    const fits = (each) => each.name === name && Object.entries(labels).every(([key, value]) => each.labels[key] === value);
    const found = this.samples.filter(fits);
    assert.equal(found.length, 1, `${found.length} samples ${name} ${JSON.stringify(labels)}`);
    return found[0].value;
  }

  names() {
    return new Set(this.samples.map((each) => each.name));
  }
}

/** Fetch a page and parse it; checks what a parser lets pass. */
export async function metrics(url) {
  const response = await fetch(url);
  const text = await response.text();
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  assert.ok(text.endsWith('\n'));
  const parsed = await run(PYTHON, [PARSER], { input: text });
  assert.equal(parsed.code, 0, parsed.stderr);
  const families = JSON.parse(parsed.stdout);
  const page = new Metrics(families);
  assert.equal(page.families.size, families.length, 'a family appears twice');
  for (const family of families) {
    assert.ok(['counter', 'gauge', 'histogram'].includes(family.type), `${family.name}: ${family.type}`);
    assert.match(family.help, /\w.*\.$/, family.name);
    assert.match(family.name, /^(parley|process)_[a-z_]+$/);
    assert.ok(family.samples.length > 0, `${family.name} has no sample`);
    const keys = family.samples.map((each) => each.name + JSON.stringify(each.labels));
    assert.equal(new Set(keys).size, keys.length, `${family.name} has a sample twice`);
    for (const each of family.samples) {
      assert.ok(each.value >= 0, `${each.name}: ${each.value}`);
      if (family.type === 'counter') assert.ok(each.name.endsWith('_total'), each.name);
    }
    if (family.type === 'histogram') histogramHolds(family);
  }
  return page;
}

/* Buckets rise, the last is +Inf and the count, and the sum fits the buckets. */
function histogramHolds(family) {
  const series = new Map();
  for (const { name, labels, value } of family.samples) {
    const { le, ...rest } = labels;
    const key = JSON.stringify(rest);
    if (!series.has(key)) series.set(key, { buckets: [] });
    if (name.endsWith('_bucket')) series.get(key).buckets.push([le === '+Inf' ? Infinity : Number(le), value]);
    else series.get(key)[name.slice(family.name.length)] = value;
  }
  for (const [key, { buckets, _sum: sum, _count: count }] of series) {
    const what = `${family.name} ${key}`;
    assert.equal(buckets.at(-1)[0], Infinity, what);
    assert.equal(buckets.at(-1)[1], count, what);
    for (let i = 1; i < buckets.length; i++) {
      assert.ok(buckets[i][0] > buckets[i - 1][0] && buckets[i][1] >= buckets[i - 1][1], what);
    }
    assert.ok(count > 0 || sum === 0, what);
  }
}
