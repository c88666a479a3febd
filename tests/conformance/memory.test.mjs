// What a connection costs the server at rest, and whether a churn of connects, upgrades and aborts
// leaves anything behind. Raw sockets, so that the clients cost us little.
//   CHURN_SECONDS (default 8), MEMORY_SOCKETS (default 2000), MEMORY_POLLS (default 1000)
import { test } from "node:test";
import assert from "node:assert/strict";
import { connect } from "node:net";
import { readFileSync, readdirSync } from "node:fs";
import { startServer, sleep, echoServer, isReference } from "./lib/server.mjs";

const SOCKETS = Number(process.env.MEMORY_SOCKETS ?? 2000);
const POLLS = Number(process.env.MEMORY_POLLS ?? 1000);
const CHURN_MS = Number(process.env.CHURN_SECONDS ?? 8) * 1000;
const KIB_PER_SOCKET = 4;
const KIB_PER_POLL = 8;
// What the allocator may keep of the busiest moment (it is flat from half a minute on). One session lost
// in each cycle of the shortest run would be twice that.
const CHURN_KIB = 6144;
// A sanitizer's allocator keeps what was freed: its sizes say nothing.
const skip = isReference ? "ours only" : /asan|tsan/.test(echoServer) ? "a sanitizer build" : false;
const idle = { "ping-interval": 300000, "ping-timeout": 300000, "connect-timeout": 300000 };

const rss = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);
const descriptors = (pid) => readdirSync(`/proc/${pid}/fd`).length;

// A masked text frame of less than 126 bytes, with a mask of zeros.
const frame = (text) =>
  Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);

const upgrade = (query) =>
  `GET /socket.io/?EIO=4&transport=websocket${query} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n` +
  "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" +
  "Sec-WebSocket-Version: 13\r\n\r\n";
const get = (query) => `GET /socket.io/?EIO=4&transport=polling${query} HTTP/1.1\r\nHost: x\r\n\r\n`;

// Open a socket, send `text`, wait until `until` was received; resolves to {socket, received}.
function open(port, text, until) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    let received = "";

    socket.setNoDelay(true);
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(`closed after: ${received}`)));
    socket.on("data", function data(bytes) {
      received += bytes.toString("latin1");
      if (!until.test(received))
        return;
      socket.removeListener("data", data);
      socket.removeAllListeners("close");
      socket.resume();
      resolve({ socket, received });
    });
  });
}

// Resolves with the next bytes, or with the end: on a busy machine a session may time out in the middle.
const answer = (socket) =>
  new Promise((resolve) => socket.destroyed ? resolve() : socket.once("data", resolve).once("close", resolve));

async function idleWebsocket(port) {
  const { socket } = await open(port, upgrade(""), /"maxPayload":\d+\}/);
  const answered = answer(socket);
  socket.write(frame("40"));
  await answered;
  return socket;
}

async function handshake(port) {
  const { socket, received } = await open(port, get(""), /"maxPayload":\d+\}/);
  return { socket, sid: /"sid":"([^"]+)"/.exec(received)[1] };
}

async function parkedPoll(port) {
  const { socket, sid } = await handshake(port);
  socket.write(get(`&sid=${sid}`));
  return socket;
}

async function many(count, make) {
  const made = [];
  while (made.length < count)
    made.push(...(await Promise.all(Array.from({ length: Math.min(50, count - made.length) }, make))));
  return made;
}

function close(sockets) {
  for (const socket of sockets) {
    socket.on("error", () => {});
    socket.destroy();
  }
}

async function costOf(server, count, make) {
  close(await many(100, () => make(server.port))); // the first ones also pay for tables
  await sleep(300);
  const before = rss(server.pid);
  const sockets = await many(count, () => make(server.port));
  await sleep(300);
  const each = (rss(server.pid) - before) / count;
  close(sockets);
  return each;
}

test(`${SOCKETS} idle websockets cost at most ${KIB_PER_SOCKET} KiB each`, { skip }, async (t) => {
  const server = await startServer(idle);
  t.after(() => server.stop());
  const each = await costOf(server, SOCKETS, idleWebsocket);
  t.diagnostic(`${each.toFixed(2)} KiB a websocket`);
  assert.ok(each <= KIB_PER_SOCKET, `${each} KiB`);
});

test(`${POLLS} parked polls cost at most ${KIB_PER_POLL} KiB each`, { skip }, async (t) => {
  const server = await startServer(idle);
  t.after(() => server.stop());
  const each = await costOf(server, POLLS, parkedPoll);
  t.diagnostic(`${each.toFixed(2)} KiB a poll`);
  assert.ok(each <= KIB_PER_POLL, `${each} KiB`);
});

// One of the ways in which clients come and go.
const lives = [
  async (port) => close([await idleWebsocket(port)]),
  async (port) => close([await parkedPoll(port)]), // aborted while parked
  async (port) => { // upgraded, then gone
    const { socket, sid } = await handshake(port);
    const { socket: ws } = await open(port, upgrade(`&sid=${sid}`), /\r\n\r\n/);
    ws.write(frame("2probe"));
    await answer(ws);
    ws.write(frame("5"));
    ws.write(frame("40"));
    await answer(ws);
    close([socket, ws]);
  },
  async (port) => { // the upgrade is given up after the probe
    const { socket, sid } = await handshake(port);
    const { socket: ws } = await open(port, upgrade(`&sid=${sid}`), /\r\n\r\n/);
    ws.write(frame("2probe"));
    close([ws, socket]);
  },
  async (port) => { // half a request
    const socket = connect(port, "127.0.0.1");
    await new Promise((resolve) => socket.write("GET /socket.io/?EIO=4&tr", resolve));
    close([socket]);
  },
];

// Sessions that are left behind wait for their heartbeat to fail: a fast machine fills the server with them.
async function full(error) {
  if (!/ 503 /.test(error.message))
    throw error;
  await sleep(50);
}

test("a churn leaves memory and descriptors where they were", { skip }, async (t) => {
  const server = await startServer({ "connect-timeout": 500 });
  t.after(() => server.stop());
  let cycles = 0;
  const churn = async (until) => {
    await Promise.all(Array.from({ length: 40 }, async (_, worker) => {
      for (let i = worker; Date.now() < until; i++, cycles++)
        await lives[i % lives.length](server.port).catch(full);
    }));
    await sleep(2500); // every session that was left behind is timed out by then
  };
  // Long enough, in a long run, for as many to be left behind as ever are.
  await churn(Date.now() + (CHURN_MS >= 60000 ? 50000 : Math.min(CHURN_MS, 4000)));
  const before = { rss: rss(server.pid), descriptors: descriptors(server.pid) };
  await churn(Date.now() + CHURN_MS);
  const after = { rss: rss(server.pid), descriptors: descriptors(server.pid) };
  t.diagnostic(`${cycles} cycles, ${before.rss} -> ${after.rss} KiB, ` +
    `${before.descriptors} -> ${after.descriptors} descriptors`);
  assert.equal(after.descriptors, before.descriptors);
  assert.ok(after.rss <= before.rss + CHURN_KIB, `${before.rss} -> ${after.rss} KiB`);
});
