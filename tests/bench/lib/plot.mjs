/*
 * The benchmarks as one SVG: for each scenario a bar for each peer, from the peer that is 1, on a
 * logarithmic scale on which to the right is always better. Whiskers reach from the worst run to
 * the best; a mark is where a goal is.
 */
import { GROUPS, grouped, number, peerName, peersOf, said } from './report.mjs';
import { baseOf, faults, firstOf, side } from './stats.mjs';
import { escape, picture, text } from './svg.mjs';

const WIDTH = 920;
const LEFT = 200;
const RIGHT = 190;
const BAR = 11;
const STEP = 15;
const FOOT = 34;
const TICKS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

/* One family for parley, one for bare C; they keep apart in grey and for the colour-blind. */
const COLOURS = {
  'node-socketio': '#b08a00',
  socketioxide: '#c2571a',
  nest: '#b5477f',
  baseline: '#8c959f',
  'baseline-coalesce': '#6b7280',
  'parley-library': '#2f7fd6',
  parley: '#2f7fd6',
  'parley-lighttpd': '#6db1f2',
};
const colour = (peer) => COLOURS[peer] ?? '#888888';

/* How many times better than the base; undefined for what is no ratio. */
function times(value, base, better) {
  const ratio = better === 'more' ? value / base : base / value;
  return Number.isFinite(ratio) && ratio > 0 ? ratio : undefined;
}

/* What is drawn of one peer in one scenario. */
function barOf(scenarios, scenario, peer) {
  const entry = scenario.peers[peer];
  const base = baseOf(scenarios, scenario, peer);
  const better = (value) => times(value, base?.median, scenario.better);
  const ends = entry.values.map(better).filter(Boolean);
  return { peer, entry, ratio: better(entry.median), ends: [Math.min(...ends), Math.max(...ends)], isBase: base === entry };
}

/* Where the goals of a scenario are on its scale. */
function marksOf(scenarios, goals, scenario) {
  return goals.filter((goal) => goal.scenario === scenario.name).flatMap((goal) => {
    const base = baseOf(scenarios, scenario, goal.peer);
    const other = goal.other ? scenario.peers[goal.other]?.median : 1;
    const at = base && other !== undefined ? times(goal.wanted * other, base.median, scenario.better) : undefined;
    return at ? [{ ...goal, at }] : [];
  });
}

/* Rounded outwards to ticks, so that every bar is within. */
function scaleOf(rows) {
  const all = [1, ...rows.flatMap(({ bars, marks }) => [...bars.flatMap((bar) => [bar.ratio, ...bar.ends]), ...marks.map((mark) => mark.at)])]
    .filter((value) => Number.isFinite(value) && value > 0);
  const low = TICKS.findLast((tick) => tick <= Math.min(...all)) ?? TICKS[0];
  const high = TICKS.find((tick) => tick >= Math.max(...all) && tick > low) ?? TICKS.at(-1);
  const x = (ratio) => {
    const share = Math.log(Math.min(Math.max(ratio, low), high) / low) / Math.log(high / low);
    return Number((LEFT + share * (WIDTH - LEFT - RIGHT)).toFixed(1));
  };
  return { x, ticks: TICKS.filter((tick) => tick >= low && tick <= high) };
}

/* A rate's ratio is said as it is; of a time or a size "0.5x" would be taken for its opposite. */
function relation({ better }, { ratio, isBase }) {
  if (isBase || better === 'more') return isBase ? '1' : `${number(ratio)}x`;
  return ratio < 1 ? `${number(1 / ratio)}x worse` : `${number(ratio)}x better`;
}

function label(scenario, bar) {
  const measure = `${said(bar.entry, scenario)} ${scenario.unit}`;
  return [bar.ratio ? `${relation(scenario, bar)}  ·  ${measure}` : measure, ...faults(bar.entry)].join(', ');
}

function drawBar(scenario, bar, marks, y, x) {
  const { peer, entry, ratio, ends } = bar;
  const name = text(LEFT - 8, y + BAR - 2, peerName(peer), 'text-anchor="end" class="quiet"');
  const reached = Math.max(x(1), ...(ratio ? [ratio, ends[1], ...marks.map((mark) => mark.at)].map(x) : []));
  const words = text(reached + 7, y + BAR - 2, label(scenario, bar), faults(entry).length ? 'class="bad"' : '');
  if (!ratio) return `${name}\n${words}`;
  const [from, to] = [Math.min(x(1), x(ratio)), Math.max(x(1), x(ratio))];
  const middle = y + BAR / 2;
  const runs = `${peerName(peer)}, ${scenario.title}: ${entry.values.map(number).join(', ')} ${scenario.unit}`;
  return `${name}
<rect x="${from}" y="${y}" width="${Math.max(to - from, 1.5).toFixed(1)}" height="${BAR}" fill="${colour(peer)}"${side(entry, scenario) ? ' fill-opacity="0.55"' : ''}><title>${escape(runs)}</title></rect>
${entry.values.length > 1 ? `<path class="whisker" d="M${x(ends[0])} ${middle}H${x(ends[1])}M${x(ends[0])} ${middle - 3}v6M${x(ends[1])} ${middle - 3}v6"/>` : ''}
${words}`;
}

