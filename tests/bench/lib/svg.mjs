/* What the pictures of the benchmarks and of the soak have in common. */

export const escape = (text) => String(text).replace(/[<>&"]/g, (c) => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;' })[c]);

export function text(x, y, content, attributes = '') {
  return `<text x="${x}" y="${y}"${attributes && ` ${attributes}`}>${escape(content)}</text>`;
}

/**
 * A picture with a title, readable on white and on black: what is drawn takes its colours from the
 * classes `ink` (text, lines), `dim` (axes), `shade` (areas), and from `style`.
 */
export function picture({ width, height, title, style = '', body }) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="11" role="img">
<title>${escape(title)}</title>
<style>
.paper { fill: #fff } text, .ink { fill: #1b1f24 } .quiet { fill: #57606a } .dim { stroke: #8c959f } .grid { stroke: #d8dee4 } .shade { fill: #eef3f8 }
@media (prefers-color-scheme: dark) {
.paper { fill: #0d1117 } text, .ink { fill: #e6edf3 } .quiet { fill: #9198a1 } .dim { stroke: #6e7681 } .grid { stroke: #2b323b } .shade { fill: #1a222c }
}
${style}</style>
<rect class="paper" width="100%" height="100%"/>
${text(8, 22, title, 'font-size="15"')}
${body}
</svg>
`;
}
