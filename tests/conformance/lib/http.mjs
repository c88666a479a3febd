// HTTP by hand over one TCP connection: exact bytes out, exact status, headers and body back.
import { connect } from "node:net";
import { once } from "node:events";

function parseHead(text) {
  const [first, ...lines] = text.split("\r\n");
  const headers = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { status: Number(first.split(" ")[1]), headers };
}

function dechunk(buffer) {
  const parts = [];
  for (let at = 0; ; ) {
    const end = buffer.indexOf("\r\n", at);
    if (end < 0)
      return null;
    const size = parseInt(buffer.toString("latin1", at, end), 16);
    if (buffer.length < end + 4 + size)
      return null;
    if (size === 0)
      return { body: Buffer.concat(parts), used: end + 4 };
    parts.push(buffer.subarray(end + 2, end + 2 + size));
    at = end + 4 + size;
  }
}

// One response from the front of `buffer`, or null if it is not complete yet.
function takeResponse(buffer, closed, head) {
  const split = buffer.indexOf("\r\n\r\n");
  if (split < 0)
    return null;
  const { status, headers } = parseHead(buffer.toString("latin1", 0, split));
  const rest = buffer.subarray(split + 4);
  if (head || status === 204 || status < 200)
    return { status, headers, body: "", used: split + 4 };
  if (headers["transfer-encoding"] === "chunked") {
    const chunked = dechunk(rest);
    return chunked && { status, headers, body: chunked.body.toString(), used: split + 4 + chunked.used };
  }
  if (headers["content-length"] !== undefined) {
    const length = Number(headers["content-length"]);
    return rest.length < length ? null
      : { status, headers, body: rest.toString("utf8", 0, length), used: split + 4 + length };
  }
  return closed ? { status, headers, body: rest.toString(), used: buffer.length } : null;
}

export class Connection {
  constructor(port) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.setNoDelay(true);
    this.buffer = Buffer.alloc(0);
    this.closed = false;
    this.socket.on("data", (data) => (this.buffer = Buffer.concat([this.buffer, data])));
    this.socket.on("error", () => {});
    this.socket.on("close", () => (this.closed = true));
    this.socket.on("end", () => (this.closed = true));
  }
  write(bytes) {
    this.socket.write(bytes);
  }
  // The next response on this connection; null if the connection ends without one.
  async response({ head = false, timeout = 5000 } = {}) {
    const deadline = Date.now() + timeout;
    for (;;) {
      const found = takeResponse(this.buffer, this.closed, head);
      if (found) {
        this.buffer = this.buffer.subarray(found.used);
        return found;
      }
      if (this.closed)
        return null;
      if (Date.now() > deadline)
        throw new Error(`no response in ${timeout} ms; so far: ${this.buffer.toString("latin1")}`);
      await Promise.race([once(this.socket, "data"), once(this.socket, "close"),
                          new Promise((r) => setTimeout(r, 50))]).catch(() => {});
    }
  }
  destroy() {
    this.socket.destroy();
  }
}

export function formatRequest(method, path, { headers = {}, body } = {}) {
  const lines = [`${method} ${path} HTTP/1.1`, "Host: 127.0.0.1"];
  for (const [name, value] of Object.entries(headers))
    lines.push(`${name}: ${value}`);
  const bytes = body === undefined ? Buffer.alloc(0) : Buffer.from(body);
  if (body !== undefined && !("Transfer-Encoding" in headers) && !("Content-Length" in headers))
    lines.push(`Content-Length: ${bytes.length}`);
  return Buffer.concat([Buffer.from(lines.join("\r\n") + "\r\n\r\n", "latin1"), bytes]);
}

export async function request(port, method, path, options = {}) {
  const connection = new Connection(port);
  connection.write(formatRequest(method, path, options));
  try {
    return await connection.response({ head: method === "HEAD", timeout: options.timeout });
  } finally {
    connection.destroy();
  }
}
