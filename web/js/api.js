/* REST under /api/v1, and the session: tokens are kept in localStorage, so that a reload and other tabs share them. */

const BASE = "/api/v1";
const KEY = "parley.session";

/** What the server said: message, code, errors. Or that it could not be reached (code "offline"). */
export class ApiError extends Error {
  constructor(body, status) {
    const fields = (body.errors ?? []).map((each) => `${each.field} ${each.problem}`).join("; ");
    super(fields || body.detail || body.message || body.title || `HTTP ${status}`);
    this.code = body.code;
    this.status = status;
  }
}

async function request(method, path, body, token) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  let response;
  try {
    response = await fetch(BASE + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new ApiError({ code: "offline", message: "The server cannot be reached." }, 0);
  }
  const text = await response.text();
  const answer = text ? JSON.parse(text) : null;
  if (!response.ok) throw new ApiError(answer ?? {}, response.status);
  return answer;
}

function load() {
  try {
    return JSON.parse(localStorage.getItem(KEY));
  } catch {
    return null;
  }
}

let session = load();
let refreshing = null;
let onEnd = () => {};
let onEnter = () => {};

/* Another tab has refreshed, logged in or out: as somebody else, perhaps. */
addEventListener("storage", (event) => {
  if (event.key !== KEY) return;
  const before = session?.username;
  session = load();
  if (!session) onEnd();
  else if (session.username !== before) onEnter();
});

function keep(answer) {
  session = answer && {
    username: answer.user.username,
    accessToken: answer.accessToken,
    refreshToken: answer.refreshToken,
    expiresAt: Date.now() + answer.expiresIn * 1000,
  };
  if (session) localStorage.setItem(KEY, JSON.stringify(session));
  else localStorage.removeItem(KEY);
}

/** Called when the session is over, whoever ended it. */
export function whenEnded(fn) {
  onEnd = fn;
}

/** Called when another tab has logged in. */
export function whenEntered(fn) {
  onEnter = fn;
}

export const username = () => session?.username ?? null;

export async function enter(how, username, password) {
  keep(await request("POST", `/auth/${how}`, { username, password }));
}

export async function logout() {
  await request("POST", "/auth/logout", undefined, session?.accessToken).catch(() => {});
  forget();
}

export function forget() {
  keep(null);
  onEnd();
}

/* Another tab may have logged out or in, or refreshed, before the answer is here: then it is no longer about our session. */
async function refresh() {
  const mine = session;
  try {
    const answer = await request("POST", "/auth/refresh", { refreshToken: mine.refreshToken });
    if (session === mine) keep(answer);
  } catch (error) {
    if (session !== mine && error.status === 401) return;
    if (error.status === 401) forget();
    throw error;
  }
}

const notLoggedIn = () => new ApiError({ code: "unauthenticated", message: "You are not logged in." }, 401);

/** An access token that is good for a while yet; the old one if it cannot be had now. */
export async function token({ renew = false } = {}) {
  if (!session) throw notLoggedIn();
  if (renew || session.expiresAt - Date.now() < 30_000) {
    refreshing ??= refresh().finally(() => { refreshing = null; });
    await refreshing;
    if (!session) throw notLoggedIn();
  }
  return session.accessToken;
}

/** The token there is, for when a new one cannot be had: the gateway will say what it thinks of it. */
export const staleToken = () => session?.accessToken ?? "";

/** A call on behalf of the user. */
export async function call(method, path, body) {
  try {
    return await request(method, path, body, await token());
  } catch (error) {
    if (error.code !== "token_expired") throw error;
    return request(method, path, body, await token({ renew: true }));
  }
}

/** All items of a list that has cursors: `name` is the member of the answer they are in. */
export async function all(path, name) {
  const items = [];
  for (let cursor = null; ;) {
    const sep = path.includes("?") ? "&" : "?";
    const page = await call("GET", `${path}${sep}limit=100${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    items.push(...page[name]);
    cursor = page.nextCursor;
    if (!cursor) return items;
  }
}

export const channelPath = (name, rest = "") => `/channels/${encodeURIComponent(name)}${rest}`;
