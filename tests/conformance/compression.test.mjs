// gzip of the answers to polls (RFC 9110 section 12.5.3), the cookie of a handshake, and the options
// of both. Exact bytes by node's own client, which decodes nothing.
import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";
import http from "node:http";
import { gunzipSync } from "node:zlib";
import { isReference, startServer } from "./lib/server.mjs";
import { RawWebSocket } from "./lib/frames.mjs";

const EIO = "/engine.io/?EIO=4&transport=polling";
const long = { eio: true, "ping-interval": 20000, "ping-timeout": 20000, "max-payload": 2000000 };

function request(server, method, path, { headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const sent = http.request({ port: server.port, method, path, headers, agent: false }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, bytes: Buffer.concat(parts) }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const of = (sid) => `${EIO}&sid=${sid}`;
async function open(server, headers) {
  const { bytes } = await request(server, "GET", EIO, { headers });
  return JSON.parse(bytes.toString().slice(1)).sid;
}

// What a poll brings for a message of that many bytes, type digit included.
async function polled(server, size, accept, sid) {
  sid ??= await open(server);
  const body = `4${"hello ".repeat(size).slice(0, size - 1)}`;
  assert.equal((await request(server, "POST", of(sid), { body })).bytes.toString(), "ok");
  const got = await request(server, "GET", of(sid), { headers: accept === undefined ? {} : { "Accept-Encoding": accept } });
  assert.equal(got.status, 200);
  const coded = got.headers["content-encoding"] === "gzip";
  assert.equal((coded ? gunzipSync(got.bytes) : got.bytes).toString(), body);
  return { coded, got };
}

describe("gzip of the answers to polls", () => {
  let server;
  before(async () => { server = await startServer(long); });
  after(() => server?.stop());

  it("of 1024 bytes and more", async () => {
    for (const size of [1024, 1025, 10000, 500000]) {
      const { coded, got } = await polled(server, size, "gzip, deflate");
      assert.ok(coded, `${size} bytes`);
      assert.equal(got.headers["content-type"], "text/plain; charset=UTF-8");
      assert.equal(got.headers["cache-control"], "no-store");
    }
  });
  it("has a length, and says on what it depends", { skip: isReference }, async () => {
    const { got } = await polled(server, 2000, "gzip");
    assert.equal(Number(got.headers["content-length"]), got.bytes.length);
    assert.match(got.headers.vary, /Accept-Encoding/);
    const plain = await polled(server, 2000, "identity");
    assert.match(plain.got.headers.vary, /Accept-Encoding/);
  });
  it("not of less", async () => {
    for (const size of [2, 1023]) assert.ok(!(await polled(server, size, "gzip")).coded, `${size} bytes`);
  });
  for (const [accept, wanted] of [
    [undefined, false], ["", false], ["identity", false], ["gzip;q=0", false],
    ["gzip;q=0.000, *", false], // the reference takes deflate
    ["gzip;q=0.001", true], ["*", true], ["*;q=0", false], ["GZIP", true], ["br;q=1, gzip;q=0.5", true],
  ])
    it(`Accept-Encoding: ${accept} ${wanted ? "takes it" : "does not"}`, { skip: isReference && accept?.includes(", *") }, async () =>
      assert.equal((await polled(server, 2000, accept)).coded, wanted));
  it("each answer by its own request", async () => {
    const sid = await open(server, { "Accept-Encoding": "gzip" });
    for (const [accept, wanted] of [["gzip", true], [undefined, false], ["gzip", true]])
      assert.equal((await polled(server, 3000, accept, sid)).coded, wanted);
  });
  it("base64 and several packets in one", async () => {
    const sid = await open(server);
    const body = `4text\x1eb${Buffer.alloc(3000, 7).toString("base64")}\x1e4after`;
    await request(server, "POST", of(sid), { body });
    const got = await request(server, "GET", of(sid), { headers: { "Accept-Encoding": "gzip" } });
    assert.equal(gunzipSync(got.bytes).toString(), body);
  });
  it("what would not get shorter goes as it is", { skip: isReference }, async () => {
    const sid = await open(server);
    let text = "4";
    for (let seed = 1; text.length < 2000; seed = (seed * 48271) % 2147483647)
      text += String.fromCodePoint(0x10000 + (seed % 0xf0000));
    await request(server, "POST", of(sid), { body: text });
    const got = await request(server, "GET", of(sid), { headers: { "Accept-Encoding": "gzip" } });
    const coded = got.headers["content-encoding"] === "gzip";
    assert.equal((coded ? gunzipSync(got.bytes) : got.bytes).toString(), text);
  });
  it("a parked poll that is answered later", async () => {
    const sid = await open(server);
    const parked = request(server, "GET", of(sid), { headers: { "Accept-Encoding": "gzip" } });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await request(server, "POST", of(sid), { body: `4${"x".repeat(5000)}` });
    const got = await parked;
    assert.equal(got.headers["content-encoding"], "gzip");
    assert.equal(gunzipSync(got.bytes).length, 5001);
  });
  it("a refused handshake, an ok and a 405 are never coded", async () => {
    const headers = { "Accept-Encoding": "gzip" };
    const sid = await open(server, headers);
    const refused = await request(server, "PUT", of(sid), { headers, body: "x" });
    if (!isReference) assert.equal(refused.headers.allow, "GET, POST"); // RFC 9110 section 15.5.6
    for (const [method, path, body] of [["GET", "/engine.io/?EIO=3&transport=polling"], ["POST", of(sid), "4x"], ["PUT", of(sid), "x"]])
      assert.equal((await request(server, method, path, { headers, body })).headers["content-encoding"], undefined);
  });
});

describe("without gzip", { skip: isReference }, () => {
  it("--no-gzip", async () => {
    const server = await startServer({ ...long, "no-gzip": true });
    const { coded, got } = await polled(server, 5000, "gzip");
    assert.ok(!coded);
    assert.doesNotMatch(got.headers.vary ?? "", /Accept-Encoding/);
    await server.stop();
  });
});

describe("the cookie", { skip: isReference }, () => {
  it("is off by default", async () => {
    const server = await startServer(long);
    assert.equal((await request(server, "GET", EIO)).headers["set-cookie"], undefined);
    await server.stop();
  });
  it("comes with a polling handshake, and with nothing else", async () => {
    const server = await startServer({ ...long, cookie: "io", cors: "http://a.example" });
    const { headers, bytes } = await request(server, "GET", EIO, { headers: { Origin: "http://a.example" } });
    const { sid } = JSON.parse(bytes.toString().slice(1));
    assert.deepEqual(headers["set-cookie"], [`io=${sid}; Path=/; HttpOnly; SameSite=Lax`]);
    assert.equal(headers["access-control-allow-origin"], "http://a.example");
    const later = await Promise.all([
      request(server, "GET", of(sid)), request(server, "POST", of(sid), { body: "4x" }),
      request(server, "GET", "/engine.io/?EIO=3&transport=polling"), request(server, "OPTIONS", EIO)]);
    for (const answer of later) assert.equal(answer.headers["set-cookie"], undefined);
    const { ws, response } = await RawWebSocket.open(server.port, "/engine.io/?EIO=4&transport=websocket");
    assert.equal(response.headers["set-cookie"], undefined);
    ws.destroy();
    await server.stop();
  });
});
