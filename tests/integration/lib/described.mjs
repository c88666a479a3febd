/*
 * The other direction of the two documents: what they describe and no test of the run has seen. What
 * was seen and is not described comes in two ways: an undescribed REST answer fails its own test
 * (openapi.mjs), an undescribed event or topic is a complaint (asyncapi.mjs) that is told here.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { events } from './asyncapi.mjs';
import { Description } from './openapi.mjs';
import { readSeen } from './seen.mjs';

const SWAGGER = new URL('../../../swagger.yaml', import.meta.url);
const METHODS = ['get', 'put', 'post', 'patch', 'delete'];

/** Every operation, status and code of swagger.yaml as "GET /users/me 401 token_expired". */
function describedAnswers() {
  const description = new Description(parse(readFileSync(SWAGGER, 'utf8'), { merge: true }));
  const all = [];
  for (const { item, template } of description.operations) {
    for (const method of METHODS.filter((each) => item[each])) {
      for (const [status, reference] of Object.entries(item[method].responses)) {
        const media = description.resolve(reference).content?.['application/problem+json'];
        const codes = media ? description.codesOf(media) : [];
        const name = `${method.toUpperCase()} ${template} ${status}`;
        all.push(...(codes.length ? codes.map((code) => `${name} ${code}`) : [name]));
      }
    }
  }
  return all;
}

/** Every event that the server emits, the answers with each code, as "joinChannelError banned". */
function describedEvents() {
  return [...events.emitted.values()].flatMap(({ name, codes }) =>
    (codes.length ? codes.map((code) => `${name} ${code}`) : [name]));
}

function missing(what, described, seen) {
  return described.filter((each) => !seen.has(each)).map((each) => `${what} was never seen: ${each}`);
}

const joined = (...parts) => parts.filter((part) => part !== undefined).join(' ');

/**
 * The checks of a run whose processes noted what they saw in `folder`: [{name, problems}]. `whole`: all
 * tests have run, so that what was not seen is not tested.
 */
export function judgeRun(folder, whole) {
  const seen = readSeen(folder);
  const of = (kind, name) => new Set(seen.filter((each) => each.kind === kind).map(name));
  const checks = [{
    name: 'events, acknowledgements and topics are as docs/asyncapi.yaml says',
    problems: seen.filter((each) => each.kind === 'complaint').map((each) => joined(`${each.file}:`, each.what, each.detail)),
  }];
  if (!whole) return checks;
  const answers = of('rest', (each) => joined(each.operation, each.status, each.status >= 400 ? each.code : undefined));
  checks.push({
    name: 'every operation, status and code of swagger.yaml was seen',
    problems: missing('the answer', describedAnswers(), answers),
  }, {
    name: 'every event and code of docs/asyncapi.yaml was seen',
    problems: missing('the event', describedEvents(), of('event', (each) => joined(each.name, each.code))),
  }, {
    name: 'every command of docs/asyncapi.yaml was sent',
    problems: missing('the command', [...events.commands.keys()], of('command', (each) => each.name)),
  }, {
    name: 'every topic of docs/asyncapi.yaml was seen',
    problems: missing('the topic', events.topics.map((each) => each.name), of('topic', (each) => each.name)),
  });
  return checks;
}
