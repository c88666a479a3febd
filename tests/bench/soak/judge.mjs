/*
 * Is a series flat? The slope of its second half (the median of the slopes between all pairs of
 * points, which a few outliers do not move), times how long that half is: what it has risen by. A
 * rise within a share of the median, or within an absolute amount, is none.
 */
import { median } from '../lib/stats.mjs';

/* Long series are thinned: the slope of all pairs is quadratic. */
function thin(points, most = 300) {
  const step = Math.ceil(points.length / most);
  return points.filter((_, i) => i % step === 0);
}

/** Points are [seconds, value]. {median, rise}. */
export function trend(points) {
  const half = thin(points.slice(points.length >> 1));
  const slopes = [];
  for (let i = 0; i < half.length; i++) {
    for (let j = i + 1; j < half.length; j++) slopes.push((half[j][1] - half[i][1]) / (half[j][0] - half[i][0]));
  }
  return {
    median: median(half.map(([, value]) => value)),
    rise: slopes.length ? median(slopes) * (half.at(-1)[0] - half[0][0]) : 0,
  };
}

/**
 * What may rise by how much. Short runs end while allocators and pools still fill: they find what
 * leaks with every cycle, a long run finds what leaks with every thousandth.
 */
export const LIMITS = {
  long: {
    memory: { share: 0.05, amount: 1536 },
    descriptors: { share: 0.05, amount: 8 },
    latency: { share: 0.5, amount: 20 },
    connections: { share: 0, amount: 2 },
    queue: { share: 0.5, amount: 50 },
  },
  short: {
    memory: { share: 0.15, amount: 4096 },
    descriptors: { share: 0.15, amount: 20 },
    latency: { share: 2, amount: 1000 },
    connections: { share: 0, amount: 4 },
    queue: { share: 2, amount: 500 },
  },
};

/** `series`: {name: {kind, unit, points}}. A row for each, with `flat`. */
export function judge(series, limits) {
  return Object.entries(series).map(([name, { kind, unit, points }]) => {
    const { median: level, rise } = trend(points);
    const { share, amount } = limits[kind];
    const allowed = Math.max(share * level, amount);
    return { name, kind, unit, first: points[0][1], level, rise, allowed, flat: rise <= allowed };
  });
}
