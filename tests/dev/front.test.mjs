/*
 * The one port: pages, descriptions, what is proxied where, and what lighttpd answers by itself.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

function dev(...args) {
  const result = spawnSync('./dev', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  assert.equal(result.status, 0, `./dev ${args.join(' ')}\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

/** One request with its path exactly as given: {status, headers, text}. */
function get(base, target, { method = 'GET', headers = {}, body } = {}) {
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const request = http.request({ hostname, port, path: target, method, headers }, (response) => {
      let text = '';
      response.on('data', (bytes) => { text += bytes; });
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

describe('the front', () => {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-front-'));
  let base;
  let status;

  before(() => {
    dev('up', '--port', '0', '--data', data, '--detach', '--brokers', '2');
    status = JSON.parse(dev('status', '--json', '--data', data));
    base = status.http;
  });
  after(() => {
    dev('down', '--data', data);
    fs.rmSync(data, { recursive: true });
  });

  it('has a page at /, with nothing from elsewhere', async () => {
    const { status: code, headers, text } = await get(base, '/');
    assert.equal(code, 200);
    assert.match(headers['content-type'], /^text\/html/);
    assert.match(text, /href="\/api"/);
    assert.match(text, /rel="icon"/, 'or browsers ask for one that is not there');
    assert.doesNotMatch(text, /(src|href)="(https?:)?\/\//);
    assert.match(headers['content-security-policy'], /default-src 'none'/);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['x-frame-options'], 'DENY');
    assert.equal(headers.server, undefined);
  });

  it('has Swagger UI at /api, served by itself', async () => {
    for (const target of ['/api', '/api/', '/api?x=1']) {
      const page = await get(base, target);
      assert.equal(page.status, 200, target);
      const parts = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1]);
      assert.ok(parts.length >= 4);
      for (const part of parts) {
        assert.match(part, /^\/api\//);
        const file = await get(base, part);
        assert.equal(file.status, 200, part);
        assert.match(file.headers['content-type'], part.endsWith('.js') ? /javascript/ : /css|png/);
      }
    }
  });

  it('hands out one description as YAML and as JSON', async () => {
    const yaml = await get(base, '/api-yaml');
    assert.equal(yaml.status, 200);
    assert.match(yaml.headers['content-type'], /yaml/);
    assert.equal(yaml.text, fs.readFileSync(path.join(ROOT, 'swagger.yaml'), 'utf8'));
    const json = await get(base, '/api-json');
    assert.match(json.headers['content-type'], /^application\/json/);
    const description = JSON.parse(json.text);
    assert.match(description.openapi, /^3\.1\./);
    const paths = yaml.text.match(/^ {2}\/[^:]*:$/gm).map((line) => line.trim().slice(0, -1));
    assert.deepEqual(Object.keys(description.paths), paths);
  });

  it('answers /healthz and /readyz from a worker', async () => {
    assert.equal((await get(base, '/healthz')).status, 200);
    assert.equal((await get(base, '/readyz')).status, 200);
  });

  it('never shows metrics, whatever the path looks like', async () => {
    for (const target of ['/metrics', '/metrics/', '/socket.io/../metrics', '/socket.io/%2e%2e/metrics',
      '/socket.io/..%2fmetrics', '/api/v1/../../metrics', '//metrics']) {
      const { status: code, text } = await get(base, target);
      assert.ok(code >= 400, `${target}: ${code}`);
      assert.doesNotMatch(text, /# (HELP|TYPE)/);
    }
  });

  it('shows no file outside its folder', async () => {
    for (const target of ['/../../etc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '/api/../../../parley.conf', '/.made'])
      assert.ok((await get(base, target)).status >= 400, target);
  });

  it('leaves everything under /api/v1 to the workers, as it was sent', async () => {
    for (const target of ['/api/v1/nothing', '/api/v1', '/api/v1/channels/a%2Fb', '/api/v1/channels/%00',
      '/api/v1/channels/%e2%82', '/api/v1/channels/a%20b?q=%2F']) {
      const answer = await get(base, target);
      assert.ok(answer.status >= 400 && answer.status < 500, `${target}: ${answer.status}`);
      assert.match(answer.headers['content-type'], /^application\/problem\+json/, target);
      const problem = JSON.parse(answer.text);
      assert.equal(problem.status, answer.status);
      assert.ok(problem.requestId, `${target} was answered by a worker`);
    }
  });

  it('refuses what is not HTTP with the same kind of error', async () => {
    const answer = await get(base, '/api/v1/channels/%ff');
    assert.equal(answer.status, 400);
    assert.match(answer.headers['content-type'], /^application\/problem\+json/);
    assert.equal(JSON.parse(answer.text).code, 'validation_failed');
    /* A method that lighttpd has never heard of does not reach a worker. */
    const invented = await get(base, '/api/v1/channels', { method: 'FROB' });
    assert.equal(invented.status, 501);
    assert.match(invented.headers['content-type'], /^application\/problem\+json/);
    assert.equal(JSON.parse(invented.text).code, 'method_not_allowed');
  });

  it('passes large and chunked bodies on, so that the worker refuses them', async () => {
    for (const headers of [{ 'Content-Type': 'application/json' },
      { 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' }]) {
      const answer = await get(base, '/api/v1/auth/signup', { method: 'POST', headers, body: 'x'.repeat(10_000_000) });
      assert.equal(answer.status, 413);
      assert.ok(JSON.parse(answer.text).requestId);
    }
  });

  it('refuses what is beyond its own limit with the same kind of error', async () => {
    const answer = await get(base, '/api/v1/auth/signup', {
      method: 'POST', headers: { 'Content-Length': 100_000_000 },
    }).catch((error) => error);
    if (answer instanceof Error) assert.match(answer.code, /ECONNRESET|EPIPE/);
    else {
      assert.equal(answer.status, 413);
      assert.equal(JSON.parse(answer.text).code, 'payload_too_large');
    }
  });

  it('says unavailable, as problem+json, while there is no worker', async () => {
    const { pids } = JSON.parse(dev('status', '--json', '--data', data));
    process.kill(pids.supervisor, 'SIGSTOP');
    process.kill(pids.fcgi, 'SIGKILL');
    /* Its end takes a moment: until its last thread is gone, its socket takes connections. */
    while (fs.readdirSync(`/proc/${pids.fcgi}/task`).length > 1 || !/\) Z /.test(fs.readFileSync(`/proc/${pids.fcgi}/stat`, 'utf8'))) ;
    try {
      const answer = await get(base, '/api/v1/channels');
      assert.equal(answer.status, 503);
      assert.match(answer.headers['content-type'], /^application\/problem\+json/);
      assert.equal(JSON.parse(answer.text).code, 'unavailable');
      assert.equal((await get(base, '/')).status, 200);
    } finally {
      process.kill(pids.supervisor, 'SIGCONT');
    }
    const end = Date.now() + 10_000;
    while ((await get(base, '/healthz')).status !== 200) assert.ok(Date.now() < end);
  });

  it('keeps a polling session on one broker, and spreads sessions', async () => {
    const brokers = new Set();
    for (let i = 0; i < 8; i++) {
      const open = await get(base, '/socket.io/?EIO=4&transport=polling');
      assert.equal(open.status, 200);
      const { sid } = JSON.parse(open.text.slice(1));
      brokers.add(sid.slice(0, 3));
      const sent = await get(base, `/socket.io/?EIO=4&transport=polling&sid=${sid}`, { method: 'POST', body: '3' });
      assert.equal(sent.status, 200);
    }
    assert.deepEqual([...brokers].sort(), ['b1-', 'b2-']);
  });
});
