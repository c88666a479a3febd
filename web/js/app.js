/* The page as a whole: logging in, what follows from events beyond the state, and the panes on a narrow screen. */
import * as api from "./api.js";
import { Account } from "./account.js";
import { attempt, toast } from "./dialogs.js";
import { byId, placeIcons } from "./dom.js";
import { Gateway, HISTORY } from "./gateway.js";
import { Members } from "./members.js";
import { Messages } from "./messages.js";
import { Rooms } from "./rooms.js";
import { State } from "./state.js";

const RANK = { OWNER: 3, ADMIN: 2, USER: 1 };
const ROLE_NAMES = { OWNER: "the owner of", ADMIN: "an admin of", USER: "a user of" };
const READ_AFTER_MS = 400;

class App {
  constructor() {
    this.state = new State();
    this.gateway = new Gateway(this.state);
    this.blocks = new Set();
    this.views = [new Rooms(this), this.messages = new Messages(this), new Members(this), new Account(this)];
    this.state.addEventListener("change", () => this.render());
    this.state.addEventListener("entered", (event) => this.fill(event.detail));
    this.gateway.addEventListener("history", () => attempt(() => this.describe()));
    this.gateway.addEventListener("news", (event) => this.announce(event.detail));
    this.gateway.addEventListener("status", (event) => this.showStatus(event.detail));
    byId("back").addEventListener("click", () => this.pane("rooms"));
    byId("door-form").addEventListener("submit", (event) => this.enter(event));
    api.whenEnded(() => this.end());
    api.whenEntered(() => this.begin());
    if (api.username()) this.begin();
    else this.end();
  }

  /* ---- coming and going ---- */

  async enter(event) {
    event.preventDefault();
    const how = event.submitter?.value ?? "login";
    byId("door-error").textContent = "";
    try {
      await api.enter(how, byId("door-name").value, byId("door-password").value);
      this.begin();
    } catch (error) {
      byId("door-error").textContent = error.message;
    }
  }

  begin() {
    this.gateway.stop();
    byId("dialog").close();
    byId("door-password").value = "";
    this.blocks.clear();
    this.state.reset(api.username());
    byId("me").textContent = api.username();
    byId("door").hidden = true;
    byId("chat").hidden = false;
    this.gateway.start();
    attempt(async () => {
      this.blocks = new Set((await api.all("/users/me/blocks", "blocks")).map((each) => each.username));
    });
  }

  end() {
    this.gateway.stop();
    this.state.reset(null);
    this.blocks.clear();
    byId("dialog").close();
    byId("chat").hidden = true;
    byId("door").hidden = false;
    byId("door-name").focus();
  }

  /* ---- showing ---- */

  render() {
    for (const view of this.views) view.render?.();
    const { room } = this.state;
    if (room && !room.members && this.gateway.isLive) this.loadMembers(room);
  }

  showStatus({ status, text }) {
    const element = byId("status");
    element.dataset.status = status;
    element.textContent = text;
    clearTimeout(this.calm);
    if (status === "recovered" || status === "reloaded") {
      this.calm = setTimeout(() => this.showStatus({ status: "live", text: "Connected" }), 5000);
    }
  }

  /* What happens to me is said aloud. */
  announce({ event, body }) {
    const { me } = this.state;
    const why = body?.reason ? `: ${body.reason}` : ".";
    if (event === "reconnectNeeded") toast(`${body.message}`);
    else if (event === "channelDeleted" && this.state.rooms.has(body.room)) toast(`${body.room} was deleted.`);
    else if (body?.username !== me || body.by === me) return;
    else if (event === "memberUpdated" && body.banned) toast(`You were banned from ${body.room}${why}`, { error: true });
    else if (event === "memberUpdated" && body.muted) toast(`You were muted in ${body.room}${why}`, { error: true });
    else if (event === "memberUpdated" && body.muted === false) toast(`You may write in ${body.room} again.`);
    else if (event === "memberUpdated" && body.role) toast(`You are now ${ROLE_NAMES[body.role]} ${body.room}.`);
    else if (event === "memberLeft" && body.by && !this.bannedFrom(body.room)) toast(`You were removed from ${body.room}${why}`, { error: true });
    if (event === "memberUpdated" && body.banned) this.banned = body.room;
  }

