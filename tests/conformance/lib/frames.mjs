// Websocket by hand: masked client frames as exact bytes, server frames parsed strictly.
import { randomBytes } from "node:crypto";
import { Connection, formatRequest } from "./http.mjs";

export const CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10;

// Options break the rules on purpose: fin, rsv (0..7), mask: false, length: how it is encoded
// (7, 16 or 64 bits) or `claim`: what the header says instead of the true length.
export function frame(opcode, payload = "", options = {}) {
  const { fin = true, rsv = 0, mask = true, bits, claim } = options;
  const data = Buffer.from(payload);
  const length = claim ?? data.length;
  const size = bits ?? (length < 126 ? 7 : length < 65536 ? 16 : 64);
  const header = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  const masked = mask ? 0x80 : 0;
  if (size === 7)
    header.push(masked | Number(length));
  else if (size === 16)
    header.push(masked | 126, Number(length) >> 8, Number(length) & 255);
  else {
    const wide = Buffer.alloc(8);
    wide.writeBigUInt64BE(BigInt(length));
    header.push(masked | 127, ...wide);
  }
  if (!mask)
    return Buffer.concat([Buffer.from(header), data]);
  const key = randomBytes(4);
  return Buffer.concat([Buffer.from(header), key, data.map((byte, i) => byte ^ key[i % 4])]);
}

export function closePayload(code, reason = "") {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(code);
  return Buffer.concat([head, Buffer.from(reason)]);
}

// One server frame from the front of `buffer`, or null. A masked frame is a protocol violation.
export function takeFrame(buffer) {
  if (buffer.length < 2)
    return null;
  let length = buffer[1] & 0x7f, at = 2;
  if (buffer[1] & 0x80)
    throw new Error("the server masked a frame");
  if (length === 126) {
    if (buffer.length < 4) return null;
    length = buffer.readUInt16BE(2), at = 4;
    if (length < 126) throw new Error("length not minimal");
  } else if (length === 127) {
    if (buffer.length < 10) return null;
    length = Number(buffer.readBigUInt64BE(2)), at = 10;
    if (length < 65536) throw new Error("length not minimal");
  }
  if (buffer.length < at + length)
    return null;
  return { fin: (buffer[0] & 0x80) !== 0, rsv: (buffer[0] >> 4) & 7, opcode: buffer[0] & 15,
           payload: Buffer.from(buffer.subarray(at, at + length)), used: at + length };
}

export const upgradeHeaders = () => ({
  Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": randomBytes(16).toString("base64") });

export class RawWebSocket {
  constructor(connection) {
    this.connection = connection;
  }
  // Resolves to {ws} after 101, or {refused: response} (null if the connection just ended).
  static async open(port, path, headers = {}) {
    const connection = new Connection(port);
    connection.write(formatRequest("GET", path, { headers: { ...upgradeHeaders(), ...headers } }));
    const response = await connection.response();
    if (response?.status !== 101) {
      connection.destroy();
      return { refused: response };
    }
    return { ws: new RawWebSocket(connection), response };
  }
  send(...args) {
    this.connection.write(frame(...args));
  }
  write(bytes) {
    this.connection.write(bytes);
  }
  // The next frame; null when the connection ended. Engine.IO pings are skipped unless asked for.
  async next({ timeout = 3000, pings = false } = {}) {
    const deadline = Date.now() + timeout;
    for (;;) {
      const found = takeFrame(this.connection.buffer);
      if (found) {
        this.connection.buffer = this.connection.buffer.subarray(found.used);
        if (pings || found.opcode !== TEXT || found.payload.toString() !== "2")
          return found;
        continue;
      }
      if (this.connection.closed)
        return null;
      if (Date.now() > deadline)
        throw new Error("no frame in time");
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
  async text(options) {
    const got = await this.next(options);
    return got && got.payload.toString();
  }
  // How the server ends the connection: {code} of its close frame (1005: none in it), or
  // {code: 1006} if it just ends; other frames on the way are collected.
  async end({ timeout = 3000 } = {}) {
    const frames = [];
    for (;;) {
      const got = await this.next({ timeout });
      if (got === null)
        return { code: 1006, frames };
      if (got.opcode === CLOSE)
        return { code: got.payload.length >= 2 ? got.payload.readUInt16BE(0) : 1005, frames };
      frames.push(got.opcode === BINARY ? got.payload : got.payload.toString());
    }
  }
  destroy() {
    this.connection.destroy();
  }
}
