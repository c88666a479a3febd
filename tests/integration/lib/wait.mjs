/* Waiting for conditions. Nothing in these tests sleeps in the hope that something has happened. */
import { setTimeout as delay } from 'node:timers/promises';

/** Call `probe` until it returns something truthy, and return that. Fails after `timeout` ms. */
export async function until(what, probe, { timeout = 10_000, every = 20 } = {}) {
  const end = performance.now() + timeout;
  let last;
  for (;;) {
    try {
      const value = await probe();
      if (value) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() >= end) {
      throw new Error(`waited ${timeout} ms in vain for ${what}${last ? `: ${last.message}` : ''}`);
    }
    await delay(every);
  }
}

/** `promise`, or a failure that names `what` after `timeout` ms. */
export async function within(what, promise, timeout = 10_000) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: no answer in ${timeout} ms`)), timeout);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The q-quantile (0..1) of numbers. */
export function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}
