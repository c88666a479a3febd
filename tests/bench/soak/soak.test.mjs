/*
 * The soak, briefly: that what it finds flat is flat, and that it would notice if it were not.
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { started } from '../../integration/lib/instance.mjs';
import { LIMITS, judge, trend } from './judge.mjs';
import { plot } from './plot.mjs';
import { SETTINGS, soak } from './soak.mjs';

/* A small generator of noise, the same in every run. */
function noise(seed) {
  let state = seed;
  return () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state / 2147483648 - 0.5;
  };
}

const memory = (value) => ({ memory: { kind: 'memory', unit: 'KiB', points: Array.from({ length: 360 }, (_, i) => [i * 5, value(i)]) } });
const isFlat = (series) => judge(series, LIMITS.long)[0].flat;

describe('the judge', () => {
  test('calls noise flat, and what rises at first and then stays', () => {
    const wobble = noise(1);
    assert.ok(isFlat(memory(() => 20_000 + 2000 * wobble())));
    assert.ok(isFlat(memory((i) => 20_000 * (1 - Math.exp(-i / 30)) + 500 * wobble())));
  });

  test('is not moved by a few outliers, and sees a leak through noise', () => {
    const wobble = noise(2);
    assert.ok(isFlat(memory((i) => (i % 40 === 39 ? 60_000 + 100 * i : 20_000 + 1000 * wobble()))));
    assert.ok(!isFlat(memory((i) => 20_000 + 12 * i + 2000 * wobble())));
    assert.ok(!isFlat(memory((i) => 20_000 + 3000 * Math.floor(i / 50))));
  });

  test('measures the rise over the second half', () => {
    const { median, rise } = trend(Array.from({ length: 101 }, (_, i) => [i, i < 50 ? 0 : 2 * (i - 50)]));
    assert.equal(median, 50);
    assert.equal(rise, 100);
  });
});

const brief = { rate: 80, clients: 60, churners: 6, slow: 2, pause: 60, stall: 3000, period: 500, limits: 'short' };

describe('a soak', () => {
  let instance;

  test('of twenty seconds is flat, and loses nothing', { timeout: 240_000 }, async (t) => {
    instance = await started(null, { set: SETTINGS, args: ['--brokers', '2'] });
    const result = await soak(instance, { ...brief, seconds: 20 });
    const said = JSON.stringify({ ...result, series: undefined, samples: undefined }, null, 1);
    t.diagnostic(`${result.counts.delivered} deliveries, ${result.counts.cycles} came and went, ${result.counts.recovered} recovered`);
    assert.ok(result.verdict.flat, said);
    assert.ok(result.counts.delivered > 0 && result.counts.cycles > 0 && result.counts.recovered > 0
      && result.counts.slowReads > 0 && result.counts.requests > 0, said);
    assert.match(plot('a soak', result.rows, result.series), /^<svg .*<\/svg>\n$/s);
  });

  test('whose clients leave connections behind is not', { timeout: 240_000 }, async () => {
    const result = await soak(instance, { ...brief, seconds: 12, churners: 20, forget: true });
    const rising = result.rows.filter(({ flat, kind }) => !flat && kind === 'descriptors').map(({ name }) => name);
    assert.ok(!result.verdict.flat && rising.includes('descriptors of broker-1') && rising.includes('descriptors of broker-2'),
      JSON.stringify({ ...result, series: undefined, samples: undefined }, null, 1));
  });

  after(() => instance?.stop());
});
