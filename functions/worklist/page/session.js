// Who is logged in: OAuth's code flow with PKCE against the login page. All that is kept lies in
// sessionStorage, ends with the tab, and is cleared when one logs out.

const SLACK_SECONDS = 60;
const IDLE_MINUTES = 30;

const home = new URL(".", document.baseURI).href;
let config;
let refreshing;

export async function begin() {
  config = await (await fetch("config.json")).json();
  const query = new URLSearchParams(location.search);
  if (query.has("code")) await redeem(query);
  if (!read("tokens")) await logIn();
  watchIdleness();
}

async function redeem(query) {
  const { state, verifier, hash } = read("login") ?? {};
  drop("login");
  history.replaceState(null, "", home + (hash ?? ""));
  if (!state || state !== query.get("state")) return;
  await askForTokens({
    grant_type: "authorization_code",
    code: query.get("code"),
    redirect_uri: home,
    code_verifier: verifier,
  });
}

async function askForTokens(fields) {
  const answer = await fetch(`${config.login}/oauth2/token`, {
    method: "POST",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ client_id: config.client, ...fields }),
  });
  if (!answer.ok) return drop("tokens");
  const found = await answer.json();
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
  keep("login", { state, verifier, hash: location.hash });
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
  await new Promise(() => {});
}

export async function token() {
  const tokens = read("tokens");
  if (!tokens) await logIn();
  if (Date.now() < tokens.until) return tokens.access;
  return renew();
}

// One renewal for all that wait for it.
export async function renew() {
  const tokens = read("tokens");
  refreshing ??= askForTokens({ grant_type: "refresh_token", refresh_token: tokens?.refresh });
  await refreshing;
  refreshing = undefined;
  if (!read("tokens")) await logIn();
  return read("tokens").access;
}

export async function logOut() {
  const refresh = read("tokens")?.refresh;
  sessionStorage.clear();
  if (refresh) {
    const body = new URLSearchParams({ client_id: config.client, token: refresh });
    await fetch(`${config.login}/oauth2/revoke`, { method: "POST", body }).catch(() => {});
  }
  const query = new URLSearchParams({ client_id: config.client, logout_uri: home });
  location.replace(`${config.login}/logout?${query}`);
}

function watchIdleness() {
  let timer;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(logOut, IDLE_MINUTES * 60_000);
  };
  for (const sign of ["keydown", "pointerdown", "wheel"]) {
    addEventListener(sign, wait, { passive: true });
  }
  wait();
  // The browser may show a page again as it was left, after logging out even.
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