  /* A ban's memberLeft follows it: that was said already. */
  bannedFrom(room) {
    const same = this.banned === room;
    this.banned = null;
    return same;
  }

  /** On a narrow screen one of "rooms", "room" and "members" is seen; the members also on a wide one, or not. */
  pane(name) {
    const chat = byId("chat");
    chat.dataset.pane = chat.dataset.pane === name && name === "members" ? "room" : name;
    this.messages.fit();
    this.messages.read();
  }

  open(name) {
    this.state.open(name);
    this.pane("room");
    byId("compose-text").focus();
  }

  async show(name, seq) {
    if (!this.state.rooms.has(name)) return;
    this.open(name);
    await attempt(() => this.messages.find(seq));
  }

  /* ---- what the events do not bring ---- */

  /* Status, role and unread counts of my channels. */
  async describe() {
    for (const channel of await api.all("/channels?member=me", "channels")) this.state.describe(channel);
  }

  /* A room I have entered: its past, and what it is. */
  fill(name) {
    return attempt(async () => {
      const room = this.state.rooms.get(name);
      room.bare = false;
      await this.loadOlder(room);
      this.state.describe(await api.call("GET", api.channelPath(name)));
      room.unread = 0;
      this.state.changed();
    });
  }

  async loadOlder(room, limit = HISTORY) {
    const before = room.messages[0]?.seq;
    const page = await this.gateway.command("getHistory", { room: room.name, limit, ...(before ? { before } : {}) });
    this.state.prepend(room.name, page.messages, page.hasMore);
  }

  async loadMembers(room) {
    room.members = [];
    await attempt(async () => {
      room.members = await api.all(api.channelPath(room.name, "/members"), "members");
      for (const each of room.members) {
        if (each.online === undefined) each.online = room.online.has(each.username);
        else if (each.online) room.online.add(each.username);
      }
      this.state.changed();
    });
  }

  /* Here at once; the server, and so my other pages, a little later, once for all that came meanwhile. */
  markRead(room) {
    const seq = room.lastSeq;
    if (seq <= room.readSeq && !room.unread) return;
    this.state.markRead(room.name, seq);
    clearTimeout(this.reading);
    this.reading = setTimeout(() => {
      if (seq && this.gateway.isLive) this.gateway.command("markRead", { room: room.name, seq }).catch(() => {});
    }, READ_AFTER_MS);
  }

  mayDelete(room, message) {
    if (message.kind !== "text" || message.deletedAt) return false;
    if (message.sender === this.state.me) return true;
    const author = room.members?.find((each) => each.username === message.sender)?.role;
    return (RANK[room.role] ?? 0) > Math.max(RANK[author] ?? 0, 1);
  }

  /* ---- commands that are more than one ---- */

  async createChannel({ status, name, password }) {
    const made = await this.gateway.command("createChannel", { status, name, ...(status === "PRIVATE" ? { password } : {}) });
    this.state.enter(made.room);
    this.open(made.room);
  }

  async join(name, password) {
    const { room } = await this.gateway.command("joinChannel", { name, ...(password ? { password } : {}) });
    this.state.enter(room ?? name);
    this.open(room ?? name);
  }

  async block(username) {
    await this.gateway.command("blockUser", { username });
    this.blocks.add(username);
    toast(`You no longer see what ${username} writes.`);
    this.reload();
  }

  async unblock(username) {
    await this.gateway.command("unblockUser", { username });
    this.blocks.delete(username);
    this.reload();
  }

  /* What is shown was chosen by my blocks: get it anew. */
  reload() {
    this.gateway.stop();
    this.gateway.start();
  }
}

placeIcons();
window.parley = new App();
