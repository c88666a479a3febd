/* The series of a soak as one SVG: a panel for each, the judged half shaded. */

const WIDTH = 420;
const HEIGHT = 110;
const COLUMNS = 2;
const MARGIN = { left: 60, top: 28, right: 16, bottom: 22 };

const escape = (text) => text.replace(/[<>&]/g, (c) => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;' })[c]);
const short = (value) => (value >= 10_000 ? `${(value / 1000).toFixed(0)}k` : value >= 100 ? value.toFixed(0) : value.toFixed(1));

function panel(row, points, x, y) {
  const end = points.at(-1)[0];
  const most = Math.max(...points.map(([, value]) => value), 1) * 1.1;
  const px = (at) => (x + MARGIN.left + (at / end) * (WIDTH - MARGIN.left - MARGIN.right)).toFixed(1);
  const py = (value) => (y + MARGIN.top + (1 - value / most) * (HEIGHT - MARGIN.top - MARGIN.bottom)).toFixed(1);
  const half = points[points.length >> 1][0];
  const line = points.map(([at, value]) => `${px(at)},${py(value)}`).join(' ');
  const colour = row.flat ? '#1a7f4b' : '#c0392b';
  return `<rect x="${px(half)}" y="${py(most)}" width="${px(end) - px(half)}" height="${py(0) - py(most)}" fill="#eef3f8"/>
<text x="${x + 8}" y="${y + 16}" font-weight="bold">${escape(row.name)}${row.unit ? `, ${row.unit}` : ''}: ${row.flat ? 'flat' : 'RISES'} (${row.rise >= 0 ? '+' : ''}${row.rise.toFixed(1)})</text>
<line x1="${px(0)}" y1="${py(0)}" x2="${px(end)}" y2="${py(0)}" stroke="#999"/>
<text x="${x + MARGIN.left - 4}" y="${Number(py(most)) + 8}" text-anchor="end">${short(most)}</text>
<text x="${x + MARGIN.left - 4}" y="${py(0)}" text-anchor="end">0</text>
<text x="${px(end)}" y="${Number(py(0)) + 14}" text-anchor="end">${end >= 120 ? `${(end / 60).toFixed(0)} min` : `${end.toFixed(0)} s`}</text>
<polyline points="${line}" fill="none" stroke="${colour}" stroke-width="1.5"/>`;
}

export function plot(title, rows, series) {
  const height = 40 + Math.ceil(rows.length / COLUMNS) * HEIGHT;
  const panels = rows.map((row, i) => panel(row, series[row.name].points, (i % COLUMNS) * WIDTH, 40 + Math.floor(i / COLUMNS) * HEIGHT));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH * COLUMNS}" height="${height}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="white"/>
<text x="8" y="22" font-size="15">${escape(title)}</text>
${panels.join('\n')}
</svg>
`;
}
