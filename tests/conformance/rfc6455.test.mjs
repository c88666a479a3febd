// RFC 6455 as a server must keep it, over raw sockets: framing, fragmentation, control frames, close
// codes, lengths, masks, UTF-8, the opening handshake. Over the bare Engine.IO echo profile.
import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { isReference, sleep, startServer } from "./lib/server.mjs";
import { Connection, formatRequest, request } from "./lib/http.mjs";
import { BINARY, CLOSE, CONTINUATION, PING, PONG, RawWebSocket, TEXT, closePayload, frame,
         upgradeHeaders } from "./lib/frames.mjs";

const PATH = "/engine.io/?EIO=4&transport=websocket";
const MAX = 100000;
let server;

before(async () => {
  server = await startServer({ eio: true, "ping-interval": 20000, "ping-timeout": 20000, "max-payload": MAX });
});
after(() => server?.stop());

async function opened() {
  const { ws } = await RawWebSocket.open(server.port, PATH);
  assert.equal((await ws.text())[0], "0");
  return ws;
}

async function echoes(ws, text) {
  const got = await ws.next();
  assert.equal(got.opcode, TEXT);
  assert.equal(got.fin, true);
  assert.equal(got.rsv, 0);
  assert.equal(got.payload.toString(), text);
}

async function alive(ws) {
  ws.send(TEXT, "4alive");
  await echoes(ws, "4alive");
  ws.destroy();
}

async function endsWith(ws, ...codes) {
  const { code } = await ws.end();
  assert.ok(codes.includes(code), `closed with ${code}, not ${codes}`);
  ws.destroy();
}

describe("framing", () => {
  for (const size of [1, 125, 126, 127, 65535, 65536, MAX])
    it(`a text message of ${size} bytes`, async () => {
      const ws = await opened();
      const text = "4" + "x".repeat(size - 1);
      ws.send(TEXT, text);
      await echoes(ws, text);
      ws.destroy();
    });
  for (const size of [0, 125, 126, 65535, 65536, MAX])
    it(`a binary message of ${size} bytes`, async () => {
      const ws = await opened();
      const data = randomBytes(size);
      ws.send(BINARY, data);
      const got = await ws.next();
      assert.equal(got.opcode, BINARY);
      assert.deepEqual(got.payload, data);
      ws.destroy();
    });
  it("one byte at a time", async () => {
    const ws = await opened();
    for (const byte of frame(TEXT, "4slow")) {
      ws.write(Buffer.from([byte]));
      await sleep(2);
    }
    await echoes(ws, "4slow");
    await alive(ws);
  });
  it("many frames in one segment", async () => {
    const ws = await opened();
    ws.write(Buffer.concat(Array.from({ length: 100 }, (_, i) => frame(TEXT, `4${i}`))));
    for (let i = 0; i < 100; i++) await echoes(ws, `4${i}`);
    ws.destroy();
  });
  it("a mask of zeros", async () => {
    const ws = await opened();
    ws.write(Buffer.concat([Buffer.from([0x81, 0x83, 0, 0, 0, 0]), Buffer.from("4hi")]));
    await echoes(ws, "4hi");
    ws.destroy();
  });
  it("an unmasked frame closes with 1002 (section 5.1)", async () => {
    const ws = await opened();
    ws.send(TEXT, "4x", { mask: false });
    await endsWith(ws, 1002);
  });
  for (const rsv of [1, 2, 4, 7])
    it(`reserved bits ${rsv} close with 1002`, async () => {
      const ws = await opened();
      ws.send(TEXT, "4x", { rsv });
      await endsWith(ws, 1002);
    });
  for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
    it(`the reserved opcode ${opcode} closes with 1002`, async () => {
      const ws = await opened();
      ws.send(opcode, "x");
      await endsWith(ws, 1002);
    });
  it("a length past the limit closes with 1009 before its bytes come", async () => {
    const ws = await opened();
    ws.send(TEXT, "4", { claim: MAX + 1, bits: 64 });
    await endsWith(ws, 1009);
  });
  it("a length of 2^62 closes", async () => {
    const ws = await opened();
    ws.send(TEXT, "4", { claim: 2n ** 62n, bits: 64 });
    await endsWith(ws, 1009);
  });
  it("a length with the top bit set closes", async () => {
    const ws = await opened();
    ws.send(TEXT, "4", { claim: 2n ** 63n, bits: 64 });
    await endsWith(ws, 1002, 1009);
  });
  // "The minimal number of bytes MUST be used" binds senders; receivers may be lenient.
  it("a length that is not minimal is read right or refused", async () => {
    const ws = await opened();
    ws.send(TEXT, "4wide", { bits: 16 });
    const got = await ws.next();
    assert.ok(got.opcode === CLOSE ? got.payload.readUInt16BE(0) === 1002 : got.payload.toString() === "4wide");
    ws.destroy();
  });
  it("a message one byte over the limit closes with 1009", async () => {
    const ws = await opened();
    ws.send(TEXT, "4" + "x".repeat(MAX));
    await endsWith(ws, 1009);
  });
});

