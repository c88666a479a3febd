/*
 * Answers against the API description that the instance serves: the status, the media type and the
 * body of each must be documented. Understands what swagger.yaml uses of JSON Schema, and refuses
 * keywords it does not know, so that nothing passes for want of looking.
 */
import assert from 'node:assert/strict';
import { note } from './seen.mjs';

const KNOWN = new Set(['$ref', 'type', 'required', 'properties', 'additionalProperties', 'items', 'enum', 'oneOf',
  'pattern', 'minLength', 'maxLength', 'minimum', 'maximum', 'default', 'format', 'description', 'example']);
const FORMATS = {
  'date-time': (text) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(text),
};

function typeOf(value) {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (Number.isInteger(value)) return 'integer';
  return typeof value;
}

function checkText(schema, value, where) {
  const length = [...value].length;
  if (schema.minLength !== undefined) assert.ok(length >= schema.minLength, `${where}: too short`);
  if (schema.maxLength !== undefined) assert.ok(length <= schema.maxLength, `${where}: too long`);
  if (schema.pattern) assert.match(value, new RegExp(schema.pattern, 'u'), where);
  const format = FORMATS[schema.format];
  if (format) assert.ok(format(value), `${where}: no ${schema.format}: ${value}`);
}

export class Description {
  constructor(document) {
    this.document = document;
    this.operations = Object.entries(document.paths).map(([template, item]) => ({
      item,
      template,
      server: item.servers?.[0].url ?? document.servers[0].url,
      pattern: new RegExp(`^${template.replace(/\{[^}]+\}/g, '[^/]+')}$`),
    }));
  }

  static async of(origin) {
    return new Description(await (await fetch(`${origin}/api-json`)).json());
  }

  resolve(node) {
    if (!node?.$ref) return node;
    const found = node.$ref.slice(2).split('/').reduce((at, name) => at?.[name], this.document);
    assert.ok(found, `no ${node.$ref} in the API description`);
    return this.resolve(found);
  }

  validate(node, value, where) {
    const schema = this.resolve(node);
    for (const keyword of Object.keys(schema)) assert.ok(KNOWN.has(keyword), `${where}: unknown keyword ${keyword}`);
    const type = typeOf(value);
    if (schema.type) {
      const allowed = [schema.type].flat();
      assert.ok(allowed.includes(type) || (type === 'integer' && allowed.includes('number')),
        `${where}: ${type} for ${allowed.join(' or ')}`);
    }
    if (schema.enum) assert.ok(schema.enum.includes(value), `${where}: ${value} is none of ${schema.enum}`);
    if (schema.oneOf) this.validateOne(schema.oneOf, value, where);
    if (type === 'string') checkText(schema, value, where);
    if (type === 'array') value.forEach((each, i) => this.validate(schema.items ?? {}, each, `${where}[${i}]`));
    if (type === 'object') this.validateObject(schema, value, where);
    if (schema.minimum !== undefined) assert.ok(value >= schema.minimum, `${where}: ${value} < ${schema.minimum}`);
    if (schema.maximum !== undefined) assert.ok(value <= schema.maximum, `${where}: ${value} > ${schema.maximum}`);
  }

  validateOne(schemas, value, where) {
    const fits = schemas.filter((each) => {
      try {
        this.validate(each, value, where);
        return true;
      } catch {
        return false;
      }
    });
    assert.equal(fits.length, 1, `${where}: fits ${fits.length} of oneOf`);
  }

  /* What is not described is not to be there: clients would begin to depend on it. */
  validateObject(schema, value, where) {
    for (const name of schema.required ?? []) assert.ok(Object.hasOwn(value, name), `${where}: no ${name}`);
    for (const [name, each] of Object.entries(value)) {
      const property = schema.properties?.[name] ?? schema.additionalProperties;
      assert.ok(property, `${where}: ${name} is not described`);
      this.validate(property, each, `${where}.${name}`);
    }
  }

  find(base, path) {
    return this.operations.find((each) => each.server.replace(/\/$/, '') === base && each.pattern.test(path));
  }

  /** Fail unless `answer` to `method` `base``target` is as described. */
  check(base, method, target, answer) {
    const where = `${method} ${base}${target.slice(0, 80)}: ${answer.status}`;
    const found = this.find(base, target.replace(/\?.*$/s, ''));
    if (!found) {
      if (base === '/api/v1') assert.ok([400, 401, 404, 413, 414, 503].includes(answer.status), `${where} of a path not described`);
      return;
    }
    if (method === 'OPTIONS' || method === 'HEAD') return;
    const operation = found.item[method.toLowerCase()];
    if (!operation) {
      assert.equal(answer.status, 405, `${where} for a method not described`);
      return;
    }
    /* The web server in front has refused it for itself. */
    if (answer.status === 400 && answer.type === 'text/html') return;
    this.checkResponse(operation, answer, where);
    note({ kind: 'rest', operation: `${method} ${found.template}`, status: answer.status, code: answer.body?.code });
  }

  /** The codes that an error answer may have: those of its examples. */
  codesOf(media) {
    return Object.values(media?.examples ?? {}).map((each) => this.resolve(each).value.code);
  }

  checkResponse(operation, answer, where) {
    const response = this.resolve(operation.responses[answer.status]);
    assert.ok(response, `${where} is not described: ${answer.text.slice(0, 200)}`);
    if (!response.content) {
      assert.equal(answer.text, '', where);
      return;
    }
    const media = response.content[answer.type];
    assert.ok(media, `${where}: ${answer.type} is not described`);
    this.validate(media.schema, answer.body, where);
    if (answer.type !== 'application/problem+json') return;
    const codes = this.codesOf(media);
    assert.ok(codes.includes(answer.body.code), `${where}: ${answer.body.code} is none of ${codes.join(', ')}`);
  }
}
