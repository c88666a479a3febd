/* Every operation of swagger.yaml as a request that can be sent: its path filled in, its example body. */
const METHODS = ['get', 'put', 'post', 'patch', 'delete'];

function exampleBody(operation) {
  const media = operation.requestBody?.content?.['application/json'];
  if (!media) return undefined;
  return media.example ?? Object.values(media.examples ?? {})[0]?.value ?? {};
}

export class Operation {
  constructor(description, entry, method) {
    this.description = description;
    this.method = method.toUpperCase();
    this.template = entry.template;
    this.operation = entry.item[method];
    this.base = entry.server.replace(/\/$/, '');
    this.parameters = [...entry.item.parameters ?? [], ...this.operation.parameters ?? []].map((each) => description.resolve(each));
  }

  get name() {
    return `${this.method} ${this.template}`;
  }

  /** Must a caller say who it is? */
  get isPublic() {
    return this.operation.security?.length === 0;
  }

  /** Is it for the site's backend, with an API key? */
  get needsKey() {
    return Boolean(this.operation.security?.some((each) => 'apiKey' in each));
  }

  get body() {
    return exampleBody(this.operation);
  }

  hasQuery(name) {
    return this.parameters.some((each) => each.in === 'query' && each.name === name);
  }

  /** The path, with the parameters given, else those of the document's examples; and the query that is required or given. */
  target(values = {}) {
    const valueOf = (parameter) => encodeURIComponent(values[parameter.name] ?? parameter.example ?? 'x');
    const named = (name) => this.parameters.find((each) => each.in === 'path' && each.name === name);
    const query = this.parameters.filter((each) => each.in === 'query' && (each.required || each.name in values));
    return this.template.replace(/\{([^}]+)\}/g, (_, name) => valueOf(named(name)))
      + (query.length ? `?${query.map((each) => `${each.name}=${valueOf(each)}`).join('&')}` : '');
  }

  /** Does the document say that this status can come, with this code? */
  answers(status, code) {
    const response = this.description.resolve(this.operation.responses[status]);
    const media = response?.content?.['application/problem+json'];
    return Boolean(media) && (code === undefined || this.description.codesOf(media).includes(code));
  }

  /** Send it; the answer was checked against the document. */
  async send(instance, { values, ...options } = {}) {
    if (this.needsKey && options.token) options.token = await instance.apiKey();
    return instance.rest(this.method, this.target(values), { base: this.base, body: this.body, ...options });
  }
}

export function operationsOf(description) {
  return description.operations.flatMap((entry) =>
    METHODS.filter((method) => entry.item[method]).map((method) => new Operation(description, entry, method)));
}