describe("fragmentation", () => {
  it("text in three fragments", async () => {
    const ws = await opened();
    ws.send(TEXT, "4a", { fin: false });
    ws.send(CONTINUATION, "b", { fin: false });
    ws.send(CONTINUATION, "c");
    await echoes(ws, "4abc");
    ws.destroy();
  });
  it("binary in fragments", async () => {
    const ws = await opened();
    ws.send(BINARY, [1, 2], { fin: false });
    ws.send(CONTINUATION, [3]);
    const got = await ws.next();
    assert.deepEqual([...got.payload], [1, 2, 3]);
    assert.equal(got.opcode, BINARY);
    ws.destroy();
  });
  it("empty fragments", async () => {
    const ws = await opened();
    ws.send(TEXT, "", { fin: false });
    ws.send(CONTINUATION, "4", { fin: false });
    ws.send(CONTINUATION, "", { fin: false });
    ws.send(CONTINUATION, "");
    await echoes(ws, "4");
    ws.destroy();
  });
  it("1,000 fragments of one byte", async () => {
    const ws = await opened();
    ws.send(TEXT, "4", { fin: false });
    for (let i = 0; i < 998; i++) ws.send(CONTINUATION, "y", { fin: false });
    ws.send(CONTINUATION, "y");
    await echoes(ws, "4" + "y".repeat(999));
    ws.destroy();
  });
  it("a ping between the fragments is answered at once", async () => {
    const ws = await opened();
    ws.send(TEXT, "4a", { fin: false });
    ws.send(PING, "now");
    const pong = await ws.next();
    assert.equal(pong.opcode, PONG);
    assert.equal(pong.payload.toString(), "now");
    ws.send(CONTINUATION, "b");
    await echoes(ws, "4ab");
    ws.destroy();
  });
  it("a close between the fragments is answered", async () => {
    const ws = await opened();
    ws.send(TEXT, "4a", { fin: false });
    ws.send(CLOSE, closePayload(1000));
    await endsWith(ws, 1000);
  });
  it("a continuation of nothing closes with 1002", async () => {
    const ws = await opened();
    ws.send(CONTINUATION, "4a");
    await endsWith(ws, 1002);
  });
  it("a continuation after the end closes with 1002", async () => {
    const ws = await opened();
    ws.send(TEXT, "4a", { fin: false });
    ws.send(CONTINUATION, "b");
    ws.send(CONTINUATION, "c");
    await endsWith(ws, 1002);
  });
  it("a new message inside another closes with 1002", async () => {
    const ws = await opened();
    ws.send(TEXT, "4a", { fin: false });
    ws.send(TEXT, "4b");
    await endsWith(ws, 1002);
  });
  it("fragments that together pass the limit close with 1009", async () => {
    const ws = await opened();
    ws.send(TEXT, "4" + "x".repeat(60000), { fin: false });
    ws.send(CONTINUATION, "x".repeat(60000));
    await endsWith(ws, 1009);
  });
  it("fragments that are the limit together pass", async () => {
    const ws = await opened();
    ws.send(TEXT, "4" + "x".repeat(50000 - 1), { fin: false });
    ws.send(CONTINUATION, "x".repeat(50000));
    assert.equal((await ws.next()).payload.length, MAX);
    ws.destroy();
  });
});

