// HTTP as long-polling needs it, over raw connections: keep-alive, pipelining, chunks, limits,
// aborts, origins. Over the bare Engine.IO echo profile.
import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";
import { isReference, sleep, startServer } from "./lib/server.mjs";
import { Connection, formatRequest, request } from "./lib/http.mjs";
import { RawWebSocket, upgradeHeaders } from "./lib/frames.mjs";

const EIO = "/engine.io/?EIO=4&transport=polling";
const MAX = 10000;
let server;

before(async () => {
  server = await startServer({ eio: true, "ping-interval": 10000, "ping-timeout": 10000, "max-payload": MAX });
});
after(() => server?.stop());

const open = async () => JSON.parse((await request(server.port, "GET", EIO)).body.slice(1)).sid;
const of = (sid) => `${EIO}&sid=${sid}`;
const echoed = async (sid, body) => {
  assert.equal((await request(server.port, "POST", of(sid), { body })).body, "ok");
  assert.equal((await request(server.port, "GET", of(sid))).body, body);
};
const dead = async (sid) =>
  assert.equal((await request(server.port, "GET", of(sid))).body, '{"code":1,"message":"Session ID unknown"}');

describe("connections", () => {
  it("one connection serves many requests", async () => {
    const sid = await open();
    const connection = new Connection(server.port);
    for (let i = 0; i < 20; i++) {
      connection.write(formatRequest("POST", of(sid), { body: `4${i}` }));
      assert.equal((await connection.response()).body, "ok");
      connection.write(formatRequest("GET", of(sid)));
      assert.equal((await connection.response()).body, `4${i}`);
    }
    connection.destroy();
  });
  it("Connection: close is kept", async () => {
    const connection = new Connection(server.port);
    connection.write(formatRequest("GET", EIO, { headers: { Connection: "close" } }));
    assert.equal((await connection.response()).status, 200);
    await sleep(100);
    assert.ok(connection.closed);
  });
  it("a request behind a parked poll waits for it", async () => {
    const sid = await open(), other = await open();
    const connection = new Connection(server.port);
    connection.write(Buffer.concat([formatRequest("GET", of(sid)), formatRequest("POST", of(other), { body: "4x" })]));
    await assert.rejects(connection.response({ timeout: 150 }));
    await request(server.port, "POST", of(sid), { body: "4first" });
    assert.equal((await connection.response()).body, "4first");
    assert.equal((await connection.response()).body, "ok");
    connection.destroy();
  });
  it("pipelined POSTs are handled in order", async () => {
    const sid = await open();
    const connection = new Connection(server.port);
    connection.write(Buffer.concat([1, 2, 3].map((i) => formatRequest("POST", of(sid), { body: `4${i}` }))));
    for (let i = 0; i < 3; i++) assert.equal((await connection.response()).body, "ok");
    assert.equal((await request(server.port, "GET", of(sid))).body, "41\x1e42\x1e43");
    connection.destroy();
  });
  it("a request in pieces", async () => {
    const sid = await open();
    const connection = new Connection(server.port);
    for (const byte of formatRequest("POST", of(sid), { body: "4slow" })) {
      connection.write(Buffer.from([byte]));
      if (byte % 7 === 0) await sleep(1);
    }
    assert.equal((await connection.response()).body, "ok");
    connection.destroy();
  });
  it("HTTP/1.0", async () => {
    const connection = new Connection(server.port);
    connection.write(`GET ${EIO} HTTP/1.0\r\n\r\n`);
    assert.equal((await connection.response()).status, 200);
    connection.destroy();
  });
  for (const text of ["GARBAGE\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
                      "GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
                      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
                      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
                      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"])
    it(`${JSON.stringify(text.slice(0, 60))} is refused`, { skip: isReference }, async () => {
      const connection = new Connection(server.port);
      connection.write(text);
      const answer = await connection.response();
      assert.ok(answer === null || answer.status === 400, `status ${answer?.status}`);
      await sleep(50);
      assert.ok(connection.closed, "the connection cannot be trusted any more");
    });
  it("too many header bytes are refused", async () => {
    const connection = new Connection(server.port);
    connection.write(`GET ${EIO} HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(70000)}\r\n\r\n`);
    const answer = await connection.response().catch(() => null);
    assert.ok(answer === null || answer.status === 431, `status ${answer?.status}`);
  });
});

describe("bodies", () => {
  it("in chunks", async () => {
    const sid = await open();
    const chunks = ["1\r\n4\r\n", "5;ext=1\r\nhello\r\n", "0\r\nTrailer: x\r\n\r\n"].join("");
    const answer = await request(server.port, "POST", of(sid), { body: chunks, headers: { "Transfer-Encoding": "chunked" } });
    assert.equal(answer.body, "ok");
    assert.equal((await request(server.port, "GET", of(sid))).body, "4hello");
  });
  it("in chunks, too long: 413, the session goes on", async () => {
    const sid = await open();
    const connection = new Connection(server.port);
    connection.write(`POST ${of(sid)} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`);
    for (let i = 0; i < 30; i++) connection.write(`200\r\n${"4".repeat(512)}\r\n`);
    assert.equal((await connection.response()).status, 413);
    connection.destroy();
    await echoed(sid, "4go on");
  });
  it("with a length, too long: 413 before they come", async () => {
    const sid = await open();
    const connection = new Connection(server.port);
    connection.write(`POST ${of(sid)} HTTP/1.1\r\nHost: a\r\nContent-Length: ${MAX + 1}\r\n\r\n${isReference ? "x".repeat(MAX + 1) : "4"}`);
    assert.equal((await connection.response()).status, 413);
    connection.destroy();
    await echoed(sid, "4go on");
  });
  it("of 10 MB do not stay in memory and end with 413", async () => {
    const sid = await open();
    const connection = new Connection(server.port);
    connection.write(`POST ${of(sid)} HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n`);
    for (let i = 0; i < 10; i++) connection.write("x".repeat(1000000));
    const answer = await connection.response().catch(() => null);
    assert.ok(answer === null || answer.status === 413);
    connection.destroy();
    await echoed(sid, "4go on");
  });
  it("an aborted one closes the session", async () => {
    const sid = await open();
    const connection = new Connection(server.port);
    connection.write(`POST ${of(sid)} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n4par`);
    await sleep(30);
    connection.destroy();
    await sleep(50);
    await dead(sid);
  });
  it("a second POST while one is read closes the session", async () => {
    const sid = await open();
    const connection = new Connection(server.port);
    connection.write(`POST ${of(sid)} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n4par`);
    await sleep(30);
    assert.equal((await request(server.port, "POST", of(sid), { body: "4x" })).status, 400);
    await sleep(50);
    assert.ok(connection.closed);
    await dead(sid);
  });
  it("Expect: 100-continue does not hang", async () => {
    const sid = await open();
    const connection = new Connection(server.port);
    connection.write(`POST ${of(sid)} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n4x`);
    let answer = await connection.response();
    if (answer.status === 100) answer = await connection.response();
    assert.equal(answer.body, "ok");
    connection.destroy();
  });
});

describe("aborted polls", () => {
  for (const [how, end] of [["FIN", (socket) => socket.end()], ["RST", (socket) => socket.resetAndDestroy()]])
    it(`by ${how} close the session at once`, async () => {
      const sid = await open();
      const connection = new Connection(server.port);
      connection.write(formatRequest("GET", of(sid)));
      await sleep(30);
      end(connection.socket);
      await sleep(30);
      await dead(sid);
    });
});

describe("origins", () => {
  let guarded;
  before(async () => {
    if (!isReference)
      guarded = await startServer({ eio: true, cors: "http://a.example http://localhost:*", "check-origins": true });
  });
  after(() => guarded?.stop());
  const poll = (Origin) => request(guarded.port, "GET", EIO, { headers: Origin ? { Origin } : {} });
  const upgrade = async (Origin) => {
    const { ws, refused } = await RawWebSocket.open(guarded.port, "/engine.io/?EIO=4&transport=websocket", Origin ? { Origin } : {});
    ws?.destroy();
    return ws ? 101 : refused.status;
  };
  it("on the list, or none at all, pass", { skip: isReference }, async () => {
    for (const origin of [undefined, "http://a.example", "http://localhost:8080", "http://localhost"]) {
      assert.equal((await poll(origin)).status, 200, origin);
      assert.equal(await upgrade(origin), 101, origin);
    }
  });
  it("that are foreign are refused, polling and websocket alike", { skip: isReference }, async () => {
    for (const origin of ["http://b.example", "https://a.example", "http://a.example.evil.example", "null"]) {
      const answer = await poll(origin);
      assert.equal(answer.status, 403, origin);
      assert.equal(JSON.parse(answer.body).code, 4);
      assert.equal(answer.headers["access-control-allow-origin"], undefined);
      assert.ok((await upgrade(origin)) >= 400, origin);
    }
  });
});

describe("a list of origins without --check-origins", { skip: isReference }, () => {
  const upgrade = async (listed, Origin) => {
    const { ws, refused } = await RawWebSocket.open(listed.port, "/engine.io/?EIO=4&transport=websocket", { Origin });
    ws?.destroy();
    return ws ? 101 : refused.status;
  };
  it("withholds headers from polls, and refuses websockets", async () => {
    const listed = await startServer({ eio: true, cors: "http://a.example" });
    const poll = await request(listed.port, "GET", EIO, { headers: { Origin: "http://b.example" } });
    assert.equal(poll.status, 200);
    assert.equal(poll.headers["access-control-allow-origin"], undefined);
    assert.equal(await upgrade(listed, "http://b.example"), 400);
    assert.equal(await upgrade(listed, "http://a.example"), 101);
    const { sid } = JSON.parse(poll.body.slice(1));
    const { refused } = await RawWebSocket.open(listed.port, `/engine.io/?EIO=4&transport=websocket&sid=${sid}`,
      { Origin: "http://b.example" });
    assert.equal(refused.status, 400);
    await listed.stop();
  });
  it("no list, and * for all, refuse nobody", async () => {
    for (const cors of ["*", ""]) {
      const open = await startServer({ eio: true, cors });
      assert.equal(await upgrade(open, "http://b.example"), 101);
      await open.stop();
    }
  });
});

it("HEAD has no body, whatever the answer", async () => {
  const answer = await request(server.port, "HEAD", EIO);
  assert.equal(answer.status, 400);
  const connection = new Connection(server.port);
  connection.write(formatRequest("HEAD", EIO));
  await connection.response({ head: true });
  await sleep(30);
  assert.equal(connection.buffer.length, 0);
  connection.destroy();
});

it("an upgrade that is none is not one", async () => {
  const headers = { ...upgradeHeaders(), Upgrade: "h2c" };
  const answer = await request(server.port, "GET", EIO, { headers });
  assert.notEqual(answer?.status, 101);
});
