// Client libraries in other languages, each over polling only, websocket only, and with an upgrade.
// They are installed into a folder beside the echo server (PARLEY_FOREIGN_DIR names another one); where
// a toolchain is missing or its registry is not reached, the test says so and is skipped. There is
// no Go client here: none could be had when this was written (docs/CONFORMANCE.md has the list).
import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { echoServer, isReference, startServer } from "./lib/server.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const folder = process.env.PARLEY_FOREIGN_DIR
  ?? path.join(isReference ? tmpdir() : path.dirname(path.resolve(echoServer)), "foreign");

function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    let output = "";
    child.stdout.on("data", (text) => (output += text));
    child.stderr.on("data", (text) => (output += text));
    const timer = setTimeout(() => child.kill("SIGKILL"), options.timeout ?? 60000);
    child.on("error", (error) => { clearTimeout(timer); resolve({ code: -1, output: error.message }); });
    child.on("exit", (code) => { clearTimeout(timer); resolve({ code, output }); });
  });
}

// Each: steps that install it (run in its folder), and the command that runs one way.
const languages = {
  python: {
    library: "python-socketio",
    install: [["python3", "-m", "venv", "venv"],
              ["venv/bin/pip", "install", "-q", "--disable-pip-version-check", "python-socketio[client]==5.*"]],
    command: (url, way) => ["venv/bin/python", "client.py", url, way],
  },
  java: {
    library: "io.socket:socket.io-client",
    install: [["mvn", "-q", "-B", "compile", "dependency:copy-dependencies"]],
    command: (url, way) => ["java", "-cp", "target/classes:target/dependency/*", "Client", url, way],
  },
  rust: {
    library: "rust_socketio",
    install: [["cargo", "build", "-q", "-j", "1"]],
    command: (url, way) => ["target/debug/rust-client", url, way],
  },
};

let server;
before(async () => {
  server = await startServer({ "ping-interval": 1000, "ping-timeout": 5000, "connect-timeout": 10000 });
});
after(() => server?.stop());

for (const [language, { library, install, command }] of Object.entries(languages))
  describe(`${library} (${language})`, () => {
    const cwd = path.join(folder, language);
    let missing = null;
    before(async () => {
      mkdirSync(cwd, { recursive: true });
      cpSync(path.join(here, "clients", language), cwd, { recursive: true });
      for (const [program, ...args] of install) {
        const { code, output } = await run(program, args, { cwd, timeout: 600000 });
        if (code !== 0) {
          missing = `${library} could not be installed (${program}): ${output.trim().split("\n").at(-1)}`;
          break;
        }
      }
    });
    for (const way of ["polling", "websocket", "upgrade"])
      it(way, async (t) => {
        if (missing) {
          t.skip(missing);
          return;
        }
        const [program, ...args] = command(server.url, way);
        const { code, output } = await run(program.includes("/") ? path.join(cwd, program) : program, args, { cwd });
        assert.equal(code, 0, output);
      });
  });
