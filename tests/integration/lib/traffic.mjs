/* Senders that keep a room busy, over sockets and over REST, resending what fails with its nonce. */
import { unique } from './users.mjs';

export class Traffic {
  constructor() {
    this.sent = 0;
    this.going = true;
    this.loops = [];
    this.latencies = [];
    this.failures = [];
  }

  /** Send until told to stop: `width` in flight. */
  bySocket(client, rooms, { width = 4, tolerate = () => false } = {}) {
    for (let i = 0; i < width; i++) {
      this.run(async (n) => {
        const room = rooms[(n + i) % rooms.length];
        const begun = performance.now();
        const answer = await client.ask('sendMessage', { room, text: `s${n} ${unique('')}` });
        if (answer.code === undefined) this.count(begun);
        else if (!tolerate(answer)) throw new Error(`sendMessage: ${JSON.stringify(answer)}`);
      });
    }
  }

  byRest(user, rooms, { width = 1, tolerate = () => false } = {}) {
    for (let i = 0; i < width; i++) {
      this.run(async (n) => {
        const room = encodeURIComponent(rooms[(n + i) % rooms.length]);
        const body = { text: `r${n}`, nonce: unique('n') };
        for (;;) {
          const begun = performance.now();
          const answer = await user.rest('POST', `/channels/${room}/messages`, { body }).catch((error) => ({ status: 0, text: String(error) }));
          if (answer.status === 201 || answer.status === 200) return this.count(begun);
          if (!this.going) return undefined;
          if (!tolerate(answer)) throw new Error(`POST: ${answer.status} ${answer.text}`);
        }
      });
    }
  }

  count(begun) {
    this.sent++;
    this.latencies.push(performance.now() - begun);
  }

  run(step) {
    this.loops.push((async () => {
      for (let n = 0; this.going; n++) {
        try {
          await step(n);
        } catch (error) {
          this.failures.push(error);
          this.going = false;
        }
      }
    })());
  }

  /** Stop, wait for what is in flight, and fail if a sender failed. */
  async stop() {
    this.going = false;
    await Promise.all(this.loops);
    if (this.failures.length) throw this.failures[0];
    return this.sent;
  }
}
