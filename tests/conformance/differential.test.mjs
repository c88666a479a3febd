// The same raw requests and frames to the npm reference server and to ours; the answers must be the
// same. What is meant to differ is in `intended`, each with its reason; a difference that is not
// there fails, and so does an entry there that no longer differs.
// DIFFERENTIAL_SELF=1 compares the reference with itself, to see that the scenarios are stable.
import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";
import { sleep, startServer } from "./lib/server.mjs";
import { request } from "./lib/http.mjs";
import { BINARY, RawWebSocket, TEXT, upgradeHeaders } from "./lib/frames.mjs";

const self = process.env.DIFFERENTIAL_SELF === "1";
const long = { "ping-interval": 20000, "ping-timeout": 20000, "connect-timeout": 20000, "max-payload": 5000 };
let sio, eio, cors, noCors;

before(async () => {
  const pair = async (options) => ({
    ours: await startServer({ ...long, ...options }, { reference: self }),
    theirs: await startServer({ ...long, ...options }, { reference: true }) });
  sio = await pair({});
  eio = await pair({ eio: true });
  cors = await pair({ cors: "http://a.example" });
  noCors = await pair({ cors: "" });
});
after(async () => {
  for (const pair of [sio, eio, cors, noCors])
    if (pair) {
      await pair.ours.stop();
      await pair.theirs.stop();
    }
});

// ---- what differs on purpose ----

const intended = {
  // Answers that tell the client what it did wrong, where the reference says ok and hangs up.
  "eio POST abc": "a payload that is no payload is answered 400, not ok (the session closes in both)",
  "eio POST empty": "as for abc",
  "eio POST 7": "as for abc",
  "eio POST leading separator": "as for abc",
  "eio POST trailing separator": "as for abc",
  "eio POST bad base64": "garbage in base64 is refused, not skipped",
  "eio POST invalid UTF-8": "bytes that are not UTF-8 are refused, not replaced",
  "eio POST ping": "a packet that only a server sends, in the wrong direction: 400, not ok",
  "eio POST exactly maxPayload": "an answer long enough to be compressed says what it varies with",
  "eio PUT on a session": "405 says what is wrong; the reference answers 500",
  "eio DELETE on a session": "as for PUT",
  // Websockets are refused before 101, so that the client sees the reason.
  "eio ws no EIO": "refused before 101; the reference writes an HTTP answer into the websocket",
  "eio ws EIO=3": "as without EIO",
  "eio ws EIO=abc": "as without EIO",
  "eio ws transport=polling": "refused before 101; the reference accepts and closes",
  "eio ws foreign path": "404; the reference never answers",
  "eio ws close packet": "closes at once; the reference waits for the heartbeat",
  "eio ws bad base64": "garbage in base64 is refused, not skipped",
  // The strict Socket.IO decoder.
  "sio 42": "an event without payload closes, as the protocol says; the reference ignores it",
  "sio space as id": "only digits are an ack id; JavaScript takes a space for 0",
  "sio huge id": "an ack id past 2^53 closes; JavaScript would answer another id",
  "sio attachments 1.0": "only digits are a count; JavaScript takes 1.0, 1e0 and ' 1'",
  "sio attachments 1e0": "as for 1.0",
  "sio placeholder 0.5": "a placeholder that is no integer closes; JavaScript makes null of it",
  // JSON goes through verbatim.
  "sio number beyond 2^53": "verbatim; JavaScript loses digits",
  "sio number 1E+2": "verbatim; JavaScript writes it in its own way",
  "sio escaped": "verbatim; JavaScript removes the escapes",
  "sio duplicate keys": "verbatim; JavaScript keeps the last",
  "sio white space": "verbatim",
  "sio binary, same number twice": "relayed verbatim; JavaScript numbers the attachments anew",
  "sio binary, unused attachment": "relayed verbatim; JavaScript drops it",
  "cors allowed origin": "an origin on the list may send credentials; the reference needs an option for it",
  "cors error": "as for the allowed origin",
  "cors preflight": "as for the allowed origin",
  "sio event right behind CONNECT": "waits for the admission; the reference closes",
};

