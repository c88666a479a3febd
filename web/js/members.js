/* The members of the open room, and what one may do to one of them. */
import { ask, confirmed } from "./dialogs.js";
import { avatar, byId, h, reconcile, whenOf } from "./dom.js";

const ROLES = { OWNER: "owner", ADMIN: "admin", USER: "" };
const RANK = { OWNER: 3, ADMIN: 2, USER: 1 };
const DURATIONS = [["600", "10 minutes"], ["3600", "1 hour"], ["86400", "1 day"], ["604800", "1 week"], ["", "for good"]];

export class Members {
  constructor(app) {
    this.app = app;
    byId("show-members").addEventListener("click", () => app.pane("members"));
    byId("hide-members").addEventListener("click", () => app.pane("room"));
  }

  render() {
    const { room } = this.app.state;
    const members = [...(room?.members ?? [])];
    const rank = (each) => (each.online ? 10 : 0) + (RANK[each.role] ?? 0);
    members.sort((a, b) => rank(b) - rank(a) || a.username.localeCompare(b.username));
    byId("members-title").textContent = members.length ? `Members (${members.length})` : "Members";
    reconcile(byId("member-list"), members, {
      key: (each) => each.username,
      stamp: (each) => [each.role, each.online, this.isMuted(each), room.role].join(),
      make: (each) => this.item(room, each),
    });
  }

  isMuted(member) {
    if (member.muted === false) return false;
    return member.mutedUntil === null || (member.mutedUntil !== undefined && new Date(member.mutedUntil) > new Date());
  }

  item(room, member) {
    const { username } = member;
    const notes = [ROLES[member.role] ?? "", this.isMuted(member) ? "muted" : ""].filter(Boolean).join(", ");
    const label = [username, notes, member.online ? "online" : "offline"].filter(Boolean).join(", ");
    const inside = [avatar(username), h("span", { class: "grow ellipsis" }, username), notes ? h("span", { class: "hint" }, notes) : null,
      member.online ? h("span", { class: "dot", title: "online" }) : null];
    if (username === this.app.state.me) return h("li", { class: "member-item", "aria-label": `${label}, you` }, inside);
    return h("li", {}, h("button", { class: "member-item", "aria-label": label, onclick: () => this.manage(room, member) }, inside));
  }

  manage(room, member) {
    const { app } = this;
    const { username } = member;
    const run = (event, more = {}) => () => app.gateway.command(event, { room: room.name, username, ...more });
    const above = room.status !== "DIRECT" && (RANK[room.role] ?? 0) > (RANK[member.role] ?? 0) && room.role !== "USER";
    const actions = [];
    if (room.status !== "DIRECT") {
      actions.push({ label: "Write to", primary: !above, run: () => app.createChannel({ status: "DIRECT", name: username }) });
    }
    if (room.role === "OWNER") {
      actions.push(member.role === "ADMIN"
        ? { label: "No longer admin", run: run("removeAdmin") }
        : { label: "Make admin", run: run("addAdmin") });
      actions.push({ label: "Make owner", danger: true, run: () => {
        queueMicrotask(() => confirmed(`Make ${username} the owner of ${room.name}?`, "You stay as an admin, and cannot take it back.", "Make owner",
          () => app.gateway.command("updateChannel", { name: room.name, owner: username })));
      } });
    }
    if (above) {
      const timed = (event) => ({ seconds, reason }) => run(event, { ...(seconds ? { seconds: Number(seconds) } : {}), ...(reason ? { reason } : {}) })();
      actions.push(this.isMuted(member) ? { label: "Unmute", run: run("unmuteUser") } : { label: "Mute", run: timed("muteUser") });
      actions.push({ label: "Kick", danger: true, run: ({ reason }) => run("kickUser", reason ? { reason } : {})() });
      actions.push({ label: "Ban", danger: true, run: timed("banUser") });
    }
    const blocked = app.blocks.has(username);
    actions.push(blocked
      ? { label: "Unblock", run: () => app.unblock(username) }
      : { label: "Block", danger: true, run: () => app.block(username) });
    return ask({
      title: username,
      text: member.mutedUntil ? `Muted until ${whenOf(member.mutedUntil)}.` : null,
      fields: above ? [
        { name: "seconds", label: "For how long (mute, ban)", options: DURATIONS },
        { name: "reason", label: "Reason (mute, ban, kick)", max: 128 },
      ] : [],
      actions,
    });
  }
}
