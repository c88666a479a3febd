// The page /api/events: docs/asyncapi.yaml as static HTML, for people. One section for each operation: what a client
// emits and how it is answered, what the server emits, what travels over MQTT.
import { marked } from "marked";

const escape = (text) => String(text).replace(/[&<>"]/g, (char) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[char]);
const prose = (text) => (text ? marked.parse(text) : "");
const inline = (text) => (text ? marked.parseInline(text) : "");
const code = (value) => `<pre><code>${escape(typeof value === "string" ? value : JSON.stringify(value, null, 2))}</code></pre>`;

export function eventsPage(spec) {
  /* Follow references until there is none. */
  const see = (node) => {
    while (node?.$ref) node = node.$ref.slice(2).split("/").reduce((at, part) => at[part.replaceAll("~1", "/")], spec);
    return node ?? {};
  };

  const typeOf = (given) => {
    const schema = see(given);
    if (schema.const !== undefined) return escape(JSON.stringify(schema.const));
    if (schema.enum) return schema.enum.map((each) => `<code>${escape(each)}</code>`).join(" ");
    const some = schema.oneOf ?? schema.anyOf;
    if (some) return some.map(typeOf).join(" or ");
    const name = given.$ref && schema.properties ? `<code>${escape(given.$ref.split("/").pop())}</code> ` : "";
    if (schema.type === "array") return schema.items ? `list of ${typeOf(schema.items)}` : "list";
    if (schema.type === "object" && schema.additionalProperties && schema.additionalProperties !== true) {
      return `object: name to ${typeOf(schema.additionalProperties)}`;
    }
    return name || escape([schema.type ?? "any"].flat().join(" or "));
  };

  const limits = (schema) => {
    const said = [];
    if (schema.maxLength !== undefined) said.push(`${schema.minLength ? `${schema.minLength} to` : "at most"} ${schema.maxLength} characters`);
    if (schema.minimum !== undefined) said.push(`${schema.minimum}${schema.maximum === undefined ? " or more" : ` to ${schema.maximum}`}`);
    return said.join(", ");
  };

  const fields = (given) => {
    const schema = see(given);
    const parts = [schema, ...(schema.allOf ?? []).map(see)];
    const required = new Set(parts.flatMap((part) => part.required ?? []));
    const rows = parts.flatMap((part) => Object.entries(part.properties ?? {})).map(([name, value]) => {
      const property = see(value);
      const about = [inline(property.description), limits(property)].filter(Boolean).join(" ");
      return `<tr><th scope="row"><code>${escape(name)}</code>${required.has(name) ? "" : " <small>optional</small>"}</th><td>${typeOf(value)}</td><td>${about}</td></tr>`;
    });
    if (!rows.length) return schema.description || schema.type ? `<p>${typeOf(given)}. ${inline(schema.description)}</p>` : "";
    return `<table><thead><tr><th scope="col">Member</th><th scope="col">Type</th><th scope="col"></th></tr></thead><tbody>${rows.join("")}</tbody></table>`;
  };

  const example = (message) => (message.examples?.[0] ? code(message.examples[0].payload) : "");

  const messageHtml = (message) => `<h4><code>${escape(message.name ?? message.title ?? "")}</code></h4>${prose(message.description)}${fields(message.payload ?? {})}${example(message)}`;

  /* How a command may be refused: its codes in one line, not their bodies. */
  const replyHtml = (message) => {
    const codes = see(see(message.payload).properties?.code).enum;
    if (!codes) return messageHtml(message);
    return `<h4><code>${escape(message.name)}</code></h4><p>${codes.map((each) => `<code>${escape(each)}</code>`).join(" ")}</p>`;
  };

  const section = ([id, operation]) => {
    const channel = see(operation.channel);
    const messages = (operation.messages ?? Object.values(channel.messages ?? {})).map(see);
    const replies = (operation.reply?.messages ?? []).map(see);
    const isMqtt = channel.address !== "/";
    const title = isMqtt ? channel.address : messages.map((message) => message.name).join(", ");
    return {
      id, title, isMqtt, action: operation.action,
      html: `<section id="${escape(id)}"><h3><a href="#${escape(id)}"><code>${escape(title)}</code></a> ${inline(operation.summary)}</h3>
${prose(operation.description ?? (isMqtt ? channel.description : ""))}${messages.map(messageHtml).join("")}${replies.map(replyHtml).join("")}</section>`,
    };
  };

  const sections = Object.entries(spec.operations).map(section);
  const groups = [
    ["What a client emits", sections.filter((each) => !each.isMqtt && each.action === "receive")],
    ["What the server emits", sections.filter((each) => !each.isMqtt && each.action === "send")],
    ["What travels over MQTT", sections.filter((each) => each.isMqtt)],
  ];
  const index = groups.map(([title, items]) => `<h2>${title}</h2><ul>${items.map((each) => `<li><a href="#${escape(each.id)}"><code>${escape(each.title)}</code></a></li>`).join("")}</ul>`);
  const body = groups.map(([title, items]) => `<h2>${title}</h2>${items.map((each) => each.html).join("")}`);

  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(spec.info.title)}</title>
<link rel="stylesheet" href="/api/events/events.css">
<link rel="icon" type="image/svg+xml" href="/icon.svg">
</head>
<body>
<nav aria-label="Events"><p><a href="/">Chat</a> · <a href="/api">REST</a> · <a href="/api/events/asyncapi.yaml">YAML</a></p>${index.join("")}</nav>
<main>
<h1>${escape(spec.info.title)}</h1>
${prose(spec.info.description)}
${body.join("\n")}
</main>
</body>
</html>
`;
}
