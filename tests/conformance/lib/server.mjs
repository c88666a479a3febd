// Starts a server of its own for a test on a free port, and ends it: our echo server, or the npm
// reference with CONFORMANCE_SERVER=reference.
import { spawn } from "node:child_process";
import { createServer, connect } from "node:net";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { existsSync } from "node:fs";

const here = fileURLToPath(new URL("..", import.meta.url));

export const isReference = process.env.CONFORMANCE_SERVER === "reference";
export const echoServer =
  process.env.PARLEY_ECHO_SERVER ?? `${here}/../../build/tests/conformance/echo-server`;

export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

async function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => { socket.destroy(); resolve(true); });
    socket.on("error", () => resolve(false));
  });
}

function toArguments(options) {
  return Object.entries(options).flatMap(([name, value]) =>
    value === false ? [] : value === true ? [`--${name}`] : [`--${name}`, String(value)]);
}

// The suites' profile: short heartbeats. Callers override by option name.
const suite = { "ping-interval": 300, "ping-timeout": 200, "max-payload": 1000000,
                "connect-timeout": 1000, cors: "*" };

export async function startServer(options = {}, { reference = isReference } = {}) {
  const port = await freePort();
  const args = toArguments({ ...suite, ...options, port });
  if (!reference && !existsSync(echoServer))
    throw new Error(`no echo server at ${echoServer}: build it, or set PARLEY_ECHO_SERVER`);
  const child = reference
    ? spawn(process.execPath, [`${here}/reference-server.mjs`, ...args])
    : spawn(echoServer, args);
  let log = "";
  let exited = null;
  child.stdout.on("data", (text) => (log += text));
  child.stderr.on("data", (text) => (log += text));
  child.on("exit", (code, signal) => (exited = { code, signal }));
  for (let i = 0; i < 250 && !exited && !(await accepts(port)); i++)
    await sleep(20);
  if (exited)
    throw new Error(`the server ended at once: ${JSON.stringify(exited)}\n${log}`);
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    ws: `ws://127.0.0.1:${port}`,
    pid: child.pid,
    log: () => log,
    alive: () => exited === null,
    // Ends the server; a server that had crashed or that a sanitizer ends fails the test.
    async stop() {
      if (exited)
        throw new Error(`the server died: ${JSON.stringify(exited)}\n${log}`);
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
      await once(child, "exit");
      clearTimeout(timer);
      if (/Sanitizer|runtime error/.test(log))
        throw new Error(`sanitizer report:\n${log}`);
      if (!reference && exited.code !== 0)
        throw new Error(`SIGTERM ended the server badly: ${JSON.stringify(exited)}\n${log}`);
    },
  };
}
