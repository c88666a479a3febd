/*
 * What the benchmarks' numbers come to: medians, spreads, ratios, and whether the goals are met.
 * Numbers only: report.mjs and plot.mjs show them.
 */

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The largest less the smallest, as a share of the median; absolute if that is 0. */
export function spread(values) {
  return (Math.max(...values) - Math.min(...values)) / (Math.abs(median(values)) || 1);
}

const sum = (runs, key) => runs.reduce((all, run) => all + (run[key] ?? 0), 0);

/**
 * A peer's runs of a scenario as one. One run in which the generator was the limit makes the whole
 * a bound: the median may be of that run.
 */
export function summary(values, runs = []) {
  return {
    values,
    median: median(values),
    spread: spread(values),
    lower_bound: runs.some((run) => run.lower_bound === true),
    lost: sum(runs, 'lost'),
    runs,
  };
}

/* What the generator counts that must not happen. Who did not connect and which answers were errors
   a scenario may have counted as lost itself. */
const FAULTS = { lost: 'lost', failed: 'not connected', errors: 'errors', extra: 'more than once', refused: 'refused' };
const MAY_BE_LOST = ['failed', 'errors'];

/** What went wrong in a peer's runs, in words; empty if nothing did. */
export function faults({ lost = 0, runs = [] }) {
  const counts = { ...Object.fromEntries(Object.keys(FAULTS).map((key) => [key, sum(runs, key)])), lost };
  if (lost > 0) MAY_BE_LOST.forEach((key) => { counts[key] = 0; });
  return Object.entries(counts).filter(([, count]) => count > 0).map(([key, count]) => `${count} ${FAULTS[key]}`);
}

/* ---- bounds ---- */

/* Only what takes time is slower where the generator is: not a size, not a count. */
const timed = (unit) => unit.endsWith('/s') || ['s', 'ms', 'µs'].includes(unit);

/**
 * Where the true value is: 0 at the one measured, 1 there or above, -1 there or below. A generator
 * at its limit makes rates too low and latencies too high.
 */
export function side(entry, { better, unit }) {
  return entry.lower_bound && timed(unit) ? (better === 'more' ? 1 : -1) : 0;
}

/** Where the true ratio of two is; NaN if nothing can be said. */
export function sideOfRatio(entry, other, scenario) {
  const own = side(entry, scenario);
  const others = 0 - side(other, scenario);
  return own && others && own !== others ? NaN : own || others;
}

/* ---- what a ratio is to ---- */

const FIRST_OF = {
  library: ['node-socketio', 'baseline', 'parley-library'],
  system: ['nest', 'parley'],
  rest: ['nest', 'parley'],
};

/** Scenarios of growth differ in a number at the end of their name: "growth-members-100". */
export const seriesOf = (name) => name.replace(/-[^-]*$/, '');

const measured = (scenario, peer) => Number.isFinite(scenario.peers[peer]?.median);

/** The peer that is 1 in a group's tables: the first that was measured at all. */
export function firstOf(scenarios, group) {
  const own = scenarios.filter((each) => each.group === group);
  return (FIRST_OF[group] ?? []).find((peer) => own.some((each) => measured(each, peer)));
}

/** The entry that a peer's is put in relation to; undefined if there is none. */
export function baseOf(scenarios, scenario, peer) {
  if (scenario.group !== 'growth') return scenario.peers[firstOf(scenarios, scenario.group)];
  const smallest = scenarios.find((each) => each.group === 'growth'
    && seriesOf(each.name) === seriesOf(scenario.name) && measured(each, peer));
  return smallest?.peers[peer];
}

/* ---- goals ---- */

const LIBRARY = 'parley-library';

/** scenario, who, how, how much of what whom reaches (or, without, how much), and in words. */
export const GOALS = [
  ['room-1000-16', LIBRARY, '>=', 0.8, 'baseline-coalesce', '>= 0.8 of the coalescing baseline'],
  ['room-1000-16', LIBRARY, '>=', 1.5, 'socketioxide', '>= 1.5 of socketioxide'],
  ['room-1000-1', LIBRARY, '>=', 0.9, 'baseline', '>= 0.9 of the one-send baseline'],
  ['room-1000-1', LIBRARY, '>=', 1.1, 'socketioxide', '>= 1.1 of socketioxide'],
  ['room-5000-4', LIBRARY, '>=', 0.8, 'baseline-coalesce', '>= 0.8 of the coalescing baseline'],
  ['room-5000-4', LIBRARY, '>=', 1.7, 'socketioxide', '>= 1.7 of socketioxide'],
  ['rooms-100x10', LIBRARY, '>=', 0.9, 'baseline', '>= 0.9 of the one-send baseline'],
  ['handshakes', LIBRARY, '>=', 1, 'socketioxide', '>= socketioxide'],
  ['memory-idle', LIBRARY, '<=', 4, null, '<= 4 KiB'],
  ['latency-30', LIBRARY, '<=', 1.1, 'baseline', '<= 1.1 of the one-send baseline'],
  ['storm-5000', LIBRARY, '<=', 0, null, 'no join lost'],
  ['sends-100', 'parley', '>=', 5, 'nest', '>= 5 of Nest'],
  ['sends-one-listener', 'parley', '>=', 8, 'nest', '>= 8 of Nest'],
  ['sends-one-room', 'parley', '>=', 5, 'nest', '>= 5 of Nest'],
  ['latency-half', 'parley', '<=', 0.5, 'nest', '<= 0.5 of Nest'],
  ['rest-history', 'parley', '>=', 5, 'nest', '>= 5 of Nest'],
  ['memory-system-0', 'parley', '<=', 20, null, '<= 20 MiB'],
  ['memory-system-10000', 'parley', '<=', 60, null, '<= 60 MiB'],
  ['start-up', 'parley', '<=', 5, null, '<= 5 s'],
].map(([scenario, peer, op, wanted, other, what]) => ({ scenario, peer, op, wanted, other, what }));

/* Met as measured, and could the truth be otherwise? null: it could. */
function verdict({ op, wanted }, got, where) {
  const met = op === '>=' ? got >= wanted : got <= wanted;
  const towards = op === '>=' ? 1 : -1;
  const sure = where === 0 || where === (met ? towards : -towards);
  return sure ? { met } : { met: null, why: 'the generator was the limit' };
}

function judgeOne(goal, scenario) {
  const own = scenario?.peers[goal.peer];
  const other = goal.other ? scenario?.peers[goal.other] : { median: 1 };
  const failed = scenario?.failed ?? {};
  if (failed[goal.peer]) return { got: null, met: false, why: `it failed: ${failed[goal.peer]}` };
  const absent = !scenario ? 'it was not run' : !own ? `${goal.peer} was not` : !other ? `${goal.other} ${failed[goal.other] ? 'failed' : 'was not'}` : null;
  if (absent) return { got: null, met: null, why: absent };
  const got = own.median / other.median;
  const wrong = faults(own);
  if (wrong.length) return { got, met: false, why: wrong.join(', ') };
  if (!Number.isFinite(got)) return { got: null, met: null, why: `${own.median} to ${other.median} is no ratio` };
  return { got, ...verdict(goal, got, sideOfRatio(own, other, scenario)) };
}

/**
 * Each goal with what was got: `met` is true, false, or null where the run cannot tell, with
 * `why`. A peer whose runs lost something has not met its goal, however fast it was.
 */
export function judge(scenarios, goals = GOALS) {
  return goals.map((goal) => ({ ...goal, ...judgeOne(goal, scenarios.find((each) => each.name === goal.scenario)) }));
}
