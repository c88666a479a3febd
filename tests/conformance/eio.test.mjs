// Engine.IO protocol v4: the cases of the public protocol suite and the edges behind them, over the
// bare Engine.IO echo profile (`--eio`).
import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";
import { Client, Inbox, mostRounds, waitFor } from "./lib/client.mjs";
import { isReference, sleep, startServer } from "./lib/server.mjs";

// The suites' profile is for what tests the heartbeat; the rest must not depend on how busy the
// machine is.
const INTERVAL = 300, TIMEOUT = 200, LONG = 20000;
let server, client, quickServer, quick;

before(async () => {
  server = await startServer({ eio: true, "ping-interval": LONG, "ping-timeout": LONG });
  client = new Client(server, "/engine.io/");
  quickServer = await startServer({ eio: true });
  quick = new Client(quickServer, "/engine.io/");
});
after(async () => {
  await server?.stop();
  await quickServer?.stop();
});

const get = (query, options) => fetch(`${server.url}/engine.io/${query}`, options);
async function refusal(response, code, message, status = 400) {
  assert.equal(response.status, status);
  assert.deepEqual(await response.json(), { code, message });
}
function assertOpen(text, upgrades) {
  assert.equal(text[0], "0");
  const open = JSON.parse(text.slice(1));
  assert.deepEqual(Object.keys(open).sort(),
                   ["maxPayload", "pingInterval", "pingTimeout", "sid", "upgrades"]);
  assert.match(open.sid, /^[A-Za-z0-9_-]{16,}$/);
  assert.deepEqual(open.upgrades, upgrades);
  assert.equal(open.pingInterval, LONG);
  assert.equal(open.pingTimeout, LONG);
  assert.equal(open.maxPayload, 1000000);
}
const dead = async (sid, from = client) => refusal(await from.fetch(sid), 1, "Session ID unknown");

describe("handshake over polling", () => {
  it("opens a session", async () => {
    const response = await client.fetch();
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/plain; charset=UTF-8");
    assert.equal(response.headers.get("cache-control"), "no-store");
    assertOpen(await response.text(), ["websocket"]);
  });
  it("an empty sid opens a session", async () =>
    assertOpen(await (await client.fetch("")).text(), ["websocket"]));
  it("refuses other protocol revisions", async () => {
    for (const query of ["?transport=polling", "?EIO=3&transport=polling", "?EIO=abc&transport=polling",
                         "?EIO=5&transport=polling", "?EIO=4&EIO=3&transport=polling"])
      await refusal(await get(query), 5, "Unsupported protocol version");
  });
  it("the last of repeated parameters counts", async () =>
    assert.equal((await get("?EIO=3&EIO=4&transport=polling")).status, 200));
  it("refuses unknown transports", async () => {
    for (const query of ["?EIO=4", "?EIO=4&transport=abc", "?EIO=4&transport=webtransport"])
      await refusal(await get(query), 0, "Transport unknown");
  });
  it("refuses other methods", async () => {
    for (const method of ["POST", "PUT", "DELETE", "PATCH"])
      await refusal(await client.fetch(undefined, { method }), 2, "Bad handshake method");
    assert.equal((await client.fetch(undefined, { method: "HEAD" })).status, 400);
  });
  it("refuses websocket without an upgrade", async () =>
    refusal(await get("?EIO=4&transport=websocket"), 3, "Bad request"));
  it("refuses an unknown session", async () => {
    await refusal(await client.fetch("abcdefghijklmnopqrst"), 1, "Session ID unknown");
    await refusal(await client.fetch("__proto__"), 1, "Session ID unknown");
  });
  it("answers 404 outside its path", async () => {
    for (const path of ["/engine.io?EIO=4&transport=polling", "/other/?EIO=4&transport=polling", "/"])
      assert.equal((await fetch(server.url + path)).status, 404);
  });
  it("accepts more path behind its own", async () =>
    assert.equal((await fetch(`${server.url}/engine.io/xyz?EIO=4&transport=polling`)).status, 200));
});

describe("handshake over websocket", () => {
  it("opens a session", async () => {
    const inbox = new Inbox(client.socket());
    assertOpen(await inbox.next(), []);
    inbox.close();
  });
  it("refuses other protocol revisions and transports", async () => {
    for (const query of ["?transport=websocket", "?EIO=3&transport=websocket", "?EIO=abc&transport=websocket",
                         "?EIO=4", "?EIO=4&transport=abc"]) {
      const socket = client.socket();
      socket.terminate();
      const { default: WebSocket } = await import("ws");
      const refused = new WebSocket(`${server.ws}/engine.io/${query}`);
      refused.on("error", () => {});
      await waitFor(refused, "close");
    }
  });
  // Clients that attach a listener only after the previous event (as the public suites do) need each
  // of the first frames to arrive on its own: never in one segment with the 101 before it.
  // (The reference itself fails this now and then.)
  it("a listener attached on open sees the open packet", { skip: isReference }, async () => {
    await mostRounds(20, async () => {
      const socket = client.socket();
      await waitFor(socket, "open");
      const event = await Promise.race([waitFor(socket, "message"), sleep(1000)]);
      socket.close();
      return event?.data[0] === "0";
    });
  });
});

