// Output beyond what a connection takes at once: streamed events with back-pressure over both
// transports, and readers that stop.
import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";
import { connect } from "node:net";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { io } from "socket.io-client";
import { isReference, sleep, startServer } from "./lib/server.mjs";

let server;
before(async () => (server = await startServer({ "ping-interval": 20000, "ping-timeout": 20000 })));
after(() => server?.stop());

const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))[1]);
const open = (transports) =>
  io(server.url, { transports, reconnection: false, forceNew: true });

for (const transports of [["websocket"], ["polling"], ["polling", "websocket"]])
  describe(`streamed events over ${transports}`, { skip: isReference }, () => {
    for (const count of [0, 1, 1000, 300000])
      it(`${count} numbers, then what came behind`, async () => {
        const socket = open(transports);
        await once(socket, "connect");
        const order = [];
        socket.on("behind", () => order.push("behind"));
        socket.emit("stream", count);
        const numbers = await new Promise((resolve) =>
          socket.on("streamed", (all) => (order.push("streamed"), resolve(all))));
        assert.equal(numbers.length, count);
        assert.ok(numbers.every((number, i) => number === i));
        if (order.length < 2) await once(socket, "behind");
        assert.deepEqual(order, ["streamed", "behind"]);
        socket.emit("message", "after");
        assert.equal((await once(socket, "message-back"))[0], "after");
        socket.disconnect();
      });
  });

// A websocket client that stops reading.
async function deafClient() {
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n" +
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n");
  const frame = (text) => Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);
  socket.write(frame("40"));
  let text = "";
  socket.on("data", (data) => (text += data));
  while (!text.includes("auth")) await sleep(5);
  socket.pause();
  return { socket, send: (text) => socket.write(frame(text)) };
}

describe("readers that stop", { skip: isReference }, () => {
  it("are closed past the bound of their queue", async () => {
    const { socket, send } = await deafClient();
    send('42["flood",2000]'); // 2 MB; the bound is 1 MiB
    await sleep(300);
    let end = 0;
    socket.on("data", (data) => (end = data.length));
    socket.resume();
    await once(socket, "close");
    assert.ok(end > 0);
  });
  it("do not make a stream pile up in memory", async () => {
    const before = rss();
    const deaf = await Promise.all(Array.from({ length: 10 }, deafClient));
    for (const { send } of deaf) send('42["stream",3000000]'); // 23 MB each; freed memory lingers under ASan
    await sleep(500);
    assert.ok(rss() - before < 60000, `${rss() - before} KiB for ten streams`);
    const other = open(["websocket"]);
    await once(other, "connect");
    const start = Date.now();
    other.emit("message", 1);
    await once(other, "message-back");
    assert.ok(Date.now() - start < 200);
    other.disconnect();
    for (const { socket } of deaf) socket.destroy();
  });
  it("of a poll neither", async () => {
    const base = `${server.url}/socket.io/?EIO=4&transport=polling`;
    const sid = JSON.parse((await (await fetch(base)).text()).slice(1)).sid;
    await (await fetch(`${base}&sid=${sid}`, { method: "POST", body: "40" })).text();
    await (await fetch(`${base}&sid=${sid}`)).text();
    await (await fetch(`${base}&sid=${sid}`, { method: "POST", body: '42["stream",3000000]' })).text();
    const before = rss();
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
    socket.on("error", () => {});
    socket.write(`GET /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: x\r\n\r\n`);
    socket.pause();
    await sleep(500);
    assert.ok(rss() - before < 12000, `${rss() - before} KiB`);
    socket.destroy();
  });
});