// ---- scenarios: name -> (server) => transcript ----

// Not content-length: whether a body has a length or comes in chunks is nobody's business.
const KEPT = ["content-type", "cache-control", "access-control-allow-origin", "access-control-allow-methods",
              "access-control-allow-headers", "access-control-allow-credentials", "vary", "location", "content-encoding"];
const hideSids = (text) => text.replace(/"(sid|pid)":"[^"]+"/g, '"$1":"SID"');

function show(answer) {
  if (answer === null) return "connection ended";
  const headers = KEPT.filter((name) => answer.headers[name] !== undefined)
    .map((name) => `${name}: ${answer.headers[name].toLowerCase()}`);
  return [`HTTP ${answer.status}`, ...headers, hideSids(answer.body)];
}

const http = (method, path, options) => async (server) => show(await request(server.port, method, path, options));
const EIO = "/engine.io/?EIO=4&transport=polling";

// Steps on one polling session: [method, body, headers], or a function of (server, sid).
const polling = (base, ...steps) => async (server) => {
  const opened = await request(server.port, "GET", base);
  const { sid } = JSON.parse(opened.body.slice(1));
  const transcript = [];
  for (const step of steps) {
    if (typeof step === "function") transcript.push(await step(server, sid));
    else {
      const [method, body, headers] = step;
      transcript.push(show(await request(server.port, method, `${base}&sid=${sid}`, { body, headers })));
    }
    await sleep(15);
  }
  return transcript;
};

// Messages to a fresh websocket; what comes back until it is quiet for 600 ms (a busy machine) or closed.
async function collect(ws, quiet = 600) {
  const transcript = [];
  for (;;) {
    let got;
    try {
      got = await ws.next({ timeout: quiet });
    } catch {
      transcript.push("open");
      break;
    }
    if (got === null) {
      transcript.push("ended");
      break;
    }
    if (got.opcode === 8) {
      transcript.push(`close ${got.payload.length >= 2 ? got.payload.readUInt16BE(0) : "without status"}`);
      break;
    }
    transcript.push(got.opcode === BINARY ? `binary ${got.payload.toString("hex")}` : hideSids(got.payload.toString()));
  }
  ws.destroy();
  return transcript;
}
// A number is a pause in ms.
async function send(ws, item) {
  if (typeof item === "number") await sleep(item);
  else ws.send(typeof item === "string" ? TEXT : BINARY, item);
}
const socket = (path, ...items) => async (server) => {
  const { ws, refused } = await RawWebSocket.open(server.port, path);
  if (!ws) return show(refused);
  const open = [hideSids((await ws.next({ timeout: 1500 }).catch(() => null))?.payload.toString() ?? "nothing")];
  for (const item of items) await send(ws, item);
  return [...open, ...(await collect(ws))];
};
const eioSocket = (...items) => socket("/engine.io/?EIO=4&transport=websocket", ...items);
// After CONNECT and `auth`.
const connected = (...items) => async (server) => {
  const { ws } = await RawWebSocket.open(server.port, "/socket.io/?EIO=4&transport=websocket");
  await ws.next();
  ws.send(TEXT, "40");
  await ws.next();
  await ws.next();
  for (const item of items) await send(ws, item);
  return collect(ws);
};
const sioSocket = (...items) => socket("/socket.io/?EIO=4&transport=websocket", ...items);
const P = (num) => `{"_placeholder":true,"num":${num}}`;
const b = (...values) => Buffer.from(values);