describe("messages over polling", () => {
  const echo = async (body, expected = body) => {
    const sid = await client.open();
    assert.deepEqual(await client.post(sid, body), { status: 200, body: "ok" });
    assert.deepEqual(await client.poll(sid), { status: 200, body: expected });
  };
  it("one packet", () => echo("4hello"));
  it("several packets", () => echo("4test1\x1e4test2\x1e4test3"));
  it("text and binary", () => echo("4hello\x1ebAQIDBA=="));
  it("unicode", () => echo("4\u20ac \u{1F600} \u00e9"));
  it("an empty message", () => echo("4"));
  it("empty binary", () => echo("b"));
  it("base64 without padding", () => echo("bAQIDBA", "bAQIDBA=="));
  it("base64 with line breaks, as the Java client sends it", () => echo("bAQID\nBA==\n", "bAQIDBA=="));
  it("the answer to a POST", async () => {
    const sid = await client.open();
    const response = await client.fetch(sid, { method: "POST", body: "4a" });
    assert.equal(response.headers.get("content-type"), "text/html");
    assert.equal(response.headers.get("content-length"), "2");
  });
  it("a parked poll is answered at once", async () => {
    const sid = await client.open();
    const poll = client.poll(sid);
    await sleep(50);
    const start = Date.now();
    await client.post(sid, "4late");
    assert.deepEqual(await poll, { status: 200, body: "4late" });
    assert.ok(Date.now() - start < 1500);
  });
  it("1,000 packets in one body keep their order", () =>
    echo(Array.from({ length: 1000 }, (_, i) => `4${i}`).join("\x1e")));
  it("exactly maxPayload bytes pass", async () => {
    const sid = await client.open();
    const body = "4" + "x".repeat(999999);
    assert.equal((await client.post(sid, body)).status, 200);
    assert.equal((await client.poll(sid)).body, body);
  });
  it("one byte more is 413, and the session goes on", async () => {
    const sid = await client.open();
    // A client may see a reset while it still writes; the session must live all the same.
    const big = await client.post(sid, "4" + "x".repeat(1000000)).catch(() => ({ status: 413, body: "" }));
    assert.deepEqual(big, { status: 413, body: "" });
    assert.deepEqual(await client.post(sid, "4go on"), { status: 200, body: "ok" });
    assert.equal((await client.poll(sid)).body, "4go on");
  });
  for (const body of ["abc", "7", "", "4a\x1e", "\x1e4a", "4a\x1e\x1e4b"])
    it(`closes the session on ${JSON.stringify(body)}`, async () => {
      const sid = await client.open();
      const { status } = await client.post(sid, body);
      assert.ok(status === 400 || status === 200, `status ${status}`);
      await dead(sid);
    });
  it("the packets before a bad one are processed", async () => {
    const sid = await client.open();
    const poll = client.poll(sid);
    await sleep(20);
    await client.post(sid, "4good\x1eabc\x1e4dropped");
    const { status, body } = await poll;
    assert.equal(status, 200);
    assert.match(body, /^4good/);
    assert.doesNotMatch(body, /dropped/);
    if (!isReference) await dead(sid);
  });
  it("closes the session on a ping from the client", async () => {
    const sid = await client.open();
    await client.post(sid, "2");
    await dead(sid);
  });
  it("ignores packets that only a server sends", async () => {
    const sid = await client.open();
    assert.deepEqual(await client.post(sid, "0{}\x1e5\x1e6\x1e3\x1e4still"), { status: 200, body: "ok" });
    assert.equal((await client.poll(sid)).body, "4still");
  });
  it("closes the session on octet-stream", async () => {
    const sid = await client.open();
    const { status } = await client.post(sid, "4a", { "Content-Type": "application/octet-stream" });
    assert.equal(status, 400);
    await dead(sid);
  });
  it("closes the session on duplicate polls", async () => {
    const sid = await client.open();
    const [first, second] = await Promise.all([
      client.poll(sid), sleep(5).then(() => fetch(client.address("transport=polling", sid) + "&t=burst"))]);
    assert.deepEqual(first, { status: 200, body: "1" });
    assert.ok([400, 500].includes(second.status));
    await dead(sid);
  });
  it("closes the session when a poll is aborted", async () => {
    const sid = await client.open();
    const abort = new AbortController();
    const poll = client.fetch(sid, { signal: abort.signal }).catch(() => "aborted");
    await sleep(5);
    abort.abort();
    assert.equal(await poll, "aborted");
    await sleep(20);
    await dead(sid);
  });
});

