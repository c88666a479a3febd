// Connection state recovery (Socket.IO protocol v5, server option "recovery"): what the clients that
// implement it rely on, and the raw packets.
import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { Client } from "./lib/client.mjs";
import { isReference, sleep, startServer } from "./lib/server.mjs";

const require = createRequire(import.meta.url);
let server, client;

before(async () => {
  server = await startServer({ recovery: true, "ping-interval": 2000, "ping-timeout": 2000, "connect-timeout": 5000 });
  client = new Client(server);
});
after(() => server?.stop());

// A session: CONNECT (with what to restore), its answer, and everything after it in `rest`.
async function connect(auth = "") {
  const ws = await client.websocket();
  ws.send(`40${auth && JSON.stringify(auth)}`);
  const replayed = [];
  for (;;) {
    const packet = await ws.next();
    if (packet === null) return { ws, closed: true };
    if (packet.startsWith("40")) return { ws, replayed, ...JSON.parse(packet.slice(2)) };
    replayed.push(packet);
  }
}
const offsetOf = (packet) => JSON.parse(packet.slice(packet.indexOf("["))).at(-1);

describe("packets", () => {
  it("CONNECT is answered with sid and pid", async () => {
    const { ws, sid, pid } = await connect();
    assert.match(sid, /^[A-Za-z0-9_-]{16,}$/);
    assert.match(pid, /^[A-Za-z0-9_-]{16,}$/);
    assert.notEqual(sid, pid);
    ws.close();
  });
  it("every event ends with a string offset, binary ones too; an ack does not", async () => {
    const { ws } = await connect();
    const auth = await ws.next();
    assert.equal(typeof offsetOf(auth), "string");
    ws.send('42["message",1]');
    const back = JSON.parse((await ws.next()).slice(2));
    assert.equal(back.length, 3);
    assert.deepEqual(back.slice(0, 2), ["message-back", 1]);
    assert.notEqual(back[2], offsetOf(auth));
    ws.send('451-["message",{"_placeholder":true,"num":0}]', Uint8Array.from([1]));
    assert.match(await ws.next(), /^451-\["message-back",\{"_placeholder":true,"num":0\},"[^"]+"\]$/);
    assert.deepEqual(await ws.next(), Buffer.from([1]));
    ws.send('421["message-with-ack",7]');
    assert.equal(await ws.next(), "431[7]");
    ws.close();
  });
  it("a lost transport is recovered: same sid and pid, what was missed comes", async () => {
    const first = await connect();
    const offset = offsetOf(await first.ws.next());
    first.ws.send('42["message","seen late"]');
    await first.ws.next(); // received, but the client says it has not: offset is older
    first.ws.socket.terminate();
    await sleep(50);
    const second = await connect({ pid: first.pid, offset });
    const missed = second.replayed[0] ?? (await second.ws.next());
    assert.equal(second.sid, first.sid);
    assert.equal(second.pid, first.pid);
    assert.match(missed, /^42\["message-back","seen late","[^"]+"\]$/);
    second.ws.close();
  });
  it("an unknown pid is no error: a fresh session", async () => {
    const { ws, sid, pid } = await connect({ pid: "abcdefghijklmnopqrst", offset: "x" });
    assert.ok(sid);
    assert.notEqual(pid, "abcdefghijklmnopqrst");
    ws.close();
  });
  it("an unknown offset is no error: a fresh session", async () => {
    const first = await connect();
    await first.ws.next();
    first.ws.socket.terminate();
    await sleep(50);
    const second = await connect({ pid: first.pid, offset: "no such offset" });
    assert.notEqual(second.sid, first.sid);
    second.ws.close();
  });
  it("after a DISCONNECT nothing is kept", async () => {
    const first = await connect();
    const offset = offsetOf(await first.ws.next());
    first.ws.send("41");
    await sleep(50);
    first.ws.socket.terminate();
    await sleep(50);
    const second = await connect({ pid: first.pid, offset });
    assert.notEqual(second.sid, first.sid);
    second.ws.close();
  });
  // The reference restores a pid twice, into two sockets of one sid.
  it("a pid that is restored again takes the first one's place", { skip: isReference }, async () => {
    const first = await connect();
    const offset = offsetOf(await first.ws.next());
    first.ws.socket.terminate();
    await sleep(50);
    const a = await connect({ pid: first.pid, offset });
    const b = await connect({ pid: first.pid, offset });
    if (b.sid === a.sid) await a.ws.closes();
    b.ws.send('42["message",1]');
    for (let packet = ""; !packet.startsWith('42["message-back",1,');) packet = await b.ws.next();
    a.ws.close();
    b.ws.close();
  });
  it("a pid without an offset starts at the session's beginning, or afresh", async () => {
    const first = await connect();
    await first.ws.next();
    first.ws.socket.terminate();
    await sleep(50);
    const second = await connect({ pid: first.pid });
    assert.ok(second.sid);
    second.ws.close();
  });
});

for (const [version, name] of [["4.6", "socket.io-client-4.6"], ["4.8", "socket.io-client"]])
  for (const [way, transports] of Object.entries({ polling: ["polling"], websocket: ["websocket"], upgrade: ["polling", "websocket"] }))
    it(`socket.io-client ${version} recovers, ${way}`, async () => {
      const { io } = require(name);
      const socket = io(server.url, { transports, forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 100 });
      const next = (event) => new Promise((resolve) => socket.once(event, (...args) => resolve(args)));
      const auth = next("auth");
      await next("connect");
      await auth;
      assert.equal(socket.recovered, false);
      const { id } = socket;
      const again = next("connect");
      socket.io.engine.close();
      await again;
      assert.equal(socket.recovered, true);
      assert.equal(socket.id, id);
      const back = next("message-back");
      socket.emit("message", "x");
      assert.equal((await back)[0], "x");
      socket.disconnect();
    });
