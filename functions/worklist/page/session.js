// The login: OAuth's code flow with PKCE against the login page. All state is in sessionStorage, which
// ends with the tab and is cleared at logout. If a session expires, only a note that was not sent yet is
// kept, for the same reader in the same tab.

import { ask } from "./outage.js";

const SLACK_SECONDS = 60;
const IDLE_MINUTES = 30;
const IDLE =
  `You were logged out after ${IDLE_MINUTES} minutes without a key or a click. ` +
  "A note that you were writing is kept in this tab.";
const EXPIRED = "Your session had ended, so you had to log in again. Your note is kept; please decide again.";

const home = new URL(".", document.baseURI).href;
let config;
let refreshing;
let leaving = false; // the page sends no more requests
const FOREVER = new Promise(() => {});

export async function begin() {
  config = await (await ask("config.json")).json();
  const query = new URLSearchParams(location.search);
  if (query.has("code")) await redeem(query);
  if (!read("tokens")) {
    if (read("ended")) await waitForReader();
    await logIn();
  }
  watchIdleness();
}

// Deletes what another reader left in this tab; returns the notice to show at first.
export function welcome(name) {
  if (read("reader") !== name) for (const each of ["counted", "drafts", "filters", "place", "selected"]) drop(each);
  keep("reader", name);
  const notice = read("notice") ?? "";
  drop("notice");
  return notice;
}

async function redeem(query) {
  const { state, verifier, hash } = read("login") ?? {};
  history.replaceState(null, "", home + (hash ?? ""));
  drop("login");
  if (!state || state !== query.get("state")) return;
  await askForTokens({
    grant_type: "authorization_code",
    code: query.get("code"),
    redirect_uri: home,
    code_verifier: verifier,
  });
}

async function askForTokens(fields) {
  const answer = await ask(`${config.login}/oauth2/token`, {
    method: "POST",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ client_id: config.client, ...fields }),
  });
  if (!answer.ok) return drop("tokens");
  const found = await answer.json();
  if (leaving) await FOREVER; // otherwise the tokens would be kept after logout
  keep("tokens", {
    access: found.access_token,
    refresh: found.refresh_token ?? fields.refresh_token,
    until: Date.now() + (found.expires_in - SLACK_SECONDS) * 1000,
  });
}

// Leaves the page: nothing after it runs.
async function logIn() {
  const verifier = random();
  const state = random();
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  const hash = read("ended")?.hash ?? location.hash;
  drop("ended");
  keep("login", { state, verifier, hash });
  const query = new URLSearchParams({
    client_id: config.client,
    response_type: "code",
    scope: "openid",
    redirect_uri: home,
    state,
    code_challenge: base64(new Uint8Array(digest)),
    code_challenge_method: "S256",
  });
  location.assign(`${config.login}/oauth2/authorize?${query}`);
  await FOREVER;
}

export async function token() {
  if (leaving) await FOREVER;
  const tokens = read("tokens");
  if (!tokens) return renew();
  if (Date.now() < tokens.until) return tokens.access;
  return renew();
}

// Renews the token once for all requests that wait for it.
export async function renew() {
  if (leaving) await FOREVER;
  const tokens = read("tokens");
  refreshing ??= askForTokens({ grant_type: "refresh_token", refresh_token: tokens?.refresh })
    .finally(() => { refreshing = undefined; });
  await refreshing;
  if (leaving) await FOREVER;
  if (!read("tokens")) {
    keep("notice", EXPIRED);
    await logIn();
  }
  return read("tokens").access;
}

export async function logOut(ended) {
  leaving = true;
  const refresh = read("tokens")?.refresh;
  const kept = ended ? { ended, drafts: read("drafts"), reader: read("reader") } : {};
  sessionStorage.clear();
  for (const [name, value] of Object.entries(kept)) if (value) keep(name, value);
  if (refresh) {
    const body = new URLSearchParams({ client_id: config.client, token: refresh });
    await fetch(`${config.login}/oauth2/revoke`, { method: "POST", body }).catch(() => {});
  }
  const query = new URLSearchParams({ client_id: config.client, logout_uri: home });
  location.replace(`${config.login}/logout?${query}`);
}

// After an idle logout the page gives the reason and waits, since somebody else may come back.
function waitForReader() {
  document.getElementById("ended").hidden = false;
  const button = document.getElementById("log-in");
  // Set after the page has loaded: screen readers announce changes, not the text that was there first.
  setTimeout(() => { document.getElementById("ended-why").textContent = read("ended").why; });
  button.focus();
  return new Promise((go) => button.addEventListener("click", go, { once: true }));
}

function watchIdleness() {
  let timer;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => logOut({ why: IDLE, hash: location.hash }), IDLE_MINUTES * 60_000);
  };
  for (const sign of ["keydown", "pointerdown", "wheel"]) {
    addEventListener(sign, wait, { passive: true });
  }
  wait();
  // The browser may show the page as it was left, even after a logout.
  addEventListener("pageshow", (shown) => shown.persisted && location.reload());
}

export function keep(name, value) {
  sessionStorage.setItem(name, JSON.stringify(value));
}

export function read(name) {
  return JSON.parse(sessionStorage.getItem(name) ?? "null");
}

function drop(name) {
  sessionStorage.removeItem(name);
}

function random() {
  return base64(crypto.getRandomValues(new Uint8Array(32)));
}

function base64(bytes) {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
