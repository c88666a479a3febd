/*
 * Senders that never give up: each message has a nonce and is sent again until it is acknowledged,
 * whatever happens in between. Acknowledgements go to the ledger.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { io } from 'socket.io-client';
import { unique } from '../../integration/lib/users.mjs';

/* Outcome unknown, or try later. */
const AGAIN = new Set(['unavailable', 'rate_limited']);

export class Senders {
  constructor(t, ledger, { pause = 5 } = {}) {
    Object.assign(this, { ledger, pause, going: true, loops: [], failures: [], sockets: [], again: 0, answers: {} });
    t?.after(() => this.close());
  }

  get sent() {
    return this.ledger.acked.size;
  }

  /* Run `step(room, nonce)`, which returns the seq or undefined (again), over all rooms in turn. */
  loop(user, rooms, step) {
    this.loops.push((async () => {
      for (let n = 0; this.going; n++) {
        const room = rooms[n % rooms.length];
        const nonce = unique('n');
        for (;;) {
          const seq = await step(room, nonce, `${user.username} ${n}`);
          if (seq !== undefined) {
            this.ledger.ack(nonce, room, seq, user.username);
            break;
          }
          this.again++;
          if (!this.going && !this.finishing) return;
          await delay(20);
        }
        await delay(this.pause);
      }
    })().catch((error) => {
      this.failures.push(error);
      this.going = false;
    }));
  }

  open(origin, user, options) {
    const socket = io(origin, {
      transports: ['websocket'], forceNew: true, reconnectionDelay: 30, reconnectionDelayMax: 300, timeout: 5000,
      auth: { token: user.accessToken, history: 0 }, ...options,
    });
    this.sockets.push(socket);
    return socket;
  }

  answered(answer) {
    this.answers[answer?.code ?? 'success'] = (this.answers[answer?.code ?? 'success'] ?? 0) + 1;
    if (answer?.code === undefined) return answer.seq;
    if (AGAIN.has(answer.code)) return undefined;
    throw new Error(`refused: ${JSON.stringify(answer)}`);
  }

  /** Over one socket, `width` messages in flight; each with a timeout of its own. */
  bySocket(origin, user, rooms, { width = 1, timeout = 7000, options = {} } = {}) {
    const socket = this.open(origin, user, options);
    for (let i = 0; i < width; i++) {
      this.loop(user, rooms, async (room, nonce, text) => {
        let answer;
        try {
          answer = await socket.timeout(timeout).emitWithAck('sendMessage', { room, text, nonce });
        } catch {
          return undefined;
        }
        return this.answered(answer);
      });
    }
    return socket;
  }

  /** Over one socket that resends by itself: the official client's `retries` and `ackTimeout`. */
  byRetries(origin, user, rooms, { ackTimeout = 1500 } = {}) {
    const socket = this.open(origin, user, { retries: 1000, ackTimeout });
    this.loop(user, rooms, (room, nonce, text) => new Promise((resolve, reject) => {
      socket.emit('sendMessage', { room, text, nonce }, (error, answer) => {
        try {
          resolve(error ? undefined : this.answered(answer));
        } catch (problem) {
          reject(problem);
        }
      });
    }));
    return socket;
  }

  byRest(user, rooms, { width = 1 } = {}) {
    for (let i = 0; i < width; i++) {
      this.loop(user, rooms, async (room, nonce, text) => {
        let answer;
        try {
          answer = await user.rest('POST', `/channels/${encodeURIComponent(room)}/messages`, { body: { text, nonce } });
        } catch {
          return undefined;
        }
        if (answer.status === 201 || answer.status === 200) return this.answered(answer.body);
        if (answer.status >= 500 || answer.status === 429) return this.answered({ code: 'unavailable' });
        throw new Error(`POST: ${answer.status} ${answer.text}`);
      });
    }
  }

  /** Stop. What is on its way is sent until it is acknowledged: then the books are complete. */
  async finish() {
    this.finishing = true;
    this.going = false;
    await Promise.all(this.loops);
    if (this.failures.length) throw this.failures[0];
    return this.sent;
  }

  close() {
    this.going = false;
    this.finishing = false;
    for (const socket of this.sockets) socket.disconnect();
  }
}
