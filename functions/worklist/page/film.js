// One film: its image, the network's finding, the reviews, and the form for this reader's review.

import { get, picture, post } from "./api.js";
import * as list from "./list.js";
import { Outage, attempt } from "./outage.js";
import { decode } from "./picture.js";
import { keep, read } from "./session.js";
import * as viewer from "./viewer.js";
import { DECISIONS, FACTS, FINDINGS, READINGS, age, element, fact, percent, short, time, waited } from "./words.js";

const CLAIM_SECONDS = 90; // well below the duration of a claim

const title = document.getElementById("film-title");
const identity = document.getElementById("identity");
const judgement = document.getElementById("judgement");
const decide = document.getElementById("decide");
const text = decide.elements.note;
const known = decide.elements.known;
const buttons = [...decide.querySelectorAll("button")];
const saved = document.getElementById("saved");
const claimed = document.getElementById("claimed");
const message = document.getElementById("stage-message");
const progress = document.getElementById("progress");
const others = document.getElementById("others");
const SURE = new Set(["PNEUMONIA", "NORMAL"]);
const SHOWN_TYPES = new Set(["image/jpeg", "image/png"]);

let current;
let mayReview = false;
let sending = false;
let claiming;

export function begin(rights) {
  mayReview = rights.includes("review");
  decide.hidden = !mayReview;
  viewer.begin();
  for (const button of buttons) button.addEventListener("click", () => review(button.value));
  document.getElementById("next").addEventListener("click", next);
  document.getElementById("first").addEventListener("click", next);
  document.getElementById("previous").addEventListener("click", previous);
  decide.addEventListener("submit", (event) => event.preventDefault());
  text.addEventListener("input", () => draft(name(), text.value));
}

export async function show(film) {
  current = undefined;
  list.open(film);
  clear();
  text.value = (read("drafts") ?? {})[film] ?? "";
  attempt(() => showPicture(film), { quiet: true });
  await showFacts(film);
}

// Facts and finding don't wait for the image, which may be large.
async function showFacts(film) {
  const found = await get(`films/${film}`);
  if (name() !== film) return;
  fill(found);
  if (!document.activeElement?.closest("#film textarea")) title.focus();
  claim(film);
  fetchNext(film);
}

function name() {
  const [view, film] = location.hash.slice(1).split("/");
  return view === "film" ? film : undefined;
}

export function leave() {
  clearTimeout(claiming);
}

// Keeps a note until it is sent.
function draft(film, note) {
  const drafts = read("drafts") ?? {};
  delete drafts[film];
  if (note) drafts[film] = note;
  keep("drafts", drafts);
}

function clear() {
  clearTimeout(claiming);
  title.textContent = "Film";
  title.removeAttribute("aria-label");
  saved.textContent = "";
  claimed.textContent = "";
  decide.reset();
  known.closest("label").hidden = true;
  others.hidden = true;
  for (const part of [identity, judgement, document.getElementById("reviews"), document.getElementById("facts")]) {
    part.replaceChildren();
  }
  label({ hidden: true, mine: null });
  for (const button of buttons) button.disabled = true;
  viewer.show(null);
}

async function showPicture(film) {
  message.textContent = "Fetching the film ...";
  progress.hidden = false;
  progress.removeAttribute("value");
  try {
    const blob = await picture(film, (come, total) => {
      if (name() === film) progress.value = come / total;
    });
    if (name() !== film) return;
    if (!SHOWN_TYPES.has(blob.type)) throw new Error("A browser can't show a file of this format.");
    const decoded = await decode(blob).catch(() => {
      throw new Error("The film's file is damaged: a browser can't show it.");
    });
    if (name() !== film) return;
    viewer.show(decoded, current?.name ?? "");
    message.textContent = "";
  } catch (problem) {
    if (name() !== film) return;
    message.textContent = problem.message;
    if (problem instanceof Outage) throw problem;
  } finally {
    if (name() === film) progress.hidden = true;
  }
}

async function fetchNext(film) {
  const next = await list.after(film).catch(() => null);
  if (next) picture(next).catch(() => {});
}

// Claims the film while it is shown, so that other readers get another one.
async function claim(film) {
  clearTimeout(claiming);
  if (!mayReview || !current || current.mine || name() !== film || !read("tokens")) return;
  claiming = setTimeout(() => claim(film), CLAIM_SECONDS * 1000);
  if (document.hidden) return;
  const { by } = await post(`films/${film}/claim`, {}).catch(() => ({}));
  const me = document.getElementById("who").textContent;
  if (name() === film) claimed.textContent = by && by !== me ? `${by} is reading this film.` : "";
}

function fill(film) {
  current = film;
  title.textContent = short(film.name, 60);
  title.setAttribute("aria-label", film.name);
  title.title = film.name;
  viewer.label(film.name);
  identity.replaceChildren(...who(film));
  judgement.replaceChildren(...said(film));
  known.closest("label").hidden = !film.hidden;
  label(film);
  document.getElementById("reviews").replaceChildren(...reviews(film));
  document.getElementById("facts").replaceChildren(...facts(film));
  others.hidden = !film.others.length;
  document.getElementById("study").replaceChildren(...film.others.map(other));
}

