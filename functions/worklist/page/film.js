// One film: the picture, what the network found, what readers said, and the reader's own word.

import { get, picture, post } from "./api.js";
import * as list from "./list.js";
import * as viewer from "./viewer.js";
import { DECISIONS, FINDINGS, READINGS, element, percent, time, waited } from "./words.js";

const title = document.getElementById("film-title");
const judgement = document.getElementById("judgement");
const decide = document.getElementById("decide");
const buttons = [...decide.querySelectorAll("button")];
const saved = document.getElementById("saved");
const message = document.getElementById("stage-message");
const SURE = new Set(["PNEUMONIA", "NORMAL"]);
const SHOWN_TYPES = new Set(["image/jpeg", "image/png"]);

let current;
let mayReview = false;
let sending = false;

export function begin(rights, report) {
  mayReview = rights.includes("review");
  decide.hidden = !mayReview;
  viewer.begin();
  for (const button of buttons) {
    button.addEventListener("click", () => review(button.value).catch(report));
  }
  decide.addEventListener("submit", (event) => event.preventDefault());
}

export async function show(name) {
  current = undefined;
  clear();
  const [film] = await Promise.all([get(`films/${name}`), showPicture(name)]);
  if (location.hash !== `#film/${name}`) return;
  fill(film);
  title.focus();
  fetchNext(name);
}

function clear() {
  title.textContent = "Film";
  saved.textContent = "";
  decide.reset();
  for (const part of [judgement, document.getElementById("reviews"), document.getElementById("facts")]) {
    part.replaceChildren();
  }
  for (const button of buttons) button.disabled = true;
  message.textContent = "Fetching the film ...";
  viewer.show(null);
}

async function showPicture(name) {
  try {
    const { address, type } = await picture(name);
    if (location.hash !== `#film/${name}`) return;
    if (!SHOWN_TYPES.has(type)) throw new Error("A browser can't show a file of this format.");
    viewer.show(address, "");
    message.textContent = "";
  } catch (problem) {
    if (location.hash === `#film/${name}`) message.textContent = problem.message;
  }
}

async function fetchNext(name) {
  const next = await list.after(name).catch(() => null);
  if (next) picture(next).catch(() => {});
}

function fill(film) {
  current = film;
  title.textContent = film.name;
  document.getElementById("picture").alt = `Chest X-ray ${film.name}`;
  judgement.replaceChildren(...said(film));
  label(film);
  document.getElementById("reviews").replaceChildren(...reviews(film));
  document.getElementById("facts").replaceChildren(...facts(film));
}

function said(film) {
  const waits = film.state === "to-review" ? [element("p", {}, `Waiting for ${waited(film.uploaded)}.`)] : [];
  if (film.hidden) {
    const why = "Please read this film without the score; it is shown when you have decided.";
    return [element("p", { class: "mark hidden-score" }, why), ...waits];
  }
  const kind = film.finding.toLowerCase();
  const parts = [element("p", { class: `mark ${kind} large` }, FINDINGS[film.finding])];
  if (film.probability === null) {
    parts.push(element("p", {}, film.record.reason ?? ""));
    if (film.replaced) {
      const link = element("a", { href: `#film/${film.replaced}` }, "See the newer version");
      parts.push(element("p", {}, "A newer version of this film was screened. ", link));
    }
  } else {
    const words = `Probability ${percent(film.probability)}, cutoff ${percent(film.cutoff)}`;
    parts.push(element("p", {}, words));
    parts.push(scale(film));
  }
  return [...parts, ...waits];
}

// The probability as a bar with the cutoff marked; the words above say the same.
function scale(film) {
  const bar = element("div", { class: `scale ${film.finding.toLowerCase()}`, "aria-hidden": "true" });
  for (const [name, value] of [["level", film.probability], ["cutoff", film.cutoff]]) {
    const part = element("div", { class: name });
    part.style.setProperty("--share", value);
    bar.append(part);
  }
  return bar;
}

function label(film) {
  const answers = { PNEUMONIA: "PNEUMONIA", NORMAL: "NORMAL" }[film.hidden ? "" : film.finding];
  buttons.forEach((button, at) => {
    const word = READINGS[button.value];
    const effect = !answers || !SURE.has(button.value) ? "" : button.value === answers ? "confirm: " : "overrule: ";
    const text = effect + word;
    button.textContent = `${at + 1}  ${text[0].toUpperCase()}${text.slice(1)}`;
    button.setAttribute("aria-pressed", film.mine === button.value);
    button.disabled = false;
  });
}

function reviews(film) {
  if (!film.reviews.length) return [element("li", { class: "none" }, "None yet.")];
  return film.reviews.map((one) => {
    const decision = ["READ", "SET_ASIDE"].includes(one.decision) ? READINGS[one.reading] : `${DECISIONS[one.decision]}: ${READINGS[one.reading]}`;
    const blind = one.scoreSeen ? "" : ", without the score";
    const note = one.note ? element("p", { class: "note" }, one.note) : null;
    return element("li", {}, element("b", {}, one.reader), ` ${decision}${blind}, `, time(one.time), note);
  });
}

const NAMES = { classified: "screened", facts: "facts", earlier: "earlier" };

function facts(film) {
  const pairs = [];
  const add = (name, ...value) => pairs.push(element("dt", {}, name), element("dd", {}, ...value));
  for (const [name, value] of Object.entries(film.record)) {
    if (name === "reason" && !film.hidden) continue;
    if (["uploaded", "classified"].includes(name)) add(NAMES[name] ?? name, time(value));
    else if (name === "size") add(name, `${Math.max(1, Math.round(value / 1024))} KB`);
    else if (name === "facts") Object.entries(value).forEach(([fact, said]) => add(fact, String(said)));
    else if (name === "earlier") value.forEach((one) => add("earlier", ...earlier(one)));
    else if (typeof value !== "object") add(name, String(value));
  }
  return pairs;
}

function earlier(one) {
  const odds = one.probability === undefined ? "" : ` ${percent(one.probability)}`;
  return [`${FINDINGS[one.finding] ?? one.finding}${odds}, model ${one.model ?? "unknown"}, `, time(one.classified)];
}

export async function review(reading) {
  if (!current || !mayReview || sending) return;
  sending = true;
  const film = current;
  for (const button of buttons) button.disabled = true;
  try {
    const now = await post(`films/${film.film}/reviews`, {
      id: crypto.randomUUID(),
      reading,
      note: decide.elements.note.value,
      answers: film.answers,
    });
    list.note(now);
    if (current !== film) return;
    const others = now.reviews.filter((one) => !film.reviews.some((old) => old.time === one.time)).length - 1;
    decide.reset();
    fill(now);
    saved.textContent = `Saved: ${READINGS[reading]}.` +
      (others > 0 ? " Meanwhile another reader reviewed it too; see below." : "") +
      " Decide again to change it, n for the next film.";
  } finally {
    sending = false;
    for (const button of buttons) button.disabled = false;
  }
}

export async function next() {
  const name = current?.film ?? location.hash.slice("#film/".length);
  const film = await list.after(name);
  if (film) location.hash = `#film/${film}`;
  else saved.textContent = "There is no further film in the list.";
}

export function focusNote() {
  decide.elements.note.focus();
}