const refusedUpgrade = (path, headers) => async (server) => {
  const answer = await request(server.port, "GET", path, { headers: { ...upgradeHeaders(), ...headers }, timeout: 3000 }).catch(() => null);
  return answer && answer.status !== 101 ? [`HTTP ${answer.status}`, answer.body] : show(answer);
};
const upgrade = (...items) => async (server, sid) => {
  const { ws, refused } = await RawWebSocket.open(server.port, `/engine.io/?EIO=4&transport=websocket&sid=${sid}`);
  if (!ws) return show(refused);
  for (const item of items) {
    await send(ws, item);
    await sleep(20);
  }
  return collect(ws);
};

const scenarios = {
  eio: {
    "handshake": http("GET", EIO),
    "handshake, more parameters": http("GET", `${EIO}&t=abc&x=%20y`),
    "empty sid": http("GET", `${EIO}&sid=`),
    "no EIO": http("GET", "/engine.io/?transport=polling"),
    "EIO=3": http("GET", "/engine.io/?EIO=3&transport=polling"),
    "EIO=4&EIO=3": http("GET", "/engine.io/?EIO=4&EIO=3&transport=polling"),
    "no transport": http("GET", "/engine.io/?EIO=4"),
    "transport=abc": http("GET", "/engine.io/?EIO=4&transport=abc"),
    "transport=webtransport": http("GET", "/engine.io/?EIO=4&transport=webtransport"),
    "transport=websocket without upgrade": http("GET", "/engine.io/?EIO=4&transport=websocket"),
    "POST without sid": http("POST", EIO, { body: "4x" }),
    "PUT without sid": http("PUT", EIO, { body: "4x" }),
    "HEAD without sid": http("HEAD", EIO),
    "unknown sid": http("GET", `${EIO}&sid=abcdefghijklmnopqrst`),
    "POST to an unknown sid": http("POST", `${EIO}&sid=abcdefghijklmnopqrst`, { body: "4x" }),
    "sid=__proto__": http("GET", `${EIO}&sid=__proto__`),
    "another transport's sid": polling(EIO, async (server, sid) =>
      show(await request(server.port, "GET", `/engine.io/?EIO=4&transport=websocket&sid=${sid}`))),
    "EIO=3 with a sid": polling(EIO, async (server, sid) =>
      show(await request(server.port, "GET", `/engine.io/?EIO=3&transport=polling&sid=${sid}`))),
    "echo": polling(EIO, ["POST", "4hello"], ["GET"]),
    "echo of several and binary": polling(EIO, ["POST", "4a\x1ebAQIDBA==\x1e4\u20ac"], ["GET"]),
    "echo, chunked body": polling(EIO, ["POST", "3\r\n4hi\r\n0\r\n\r\n", { "Transfer-Encoding": "chunked" }], ["GET"]),
    "POST abc": polling(EIO, ["POST", "abc"], ["GET"]),
    "POST empty": polling(EIO, ["POST", ""], ["GET"]),
    "POST 7": polling(EIO, ["POST", "7"], ["GET"]),
    "POST leading separator": polling(EIO, ["POST", "\x1e4a"], ["GET"]),
    "POST trailing separator": polling(EIO, ["POST", "4a\x1e"]),
    "POST bad base64": polling(EIO, ["POST", "b@@@AQID"]),
    "POST invalid UTF-8": polling(EIO, ["POST", b(0x34, 0xff)]),
    "POST unpadded base64": polling(EIO, ["POST", "bAQIDBA"], ["GET"]),
    "POST ping": polling(EIO, ["POST", "2"], ["GET"]),
    "POST ignored packets": polling(EIO, ["POST", "0{}\x1e5\x1e6\x1e3\x1e4x"], ["GET"]),
    "POST close": polling(EIO, ["POST", "1"], ["GET"]),
    "POST octet-stream": polling(EIO, ["POST", "4a", { "Content-Type": "application/octet-stream" }], ["GET"]),
    "POST exactly maxPayload": polling(EIO, ["POST", "4" + "x".repeat(4999)], ["GET"]),
    "POST over maxPayload": polling(EIO, ["POST", "4" + "x".repeat(5000)], ["POST", "4b"], ["GET"]),
    "PUT on a session": polling(EIO, ["PUT", "4a"], ["POST", "4b"], ["GET"]),
    "DELETE on a session": polling(EIO, ["DELETE"], ["POST", "4b"], ["GET"]),
    "two polls": polling(EIO, async (server, sid) => {
      const path = `${EIO}&sid=${sid}`;
      const first = request(server.port, "GET", path);
      await sleep(20);
      const second = show(await request(server.port, "GET", path));
      return [show(await first), second];
    }, ["GET"]),
    "close with a parked poll": polling(EIO, async (server, sid) => {
      const poll = request(server.port, "GET", `${EIO}&sid=${sid}`);
      await sleep(20);
      const post = show(await request(server.port, "POST", `${EIO}&sid=${sid}`, { body: "1" }));
      return [show(await poll), post];
    }, ["GET"]),
    "ws handshake": eioSocket(),
    "ws echo": eioSocket("4hello", b(1, 2, 3), "4", "bAQID", "4\u20ac"),
    "ws ignored packets": eioSocket("0", "5", "6", "3", "4x"),
    "ws empty message": eioSocket(""),
    "ws 7": eioSocket("7"),
    "ws abc": eioSocket("abc"),
    "ws ping": eioSocket("2"),
    "ws 2probe": eioSocket("2probe"),
    "ws bad base64": eioSocket("b@@@AQID"),
    "ws close packet": eioSocket("1"),
    "ws too long": eioSocket("4" + "x".repeat(5000)),
    "ws exactly maxPayload": eioSocket("4" + "x".repeat(4999)),
    "ws no EIO": refusedUpgrade("/engine.io/?transport=websocket"),
    "ws EIO=3": refusedUpgrade("/engine.io/?EIO=3&transport=websocket"),
    "ws EIO=abc": refusedUpgrade("/engine.io/?EIO=abc&transport=websocket"),
    "ws no transport": refusedUpgrade("/engine.io/?EIO=4"),
    "ws transport=abc": refusedUpgrade("/engine.io/?EIO=4&transport=abc"),
    "ws transport=polling": refusedUpgrade("/engine.io/?EIO=4&transport=polling"),
    "ws unknown sid": refusedUpgrade("/engine.io/?EIO=4&transport=websocket&sid=abcdefghijklmnopqrst"),
    "ws foreign path": refusedUpgrade("/other/?EIO=4&transport=websocket"),
    "upgrade": polling(EIO, upgrade("2probe", "5", "4hi"), ["GET"]),
    "upgrade without probe": polling(EIO, upgrade("5", "4hi")),
    "upgrade, wrong probe": polling(EIO, upgrade("2notprobe"), ["POST", "4x"], ["GET"]),
    "upgrade, message first": polling(EIO, upgrade("4hello"), ["POST", "4x"], ["GET"]),
    "upgrade, garbage first": polling(EIO, upgrade("abc"), ["POST", "4x"], ["GET"]),
    "upgrade, requests afterwards": polling(EIO, async (server, sid) => {
      const { ws } = await RawWebSocket.open(server.port, `/engine.io/?EIO=4&transport=websocket&sid=${sid}`);
      ws.send(TEXT, "2probe");
      await ws.next();
      ws.send(TEXT, "5");
      await sleep(30);
      const path = `${EIO}&sid=${sid}`;
      const answers = [show(await request(server.port, "GET", path)), show(await request(server.port, "POST", path, { body: "4x" }))];
      const second = await RawWebSocket.open(server.port, `/engine.io/?EIO=4&transport=websocket&sid=${sid}`);
      answers.push(second.ws ? await collect(second.ws) : show(second.refused));
      ws.send(TEXT, "4still");
      return [...answers, await collect(ws)];
    }),
  },
  sio: Object.fromEntries(Object.entries({
    "CONNECT": [sioSocket, "40"],
    "CONNECT with auth": [sioSocket, '40{"token":"123"}'],
    "CONNECT custom": [sioSocket, "40/custom,"],
    "CONNECT custom without comma": [sioSocket, "40/custom"],
    "CONNECT unknown": [sioSocket, "40/random,"],
    "CONNECT with a query": [sioSocket, "40/custom?a=b,"],
    "CONNECT refused": [sioSocket, "40/no,"],
    "CONNECT array": [sioSocket, "40[]"],
    "CONNECT string": [sioSocket, '40"x"'],
    "CONNECT null": [sioSocket, "40null"],
    "CONNECT broken": [sioSocket, "40{"],
    "CONNECT_ERROR from the client": [sioSocket, "44{}"],
    "event before CONNECT": [sioSocket, '42["message"]'],
    "DISCONNECT before CONNECT": [sioSocket, "41"],
    "binary before CONNECT": [sioSocket, b(1)],
    "empty packet": [sioSocket, "4"],
    "4abc": [sioSocket, "4abc"],
    "CONNECT twice": [connected, "40"],
    "DISCONNECT": [connected, "41"],
    "DISCONNECT, event": [connected, "41", 30, '42["message"]'],
    "DISCONNECT with payload": [connected, "41{}"],
    "second namespace": [connected, "40/custom,", 30, "41/custom,", 30, '42["message",1]'],
    "message": [connected, '42["message",1,"2",{"3":[true]}]'],
    "message without arguments": [connected, '42["message"]'],
    "message, namespace written": [connected, '42/,["message",1]'],
    "message, unicode": [connected, '42["message","\u20ac\u{1F600}"]'],
    "message, lone surrogate": [connected, '42["message","\\ud83d"]'],
    "number as name": [connected, "42[1,2]"],
    "unknown event": [connected, '42["nobody"]'],
    "unknown event with ack": [connected, '421["nobody"]'],
    "ack": [connected, '42456["message-with-ack",1,"2"]'],
    "ack id with leading zeros": [connected, '42007["message-with-ack"]'],
    "ack nobody waits for": [connected, '4312["a"]'],
    "43": [connected, "43"],
    "42": [connected, "42"],
    "binary": [connected, `452-["message",${P(0)},${P(1)}]`, b(1, 2), b(3)],
    "binary, same number twice": [connected, `451-["message",${P(0)},${P(0)}]`, b(1)],
    "binary, unused attachment": [connected, `452-["message",${P(1)}]`, b(1), b(2)],
    "binary, empty attachment": [connected, `451-["message",${P(0)}]`, b()],
    "binary ack": [connected, `451-7["message-with-ack",${P(0)}]`, b(9)],
    "binary, text in between": [connected, `451-["message",${P(0)}]`, '42["message"]'],
    "binary, pong in between": [connected, `451-["message",${P(0)}]`, "3", b(1)],
    "binary nobody expects": [connected, b(1)],
    "placeholder out of range": [connected, `451-["message",${P(1)}]`, b(1)],
    "placeholder negative": [connected, `451-["message",${P(-1)}]`, b(1)],
    "placeholder string": [connected, `451-["message",${P('"0"')}]`, b(1)],
    "placeholder 0.5": [connected, `451-["message",${P(0.5)}]`, b(1)],
    "attachments 0": [connected, '450-["message"]'],
    "attachments 11": [connected, '4511-["message"]'],
    "attachments missing": [connected, '45["message"]'],
    "attachments 1.0": [connected, `451.0-["message",${P(0)}]`, b(1)],
    "attachments 1e0": [connected, `451e0-["message",${P(0)}]`, b(1)],
    "space as id": [connected, '42 ["message-with-ack"]'],
    "huge id": [connected, '4299999999999999999999["message-with-ack"]'],
    "number beyond 2^53": [connected, '42["message",12345678901234567890]'],
    "number 1E+2": [connected, '42["message",1E+2]'],
    "escaped": [connected, '42["message","\\u0041\\/"]'],
    "duplicate keys": [connected, '42["message",{"a":1,"a":2}]'],
    "white space": [connected, '42["message", 1 ]'],
    "trailing garbage": [connected, '42["message"]x'],
    "name missing": [connected, "42[]"],
    "name null": [connected, "42[null]"],
    "name boolean": [connected, "42[true]"],
    "name array": [connected, "42[[]]"],
    "payload object": [connected, "42{}"],
    "no digit": [connected, '42abc["message"]'],
    "id 1.5": [connected, '421.5["message"]'],
    "id -1": [connected, '42-1["message"]'],
    "namespace without comma": [connected, '42/custom["message"]'],
    "namespace //": [connected, '42//,["message"]'],
    "namespace not joined": [connected, '42/custom,["message"]'],
    "type 7": [connected, "47[]"],
    ...Object.fromEntries(["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
      .map((name) => [`reserved ${name}`, [connected, `42["${name}"]`]])),
    "leave": [connected, '42["leave"]'],
    "close": [connected, '42["close"]'],
  }).map(([name, [kind, ...items]]) => [name, kind(...items)])),
  polled: {
    "event right behind CONNECT": polling("/socket.io/?EIO=4&transport=polling", ["POST", '40\x1e42["message",1]'], ["GET"]),
    "404": http("GET", "/nothing"),
    "path without slash": http("GET", "/socket.io?EIO=4&transport=polling"),
  },
  cors: {
    "no origin": http("GET", "/socket.io/?EIO=4&transport=polling"),
    "allowed origin": http("GET", "/socket.io/?EIO=4&transport=polling", { headers: { Origin: "http://a.example" } }),
    "foreign origin": http("GET", "/socket.io/?EIO=4&transport=polling", { headers: { Origin: "http://b.example" } }),
    "error": http("GET", "/socket.io/?EIO=3&transport=polling", { headers: { Origin: "http://a.example" } }),
    "preflight": http("OPTIONS", "/socket.io/?EIO=4&transport=polling",
      { headers: { Origin: "http://a.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-a, content-type" } }),
  },
  star: {
    "origin": http("GET", "/socket.io/?EIO=4&transport=polling", { headers: { Origin: "http://b.example" } }),
    "no origin": http("GET", "/socket.io/?EIO=4&transport=polling"),
    "preflight": http("OPTIONS", "/socket.io/?EIO=4&transport=polling",
      { headers: { Origin: "http://b.example", "Access-Control-Request-Method": "POST" } }),
  },
  noCors: {
    "origin": http("GET", "/socket.io/?EIO=4&transport=polling", { headers: { Origin: "http://b.example" } }),
    "OPTIONS": http("OPTIONS", "/socket.io/?EIO=4&transport=polling", { headers: { Origin: "http://b.example" } }),
  },
};
const pairs = { eio: () => eio, sio: () => sio, polled: () => sio, cors: () => cors, star: () => sio, noCors: () => noCors };

for (const [group, list] of Object.entries(scenarios))
  describe(group, { concurrency: 12 }, () => {
    for (const [name, scenario] of Object.entries(list))
      it(name, async (t) => {
        const key = `${group === "polled" ? "sio" : group} ${name}`;
        const { ours, theirs } = pairs[group]();
        const [mine, reference] = await Promise.all([scenario(ours), scenario(theirs)]);
        if (!(key in intended) || self) {
          assert.deepEqual(mine, reference);
          return;
        }
        assert.notDeepEqual(mine, reference, `no longer differs, take it off the list: ${intended[key]}`);
        t.diagnostic(`intended: ${intended[key]}`);
      });
  });

it("every intended difference is tested", () => {
  const tested = Object.entries(scenarios).flatMap(([group, list]) =>
    Object.keys(list).map((name) => `${group === "polled" ? "sio" : group} ${name}`));
  for (const key of Object.keys(intended)) assert.ok(tested.includes(key), key);
});
