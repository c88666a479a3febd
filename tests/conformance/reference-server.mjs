// The npm reference server with the same profiles and options as our echo server: the oracle of the
// differential test, and the proof that the other tests demand nothing the reference does not do.
import { createServer } from "node:http";
import { Server as Engine } from "../node_modules/engine.io/build/engine.io.js";
import { Server } from "socket.io";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: {
    port: { type: "string", default: "3000" },
    path: { type: "string" },
    "ping-interval": { type: "string", default: "300" },
    "ping-timeout": { type: "string", default: "200" },
    "max-payload": { type: "string", default: "1000000" },
    "connect-timeout": { type: "string", default: "1000" },
    cors: { type: "string", default: "*" },
    recovery: { type: "boolean", default: false },
    eio: { type: "boolean", default: false },
  },
});

const http = createServer((request, response) => response.writeHead(404).end());
const common = {
  pingInterval: Number(options["ping-interval"]),
  pingTimeout: Number(options["ping-timeout"]),
  maxHttpBufferSize: Number(options["max-payload"]),
  cors: options.cors ? { origin: options.cors === "*" ? "*" : options.cors.split(" ") } : undefined,
};

function engineEcho() {
  const engine = new Engine(common);
  engine.attach(http, { path: options.path ?? "/engine.io/" });
  engine.on("connection", (socket) => socket.on("message", (data) => socket.send(data)));
}

function protocolProfile(io) {
  io.on("connection", (socket) => {
    socket.emit("auth", socket.handshake.auth);
    socket.on("message", (...args) => socket.emit("message-back", ...args));
    socket.on("message-with-ack", (...args) => args.pop()(...args));
    // Acknowledgements of the client: the arguments of its answer come back as an event.
    socket.on("ask", (...args) =>
      socket.emit("question", ...args, (...answer) => socket.emit("answer", ...answer)));
    socket.on("leave", () => socket.disconnect());
    socket.on("close", () => socket.conn.close());
  });
  io.of("/custom").on("connection", (socket) => socket.emit("auth", socket.handshake.auth));
  io.of("/no").use((socket, next) => next(new Error("Auth failed (custom namespace)")));
}

if (options.eio) {
  engineEcho();
} else {
  protocolProfile(new Server(http, {
    ...common,
    path: options.path ?? "/socket.io/",
    connectTimeout: Number(options["connect-timeout"]),
    connectionStateRecovery: options.recovery ? {} : undefined,
    serveClient: false,
  }));
}
http.listen(Number(options.port), "127.0.0.1", () => console.log("listening on", http.address().port));
