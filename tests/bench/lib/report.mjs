/*
 * A run of the benchmarks for people: as text on the terminal, and as the tables of
 * docs/PERFORMANCE.md. Judges nothing: the goals come with the result (stats.mjs).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { baseOf, faults, firstOf, side, sideOfRatio } from './stats.mjs';

/** Every peer, in the order of columns and bars: its name for people. */
export const PEERS = {
  'node-socketio': 'npm socket.io',
  socketioxide: 'socketioxide',
  nest: 'Nest + pg',
  baseline: 'bare C, one send',
  'baseline-coalesce': 'bare C, coalescing',
  'parley-library': 'parley\'s library',
  parley: 'parley',
  'parley-lighttpd': 'parley, lighttpd',
};

export const GROUPS = {
  library: 'The Socket.IO library alone, rooms in memory',
  system: 'The full system, persisted',
  rest: 'REST',
  growth: 'How cost grows',
};

export const peerName = (peer) => PEERS[peer] ?? peer;

/** The peers that a list of scenarios was measured with, in order. */
export function peersOf(scenarios) {
  const seen = new Set(scenarios.flatMap((each) => [...Object.keys(each.peers), ...Object.keys(each.failed ?? {})]));
  return [...Object.keys(PEERS).filter((peer) => seen.delete(peer)), ...seen];
}

/** The scenarios of a result by group, those without any left out: [[group, scenarios]]. */
export function grouped(scenarios) {
  const groups = new Set([...Object.keys(GROUPS), ...scenarios.map((each) => each.group)]);
  return [...groups].map((group) => [group, scenarios.filter((each) => each.group === group)])
    .filter(([, list]) => list.length);
}

/* ---- numbers ---- */

