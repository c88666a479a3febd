// Socket.IO protocol v5: the cases of the public protocol suite and the edges behind them. The server
// emits `auth` on connection, answers `message` with `message-back`, acknowledges `message-with-ack`.
import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";
import { Client, Inbox, mostRounds, waitFor } from "./lib/client.mjs";
import { isReference, sleep, startServer } from "./lib/server.mjs";

let server, client;

before(async () => {
  // Long heartbeats: nothing here must depend on how busy the machine is.
  server = await startServer({ "ping-interval": 20000, "ping-timeout": 20000 });
  client = new Client(server);
});
after(() => server?.stop());

function assertConnect(packet, prefix, keys = ["sid"]) {
  assert.ok(packet.startsWith(prefix), packet);
  const answer = JSON.parse(packet.slice(prefix.length));
  assert.deepEqual(Object.keys(answer).sort(), keys);
  assert.match(answer.sid, /^[A-Za-z0-9_-]{16,}$/);
  return answer;
}

// The connection closes because of what was sent, well before a heartbeat could end it.
async function closesAtOnce(ws, ...items) {
  const start = Date.now();
  ws.send(...items);
  await ws.closes();
  assert.ok(Date.now() - start < 900, `it took ${Date.now() - start} ms`);
}

async function answers(ws) {
  ws.send('42["message","alive"]');
  assert.equal(await ws.next(), '42["message-back","alive"]');
}