describe("messages over websocket", () => {
  it("text, binary, empty and unicode come back", async () => {
    const ws = await client.websocket();
    ws.send("4hello", Uint8Array.from([1, 2, 3, 4]), "4", "4\u20ac\u{1F600}", Uint8Array.from([]));
    assert.equal(await ws.next(), "4hello");
    assert.deepEqual(await ws.next(), Buffer.from([1, 2, 3, 4]));
    assert.equal(await ws.next(), "4");
    assert.equal(await ws.next(), "4\u20ac\u{1F600}");
    assert.deepEqual(await ws.next(), Buffer.from([]));
    ws.close();
  });
  it("base64 text is a binary message", async () => {
    const ws = await client.websocket();
    ws.send("bAQIDBA==");
    assert.deepEqual(await ws.next(), Buffer.from([1, 2, 3, 4]));
    ws.close();
  });
  it("10,000 messages keep their order", async () => {
    const ws = await client.websocket();
    for (let i = 0; i < 10000; i++) ws.send(`4${i}`);
    for (let i = 0; i < 10000; i++) assert.equal(await ws.next(), `4${i}`);
    ws.close();
  });
  it("exactly maxPayload bytes pass, one more closes with 1009", async () => {
    const ws = await client.websocket();
    ws.send("4" + "x".repeat(999999));
    assert.equal((await ws.next()).length, 1000000);
    ws.send("4" + "x".repeat(1000000));
    assert.equal(await ws.closes(), 1009);
  });
  for (const text of ["", "7", "abc", "2", "2probe", "b@@@"])
    it(`closes on ${JSON.stringify(text)}`, { skip: isReference && text === "b@@@" }, async () => {
      const ws = await client.websocket();
      ws.send(text);
      const start = Date.now();
      await ws.closes();
      assert.ok(Date.now() - start < 1500, "it only timed out");
    });
  it("ignores packets that only a server sends", async () => {
    const ws = await client.websocket();
    ws.send("0{}", "5", "6", "3", "4still");
    assert.equal(await ws.next(), "4still");
    ws.close();
  });
});

describe("heartbeat", () => {
  it("pings over polling for as long as pongs come", async () => {
    const sid = await quick.open();
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(await quick.poll(sid), { status: 200, body: "2" });
      assert.deepEqual(await quick.post(sid, "3"), { status: 200, body: "ok" });
    }
  });
  it("the polling session ends interval + timeout after the handshake", async () => {
    const sid = await quick.open();
    await sleep(INTERVAL + TIMEOUT);
    await dead(sid, quick);
  });
  it("pings over websocket, at the interval", async () => {
    const socket = quick.socket();
    await waitFor(socket, "message");
    for (let i = 0; i < 3; i++) {
      const start = Date.now();
      assert.equal((await waitFor(socket, "message")).data, "2");
      assert.ok(Math.abs(Date.now() - start - INTERVAL) < 100, `after ${Date.now() - start} ms`);
      socket.send("3");
    }
    socket.close();
  });
  it("a pong that came while the server stood still has not come late", { skip: isReference }, async () => {
    const inbox = new Inbox(quick.socket());
    await inbox.next();
    await sleep(INTERVAL + 20); // the inbox answers the ping; do so for the next, with the server stopped
    await waitFor(inbox.socket, "message");
    process.kill(quickServer.pid, "SIGSTOP");
    await sleep(2 * TIMEOUT);
    process.kill(quickServer.pid, "SIGCONT");
    inbox.send("4alive");
    assert.equal(await inbox.next(), "4alive");
    inbox.close();
  });
  it("the websocket closes without pongs", async () => {
    const start = Date.now();
    await waitFor(quick.socket(), "close");
    assert.ok(Math.abs(Date.now() - start - INTERVAL - TIMEOUT) < 150, `after ${Date.now() - start} ms`);
  });
});

describe("closing", () => {
  it("over polling a parked poll gets a noop", async () => {
    const sid = await client.open();
    const poll = client.poll(sid);
    await sleep(10);
    const post = await client.post(sid, "1");
    assert.deepEqual(post, { status: 200, body: "ok" });
    assert.deepEqual(await poll, { status: 200, body: "6" });
    await dead(sid);
  });
  it("over polling, the poll and the close sent at once", async () => {
    for (let i = 0; i < 30; i++) {
      const sid = await client.open();
      const [poll, post] = await Promise.all([client.poll(sid), client.post(sid, "1")]);
      assert.deepEqual(post, { status: 200, body: "ok" });
      assert.deepEqual(poll, { status: 200, body: "6" });
      await dead(sid);
    }
  });
  it("over polling without a parked poll", async () => {
    const sid = await client.open();
    await client.post(sid, "1");
    await dead(sid);
  });
  // The reference leaves it to the heartbeat: no pongs here.
  it("over websocket", async () => {
    const socket = quick.socket();
    await waitFor(socket, "message");
    socket.send("1");
    await waitFor(socket, "close");
  });
});

