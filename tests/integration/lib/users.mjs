/* Users with names of their own, so that files and runs do not meet. */
import { randomBytes } from 'node:crypto';
import assert from 'node:assert/strict';
import { connect } from './socket.mjs';

export const PASSWORD = 'correct horse battery';

export function unique(prefix) {
  return `${prefix}${randomBytes(5).toString('hex')}`;
}

export class User {
  constructor(instance, answer) {
    this.instance = instance;
    this.username = answer.user.username;
    this.accessToken = answer.accessToken;
    this.refreshToken = answer.refreshToken;
  }

  rest(method, target, options = {}) {
    return this.instance.rest(method, target, { token: this.accessToken, ...options });
  }

  /** The body of a request that must succeed. */
  async must(method, target, options) {
    const answer = await this.rest(method, target, options);
    assert.ok(answer.status >= 200 && answer.status < 300,
      `${method} ${target}: ${answer.status} ${answer.text.slice(0, 500)}`);
    return answer.body;
  }

  create(name, status = 'PUBLIC', password = undefined) {
    return this.must('POST', '/channels', { body: { name, status, password } });
  }

  join(name, password = undefined) {
    return this.must('PUT', `/channels/${encodeURIComponent(name)}/members/me`, { body: { password } });
  }

  leave(name) {
    return this.must('DELETE', `/channels/${encodeURIComponent(name)}/members/me`);
  }

  say(name, text, nonce = undefined) {
    return this.must('POST', `/channels/${encodeURIComponent(name)}/messages`, { body: { text, nonce } });
  }

  messages(name, query = '') {
    return this.must('GET', `/channels/${encodeURIComponent(name)}/messages${query}`);
  }

  /** The whole history of a room, page by page. */
  async allMessages(name) {
    const all = [];
    let after = 0;
    for (;;) {
      const page = await this.messages(name, `?limit=100&after=${after}`);
      all.push(...page.messages);
      if (!page.hasMore) return all;
      after = page.messages.at(-1).seq;
    }
  }

  /** A connected gateway client; closed after `t`. */
  connect(t, options = {}) {
    return connect(t, this.instance.http, { token: this.accessToken, ...options });
  }
}

/** A new user, signed up through REST. */
export async function signup(instance, prefix = 'user') {
  const username = unique(prefix);
  const answer = await instance.rest('POST', '/auth/signup', { body: { username, password: PASSWORD } });
  assert.equal(answer.status, 201, `signup: ${answer.status} ${answer.text.slice(0, 500)}`);
  return new User(instance, answer.body);
}

export function signups(instance, count, prefix = 'user') {
  return Promise.all(Array.from({ length: count }, () => signup(instance, prefix)));
}
