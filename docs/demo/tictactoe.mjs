/*
 * The backend of a two-player game, in forty lines: tic-tac-toe in any channel. Players emit
 *
 *   socket.emit("move", { room: "den", cell: 4 })
 *
 * and everybody in the channel gets `board` {room, seq, data: {cells, next, winner}, date}; it is kept, so
 * that who comes back sees the game as it is. A wrong move is told to its player only: `moveRefused`.
 *
 *   ./dev up --set app.events=move
 *   PARLEY_URL=http://127.0.0.1:3000 PARLEY_KEY=$(./dev ctl key add game) \
 *   MQTT="-h 127.0.0.1 -p PORT -u parley -P PASSWORD" node docs/demo/tictactoe.mjs
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const { PARLEY_URL, PARLEY_KEY, MQTT } = process.env;
const LINES = [[0, 1, 2], [3, 4, 5], [6, 7, 8], [0, 3, 6], [1, 4, 7], [2, 5, 8], [0, 4, 8], [2, 4, 6]];
const games = new Map();

async function publish(body) {
  const answer = await fetch(`${PARLEY_URL}/api/v1/publish`, {
    method: 'POST', headers: { authorization: `Bearer ${PARLEY_KEY}`, 'content-type': 'application/json' }, body: JSON.stringify(body),
  });
  if (!answer.ok) console.error(answer.status, await answer.text());
}

/* The board after the move, or why it cannot be made. */
function play(game, user, cell) {
  if (game.players.length < 2 && !game.players.includes(user)) game.players.push(user);
  const mark = game.players.indexOf(user);
  if (mark < 0) return 'two others are playing';
  if (game.next !== mark) return 'it is not your turn';
  if (!Number.isInteger(cell) || cell < 0 || cell > 8 || game.cells[cell]) return 'that cell cannot be taken';
  game.cells[cell] = 'XO'[mark];
  game.next = 1 - mark;
  game.winner = LINES.some((line) => line.every((each) => game.cells[each] === 'XO'[mark])) ? user : null;
  return null;
}

const watcher = spawn('mosquitto_sub', ['-V', '5', ...MQTT.split(' '), '-q', '1', '-t', 'parley/v1/app/move', '-F', '%p']);
watcher.stderr.pipe(process.stderr);
watcher.on('exit', (code) => process.exit(code ?? 1));
process.on('SIGTERM', () => watcher.kill());
for await (const line of createInterface({ input: watcher.stdout })) {
  const { user, room, data } = JSON.parse(line);
  if (!games.has(room)) games.set(room, { players: [], cells: Array(9).fill(null), next: 0, winner: null });
  const game = games.get(room);
  const refused = room === null ? 'a move needs a room' : play(game, user, data.cell);
  if (refused) await publish({ event: 'moveRefused', user, data: { room, reason: refused } });
  else await publish({ event: 'board', room, durable: true, data: { cells: game.cells, next: game.players[game.next] ?? null, winner: game.winner } });
  if (game.winner || game.cells.every(Boolean)) games.delete(room);
}