const OUTCOME = { true: 'met', false: 'missed', null: 'open' };

/* A goal: a line over the bar of whom it is for. */
const goalLine = (at, top, met) => `<path class="goal ${OUTCOME[met]}" d="M${at} ${top}v${BAR + 4}m-3 0h6m-3 ${-BAR - 4}m-3 0h6">`;

function drawScenario({ scenario, bars, marks }, y, x) {
  const drawn = bars.map((bar, i) => {
    const top = y + 18 + i * STEP;
    const own = marks.filter((mark) => mark.peer === bar.peer);
    const lines = own.map((mark) => `${goalLine(x(mark.at), top - 2, mark.met)}<title>${escape(`${mark.what}: ${OUTCOME[mark.met]}`)}</title></path>`);
    return [drawBar(scenario, bar, own, top, x), ...lines].join('\n');
  });
  return [text(8, y + 12, scenario.title, 'font-weight="bold"'), ...drawn].join('\n');
}

const heightOf = ({ bars }) => 18 + bars.length * STEP + 8;

/* A group with an axis of its own: {svg, height}. */
function drawGroup(scenarios, goals, group, list, top) {
  const rows = list.map((scenario) => ({
    scenario,
    bars: peersOf([scenario]).filter((peer) => scenario.peers[peer]).map((peer) => barOf(scenarios, scenario, peer)),
    marks: marksOf(scenarios, goals, scenario),
  }));
  const { x, ticks } = scaleOf(rows);
  const first = firstOf(scenarios, group);
  const begin = top + 44;
  const height = rows.reduce((all, each) => all + heightOf(each), 0);
  const grid = ticks.map((tick) => `<line class="${tick === 1 ? 'dim' : 'grid'}" x1="${x(tick)}" y1="${begin - 6}" x2="${x(tick)}" y2="${begin + height}"/>
${text(x(tick), begin - 10, number(tick), 'text-anchor="middle" class="quiet"')}
${text(x(tick), begin + height + 12, number(tick), 'text-anchor="middle" class="quiet"')}`);
  let y = begin;
  const drawn = rows.map((each) => {
    const svg = drawScenario(each, y, x);
    y += heightOf(each);
    return svg;
  });
  const heading = `${GROUPS[group] ?? group}: times better than ${first ? peerName(first) : 'the same with the smallest number'}`;
  return { svg: [text(8, top + 16, heading, 'font-size="13" font-weight="bold"'), ...grid, ...drawn].join('\n'), height: 44 + height + FOOT };
}

function legend(peers, y) {
  let x = 8;
  const items = peers.map((peer) => {
    const item = `<rect x="${x}" y="${y - 9}" width="11" height="11" fill="${colour(peer)}"/>${text(x + 15, y, peerName(peer))}`;
    x += 32 + 6.2 * peerName(peer).length;
    return item;
  });
  const goals = [true, false, null].map((met, i) => `${goalLine(154 + 88 * i, y + 7, met)}</path>${text(162 + 88 * i, y + 18, `goal ${OUTCOME[met]}`)}`);
  const whisker = `<path class="whisker" d="M8 ${y + 14}h22M8 ${y + 11}v6M30 ${y + 11}v6"/>${text(36, y + 18, 'worst to best run')}`;
  const bounds = text(420, y + 18, 'pale, with ≥ or ≤: the generator was the limit', 'class="quiet"');
  return [...items, whisker, ...goals, bounds].join('\n');
}

const STYLE = `.whisker { stroke: #1b1f24; fill: none } .goal { stroke-width: 1.6; fill: none }
.met { stroke: #1a7f37 } .missed { stroke: #d1242f } .open { stroke: #8250df } text.bad { fill: #d1242f; font-weight: bold }
@media (prefers-color-scheme: dark) {
.whisker { stroke: #e6edf3 } .met { stroke: #3fb950 } .missed { stroke: #ff6a61 } .open { stroke: #a371f7 } text.bad { fill: #ff6a61 }
}
`;

/** The picture of a whole result, as text. */
export function plot(result) {
  const { scenarios, goals = [], machine = {}, versions = {}, quick, runs, date } = result;
  const parts = [];
  let top = 84;
  for (const [group, list] of grouped(scenarios)) {
    const { svg, height } = drawGroup(scenarios, goals, group, list, top);
    parts.push(svg);
    top += height;
  }
  const origin = [date?.slice(0, 10), machine.cpu, `${runs} ${runs === 1 ? 'run' : 'runs'}${quick ? ', quick' : ''}`, versions.parley && `parley ${versions.parley}`].filter(Boolean).join(', ');
  return picture({
    width: WIDTH,
    height: top + 8,
    title: 'parley beside its peers, in one run on one machine',
    style: STYLE,
    body: [text(WIDTH - 8, 22, origin, 'text-anchor="end" class="quiet"'), legend(peersOf(scenarios), 48), ...parts].join('\n'),
  });
}
