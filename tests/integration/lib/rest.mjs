/* A REST client that hides nothing: status, headers, text, and the JSON if it is JSON. */
import http from 'node:http';

/**
 * One request. `body` may be an object (sent as JSON), a string or a Buffer (sent as it is).
 * `base` replaces /api/v1.
 */
export async function rest(origin, method, target, { body, token, headers = {}, base = '/api/v1', type } = {}) {
  const send = { ...headers };
  if (token) send.authorization = `Bearer ${token}`;
  let payload = body;
  if (body !== undefined) {
    const raw = typeof body === 'string' || Buffer.isBuffer(body);
    if (!raw) payload = JSON.stringify(body);
    if (type !== null) send['content-type'] = type ?? 'application/json';
  }
  const response = await fetch(origin + base + target, {
    method, headers: send, body: payload, redirect: 'manual', signal: AbortSignal.timeout(30_000),
  });
  const text = await response.text();
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return {
    status: response.status,
    headers: response.headers,
    type: (response.headers.get('content-type') ?? '').split(';')[0].trim(),
    text,
    body: json,
  };
}

/** A request by node:http, for targets, methods and headers that fetch would tidy up. */
export function rawRequest(origin, { method = 'GET', target, headers = {}, body }) {
  return new Promise((resolve, reject) => {
    const url = new URL(origin);
    const request = http.request({
      host: url.hostname, port: url.port, method, path: target, headers, agent: false, timeout: 30_000,
    }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        let json;
        try {
          json = JSON.parse(text);
        } catch {
          json = undefined;
        }
        resolve({ status: response.statusCode, headers: new Headers(response.headers), text, body: json });
      });
      response.on('error', reject);
    });
    request.on('error', reject);
    request.on('timeout', () => request.destroy(new Error('no answer in 30 s')));
    request.end(body);
  });
}