/** Three significant digits, whole from a hundred on, thousands parted. */
export function number(value) {
  if (!Number.isFinite(value)) return '-';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

const SIGNS = { '-1': '≤ ', 0: '', 1: '≥ ' };
const bounded = (where, shown) => (Number.isNaN(where) ? `? ${shown}` : `${SIGNS[where]}${shown}`);
const percent = (share) => `${(100 * share).toFixed(0)} %`;

/** A median as it may be said: with the sign of a bound. */
export const said = (entry, scenario) => bounded(side(entry, scenario), number(entry.median));

/** The ratio to the group's first peer (or to a series' smallest), as "9.9x"; null if there is none. */
export function ratio(scenarios, scenario, peer) {
  const entry = scenario.peers[peer];
  const base = baseOf(scenarios, scenario, peer);
  const value = entry && base ? entry.median / base.median : NaN;
  if (!Number.isFinite(value)) return null;
  if (base === entry) return '1';
  return `${bounded(sideOfRatio(entry, base, scenario), number(value))}x`;
}

/** A goal's outcome in a few words. */
export function outcome({ got, met, why, other }) {
  if (got === null) return met === false ? `MISSED: ${why}` : `not measured: ${why}`;
  const value = `${number(got)}${other ? 'x' : ''}`;
  if (met === null) return `open: ${value}, ${why}`;
  return met ? `met: ${value}` : `MISSED: ${value}${why ? `, ${why}` : ''}`;
}

function tally(goals) {
  const count = (met) => goals.filter((goal) => goal.met === met).length;
  const open = count(null);
  return `${count(true)} of ${goals.length} goals met, ${count(false)} missed${open ? `, ${open} not decided by this run` : ''}`;
}

/* The goals of scenarios that were not run are only counted. */
const wasRun = (scenarios) => (goal) => scenarios.some((each) => each.name === goal.scenario);

const titleOf = (scenarios, goal) => scenarios.find((each) => each.name === goal.scenario).title;

function conditions({ quick, runs, seconds }) {
  const times = `${runs} interleaved ${runs === 1 ? 'run' : 'runs'} of ${seconds} s`;
  return quick ? `A quick run (${times}): it shows that all works, its numbers are not for comparison.` : `Medians of ${times}.`;
}

function machineLine({ cpu, cores, memory_mib: memory, kernel, load }) {
  const loads = [load].flat().filter((each) => each !== undefined && each !== null).map((each) => (typeof each === 'number' ? each.toFixed(1) : each));
  return [cpu, cores && `${cores} cores`, memory && `${number(memory)} MiB`, kernel && `Linux ${String(kernel).replace(/^Linux /, '')}`,
    loads.length && `load average before the run ${loads.join(', ')}`].filter(Boolean).join('; ');
}

const versionLine = (versions) => Object.entries(versions).filter(([, version]) => version)
  .map(([name, version]) => `${name} ${version}`).join(', ');

/* ---- text ---- */

function scenarioText(scenarios, scenario) {
  const lines = peersOf([scenario]).filter((peer) => scenario.peers[peer]).map((peer) => {
    const entry = scenario.peers[peer];
    const wrong = faults(entry);
    return `  ${peerName(peer).padEnd(20)} ${said(entry, scenario).padStart(12)} ${scenario.unit.padEnd(13)}`
      + ` spread ${percent(entry.spread).padStart(5)}  ${(ratio(scenarios, scenario, peer) ?? '').padStart(8)}`
      + `${side(entry, scenario) ? '  the generator was the limit' : ''}${wrong.length ? `  ${wrong.join(', ').toUpperCase()}` : ''}`;
  });
  const failed = Object.entries(scenario.failed ?? {}).map(([peer, why]) => `  ${peerName(peer).padEnd(20)} FAILED: ${why}`);
  return [`${scenario.title} (${scenario.better} is better)`, ...[...lines, ...failed].map((line) => line.trimEnd())].join('\n');
}

/** The whole result for a terminal. */
export function textReport(result) {
  const { scenarios, goals = [], skipped = {} } = result;
  const parts = grouped(scenarios).map(([group, list]) => {
    const first = firstOf(scenarios, group);
    return [`== ${GROUPS[group] ?? group}${first ? `, ${peerName(first)} = 1` : ''}`, ...list.map((each) => scenarioText(scenarios, each))].join('\n\n');
  });
  const verdicts = goals.filter(wasRun(scenarios))
    .map((goal) => `  ${titleOf(scenarios, goal).padEnd(44)} ${goal.what.padEnd(36)} ${outcome(goal)}`);
  const left = Object.entries(skipped).map(([peer, why]) => `  ${peerName(peer)}: ${why}`);
  return [
    ...parts,
    ...(verdicts.length ? [['== Goals', ...verdicts, `  ${tally(goals)}`].join('\n')] : []),
    ...(left.length ? [['== Skipped', ...left].join('\n')] : []),
    conditions(result),
  ].join('\n\n') + '\n';
}

/* ---- Markdown ---- */

const cell = (content) => String(content).replace(/\|/g, '\\|').replace(/\n/g, ' ');
const row = (cells) => `| ${cells.map(cell).join(' | ')} |`;
const table = (head, rows) => [row(head), `|${'---|'.repeat(head.length)}`, ...rows.map(row)].join('\n');
const marked = (shown, entry) => (faults(entry).length ? `${shown} **(${faults(entry).join(', ')})**` : shown);

/* A peer without a number: it was not meant to have one, or it failed. */
const absence = (scenario, peer) => (scenario.failed?.[peer] ? `**failed: ${scenario.failed[peer]}**` : '');

function goalCell(goals, scenario) {
  return goals.filter((goal) => goal.scenario === scenario.name)
    .map((goal) => `${goal.what}: ${goal.met === false ? `**${outcome(goal)}**` : outcome(goal)}`).join('; ');
}

/* As the goals are put: rates as ratios, and what should be small as it is. */
function ratioCell(scenarios, scenario, peer) {
  const entry = scenario.peers[peer];
  if (!entry) return absence(scenario, peer);
  const relative = scenario.better === 'more' || scenario.group === 'growth' ? ratio(scenarios, scenario, peer) : null;
  return marked(relative ?? `${said(entry, scenario)} ${scenario.unit}`, entry);
}

function ratioTable({ scenarios, goals = [] }, group, list) {
  const peers = peersOf(list);
  const first = firstOf(scenarios, group);
  const withGoals = list.some((each) => goals.some((goal) => goal.scenario === each.name));
  const head = [first ? `${peerName(first)} = 1` : 'the smallest = 1', ...peers.map(peerName), ...(withGoals ? ['goal'] : [])];
  return table(head, list.map((each) => [
    each.title, ...peers.map((peer) => ratioCell(scenarios, each, peer)), ...(withGoals ? [goalCell(goals, each)] : []),
  ]));
}

function medianTable(list) {
  const peers = peersOf(list);
  return table(['median (spread)', 'unit', ...peers.map(peerName)], list.map((each) => [each.title, each.unit, ...peers.map((peer) => {
    const entry = each.peers[peer];
    return entry ? marked(`${said(entry, each)} (${percent(entry.spread)})`, entry) : absence(each, peer);
  })]));
}

/* What of a peer's costs (cost.mjs) is a row: its name, and a number or {name: number}. */
const COSTS = [
  ['sends/s', ({ sends_per_s: rate }) => rate],
  ['deliveries per send', ({ deliveries_per_send: members }) => members],
  ['CPU µs per send', ({ cpu_us: all }) => all],
  ['in the kernel of that, µs', ({ system_us: all }) => all],
  ['of its process, µs per send', ({ parts }) => parts?.us_per_send],
  ['system calls per send', ({ syscalls }) => syscalls?.per_send],
  ['system calls per delivery', ({ syscalls }) => syscalls?.per_delivery],
  ['WAL bytes per send', ({ wal }) => wal?.bytes],
  ['of them, images of pages', ({ wal }) => wal?.page_images_bytes],
  ['commits per send', ({ wal }) => wal?.commits],
];

/* As ["CPU µs per send: broker", 40.2]. */
function costRows(costs) {
  return COSTS.flatMap(([name, of]) => {
    const value = of(costs);
    return typeof value === 'object' && value !== null ? Object.entries(value).map(([part, inner]) => [`${name}: ${part}`, inner]) : [[name, value]];
  });
}

/* No news: a peer in memory has no database, and parts are told of our own programs only. */
const OF_COURSE = ['no database', 'not a program of ours'];

/* The functions with most of the time, and what could not be looked at. */
function costNotes(peer, { syscalls, parts, wal }) {
  const most = parts?.functions ? parts.functions.split(', ').slice(0, 8) : [];
  const skipped = [['system calls', syscalls], ['parts', parts], ['WAL', wal]].filter(([, part]) => part?.skipped && !OF_COURSE.includes(part.skipped)).map(([name, part]) => `${name}: not measured, ${part.skipped}`);
  const notes = [...(most.length ? [`most time in ${most.join(', ')}`] : []), ...skipped];
  return notes.length ? [`* ${peerName(peer)}: ${notes.join('; ')}`] : [];
}

function costTables(costs, scenarios) {
  return Object.entries(costs).flatMap(([name, peers]) => {
    const columns = peersOf([{ peers }]);
    const cells = new Map(columns.map((peer) => [peer, new Map(costRows(peers[peer]))]));
    const order = COSTS.map(([first]) => first);
    /* Totals last: each peer has processes of its own. */
    const place = (what) => 2 * order.indexOf(what.split(': ')[0]) + (what.endsWith(': total') ? 1 : 0);
    const rows = [...new Set(columns.flatMap((peer) => [...cells.get(peer).keys()]))]
      .filter((what) => columns.some((peer) => Number.isFinite(cells.get(peer).get(what))))
      .sort((x, y) => place(x) - place(y));
    const title = scenarios.find((each) => each.name === name)?.title ?? name;
    const notes = columns.flatMap((peer) => costNotes(peer, peers[peer]));
    return [
      table([title, ...columns.map(peerName)], rows.map((what) => [what, ...columns.map((peer) => {
        const value = cells.get(peer).get(what);
        return Number.isFinite(value) ? number(value) : '';
      })])),
      ...(notes.length ? [notes.join('\n')] : []),
    ];
  });
}

function goalSummary({ scenarios, goals = [] }) {
  const rest = goals.filter(wasRun(scenarios)).filter((goal) => goal.met !== true)
    .map((goal) => `* ${titleOf(scenarios, goal)}, ${peerName(goal.peer)} ${goal.what}: ${outcome(goal)}`);
  return [...(goals.length ? [`**${tally(goals)}.**`] : []), ...(rest.length ? [rest.join('\n')] : [])];
}

/** The generated part of docs/PERFORMANCE.md. */
export function markdown(result) {
  const { scenarios, skipped = {}, costs = {}, machine = {}, versions = {} } = result;
  const left = Object.entries(skipped).map(([peer, why]) => `${peerName(peer)}: ${why}`);
  return [
    `${conditions(result)} ${result.date}${result.commit ? `, commit ${result.commit}` : ''}. ${machineLine(machine)}. ${versionLine(versions)}.`,
    ...(left.length ? [`Skipped: ${left.join('; ')}.`] : []),
    ...goalSummary(result),
    '![each peer in relation to the first](../tests/bench/results/bench.svg)',
    '≥ and ≤: a bound, since the generator was above 0.9 of its core; ?: both were. In bold what a peer lost or refused.',
    ...grouped(scenarios).flatMap(([group, list]) => [`### ${GROUPS[group] ?? group}`, ratioTable(result, group, list), medianTable(list)]),
    ...(Object.keys(costs).length ? ['### What it costs', ...costTables(costs, scenarios)] : []),
  ].join('\n\n');
}

const BEGIN = '<!-- bench:begin -->';
const END = '<!-- bench:end -->';

/** `text` with what is between the markers replaced. */
export function replaced(text, content) {
  const from = text.indexOf(BEGIN);
  const to = text.indexOf(END);
  if (from < 0 || to < from) throw new Error(`no ${BEGIN} ... ${END}`);
  return `${text.slice(0, from)}${BEGIN}\n\n${content}\n\n${text.slice(to)}`;
}

/** Rewrite the tables of the document at `path`. */
export function publish(result, path) {
  writeFileSync(path, replaced(readFileSync(path, 'utf8'), markdown(result)));
}
