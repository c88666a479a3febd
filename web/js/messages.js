/* The open room: its messages, older ones on scroll, who is typing, and writing. */
import { attempt, confirmed } from "./dialogs.js";
import { avatar, byId, dayOf, h, icon, reconcile, timeOf, whenOf } from "./dom.js";

const TOGETHER_MS = 5 * 60_000; // messages of one author within this stand under one name
const NEAR_END_PX = 80;
const TYPING_EVERY_MS = 3000;
const MAX_CHARS = 128;

export class Messages {
  constructor(app) {
    this.app = app;
    this.scroller = byId("scroller");
    this.text = byId("compose-text");
    this.editing = null; // the message being edited
    this.drafts = new WeakMap(); // by room: they survive its renaming, and are gone with the login
    this.room = null; // on the page
    this.atEnd = true;
    this.typingAt = 0;
    this.scroller.addEventListener("scroll", () => this.onScroll());
    byId("older").addEventListener("click", () => this.older());
    byId("newest").addEventListener("click", () => this.toEnd());
    byId("stop-editing").addEventListener("click", () => this.edit(null));
    byId("compose").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.text.addEventListener("keydown", (event) => this.onKey(event));
    this.text.addEventListener("input", () => this.onInput());
    addEventListener("focus", () => this.read());
    setInterval(() => this.renderTyping(), 1000);
  }

  /* ---- showing ---- */

  render() {
    const { state } = this.app;
    const { room } = state;
    if (this.room !== room) this.change(room);
    byId("compose").hidden = !room;
    byId("room-settings").hidden = !room || room.status === "DIRECT";
    byId("show-members").hidden = !room;
    byId("older").hidden = !room?.hasMore;
    byId("room-title").textContent = room ? state.title(room) : "parley";
    byId("room-about").textContent = room ? this.about(room) : "";
    document.title = this.pageTitle(state);
    this.renderMessages(room);
    this.renderTyping();
    if (this.atEnd) this.toEnd();
    else if (room && room.lastSeq > this.lastShown) byId("newest").hidden = false;
    this.lastShown = room?.lastSeq ?? 0;
    this.read();
  }

  pageTitle(state) {
    const unread = [...state.rooms.values()].reduce((sum, room) => sum + room.unread, 0);
    const title = state.room ? `${state.title(state.room)} · parley` : "parley";
    return unread ? `(${unread}) ${title}` : title;
  }

  about(room) {
    if (room.status === "DIRECT") return room.online.has(this.app.state.title(room)) ? "online" : "conversation";
    const role = room.role && room.role !== "USER" ? ` · you are ${room.role === "OWNER" ? "its owner" : "an admin"}` : "";
    return `${room.status.toLowerCase()} channel${role}`;
  }

  /* Another room is on the page: its own draft, at its end. */
  change(room) {
    this.keepDraft();
    this.editing = null;
    byId("editing").hidden = true;
    this.room = room;
    this.text.value = this.drafts.get(room) ?? "";
    this.fit();
    this.atEnd = true;
    byId("messages").replaceChildren();
    byId("newest").hidden = true;
  }

  /* What is being edited is no draft. */
  keepDraft() {
    if (this.room && !this.editing) this.drafts.set(this.room, this.text.value);
  }

  renderMessages(room) {
    const items = room ? this.items(room) : [];
    const height = this.scroller.scrollHeight;
    const top = this.scroller.scrollTop;
    const first = byId("messages").firstElementChild?.dataset.key;
    reconcile(byId("messages"), items, {
      key: (item) => item.key,
      stamp: (item) => item.stamp,
      make: (item) => (item.pending ? this.pendingItem(item.pending) : this.messageItem(room, item)),
    });
    /* Older ones were put in front: what was looked at stays where it was. */
    if (first && byId("messages").firstElementChild?.dataset.key !== first) {
      this.scroller.scrollTop = top + this.scroller.scrollHeight - height;
    }
  }

  items(room) {
    const items = [];
    let before = null;
    for (const message of room.messages) {
      const newDay = !before || new Date(before.date).toDateString() !== new Date(message.date).toDateString();
      const together = !newDay && before.kind === "text" && message.kind === "text" && before.sender === message.sender
        && new Date(message.date) - new Date(before.date) < TOGETHER_MS;
      items.push({
        key: message.seq, message, newDay, together,
        stamp: [newDay, together, message.editedAt, message.deletedAt, this.app.mayDelete(room, message)].join(),
      });
      before = message;
    }
    for (const pending of this.app.state.outbox) {
      if (pending.room === room.name) items.push({ key: pending.nonce, pending, stamp: pending.error ?? "" });
    }
    return items;
  }

  messageItem(room, { message, newDay, together }) {
    const day = newDay ? h("p", { class: "day" }, dayOf(message.date)) : null;
    if (message.kind === "system") return h("li", { class: "message" }, day, h("p", { class: "system" }, message.text, " ", this.time(message)));
    const mine = message.sender === this.app.state.me;
    return h("li", { class: together ? "message together" : "message" }, day, h("div", { class: "line" },
      together ? h("span", { class: "avatar-space" }) : avatar(message.sender),
      h("div", { class: "grow" },
        together ? h("span", { class: "hidden-label" }, message.sender) : h("p", { class: "byline" }, h("strong", {}, message.sender), " ", this.time(message)),
        message.deletedAt
          ? h("p", { class: "text gone" }, "This message was deleted.")
          : h("p", { class: "text" }, message.text, message.editedAt ? h("small", { class: "hint", title: whenOf(message.editedAt) }, " (edited)") : null)),
      message.deletedAt ? null : this.tools(room, message, mine)));
  }

