/*
 * Making and updating elements. Text goes in as text nodes only: nothing a user wrote is ever parsed as markup, and the
 * page's Content-Security-Policy would refuse what it made.
 */

/** h("p", { class: "note", onclick: fn, ariaLabel: "..." }, "text", child, ...): an element. null and false are left out. */
export function h(name, props = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "class") element.className = value;
    else if (key in element && key !== "list" && key !== "role") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/* Paths on a 24 by 24 grid. */
const ICONS = {
  back: "M15 5l-7 7 7 7",
  close: "M9 5l7 7-7 7",
  edit: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
  gear: "M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM12 3v3m0 12v3M3 12h3m12 0h3M5.6 5.6l2.2 2.2m8.4 8.4 2.2 2.2M5.6 18.4l2.2-2.2m8.4-8.4 2.2-2.2",
  lock: "M7 11V8a5 5 0 0 1 10 0v3M5 11h14v9H5z",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  people: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c0-4 3-6 6.5-6s6.5 2 6.5 6M16 4.5a3.5 3.5 0 0 1 0 6.5M18 14.5c2.3.8 3.5 2.8 3.5 5.5",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v6m4-6v6",
};

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** Put the icons where the page asks for them. */
export function placeIcons() {
  for (const element of document.querySelectorAll("[data-icon]")) element.prepend(icon(element.dataset.icon));
}

export const byId = (id) => document.getElementById(id);

/**
 * Make the children of `parent` show `items`, keeping the element of each item whose key and stamp are as before: what
 * has focus, is read out or is being looked at stays where it is.
 */
export function reconcile(parent, items, { key, stamp, make }) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const id = String(key(item));
    const mark = String(stamp(item));
    let element = old.get(id);
    if (!element || element.dataset.stamp !== mark) {
      const fresh = make(item);
      fresh.dataset.key = id;
      fresh.dataset.stamp = mark;
      if (element === place) place = element?.nextElementSibling ?? null;
      element?.remove();
      element = fresh;
    }
    old.delete(id);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  for (const rest of old.values()) rest.remove();
}

const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const both = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export const timeOf = (date) => time.format(new Date(date));
export const dayOf = (date) => day.format(new Date(date));
export const whenOf = (date) => both.format(new Date(date));

/** A round picture of a name: its first letter on a colour of its own. */
export function avatar(name) {
  let hue = 0;
  for (const char of name) hue = (hue * 31 + char.codePointAt(0)) % 360;
  const element = h("span", { class: "avatar", "aria-hidden": "true" }, [...name][0]?.toUpperCase() ?? "?");
  element.style.setProperty("--hue", String(hue));
  return element;
}
