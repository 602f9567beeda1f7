// While the worklist does not answer: one sentence with a button, and repeated tries until it answers.
// Nothing is lost, since failed requests are kept and repeated.

const FIRST_SECONDS = 3;
const MOST_SECONDS = 60;
const SENTENCE =
  "The worklist does not answer. Your input is kept, and the page tries again by itself.";
const GONE = new Set([500, 502, 503, 504]);

const problem = document.getElementById("problem");
const again = document.getElementById("try-again");

let failed; // what the page could not fetch
let kept = []; // the reader's reviews, which are sent even if the page shows another view
let timer;
let seconds = FIRST_SECONDS;

export class Outage extends Error {}

// Fetches an address; throws Outage if the worklist does not answer.
export async function ask(address, options) {
  let answer;
  try {
    answer = await fetch(address, options);
  } catch {
    throw new Outage(SENTENCE);
  }
  if (!GONE.has(answer.status)) return answer;
  // An error message from the worklist says more than that it does not answer.
  const said = await answer.clone().json().catch(() => ({}));
  throw new Outage(said.error ? `${said.error} The page tries again by itself.` : SENTENCE);
}

// Runs an action and shows its error. A `quiet` action was not started by the reader, and does not
// replace one that was; an action to `keep` outlives a change of the view. After any success the
// worklist is back, so the failed actions are repeated.
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

// The page shows another view, so what it could not fetch before is no longer needed.
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
