// The official JavaScript clients of every generation that speaks Engine.IO 4, each over polling
// only, websocket only, and with an upgrade in between; and the clients of generation 2, refused.
// INTEROP_VERSIONS=4.8,4.0 limits the versions (the fast profile of run.sh does).
import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { once } from "node:events";
import { isReference, sleep, startServer } from "./lib/server.mjs";

const require = createRequire(import.meta.url);
const packages = { "3.1": "socket.io-client-3.1", "4.0": "socket.io-client-4.0", "4.5": "socket.io-client-4.5",
                   "4.6": "socket.io-client-4.6", "4.7": "socket.io-client-4.7", "4.8": "socket.io-client" };
const wanted = process.env.INTEROP_VERSIONS?.split(",") ?? Object.keys(packages);
const ways = { polling: ["polling"], websocket: ["websocket"], upgrade: ["polling", "websocket"] };

let server;

before(async () => {
  // No pause behind the first frames: no client of these needs it.
  server = await startServer({ "ping-interval": 500, "ping-timeout": 2000, "connect-timeout": 5000,
                               ...(isReference ? {} : { pace: 0 }) });
});
after(() => server?.stop());

// The arguments of the next event of this name.
function next(socket, name, timeout = 5000) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${name} in time`)), timeout);
    socket.once(name, (...args) => { clearTimeout(timer); resolve(args); });
  });
}
const ask = (socket, ...args) => new Promise((resolve) => socket.emit(...args, (...answer) => resolve(answer)));
const echo = async (socket, ...args) => {
  const back = next(socket, "message-back");
  socket.emit("message", ...args);
  assert.deepEqual(await back, args);
};
const transport = (socket) => socket.io.engine.transport.name;
const bytes = (...values) => Buffer.from(values);

for (const version of wanted) {
  const { io } = require(packages[version]);
  for (const [way, transports] of Object.entries(ways))
    describe(`socket.io-client ${version}, ${way}`, () => {
      let socket;
      const open = (nsp = "", options = {}) =>
        io(server.url + nsp, { transports, auth: { token: "t\u20ac" }, forceNew: true, reconnectionDelay: 50,
                               reconnectionDelayMax: 100, ...options });
      before(async () => {
        socket = open();
        const auth = next(socket, "auth");
        await next(socket, "connect");
        assert.deepEqual(await auth, [{ token: "t\u20ac" }]);
      });
      after(() => socket.disconnect());

      it("is on its transport", async () => {
        for (let i = 0; i < 100 && transport(socket) !== transports.at(-1); i++) await sleep(20);
        assert.equal(transport(socket), transports.at(-1));
      });
      it("text, unicode, structure", async () => {
        await echo(socket);
        await echo(socket, "plain");
        await echo(socket, "\u20ac \u{1F600} \u0000 \u001e \u2028 \"quoted\" \\ /");
        await echo(socket, 1, -2.5, true, null, [], {}, { a: [{ b: "c" }] });
      });
      it("a large message", () => echo(socket, "x\u20ac".repeat(100000)));
      it("binary both ways", async () => {
        await echo(socket, bytes(1, 2, 3));
        await echo(socket, { a: [bytes(), { b: bytes(4, 5) }] }, "text", bytes(...Array(256).keys()));
      });
      it("acknowledgements by the server", async () => {
        assert.deepEqual(await ask(socket, "message-with-ack"), []);
        assert.deepEqual(await ask(socket, "message-with-ack", 1, "two", { three: [3] }), [1, "two", { three: [3] }]);
        assert.deepEqual(await ask(socket, "message-with-ack", bytes(7, 8), "x"), [bytes(7, 8), "x"]);
      });
      it("acknowledgements by the client", async () => {
        socket.once("question", (arg, answer) => answer("yes", arg));
        const answer = next(socket, "answer");
        socket.emit("ask", "why");
        assert.deepEqual(await answer, ["yes", "why"]);
      });
      it("a burst keeps its order", async () => {
        const got = [];
        const all = new Promise((resolve) => socket.on("message-back", (i) => got.push(i) === 500 && resolve()));
        for (let i = 0; i < 500; i++) socket.emit("message", i);
        await all;
        socket.off("message-back");
        assert.deepEqual(got, [...Array(500).keys()]);
      });
      it("another namespace on the same connection", async () => {
        const custom = socket.io.socket("/custom", { auth: { who: "me" } });
        const auth = next(custom, "auth");
        assert.deepEqual(await auth, [{ who: "me" }]);
        assert.notEqual(custom.id, socket.id);
        custom.disconnect();
        await echo(socket, "still here");
      });
      it("refused namespaces", async () => {
        for (const [nsp, message] of [["/no", "Auth failed (custom namespace)"], ["/unknown", "Invalid namespace"]]) {
          const refused = open(nsp);
          const [error] = await next(refused, "connect_error");
          assert.equal(error.message, message);
          refused.disconnect();
        }
      });
      it("lives past some heartbeats", async () => {
        const id = socket.id;
        await sleep(1300);
        await echo(socket, "alive");
        assert.equal(socket.id, id);
      });
      it("reconnects by itself after a lost transport", async () => {
        const id = socket.id;
        const again = next(socket, "connect");
        socket.io.engine.close();
        await again;
        assert.notEqual(socket.id, id);
        await echo(socket, "back");
      });
      it("reconnects after the server closed the transport", async () => {
        const reason = next(socket, "disconnect");
        const again = next(socket, "connect");
        socket.emit("close");
        assert.equal((await reason)[0], "transport close");
        await again;
        await echo(socket, "back");
      });
      it("disconnect by the server is final until asked again", async () => {
        const reason = next(socket, "disconnect");
        socket.emit("leave");
        assert.equal((await reason)[0], "io server disconnect");
        const again = next(socket, "connect");
        socket.connect();
        await again;
        await echo(socket, "back");
      });
      it("disconnect by the client", async () => {
        const other = open();
        await next(other, "connect");
        const reason = next(other, "disconnect");
        other.disconnect();
        assert.equal((await reason)[0], "io client disconnect");
      });
      it("messages sent while it upgrades are neither lost nor reordered", async () => {
        const other = open();
        const got = [];
        await next(other, "connect");
        const all = new Promise((resolve) => other.on("message-back", (i) => got.push(i) === 200 && resolve()));
        for (let i = 0; i < 200; i++) {
          other.emit("message", i, bytes(i & 255));
          if (i % 5 === 0) await sleep(1);
        }
        await Promise.race([all, sleep(5000)]);
        assert.deepEqual(got, [...Array(200).keys()]);
        other.disconnect();
      });
    });
}

describe("socket.io-client 2.5", () => {
  for (const transports of Object.values(ways))
    it(`is refused over ${transports}`, async () => {
      const io2 = require("socket.io-client-2.5");
      const socket = io2(server.url, { transports, reconnection: false, forceNew: true });
      const [error] = await once(socket, "connect_error");
      assert.ok(error);
      socket.close();
    });
  it("with code 5", async () => {
    const response = await fetch(`${server.url}/socket.io/?EIO=3&transport=polling`);
    assert.equal(response.status, 400);
    assert.deepEqual(await response.json(), { code: 5, message: "Unsupported protocol version" });
  });
});