  time(message) {
    return h("time", { dateTime: message.date, title: whenOf(message.date) }, timeOf(message.date));
  }

  tools(room, message, mine) {
    const tools = [];
    if (mine) tools.push(h("button", { class: "quiet", "aria-label": "Edit this message", title: "Edit", onclick: () => this.edit(message) }, icon("edit")));
    if (this.app.mayDelete(room, message)) {
      tools.push(h("button", { class: "quiet", "aria-label": "Delete this message", title: "Delete", onclick: () => this.remove(room, message) }, icon("trash")));
    }
    return tools.length ? h("span", { class: "tools" }, tools) : null;
  }

  pendingItem(item) {
    const { gateway, state } = this.app;
    return h("li", { class: "message pending" }, h("div", { class: "line" }, avatar(state.me), h("div", { class: "grow" },
      h("p", { class: "byline" }, h("strong", {}, state.me), " ", h("span", { class: "hint" }, item.error ? "not sent" : "sending…")),
      h("p", { class: "text" }, item.text),
      item.error ? h("p", { class: "error" }, item.error, " ",
        h("button", { class: "link", onclick: () => gateway.retry(item) }, "Send again"), " ",
        h("button", { class: "link", onclick: () => state.unpost(item.nonce) }, "Discard")) : null)));
  }

  renderTyping() {
    const { room } = this.app.state;
    const now = Date.now();
    const names = room ? [...room.typing].filter(([, until]) => until > now).map(([name]) => name) : [];
    const who = names.length > 3 ? "Several people are" : names.length > 1 ? `${names.join(", ")} are` : names.length ? `${names[0]} is` : "";
    const text = who && `${who} typing…`;
    if (byId("typing").textContent !== text) byId("typing").textContent = text;
  }

  /* ---- scrolling ---- */

  onScroll() {
    const { scroller } = this;
    this.atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_END_PX;
    if (this.atEnd) {
      byId("newest").hidden = true;
      this.read();
    }
    if (scroller.scrollTop < 40) this.older();
  }

  toEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.atEnd = true;
    byId("newest").hidden = true;
  }

  async older() {
    const { room } = this.app.state;
    if (!room?.hasMore || this.loading) return;
    this.loading = true;
    await attempt(() => this.app.loadOlder(room));
    this.loading = false;
  }

  /** Show the message `seq` of the open room, loading what lies between. */
  async find(seq) {
    const { room } = this.app.state;
    while (this.app.state.room === room && room.hasMore && (room.messages[0]?.seq ?? Infinity) > seq) await this.app.loadOlder(room, 100);
    this.atEnd = false;
    this.render();
    const element = [...byId("messages").children].find((each) => each.dataset.key === String(seq));
    element?.scrollIntoView({ block: "center" });
    element?.classList.add("found");
  }

  /* What is looked at is read. */
  read() {
    const { room } = this.app.state;
    if (room && this.atEnd && document.hasFocus() && byId("chat").dataset.pane !== "rooms") this.app.markRead(room);
    else if (room && this.atEnd && document.hasFocus() && innerWidth > 700) this.app.markRead(room);
  }

  /* ---- writing ---- */

  onKey(event) {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.send();
    } else if (event.key === "Escape" && this.editing) {
      this.edit(null);
    } else if (event.key === "ArrowUp" && this.text.value === "" && this.room) {
      const own = this.room.messages.findLast((each) => each.sender === this.app.state.me && !each.deletedAt);
      if (own) {
        event.preventDefault();
        this.edit(own);
      }
    }
  }

  onInput() {
    this.fit();
    if (this.editing || !this.text.value || Date.now() - this.typingAt < TYPING_EVERY_MS) return;
    this.typingAt = Date.now();
    this.app.gateway.typing(this.room.name, true);
  }

  fit() {
    this.text.style.height = "auto";
    if (this.text.scrollHeight) this.text.style.height = `${Math.min(this.text.scrollHeight + 2, 160)}px`; // and its border
    const left = MAX_CHARS - [...this.text.value].length;
    byId("compose-left").textContent = left < 30 ? String(left) : "";
    byId("compose-left").classList.toggle("error", left < 0);
  }

  edit(message) {
    this.keepDraft();
    this.editing = message;
    byId("editing").hidden = !message;
    this.text.value = message ? message.text : this.drafts.get(this.room) ?? "";
    this.fit();
    this.text.focus();
  }

  send() {
    const text = this.text.value.trim();
    const { editing, room } = this;
    if (!text || !room) return;
    if (editing) {
      attempt(() => this.app.gateway.command("editMessage", { room: room.name, seq: editing.seq, text })
        .then(() => { if (this.editing === editing) this.edit(null); }));
      return;
    }
    this.text.value = "";
    this.typingAt = 0;
    this.fit();
    this.atEnd = true;
    this.app.gateway.send(room.name, text);
  }

  remove(room, message) {
    return confirmed("Delete this message?", message.text, "Delete",
      () => this.app.gateway.command("deleteMessage", { room: room.name, seq: message.seq }));
  }
}
