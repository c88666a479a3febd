/* The client side of FastCGI 1.0, as a web server speaks it: one request per connection. */
import { createConnection } from 'node:net';

const BEGIN = 1;
const END = 3;
const PARAMS = 4;
const STDIN = 5;
const STDOUT = 6;

function record(type, content = Buffer.alloc(0)) {
  const head = Buffer.from([1, type, 0, 1, content.length >> 8, content.length & 255, 0, 0]);
  return Buffer.concat([head, content]);
}

function pair(name, value) {
  const length = (text) => {
    const bytes = Buffer.byteLength(text);
    if (bytes < 128) return Buffer.from([bytes]);
    const long = Buffer.alloc(4);
    long.writeUInt32BE(bytes + 0x80000000);
    return long;
  };
  return Buffer.concat([length(name), length(value), Buffer.from(name + value)]);
}

/** The meta-variables of a request (RFC 3875); `headers` adds some, or replaces them. */
export function metaVariables(method, target, { body = '', token, headers = {} } = {}) {
  const params = {
    REQUEST_METHOD: method, REQUEST_URI: target, REMOTE_ADDR: '127.0.0.1', SERVER_PROTOCOL: 'HTTP/1.1',
    GATEWAY_INTERFACE: 'CGI/1.1',
  };
  if (body !== '') {
    params.CONTENT_LENGTH = String(Buffer.byteLength(body));
    params.CONTENT_TYPE = 'application/json';
  }
  if (token) params.HTTP_AUTHORIZATION = `Bearer ${token}`;
  return { ...params, ...headers };
}

/** A CGI answer taken apart: {status, headers, text}. */
export function parseAnswer(bytes) {
  const text = bytes.toString();
  const at = text.indexOf('\r\n\r\n');
  if (at < 0) throw new Error(`no end of headers: ${JSON.stringify(text.slice(0, 200))}`);
  const headers = {};
  for (const line of text.slice(0, at).split('\r\n')) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { status: Number.parseInt(headers.status, 10), headers, text: text.slice(at + 4) };
}

/** Send a request to the unix socket; resolves with the answer once the worker has ended it. */
export function fastcgi(socketPath, method, target, options = {}) {
  return new Promise((resolve, reject) => {
    const socket = createConnection(socketPath);
    const out = [];
    let buffered = Buffer.alloc(0);
    let ended = false;
    socket.on('error', reject);
    socket.on('data', (data) => {
      buffered = Buffer.concat([buffered, data]);
      while (buffered.length >= 8) {
        const length = buffered.readUInt16BE(4);
        const padding = buffered[6];
        if (buffered.length < 8 + length + padding) break;
        if (buffered[1] === STDOUT) out.push(buffered.subarray(8, 8 + length));
        if (buffered[1] === END) ended = true;
        buffered = buffered.subarray(8 + length + padding);
      }
    });
    socket.on('close', () => {
      if (ended) resolve(parseAnswer(Buffer.concat(out)));
      else reject(new Error('the worker closed without ending the request'));
    });
    socket.write(record(BEGIN, Buffer.from([0, 1, 0, 0, 0, 0, 0, 0])));
    const params = metaVariables(method, target, options);
    socket.write(record(PARAMS, Buffer.concat(Object.entries(params).map(([name, value]) => pair(name, value)))));
    socket.write(record(PARAMS));
    const body = Buffer.from(options.body ?? '');
    for (let at = 0; at < body.length; at += 60_000) socket.write(record(STDIN, body.subarray(at, at + 60_000)));
    socket.write(record(STDIN));
  });
}