describe("control frames", () => {
  for (const size of [0, 1, 125])
    it(`a ping of ${size} bytes is answered with the same`, async () => {
      const ws = await opened();
      const data = randomBytes(size);
      ws.send(PING, data);
      const got = await ws.next();
      assert.equal(got.opcode, PONG);
      assert.deepEqual(got.payload, data);
      await alive(ws);
    });
  it("100 pings in one segment: pongs, the last one at least", async () => {
    const ws = await opened();
    ws.write(Buffer.concat(Array.from({ length: 100 }, (_, i) => frame(PING, String(i)))));
    for (let last = ""; last !== "99";) {
      const got = await ws.next();
      assert.equal(got.opcode, PONG);
      last = got.payload.toString();
    }
    await alive(ws);
  });
  it("an unsolicited pong is ignored", async () => {
    const ws = await opened();
    ws.send(PONG, "x");
    await alive(ws);
  });
  it("a ping of 126 bytes closes with 1002", async () => {
    const ws = await opened();
    ws.send(PING, "x".repeat(126));
    await endsWith(ws, 1002);
  });
  it("a fragmented ping closes with 1002", async () => {
    const ws = await opened();
    ws.send(PING, "x", { fin: false });
    await endsWith(ws, 1002);
  });
  it("a fragmented close closes with 1002", async () => {
    const ws = await opened();
    ws.send(CLOSE, closePayload(1000), { fin: false });
    await endsWith(ws, 1002);
  });
});

describe("closing", () => {
  it("a close without a code is answered", async () => {
    const ws = await opened();
    ws.send(CLOSE);
    await endsWith(ws, 1005, 1000);
  });
  for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999])
    it(`close ${code} is echoed`, async () => {
      const ws = await opened();
      ws.send(CLOSE, closePayload(code, "reason"));
      await endsWith(ws, code);
    });
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535])
    it(`close ${code} is a protocol error`, async () => {
      const ws = await opened();
      ws.send(CLOSE, closePayload(code));
      await endsWith(ws, 1002);
    });
  it("a close of one byte is a protocol error", async () => {
    const ws = await opened();
    ws.send(CLOSE, [3]);
    await endsWith(ws, 1002);
  });
  it("a reason that is not UTF-8 is refused", async () => {
    const ws = await opened();
    ws.send(CLOSE, Buffer.concat([closePayload(1000), Buffer.from([0xff, 0xfe])]));
    await endsWith(ws, 1007, 1002);
  });
  it("a reason of 123 bytes passes", async () => {
    const ws = await opened();
    ws.send(CLOSE, closePayload(1000, "r".repeat(123)));
    await endsWith(ws, 1000);
  });
  it("nothing is handled after a close", async () => {
    const ws = await opened();
    ws.write(Buffer.concat([frame(CLOSE, closePayload(1000)), frame(TEXT, "4late")]));
    const { code, frames } = await ws.end();
    assert.equal(code, 1000);
    assert.deepEqual(frames, []);
    ws.destroy();
  });
  it("after its close frame the server ends the TCP connection", async () => {
    const ws = await opened();
    ws.send(CLOSE, closePayload(1000));
    assert.equal((await ws.next()).opcode, CLOSE);
    assert.equal(await ws.next({ timeout: 2000 }), null);
  });
  it("a connection cut in the middle of a frame does no harm", async () => {
    const ws = await opened();
    ws.write(frame(TEXT, "4half").subarray(0, 7));
    ws.destroy();
    await alive(await opened());
  });
});