function who(film) {
  const parts = [];
  if (film.accession) parts.push(element("span", {}, `Accession number ${film.accession}`));
  if (film.age) parts.push(element("span", {}, age(film.age)));
  if (film.view) parts.push(element("span", {}, fact("view", film.view)));
  if (film.pacs) {
    const link = { href: film.pacs, target: "_blank", rel: "noopener noreferrer", "aria-keyshortcuts": "o", id: "pacs" };
    parts.push(element("a", link, "Open in the PACS (o)"));
  }
  return parts;
}

function other(film) {
  const link = element("a", { href: `#film/${film.film}`, title: film.name }, short(film.name));
  return element("li", {}, link, ` ${film.view ?? ""} `, list.finding(film));
}

function said(film) {
  const waits = film.state === "to-review" ? [element("p", {}, `Waiting for ${waited(film.uploaded)}.`)] : [];
  const warns = film.record.note ? [element("p", { class: "warning" }, `Take care: ${film.record.note}`)] : [];
  if (film.hidden) {
    const why = "Please read this film without its score, which is shown after your decision.";
    return [element("p", { class: "mark hidden-score" }, why), ...warns, ...waits];
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
    if (film.precision) parts.push(element("p", { class: "confirmed" }, film.precision));
  }
  if (film.disputed) {
    const how = film.mine ? "Readers differ: one more has to decide." : "Readers differ: your reading decides.";
    parts.push(element("p", { class: "warning" }, how));
  }
  return [...parts, ...warns, ...waits];
}

// Draws the probability as a bar with a mark at the cutoff; the text above gives the same values.
function scale(film) {
  const bar = element("div", { class: `scale ${film.finding.toLowerCase()}`, "aria-hidden": "true" });
  for (const [part, value] of [["level", film.probability], ["cutoff", film.cutoff]]) {
    const drawn = element("div", { class: part });
    drawn.style.setProperty("--share", value);
    bar.append(drawn);
  }
  return bar;
}

function label(film) {
  const answers = { PNEUMONIA: "PNEUMONIA", NORMAL: "NORMAL" }[film.hidden ? "" : film.finding];
  buttons.forEach((button, place) => {
    const word = READINGS[button.value];
    const effect = !answers || !SURE.has(button.value) ? "" : button.value === answers ? "confirm: " : "overrule: ";
    const words = effect + word;
    button.textContent = `${place + 1}  ${words[0].toUpperCase()}${words.slice(1)}`;
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

function facts(film) {
  const pairs = [];
  const add = (term, ...value) => pairs.push(element("dt", {}, term), element("dd", {}, ...value));
  add("file name", film.name);
  const all = { ...film.record, ...film.record.facts };
  for (const [which, term] of Object.entries(FACTS)) {
    if (all[which] === undefined) continue;
    if (["uploaded", "classified"].includes(which)) add(term, time(all[which]));
    else add(term, fact(which, all[which]));
  }
  for (const one of all.earlier ?? []) add("screened before", ...earlier(one));
  return pairs;
}

function earlier(one) {
  const odds = one.probability === undefined ? "" : ` ${percent(one.probability)}`;
  return [`${FINDINGS[one.finding] ?? one.finding}${odds}, network ${one.model ?? "unknown"}, `, time(one.classified)];
}

// The review keeps its id when it is sent again, so that it is stored once.
export function review(reading) {
  if (!current || !mayReview || sending) return;
  sending = true;
  const film = current;
  for (const button of buttons) button.disabled = true;
  saved.textContent = "Saving ...";
  const body = {
    id: crypto.randomUUID(),
    reading,
    note: text.value,
    answers: film.answers,
    scoreKnown: film.hidden && known.checked,
  };
  attempt(async () => {
    try {
      const now = await post(`films/${film.film}/reviews`, body);
      done(film, now, reading);
    } catch (error) {
      const later = error instanceof Outage ? "Not saved yet; the page will send it again." : "Not saved.";
      if (current === film) saved.textContent = later;
      throw error;
    } finally {
      sending = false;
      for (const button of buttons) button.disabled = !current;
    }
  }, { keep: true });
}

function done(film, now, reading) {
  list.note(now);
  draft(film.film, "");
  if (current !== film) return;
  clearTimeout(claiming);
  const meanwhile = now.reviews.filter((one) => !film.reviews.some((old) => old.time === one.time)).length - 1;
  decide.reset();
  fill(now);
  saved.textContent = `Saved: ${READINGS[reading]}.` +
    (meanwhile > 0 ? " Another reader has reviewed it as well; see below." : "") +
    " Decide again to change it; press n for the next film.";
}

// Opens a film that nobody else has claimed: two readers who ask at once get different films.
export function next() {
  attempt(goOn);
}

async function goOn() {
  const passed = new Set();
  const me = document.getElementById("who").textContent;
  for (;;) {
    const film = await list.after(name(), passed);
    if (!film) break;
    const { by } = mayReview ? await post(`films/${film}/claim`, {}) : {};
    if (!by || by === me) {
      location.hash = `#film/${film}`;
      return;
    }
    passed.add(film);
  }
  const end = "There is no other film that waits for a reader.";
  if (name()) saved.textContent = end;
  else document.getElementById("news").textContent = end;
}

export function previous() {
  const film = list.before(name());
  if (film) location.hash = `#film/${film}`;
  else saved.textContent = "This is the first film of the list.";
}

export function openPacs() {
  document.getElementById("pacs")?.click();
}

export function toggleKnown() {
  if (!known.closest("label").hidden) known.click();
}

export function focusNote() {
  text.focus();
}
