/* The list of my channels, and the dialogs to find, make and change one. */
import * as api from "./api.js";
import { ask, attempt, confirmed } from "./dialogs.js";
import { avatar, byId, h, icon, reconcile, whenOf } from "./dom.js";

const BROWSE_MAX = 100;
const STATUSES = [["PUBLIC", "Public: anyone may join"], ["PRIVATE", "Private: with a password"]];

export class Rooms {
  constructor(app) {
    this.app = app;
    byId("browse").addEventListener("click", () => this.browse());
    byId("create").addEventListener("click", () => this.create());
    byId("room-settings").addEventListener("click", () => this.settings());
  }

  render() {
    const { state } = this.app;
    const rooms = state.sorted();
    byId("no-rooms").hidden = rooms.length > 0;
    reconcile(byId("room-list"), rooms, {
      key: (room) => room.name,
      stamp: (room) => [room.unread, room.status, room.name === state.active, this.isOnline(room)].join(),
      make: (room) => this.item(room),
    });
  }

  isOnline(room) {
    return room.status === "DIRECT" && room.online.has(this.app.state.title(room));
  }

  item(room) {
    const { state } = this.app;
    const current = room.name === state.active;
    const title = state.title(room);
    const kind = room.status === "DIRECT" ? "conversation" : `${room.status.toLowerCase()} channel`;
    const unread = room.unread ? `, ${room.unread} unread` : "";
    return h("li", {}, h("button", {
      class: "room-item", "aria-current": current ? "true" : null, "aria-label": `${title}, ${kind}${unread}`,
      onclick: () => this.app.open(room.name),
    },
    room.status === "DIRECT" ? avatar(title) : h("span", { class: "sign", "aria-hidden": "true" }, room.status === "PRIVATE" ? icon("lock") : "#"),
    h("span", { class: "grow ellipsis" }, title),
    this.isOnline(room) ? h("span", { class: "dot", title: "online" }) : null,
    room.unread ? h("span", { class: "badge", "aria-hidden": "true" }, room.unread > 99 ? "99+" : room.unread) : null));
  }

  /* ---- dialogs ---- */

  create() {
    const { app } = this;
    return ask({
      title: "New channel or conversation",
      fields: [
        { name: "status", label: "Kind", options: [...STATUSES, ["DIRECT", "Conversation with one user"]] },
        { name: "name", label: "Name of the channel, or of the other user", required: true, max: 64 },
        { name: "password", label: "Password", type: "password", required: true, when: (v) => v.status === "PRIVATE" },
      ],
      actions: [{ label: "Create", primary: true, run: (values) => app.createChannel(values) }],
      close: "Cancel",
    });
  }

  async browse() {
    const list = h("ul", { class: "list", "aria-label": "Channels" });
    const find = h("input", { type: "search", placeholder: "Find a channel", "aria-label": "Find a channel" });
    const look = async () => {
      const query = find.value.trim();
      const others = await attempt(() => this.others(query)) ?? [];
      if (find.value.trim() !== query) return;
      list.replaceChildren(...others.map((each) => this.offer(each)));
      if (!others.length) list.append(h("li", { class: "hint" }, "No public channel that you are not in."));
    };
    let timer;
    find.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(look, 200);
    });
    look();
    await ask({
      title: "Browse channels", content: [find, list],
      fields: [
        { name: "name", label: "Or join one by its name", max: 64 },
        { name: "password", label: "Password, if it is private", type: "password" },
      ],
      actions: [{ label: "Join", primary: true, run: ({ name, password }) => this.app.join(name, password) }],
    });
  }

  /* Public channels that I am not in, a page of them: those that I am in may fill many pages. */
  async others(query) {
    const found = [];
    let cursor = null;
    do {
      const more = `${query ? `&q=${encodeURIComponent(query)}` : ""}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`;
      const page = await api.call("GET", `/channels?limit=100${more}`);
      found.push(...page.channels.filter((each) => !this.app.state.rooms.has(each.name)));
      cursor = page.nextCursor;
    } while (cursor && found.length < BROWSE_MAX);
    return found.slice(0, BROWSE_MAX);
  }

  offer(channel) {
    return h("li", { class: "row" },
      h("span", { class: "grow ellipsis" }, channel.name),
      h("span", { class: "hint" }, `${channel.members} ${channel.members === 1 ? "member" : "members"}`),
      h("button", {
        type: "button", "aria-label": `Join ${channel.name}`,
        onclick: () => attempt(async () => {
          await this.app.join(channel.name);
          byId("dialog").close();
        }),
      }, "Join"));
  }

  settings() {
    const { app } = this;
    const { room } = app.state;
    if (!room || room.status === "DIRECT") return undefined;
    const own = room.role === "OWNER";
    const leave = { label: "Leave", danger: true, run: () => app.gateway.command("leaveChannel", { name: room.name }) };
    const banned = { label: "Banned users", run: () => { queueMicrotask(() => attempt(() => this.bans(room))); } };
    if (!own) {
      const actions = room.role === "ADMIN" ? [banned, leave] : [leave];
      return ask({ title: room.name, text: `A ${room.status.toLowerCase()} channel.`, actions });
    }
    return ask({
      title: `Settings of ${room.name}`,
      fields: [
        { name: "newName", label: "Name", value: room.name, required: true, max: 64, hint: "The old name goes on leading here." },
        { name: "status", label: "Kind", value: room.status, options: STATUSES },
        { name: "password", label: "New password", type: "password", when: (v) => v.status === "PRIVATE", hint: room.status === "PRIVATE" ? "Empty: it stays as it is." : "" },
      ],
      actions: [
        { label: "Save", primary: true, run: (values) => this.save(room, values) },
        banned,
        leave,
        { label: "Delete", danger: true, run: () => this.remove(room) },
      ],
    });
  }

  async bans(room) {
    const bans = await api.all(api.channelPath(room.name, "/bans"), "bans");
    const items = bans.map(({ username, until, reason }) => {
      const item = h("li", { class: "row" },
        h("span", { class: "grow" }, username, h("small", { class: "hint" }, ` ${until ? `until ${whenOf(until)}` : "for good"}${reason ? `: ${reason}` : ""}`)),
        h("button", {
          type: "button", "aria-label": `Unban ${username}`,
          onclick: () => attempt(async () => {
            await this.app.gateway.command("unbanUser", { room: room.name, username });
            item.remove();
          }),
        }, "Unban"));
      return item;
    });
    return ask({ title: `Banned from ${room.name}`, text: items.length ? null : "Nobody.", content: [h("ul", { class: "list" }, items)] });
  }

  save(room, { newName, status, password }) {
    const change = { name: room.name };
    if (newName !== room.name) change.newName = newName;
    if (status !== room.status) change.status = status;
    if (password) change.password = password;
    return this.app.gateway.command("updateChannel", change);
  }

  async remove(room) {
    queueMicrotask(() => confirmed(`Delete ${room.name}?`, "All members leave it. Its name is not given out again.", "Delete for good",
      () => api.call("DELETE", api.channelPath(room.name))));
  }
}
