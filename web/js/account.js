/* My account: looks, password, sessions, blocks; and the search. */
import * as api from "./api.js";
import { ask, attempt } from "./dialogs.js";
import { byId, h, whenOf } from "./dom.js";

const THEMES = [["", "As the system says"], ["light", "Light"], ["dark", "Dark"]];

function theme(value) {
  if (value) document.documentElement.dataset.theme = value;
  else delete document.documentElement.dataset.theme;
}

theme(localStorage.getItem("parley.theme"));

export class Account {
  constructor(app) {
    this.app = app;
    byId("account").addEventListener("click", () => this.settings());
    byId("search").addEventListener("submit", (event) => {
      event.preventDefault();
      const query = byId("search-text").value.trim();
      if (query) attempt(() => this.search(query));
    });
  }

  settings() {
    const open = (fn) => () => { queueMicrotask(() => attempt(fn)); };
    return ask({
      title: this.app.state.me,
      fields: [{ name: "theme", label: "Look", options: THEMES, value: localStorage.getItem("parley.theme") ?? "" }],
      actions: [
        { label: "Save", primary: true, run: ({ theme: value }) => {
          localStorage.setItem("parley.theme", value);
          theme(value);
        } },
        { label: "Change password", run: open(() => this.password()) },
        { label: "Sessions", run: open(() => this.sessions()) },
        { label: "Blocked users", run: open(() => this.blocks()) },
        { label: "Delete account", danger: true, run: open(() => this.remove()) },
        { label: "Log out", run: () => api.logout() },
      ],
    });
  }

  password() {
    return ask({
      title: "Change password",
      text: "Your other sessions end.",
      fields: [
        { name: "currentPassword", label: "Current password", type: "password", required: true, autocomplete: "current-password" },
        { name: "password", label: "New password", type: "password", required: true, autocomplete: "new-password" },
      ],
      actions: [{ label: "Change", primary: true, run: (values) => api.call("PATCH", "/users/me", values) }],
      close: "Cancel",
    });
  }

  async sessions() {
    const { sessions } = await api.call("GET", "/users/me/sessions");
    const items = sessions.map((each) => {
      const item = h("li", { class: "row" },
        h("span", { class: "grow" }, `Since ${whenOf(each.createdAt)}`),
        each.current ? h("span", { class: "hint" }, "this one") : h("button", {
          type: "button",
          onclick: () => attempt(async () => {
            await api.call("DELETE", `/users/me/sessions/${each.id}`);
            item.remove();
          }),
        }, "End"));
      return item;
    });
    return ask({ title: "Sessions", content: [h("ul", { class: "list" }, items)] });
  }

  blocks() {
    const items = [...this.app.blocks].map((username) => {
      const item = h("li", { class: "row" }, h("span", { class: "grow" }, username), h("button", {
        type: "button",
        onclick: () => attempt(async () => {
          await this.app.unblock(username);
          item.remove();
        }),
      }, "Unblock"));
      return item;
    });
    return ask({ title: "Blocked users", text: items.length ? null : "Nobody.", content: [h("ul", { class: "list" }, items)] });
  }

  remove() {
    return ask({
      title: "Delete your account?",
      text: "You leave all channels. What you wrote stays, without your name. This cannot be undone.",
      fields: [{ name: "currentPassword", label: "Your password", type: "password", required: true, autocomplete: "current-password" }],
      actions: [{ label: "Delete for good", danger: true, run: async (values) => {
        await api.call("DELETE", "/users/me", values);
        api.forget();
      } }],
      close: "Cancel",
    });
  }

  async search(query) {
    const { messages } = await api.call("GET", `/search?limit=50&q=${encodeURIComponent(query)}`);
    const items = messages.map((message) => h("li", {}, h("button", {
      type: "button", class: "result",
      onclick: () => {
        byId("dialog").close();
        this.app.show(message.room, message.seq);
      },
    }, h("strong", {}, message.sender ?? ""), h("span", { class: "hint" }, ` in ${message.room}, ${whenOf(message.date)}`), h("span", { class: "text" }, message.text))));
    return ask({ title: `Messages with “${query}”`, text: items.length ? null : "None.", content: [h("ul", { class: "list" }, items)] });
  }
}

