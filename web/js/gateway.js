/*
 * The connection to the gateway: the official socket.io-client, with connection state recovery asked for. It tells how it
 * fares in the words of STATUS, and sends commands; messages go through an outbox that outlives a lost connection.
 */
import * as api from "./api.js";

export const HISTORY = 50; // messages of each room that come on connection
const ANSWER_MS = 10_000;
const STATUS = {
  connecting: "Connecting…",
  offline: "Offline. Trying again…",
  live: "Connected",
  recovered: "Back again: nothing was missed",
  reloaded: "Back again: reloaded from the server",
};

/** The server's refusal of a command, in its own words. */
export class CommandError extends Error {
  constructor(body) {
    const fields = (body.errors ?? []).map((each) => `${each.field} ${each.problem}`).join("; ");
    super(fields || body.message);
    this.code = body.code;
    this.retryAfter = body.retryAfter;
  }
}

export class Gateway extends EventTarget {
  constructor(state) {
    super();
    this.state = state;
    this.socket = null;
    this.sending = false;
    this.status = "connecting";
  }

  start() {
    this.wasLive = false;
    this.socket = window.io({
      auth: (give) => {
        const options = { recovery: true, history: HISTORY };
        api.token().catch(() => api.staleToken()).then((token) => give({ ...options, token }));
      },
      transports: ["websocket", "polling"],
      reconnectionDelay: 300,
      reconnectionDelayMax: 4000,
    });
    const { socket } = this;
    socket.on("connect", () => this.onConnect());
    socket.on("disconnect", (reason) => this.onDisconnect(reason));
    socket.on("connect_error", () => this.tell("offline"));
    socket.on("accessDenied", (body) => this.onDenied(body));
    socket.on("updateChatHistory", (history) => {
      this.state.load(history, HISTORY);
      this.dispatchEvent(new Event("history"));
      this.flush();
    });
    socket.onAny((event, body) => {
      this.dispatchEvent(new CustomEvent("news", { detail: { event, body } }));
      this.state.apply(event, body);
    });
    this.tell("connecting");
  }

  stop() {
    this.socket?.disconnect();
    this.socket = null;
  }

  get isLive() {
    return this.socket?.connected ?? false;
  }

  tell(status) {
    this.status = status;
    this.dispatchEvent(new CustomEvent("status", { detail: { status, text: STATUS[status] } }));
  }

  onConnect() {
    const back = this.socket.recovered ? "recovered" : "reloaded";
    this.tell(this.wasLive ? back : "live");
    this.wasLive = true;
    if (this.socket.recovered) this.flush();
  }

  onDisconnect(reason) {
    if (!this.socket) return;
    this.tell("offline");
    /* After this the client does not come back by itself: the token had expired, or the session is over. */
    if (reason === "io server disconnect") this.comeBack();
  }

  onDenied({ code, message }) {
    this.denied = { code, message };
  }

  async comeBack() {
    const why = this.denied?.code;
    this.denied = undefined;
    try {
      await api.token({ renew: why === "token_expired" || why === "unauthenticated" });
      setTimeout(() => this.socket?.connect(), why === "rate_limited" ? 5000 : 200);
    } catch (error) {
      if (error.status !== 401) setTimeout(() => this.comeBack(), 2000);
    }
  }

  /** Emit a command and return its success body; throws what went wrong. */
  async command(event, body) {
    if (!this.isLive) throw new Error("You are offline.");
    let answer;
    try {
      answer = await this.socket.timeout(ANSWER_MS).emitWithAck(event, body);
    } catch {
      throw new Error("The server did not answer in time.");
    }
    if (answer.code) throw new CommandError(answer);
    return answer;
  }

  typing(room, typing) {
    if (this.isLive) this.socket.volatile.emit("typing", { room, typing });
  }

  /* ---- the outbox ---- */

  /** Send a message. It stays in the outbox until it is seen in the room or refused: a resend with the same nonce is harmless. */
  send(room, text) {
    this.state.post({ room, text, nonce: newNonce() });
    this.flush();
  }

  retry(item) {
    delete item.error;
    this.state.changed();
    this.flush();
  }

  async flush() {
    if (this.sending) return;
    this.sending = true;
    for (let item; this.isLive && (item = this.state.outbox.find((each) => !each.error && !each.sent));) {
      await this.sendOne(item);
    }
    this.sending = false;
  }

  async sendOne(item) {
    const { room, text, nonce } = item;
    try {
      await this.command("sendMessage", { room, text, nonce });
      item.sent = true; // and is taken out when it is seen
      setTimeout(() => this.state.unpost(nonce), 2000);
    } catch (error) {
      if (error.code === "rate_limited") await pause((error.retryAfter ?? 1) * 1000);
      else if (!error.code || error.code === "unavailable") await pause(1000);
      else item.error = error.message;
      this.state.changed();
    }
  }
}

/* Not crypto.randomUUID(): a page that came without TLS, from another host than localhost, has none. */
const newNonce = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