describe("upgrade", () => {
  const probing = async (sid, from = client) => {
    const ws = new Inbox(from.socket(sid));
    await waitFor(ws.socket, "open");
    ws.send("2probe");
    assert.equal(await ws.next(), "3probe");
    return ws;
  };
  const upgraded = async (sid, from = client) => {
    const ws = await probing(sid, from);
    ws.send("5");
    return ws;
  };
  const bouncesOnSocket = async (ws) => {
    ws.send("4hello");
    assert.equal(await ws.next(), "4hello");
    ws.close();
  };
  it("succeeds; a poll during the probe gets a noop", async () => {
    const sid = await client.open();
    const ws = await probing(sid);
    assert.deepEqual(await client.poll(sid), { status: 200, body: "6" });
    ws.send("5");
    await bouncesOnSocket(ws);
  });
  it("flushes a poll that was parked before the probe", async () => {
    const sid = await client.open();
    const poll = client.poll(sid);
    await sleep(20);
    const ws = await probing(sid);
    assert.deepEqual(await poll, { status: 200, body: "6" });
    ws.send("5");
    await bouncesOnSocket(ws);
  });
  it("messages queued before it come over the websocket, in order", async () => {
    const sid = await client.open();
    const ws = await probing(sid);
    await client.poll(sid); // the noop
    await client.post(sid, "4one\x1ebAQID\x1e4two");
    ws.send("5");
    ws.send("4three");
    assert.deepEqual([await ws.next(), await ws.next(), await ws.next(), await ws.next()],
                     ["4one", Buffer.from([1, 2, 3]), "4two", "4three"]);
    ws.close();
  });
  it("polling requests with its sid are refused afterwards", async () => {
    const sid = await client.open();
    const ws = await upgraded(sid);
    await sleep(20);
    await refusal(await client.fetch(sid), 3, "Bad request");
    await refusal(await client.fetch(sid, { method: "POST", body: "4x" }), 3, "Bad request");
    await bouncesOnSocket(ws);
  });
  // Both arrive in one turn of the server's loop: their order must be kept.
  it("a poll sent right behind the upgrade packet comes after it", async () => {
    for (let i = 0; i < 30; i++) {
      const sid = await client.open();
      const ws = await upgraded(sid);
      await refusal(await client.fetch(sid), 3, "Bad request");
      await bouncesOnSocket(ws);
    }
  });
  // The public suite installs no error handler here: 101 first, then close.
  it("a second websocket with its sid is accepted and closed", async () => {
    const sid = await client.open();
    const ws = await upgraded(sid);
    const second = client.socket(sid);
    await waitFor(second, "open");
    await waitFor(second, "close");
    await bouncesOnSocket(ws);
  });
  it("a second websocket during the probe is closed, the first goes on", async () => {
    const sid = await client.open();
    const ws = await probing(sid);
    await waitFor(client.socket(sid), "close");
    ws.send("5");
    await bouncesOnSocket(ws);
  });
  it("works without a probe", async () => {
    const sid = await client.open();
    const ws = new Inbox(client.socket(sid));
    await waitFor(ws.socket, "open");
    ws.send("5");
    await bouncesOnSocket(ws);
  });
  for (const first of ["4hello", "2notprobe", "abc"])
    it(`another first packet (${first}) ends the attempt only`, async () => {
      const sid = await client.open();
      const ws = new Inbox(client.socket(sid));
      await waitFor(ws.socket, "open");
      ws.send(first);
      await ws.closes();
      await client.post(sid, "4polling");
      assert.equal((await client.pollPacket(sid)).body, "4polling");
      await bouncesOnSocket(await upgraded(sid));
    });
  it("a websocket that goes away mid-probe ends the attempt only", async () => {
    const sid = await client.open();
    const ws = await probing(sid);
    ws.socket.terminate();
    await sleep(30);
    await client.post(sid, "4polling");
    assert.equal((await client.pollPacket(sid)).body.replace(/^6\x1e/, ""), "4polling");
    await bouncesOnSocket(await upgraded(sid));
  });
  it("an upgrade of an unknown session is refused", async () => {
    const socket = client.socket("abcdefghijklmnopqrst");
    await waitFor(socket, "close");
  });
  it("the heartbeat goes on after it", async () => {
    const sid = await quick.open();
    const socket = (await upgraded(sid, quick)).socket;
    for (let i = 0; i < 3; i++) assert.equal((await waitFor(socket, "message")).data, "2");
    socket.close();
  });
});
