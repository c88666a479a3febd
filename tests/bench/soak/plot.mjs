/* The series of a soak as one SVG: a panel for each, the judged half shaded. */
import { picture, text } from '../lib/svg.mjs';

const WIDTH = 420;
const HEIGHT = 110;
const COLUMNS = 2;
const MARGIN = { left: 60, top: 28, right: 16, bottom: 22 };

const short = (value) => (value >= 10_000 ? `${(value / 1000).toFixed(0)}k` : value >= 100 ? value.toFixed(0) : value.toFixed(1));

function panel(row, points, x, y) {
  const end = points.at(-1)[0];
  const most = Math.max(...points.map(([, value]) => value), 1) * 1.1;
  const px = (at) => (x + MARGIN.left + (at / end) * (WIDTH - MARGIN.left - MARGIN.right)).toFixed(1);
  const py = (value) => (y + MARGIN.top + (1 - value / most) * (HEIGHT - MARGIN.top - MARGIN.bottom)).toFixed(1);
  const half = points[points.length >> 1][0];
  const line = points.map(([at, value]) => `${px(at)},${py(value)}`).join(' ');
  const colour = row.flat ? '#2da160' : '#e0533f';
  return `<rect class="shade" x="${px(half)}" y="${py(most)}" width="${px(end) - px(half)}" height="${py(0) - py(most)}"/>
${text(x + 8, y + 16, `${row.name}${row.unit ? `, ${row.unit}` : ''}: ${row.flat ? 'flat' : 'RISES'} (${row.rise >= 0 ? '+' : ''}${row.rise.toFixed(1)})`, 'font-weight="bold"')}
<line class="dim" x1="${px(0)}" y1="${py(0)}" x2="${px(end)}" y2="${py(0)}"/>
${text(x + MARGIN.left - 4, Number(py(most)) + 8, short(most), 'text-anchor="end"')}
${text(x + MARGIN.left - 4, py(0), '0', 'text-anchor="end"')}
${text(px(end), Number(py(0)) + 14, end >= 120 ? `${(end / 60).toFixed(0)} min` : `${end.toFixed(0)} s`, 'text-anchor="end"')}
<polyline points="${line}" fill="none" stroke="${colour}" stroke-width="1.5"/>`;
}

export function plot(title, rows, series) {
  const height = 40 + Math.ceil(rows.length / COLUMNS) * HEIGHT;
  const panels = rows.map((row, i) => panel(row, series[row.name].points, (i % COLUMNS) * WIDTH, 40 + Math.floor(i / COLUMNS) * HEIGHT));
  return picture({ width: WIDTH * COLUMNS, height, title, body: panels.join('\n') });
}