describe("UTF-8", () => {
  const good = { "two bytes": "\u00e9", "three bytes": "\u20ac\uffff", "four bytes": "\u{1F600}\u{10FFFF}", "NUL": "a\0b" };
  for (const [name, text] of Object.entries(good))
    it(`${name} pass`, async () => {
      const ws = await opened();
      ws.send(TEXT, "4" + text);
      await echoes(ws, "4" + text);
      ws.destroy();
    });
  it("a character split between fragments", async () => {
    const ws = await opened();
    const bytes = Buffer.from("4\u{1F600}");
    ws.send(TEXT, bytes.subarray(0, 3), { fin: false });
    ws.send(CONTINUATION, bytes.subarray(3));
    await echoes(ws, "4\u{1F600}");
    ws.destroy();
  });
  const bad = { "a lone continuation": [0x80], "overlong /": [0xc0, 0xaf], "overlong NUL": [0xe0, 0x80, 0x80],
                "a surrogate": [0xed, 0xa0, 0x80], "past U+10FFFF": [0xf4, 0x90, 0x80, 0x80], "five bytes": [0xf8, 0x88, 0x80, 0x80, 0x80],
                "0xff": [0xff], "a cut sequence": [0xe2, 0x82], "a cut sequence in the middle": [0xe2, 0x82, 0x41] };
  for (const [name, bytes] of Object.entries(bad))
    it(`${name} closes with 1007`, async () => {
      const ws = await opened();
      ws.send(TEXT, Buffer.concat([Buffer.from("4"), Buffer.from(bytes)]));
      await endsWith(ws, 1007);
    });
  it("a bad byte in the second fragment closes with 1007", async () => {
    const ws = await opened();
    ws.send(TEXT, "4a", { fin: false });
    ws.send(CONTINUATION, [0xff]);
    await endsWith(ws, 1007);
  });
  it("binary may be anything", async () => {
    const ws = await opened();
    ws.send(BINARY, [0xff, 0xc0, 0x00]);
    assert.deepEqual([...(await ws.next()).payload], [0xff, 0xc0, 0x00]);
    ws.destroy();
  });
});

describe("opening handshake", () => {
  const upgrade = (headers) => request(server.port, "GET", PATH, { headers, timeout: 2000 });
  it("the key is answered as section 4.2.2 says", async () => {
    const headers = upgradeHeaders();
    const { status, headers: answer } = await upgrade(headers);
    assert.equal(status, 101);
    assert.equal(answer.upgrade.toLowerCase(), "websocket");
    assert.equal(answer.connection.toLowerCase(), "upgrade");
    assert.equal(answer["sec-websocket-accept"],
                 createHash("sha1").update(headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64"));
    assert.equal(answer["sec-websocket-extensions"], undefined);
  });
  it("header names and tokens have no case, Connection may be a list", async () =>
    assert.equal((await upgrade({ "CONNECTION": "keep-alive, uPgRaDe", "upgrade": "WebSocket", "SEC-WEBSOCKET-VERSION": "13",
                                  "sec-websocket-key": randomBytes(16).toString("base64") })).status, 101));
  it("offered extensions are not taken", async () => {
    const { status, headers } = await upgrade({ ...upgradeHeaders(), "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits" });
    assert.equal(status, 101);
    assert.equal(headers["sec-websocket-extensions"], undefined);
  });
  it("of offered subprotocols the first or none is taken", async () => {
    const { status, headers } = await upgrade({ ...upgradeHeaders(), "Sec-WebSocket-Protocol": "one, two" });
    assert.equal(status, 101);
    assert.ok([undefined, "one"].includes(headers["sec-websocket-protocol"]));
  });
  for (const [name, change] of Object.entries({
    "no key": { "Sec-WebSocket-Key": undefined }, "a short key": { "Sec-WebSocket-Key": "abc=" },
    "another version": { "Sec-WebSocket-Version": "12" }, "no version": { "Sec-WebSocket-Version": undefined } }))
    it(`${name} is refused`, async () => {
      const headers = Object.fromEntries(Object.entries({ ...upgradeHeaders(), ...change }).filter(([, value]) => value !== undefined));
      const answer = await upgrade(headers);
      assert.ok(answer === null || (answer.status >= 400 && answer.status < 500), `status ${answer?.status}`);
    });
  it("frames in the same segment as the handshake are not lost", { skip: isReference && "it may reorder" }, async () => {
    const connection = new Connection(server.port);
    connection.write(Buffer.concat([formatRequest("GET", PATH, { headers: upgradeHeaders() }), frame(TEXT, "4early")]));
    assert.equal((await connection.response()).status, 101);
    const ws = new RawWebSocket(connection);
    assert.equal((await ws.text())[0], "0");
    await echoes(ws, "4early");
    ws.destroy();
  });
});
