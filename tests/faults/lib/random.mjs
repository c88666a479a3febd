/* Randomness that can be had again: PARLEY_SEED repeats a run's choices (not its timing). */
import { randomInt } from 'node:crypto';

export const SEED = Number(process.env.PARLEY_SEED ?? randomInt(1, 2 ** 31));

/** mulberry32: a number in [0, 1) per call. */
export function random(seed = SEED) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function pick(next, items) {
  return items[Math.floor(next() * items.length)];
}
