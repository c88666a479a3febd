// The second profile of the echo server (`--profile client`): what the JavaScript client's own tests
// want of their server, over polling and websocket.
import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";
import { io } from "socket.io-client";
import { isReference, startServer } from "./lib/server.mjs";

let server;
before(async () => {
  if (!isReference)
    server = await startServer({ profile: "client", recovery: true, "ping-interval": 2000, "ping-timeout": 5000,
                                 "connect-timeout": 5000 });
});
after(() => server?.stop());

const options = { skip: isReference };
for (const transports of [["polling"], ["websocket"]])
  describe(`the client's profile, ${transports}`, { ...options, timeout: 60000 }, () => {
    const sockets = [];
    const open = (nsp = "", more = {}) => {
      const socket = io(server.url + nsp, { transports, forceNew: true, reconnection: false, ...more });
      sockets.push(socket);
      return socket;
    };
    const next = (socket, name) => new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${name}`)), 5000);
      socket.once(name, (...args) => { clearTimeout(timer); resolve(args); });
    });
    // The arguments of the event that answers, without the recovery offset.
    const answer = async (socket, name, ...emitted) => {
      const got = next(socket, name);
      socket.emit(...emitted);
      return (await got).slice(0, -1);
    };
    let socket;
    before(async () => {
      socket = open();
      await next(socket, "connect");
    });
    after(() => sockets.forEach((each) => each.disconnect()));

    it("hi", async () => assert.deepEqual(await answer(socket, "hi", "hi"), []));
    it("echo acknowledges with what came", async () => {
      for (const value of ["text", { a: [1] }, Buffer.from([1, 2]), null])
        assert.deepEqual(await socket.emitWithAck("echo", value), value);
    });
    it("ack asks the client", async () => {
      socket.once("ack", (...args) => args.find((each) => typeof each === "function")(5, { test: true }));
      await answer(socket, "got it", "ack");
    });
    it("dates", async () => {
      const recent = (text) => assert.ok(Math.abs(Date.now() - Date.parse(text)) < 5000, text);
      recent(await socket.emitWithAck("getAckDate", { test: true }));
      recent((await answer(socket, "takeDate", "getDate"))[0]);
      recent((await answer(socket, "takeDateObj", "getDateObj"))[0].date);
    });
    it("UTF-8", async () => {
      const got = [];
      const all = new Promise((resolve) => socket.on("takeUtf8", (text) => got.push(text) === 5 && resolve()));
      socket.emit("getUtf8");
      await all;
      assert.deepEqual(got, ["\u3066\u3059\u3068", "\u042f \u0411 \u0413 \u0414 \u0416 \u0419", "\u00c4 \u00e4 \u00dc \u00fc \u00df",
                             "utf8 \u2014 string", "utf8 \u2014 string"]);
    });
    it("false", async () => assert.deepEqual(await answer(socket, "false", "false"), [false]));
    it("binary from the server", async () => {
      assert.deepEqual(await answer(socket, "doge", "doge"), [Buffer.from("asdfasdf")]);
      assert.deepEqual(await answer(socket, "takebin", "getbin"), [Buffer.from("asdfasdf")]);
    });
    it("binary from the client", async () => {
      await answer(socket, "buffack", "buffa", Buffer.from("x"));
      await answer(socket, "jsonbuff-ack", "jsonbuff", { hello: "lol", message: Buffer.from("x"), goodbye: "gotcha" });
      socket.emit("abuff1", Buffer.from("x"));
      await answer(socket, "abuff2-ack", "abuff2", "please arrive second");
      await answer(socket, "back", "blob", Buffer.from("x"));
      socket.emit("blob1", Buffer.from("x"));
      socket.emit("blob2", "second");
      await answer(socket, "blob3-ack", "blob3", Buffer.from("y"));
    });
    it("getHandshake has query, auth and headers", async () => {
      const other = open("", { query: { a: "b c", "\u20ac": "&" }, auth: { token: "x" } });
      await next(other, "connect");
      const { query, auth, headers } = await other.emitWithAck("getHandshake");
      assert.equal(query.a, "b c");
      assert.equal(query["\u20ac"], "&");
      assert.equal(query.EIO, "4");
      assert.equal(query.transport, transports[0]);
      assert.equal(auth.token, "x");
      assert.ok(headers.host);
    });
    it("/abc emits its handshake", async () => {
      const abc = open("/abc?b=c&d=e", { auth: { x: 1 } });
      const [handshake] = await next(abc, "handshake");
      assert.equal(handshake.query.b, "c");
      assert.equal(handshake.query.d, "e");
      assert.deepEqual(handshake.auth, { x: 1 });
    });
    for (const nsp of ["/foo", "/timeout_socket", "/valid", "/asd"])
      it(`${nsp} lets everybody in`, async () => {
        const other = open(nsp);
        await next(other, "connect");
        if (nsp === "/foo") assert.equal(await other.emitWithAck("getId"), other.id);
      });
    it("/no refuses, and so does the query `fail`", async () => {
      assert.equal((await next(open("/no"), "connect_error"))[0].message, "Auth failed (custom namespace)");
      assert.equal((await next(open("", { query: { fail: "true" } }), "connect_error"))[0].message, "Auth failed (main namespace)");
    });
    it("events that are emitted before the connection wait for the slow admission", async () => {
      const other = open();
      other.emit("hi");
      await next(other, "hi");
    });
    it("retried events are acknowledged in order", async () => {
      const other = open("", { retries: 2, ackTimeout: 2000 });
      const got = [];
      await Promise.all([1, 2, 3].map((i) => new Promise((resolve) =>
        other.emit("echo", i, (error, value) => { got.push(error ?? value); resolve(); }))));
      assert.deepEqual(got, [1, 2, 3]);
    });
  });
