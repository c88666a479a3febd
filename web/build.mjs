// Make what lighttpd serves: node web/build.mjs OUT. OUT is replaced as a whole.
//   /            the web client: index.html, chat.css, js/, the official socket.io-client
//   /api         Swagger UI over our own copy of the description
//   /api/events  the events, from docs/asyncapi.yaml
//   /api-yaml    swagger.yaml as it is;  /api-json  the same as JSON
//   third-party.txt  the licences of what is not ours
//   errors/      bodies for what lighttpd refuses itself under /api/v1
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import YAML from "yaml";
import { eventsPage } from "./events.mjs";

const web = path.dirname(fileURLToPath(import.meta.url));
const out = path.resolve(process.argv[2]);
const fresh = `${out}.new`;
const swaggerUi = path.join(web, "node_modules", "swagger-ui-dist");

// Status -> code of the documented error body.
const ERRORS = {
  400: ["Bad Request", "validation_failed"],
  403: ["Forbidden", "forbidden"],
  404: ["Not Found", "route_not_found"],
  405: ["Method Not Allowed", "method_not_allowed"],
  411: ["Length Required", "validation_failed"],
  413: ["Content Too Large", "payload_too_large"],
  414: ["URI Too Long", "validation_failed"],
  417: ["Expectation Failed", "validation_failed"],
  431: ["Request Header Fields Too Large", "validation_failed"],
  500: ["Internal Server Error", "internal"],
  501: ["Not Implemented", "method_not_allowed"],
  502: ["Bad Gateway", "unavailable"],
  503: ["Service Unavailable", "unavailable"],
  504: ["Gateway Timeout", "unavailable"],
  505: ["HTTP Version Not Supported", "validation_failed"],
};

function put(name, text) {
  fs.writeFileSync(path.join(fresh, name), text, { mode: 0o644 });
}

function copy(from, name) {
  fs.copyFileSync(from, path.join(fresh, name));
}

fs.rmSync(fresh, { recursive: true, force: true });
fs.mkdirSync(path.join(fresh, "api"), { recursive: true });
fs.mkdirSync(path.join(fresh, "api", "events"));
fs.mkdirSync(path.join(fresh, "errors"));
fs.mkdirSync(path.join(fresh, "js"));

for (const name of ["index.html", "chat.css", "icon.svg"]) copy(path.join(web, name), name);
for (const name of fs.readdirSync(path.join(web, "js"))) copy(path.join(web, "js", name), `js/${name}`);
copy(path.join(web, "node_modules", "socket.io-client", "dist", "socket.io.min.js"), "js/socket.io.min.js");
copy(path.join(web, "api.html"), "api/index.html");
copy(path.join(web, "api.js"), "api/api.js");
for (const name of ["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"])
  copy(path.join(swaggerUi, name), `api/${name}`);

// Their licences want to go where they go.
put("third-party.txt", [
  ["js/socket.io.min.js", "socket.io-client", ["LICENSE"]],
  ["api/swagger-ui*", "swagger-ui-dist", ["NOTICE", "LICENSE", "swagger-ui-bundle.js.LICENSE.txt"]],
].map(([what, name, files]) => {
  const folder = path.join(web, "node_modules", name);
  const { version } = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));
  const texts = files.map((file) => fs.readFileSync(path.join(folder, file), "utf8").trim());
  return [`${what}: ${name} ${version}`, ...texts].join("\n\n");
}).join("\n\n\n") + "\n");

const yaml = fs.readFileSync(path.join(web, "..", "swagger.yaml"), "utf8");
put("api/openapi.yaml", yaml);
put("api/openapi.json", `${JSON.stringify(YAML.parse(yaml), null, 2)}\n`);

const asyncapi = fs.readFileSync(path.join(web, "..", "docs", "asyncapi.yaml"), "utf8");
put("api/events/index.html", eventsPage(YAML.parse(asyncapi)));
put("api/events/asyncapi.yaml", asyncapi);
copy(path.join(web, "events.css"), "api/events/events.css");

for (const [status, [title, code]] of Object.entries(ERRORS))
  put(`errors/${status}.html`, JSON.stringify({
    type: "about:blank", title, status: +status,
    detail: "The web server in front refused the request.", code,
    ...(code === "validation_failed" ? { errors: [] } : {}),
  }));

fs.rmSync(`${out}.made`, { force: true });
fs.rmSync(`${out}.old`, { recursive: true, force: true });
if (fs.existsSync(out)) fs.renameSync(out, `${out}.old`);
fs.renameSync(fresh, out);
fs.rmSync(`${out}.old`, { recursive: true, force: true });
fs.writeFileSync(`${out}.made`, "");
