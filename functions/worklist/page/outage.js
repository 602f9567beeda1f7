// When nothing answers: one sentence with a button, tried again by itself until it works. Nothing is
// lost meanwhile, since what failed is kept and done again.

const FIRST_SECONDS = 3;
const MOST_SECONDS = 60;
const SENTENCE =
  "The worklist does not answer. What you typed is kept, and it is tried again by itself.";
const GONE = new Set([500, 502, 503, 504]);

const problem = document.getElementById("problem");
const again = document.getElementById("try-again");

let failed; // what the page wants to show and could not fetch
let kept = []; // what a reader sent, which is sent whatever the page shows meanwhile
let timer;
let seconds = FIRST_SECONDS;

export class Outage extends Error {}

// Fetches, and tells an outage from an answer.
export async function ask(address, options) {
  let answer;
  try {
    answer = await fetch(address, options);
  } catch {
    throw new Outage(SENTENCE);
  }
  if (!GONE.has(answer.status)) return answer;
  // A sentence of the worklist's own says more than that it did not answer.
  const said = await answer.clone().json().catch(() => ({}));
  throw new Outage(said.error ? `${said.error} It is tried again by itself.` : SENTENCE);
}

// Does it, and says what went wrong. What is `quiet` runs by itself, and gives way to what a reader
// did; what is to be kept outlives a change of the page. A success of anything shows that the worklist
// is back, so what failed before is done again.
export async function attempt(action, how = {}) {
  try {
    const result = await action();
    forget(action);
    const again = [...kept, failed].filter(Boolean);
    if (again.length || !how.quiet) settle();
    for (const each of again) attempt(each.action, each.how);
    return result;
  } catch (error) {
    if (error instanceof Outage) failAgainLater(action, how, error);
    else {
      forget(action);
      if (!failed && !kept.length) settle();
      say(error.message);
    }
    return undefined;
  }
}

export function report(error) {
  say(error.message);
}

export function begin() {
  again.addEventListener("click", retry);
  addEventListener("online", retry);
}

// The page shows something else: what it could not show before is not wanted any more.
export function settle() {
  failed = undefined;
  if (kept.length) return;
  seconds = FIRST_SECONDS;
  clearTimeout(timer);
  again.hidden = true;
  say("");
}

function forget(action) {
  kept = kept.filter((each) => each.action !== action);
  if (failed?.action === action) failed = undefined;
}

function failAgainLater(action, how, error) {
  if (how.keep) kept = [...kept.filter((each) => each.action !== action), { action, how }];
  else if (!how.quiet || !failed) failed = { action, how };
  say(error.message);
  again.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(retry, seconds * 1000);
  seconds = Math.min(MOST_SECONDS, seconds * 2);
}

function retry() {
  clearTimeout(timer);
  const waits = [...kept, failed].filter(Boolean);
  for (const each of waits) attempt(each.action, each.how);
}

function say(text) {
  if (problem.textContent !== text) problem.textContent = text;
}