describe("connect", () => {
  it("to the main namespace", async () => {
    const ws = await client.websocket();
    ws.send("40");
    assertConnect(await ws.next(), "40");
    assert.equal(await ws.next(), '42["auth",{}]');
    ws.close();
  });
  it("to the main namespace with a payload", async () => {
    const ws = await client.websocket();
    ws.send('40{"token":"123"}');
    assertConnect(await ws.next(), "40");
    assert.equal(await ws.next(), '42["auth",{"token":"123"}]');
    ws.close();
  });
  it("to a custom namespace, with and without the comma", async () => {
    for (const packet of ["40/custom,", "40/custom"]) {
      const ws = await client.websocket();
      ws.send(packet);
      assertConnect(await ws.next(), "40/custom,");
      assert.equal(await ws.next(), '42/custom,["auth",{}]');
      ws.close();
    }
  });
  it("to a custom namespace with a payload", async () => {
    const ws = await client.websocket();
    ws.send('40/custom,{"token":"abc"}');
    assertConnect(await ws.next(), "40/custom,");
    assert.equal(await ws.next(), '42/custom,["auth",{"token":"abc"}]');
    ws.close();
  });
  it("the sids of engine and of each namespace differ", async () => {
    const ws = new Inbox(client.socket());
    const sids = [JSON.parse((await ws.next()).slice(1)).sid];
    ws.send("40", "40/custom,");
    for (let i = 0; i < 4; i++) {
      const packet = await ws.next();
      if (packet.startsWith("40")) sids.push(JSON.parse(packet.slice(packet.indexOf("{"))).sid);
    }
    assert.equal(new Set(sids).size, 3);
    ws.close();
  });
  it("an unknown namespace is refused, the connection goes on", async () => {
    const ws = await client.websocket();
    for (const nsp of ["/random", "/custom?a=b", "//"]) {
      ws.send(`40${nsp},`);
      assert.equal(await ws.next(), `44${nsp},{"message":"Invalid namespace"}`);
    }
    ws.send("40");
    assertConnect(await ws.next(), "40");
    ws.close();
  });
  it("a namespace may refuse", async () => {
    const ws = await client.websocket();
    ws.send("40/no,");
    assert.equal(await ws.next(), '44/no,{"message":"Auth failed (custom namespace)"}');
    ws.close();
  });
  for (const packet of ["4abc", "4", "40[]", '40""', "40null", "40{", "44{}", '42["message",1]', "41", "41/custom,", '43["x"]'])
    it(`${packet} as the first packet closes`, async () =>
      closesAtOnce(await client.websocket(), packet));
  it("a binary message before CONNECT closes", async () =>
    closesAtOnce(await client.websocket(), Uint8Array.from([1])));
  it("CONNECT twice closes", async () => closesAtOnce(await client.connected(), "40"));
  it("CONNECT after DISCONNECT gives a new sid", async () => {
    const ws = await client.websocket();
    ws.send("40");
    const first = assertConnect(await ws.next(), "40").sid;
    await ws.next();
    ws.send("41");
    await sleep(20);
    ws.send("40");
    assert.notEqual(assertConnect(await ws.next(), "40").sid, first);
    ws.close();
  });
  it("a connection in no namespace is closed after the connect timeout", async () => {
    const ws = await client.websocket();
    const start = Date.now();
    ws.send("40/random,"); // a refusal does not stop the clock
    await ws.closes();
    assert.ok(Math.abs(Date.now() - start - 1000) < 300, `after ${Date.now() - start} ms`);
  });
  it("packets right behind CONNECT wait for the admission", { skip: isReference }, async () => {
    const sid = await client.open();
    await client.post(sid, '40\x1e42["message",1]\x1e42["message",2]');
    let body = "";
    while (!body.includes('["message-back",2]')) body += (await client.poll(sid)).body + "\x1e";
    assert.match(body, /^40\{"sid":"[^"]+"\}\x1e42\["auth",\{\}\]\x1e42\["message-back",1\]\x1e42\["message-back",2\]/);
  });
  // As for the open packet: a listener attached after CONNECT's answer must still see the next one.
  // (The reference itself fails this now and then.)
  it("a listener attached after each packet misses none", { skip: isReference }, async () => {
    await mostRounds(20, async () => {
      const socket = client.socket();
      await waitFor(socket, "message");
      socket.send("40");
      await waitFor(socket, "message");
      const event = await Promise.race([waitFor(socket, "message"), sleep(1000)]);
      socket.close();
      return event?.data === '42["auth",{}]';
    });
  });
});

describe("disconnect", () => {
  it("from the main namespace: no answer, events then close", async () => {
    const ws = await client.connected();
    ws.send("41");
    await sleep(30);
    await closesAtOnce(ws, '42["message",1]');
  });
  it("from a custom namespace; the main one goes on", async () => {
    const ws = await client.connected();
    ws.send("40/custom");
    await ws.next();
    await ws.next();
    ws.send("41/custom", '42["message","to the main namespace"]');
    assert.equal(await ws.next(), '42["message-back","to the main namespace"]');
    ws.close();
  });
  it("a payload closes", async () => closesAtOnce(await client.connected(), "41{}"));
});

describe("events", () => {
  // What comes back must be what was sent, byte for byte.
  for (const args of ['1,"2",{"3":[true]}', '"\u20ac \u{1F600}"', "null", "true,false", "-0.5e3,1E+2", '"\\u001e"',
                      '"\\ud83d"', "12345678901234567890123", '{"a":{"b":[[],{}]}}', '"\\"\\\\\\/"', '{"a":1,"a":2}'])
    it(`message ${args}`, { skip: isReference && /e3|123456|\\\/|"a":1|u001e/.test(args) }, async () => {
      const ws = await client.connected();
      ws.send(`42["message",${args}]`);
      assert.equal(await ws.next(), `42["message-back",${args}]`);
      ws.close();
    });
  it("without arguments", async () => {
    const ws = await client.connected();
    ws.send('42["message"]');
    assert.equal(await ws.next(), '42["message-back"]');
    ws.close();
  });
  it("unknown names, a number as a name, error: ignored", async () => {
    const ws = await client.connected();
    ws.send('42["nobody listens"]', "42[1,2]");
    if (!isReference) ws.send('42["error"]');
    await answers(ws);
    ws.close();
  });
  it("an ack nobody waits for is ignored", async () => {
    const ws = await client.connected();
    ws.send("43", "437[]", '43/custom,1["x"]'.replace("/custom,", ""), '4312345["a"]');
    await answers(ws);
    ws.close();
  });
  it("450 levels of nesting are either echoed or refused", async () => {
    const ws = await client.connected();
    const deep = "[".repeat(450) + "]".repeat(450);
    ws.send(`42["message",${deep}]`);
    const answer = await ws.next();
    assert.ok(answer === null || answer === `42["message-back",${deep}]`);
    ws.close();
  });
  it("100 levels pass", async () => {
    const ws = await client.connected();
    const deep = "[".repeat(100) + "]".repeat(100);
    ws.send(`42["message",${deep}]`);
    assert.equal(await ws.next(), `42["message-back",${deep}]`);
    ws.close();
  });
  const bad = ["4", "42[]", "42{}", "42[null]", "42[true]", '42abc["message"]', '421.5["message"]', '42-1["message"]',
               '42["message"]x', '42["message"', '42[{"a":1}]', '42/custom["message"]', '42//,["message"]', "47[]",
               '42["connect"]', '42["connect_error"]', '42["disconnect"]', '42["disconnecting"]', '42["newListener"]',
               '42["removeListener"]', '42/custom,["message"]', "44{}", "43{}"];
  const strict = ["42", '42 ["message"]', '4299999999999999999999["message"]', '42["message",1.]', '42["message",NaN]',
                  '42["message","\\x"]'];
  for (const packet of isReference ? bad : [...bad, ...strict])
    it(`${packet} closes`, async () => closesAtOnce(await client.connected(), packet));
});

describe("acknowledgements", () => {
  it("of an event", async () => {
    const ws = await client.connected();
    ws.send('42456["message-with-ack",1,"2",{"3":[false]}]');
    assert.equal(await ws.next(), '43456[1,"2",{"3":[false]}]');
    ws.send('420["message-with-ack"]');
    assert.equal(await ws.next(), "430[]");
    ws.send('42007["message-with-ack"]');
    assert.equal(await ws.next(), "437[]");
    ws.close();
  });
  it("of a binary event", async () => {
    const ws = await client.connected();
    ws.send('452-789["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
            Uint8Array.from([1, 2, 3]), Uint8Array.from([4, 5, 6]));
    assert.equal(await ws.next(), '462-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
    assert.deepEqual(await ws.next(), Buffer.from([1, 2, 3]));
    assert.deepEqual(await ws.next(), Buffer.from([4, 5, 6]));
    ws.close();
  });
  it("asked by the server", async () => {
    const ws = await client.connected();
    ws.send('42["ask",1]');
    const question = await ws.next();
    const [, id] = /^42(\d+)\["question",1\]$/.exec(question);
    ws.send(`43${id}["yes",{"a":1}]`);
    assert.equal(await ws.next(), '42["answer","yes",{"a":1}]');
    ws.send(`43${id}["again"]`); // answered already: ignored
    await answers(ws);
    ws.close();
  });
});

describe("binary events", () => {
  const P = (num) => `{"_placeholder":true,"num":${num}}`;
  const echoes = async (count, args, back, ...parts) => {
    const ws = await client.connected();
    ws.send(`45${count}-["message",${args}]`, ...parts);
    assert.equal(await ws.next(), `45${count}-["message-back",${back ?? args}]`);
    for (const part of parts) assert.deepEqual(await ws.next(), Buffer.from(part));
    await answers(ws);
    ws.close();
  };
  const one = Uint8Array.from([1, 2, 3]), two = Uint8Array.from([4, 5, 6]);
  it("two attachments", () => echoes(2, `${P(0)},${P(1)}`, undefined, one, two));
  it("deep inside", () => echoes(1, `{"a":[{"b":${P(0)}}]}`, undefined, one));
  it("empty attachments", () => echoes(1, P(0), undefined, Uint8Array.from([])));
  it("ten attachments", () =>
    echoes(10, Array.from({ length: 10 }, (_, i) => P(i)).join(","), undefined,
           ...Array.from({ length: 10 }, (_, i) => Uint8Array.from([i]))));
  it("pings and pongs in between", async () => {
    const ws = await client.connected();
    ws.send(`451-["message",${P(0)}]`, "3", one);
    assert.equal(await ws.next(), `451-["message-back",${P(0)}]`);
    assert.deepEqual(await ws.next(), Buffer.from(one));
    ws.close();
  });
  it("over polling", async () => {
    const sid = await client.open();
    await client.post(sid, "40");
    for (let body = ""; !body.includes("auth");) body += (await client.poll(sid)).body;
    await client.post(sid, `452-["message",${P(0)},${P(1)}]\x1ebAQID\x1ebBAUG`);
    assert.equal((await client.pollPacket(sid)).body, `452-["message-back",${P(0)},${P(1)}]\x1ebAQID\x1ebBAUG`);
  });
  it("over polling in three requests", async () => {
    const sid = await client.open();
    await client.post(sid, "40");
    for (let body = ""; !body.includes("auth");) body += (await client.poll(sid)).body;
    await client.post(sid, `451-["message",${P(0)}]`);
    await client.post(sid, "bAQID");
    assert.equal((await client.pollPacket(sid)).body, `451-["message-back",${P(0)}]\x1ebAQID`);
  });
  it("in a plain event a placeholder is data", { skip: isReference }, async () => {
    const ws = await client.connected();
    ws.send(`42["message",${P(7)}]`);
    assert.equal(await ws.next(), `42["message-back",${P(7)}]`);
    ws.close();
  });
  it("a text message in between closes", async () =>
    closesAtOnce(await client.connected(), `451-["message",${P(0)}]`, '42["message"]'));
  it("a binary message nobody expects closes", async () =>
    closesAtOnce(await client.connected(), one));
  it("one attachment too many closes", async () =>
    closesAtOnce(await client.connected(), `451-["message",${P(0)}]`, one, two));
  for (const packet of [`450-["message"]`, "451[", "45[", `45-1-["message"]`, `4511-["message"]`, `451.0-["message"]`])
    it(`${packet} closes`, { skip: isReference && packet.includes("1.0") }, async () =>
      closesAtOnce(await client.connected(), packet));
  for (const num of ["1", "-1", '"0"', "0.5"])
    it(`placeholder ${num} closes`, { skip: isReference && num === "0.5" }, async () =>
      closesAtOnce(await client.connected(), `451-["message",${P(num)}]`, one));
});

describe("closing by the server", () => {
  it("of a namespace: 41", async () => {
    const ws = await client.connected();
    ws.send('42["leave"]');
    assert.equal(await ws.next(), "41");
    ws.close();
  });
  // The JavaScript client does not poll any more once it has paused for an upgrade.
  it("of the transport, while the client upgrades", async () => {
    const sid = await client.open();
    await client.post(sid, "40");
    for (let body = ""; !body.includes("auth");) body += (await client.poll(sid)).body;
    const ws = new Inbox(client.socket(sid));
    await waitFor(ws.socket, "open");
    ws.send("2probe");
    assert.equal(await ws.next(), "3probe");
    assert.equal((await client.poll(sid)).body, "6");
    await client.post(sid, '42["message","last"]\x1e42["close"]');
    await sleep(20);
    const start = Date.now();
    ws.send("5");
    assert.equal(await ws.next(), '42["message-back","last"]');
    await ws.closes();
    assert.ok(Date.now() - start < 900);
    assert.equal((await client.poll(sid)).status, 400);
  });
  it("of the transport: without 41", async () => {
    const ws = await client.connected();
    ws.send('42["close"]');
    assert.equal(await ws.next(), null);
  });
});

describe("over polling", () => {
  it("connects, echoes, disconnects", async () => {
    const sid = await client.open();
    assert.deepEqual(await client.post(sid, "40"), { status: 200, body: "ok" });
    let body = "";
    while (!body.includes("auth")) body += (await client.poll(sid)).body;
    assert.match(body, /^40\{"sid":"[^"]+"\}\x1e?42\["auth",\{\}\]$/);
    await client.post(sid, '42["message",1]\x1e42["message",2]');
    let back = "";
    while (!back.includes("2]")) back += (await client.pollPacket(sid)).body + "\x1e";
    assert.equal(back, '42["message-back",1]\x1e42["message-back",2]\x1e');
    await client.post(sid, "1");
    assert.equal((await client.poll(sid)).status, 400);
  });
  it("a parse error ends the session", async () => {
    const sid = await client.open();
    await client.post(sid, "4abc");
    await sleep(20);
    const { status, body } = await client.poll(sid);
    assert.ok(status === 400 || body.endsWith("1"), body);
  });
});
