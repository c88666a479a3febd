/*
 * A peer of the benchmarks: rooms in memory on the npm socket.io server, with what its page on
 * performance advises: the native parts of ws (bufferutil, utf-8-validate), no compression, the
 * handshake's request not kept. See ../../README.md for the vocabulary.
 *
 *   NODE_ENV=production node server.mjs --port N
 */
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { Server } from 'socket.io';

const { values } = parseArgs({ options: { port: { type: 'string' } } });
const http = createServer((request, response) => response.writeHead(404).end());
const io = new Server(http, {
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
});

/* Else it is held in memory as long as the connection. */
io.engine.on('connection', (connection) => { connection.request = null; });

io.on('connection', (socket) => {
  socket.on('join', (body, ack) => {
    socket.join(body.room);
    ack?.({});
  });
  socket.on('say', (body) => io.to(body.room).emit('said', body));
});

process.on('SIGTERM', () => process.exit(0));
http.listen(Number(values.port), '127.0.0.1', 4096, () => console.log('ready'));
