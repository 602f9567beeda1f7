// When nothing answers: one sentence with a button, tried again by itself until it works. Nothing is
// lost meanwhile, since what failed is kept and done again.

const FIRST_SECONDS = 3;
const MOST_SECONDS = 60;
const SENTENCE =
  "The worklist does not answer. What you typed is kept, and it is tried again by itself.";
const GONE = new Set([500, 502, 503, 504]);

const problem = document.getElementById("problem");
const again = document.getElementById("try-again");

let failed; // what is to be done again, and whether it is quiet
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
// did. A success of anything shows that the worklist is back, so what failed before is done again.
export async function attempt(action, { quiet = false } = {}) {
  try {
    const result = await action();
    const before = failed;
    if (before || !quiet) settle();
    if (before && before.action !== action) attempt(before.action, before);
    return result;
  } catch (error) {
    if (error instanceof Outage) failAgainLater(action, quiet, error);
    else {
      if (failed?.action === action) settle();
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

// The page shows something else: what failed before is not wanted any more, and its sentence neither.
export function settle() {
  failed = undefined;
  seconds = FIRST_SECONDS;
  clearTimeout(timer);
  again.hidden = true;
  say("");
}

function failAgainLater(action, quiet, error) {
  if (failed && quiet && failed.action !== action) return;
  failed = { action, quiet };
  say(error.message);
  again.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(retry, seconds * 1000);
  seconds = Math.min(MOST_SECONDS, seconds * 2);
}

function retry() {
  clearTimeout(timer);
  if (failed) attempt(failed.action, failed);
}

function say(text) {
  if (problem.textContent !== text) problem.textContent = text;
}
