// The list of films: filters, pages, and the order of the films. It refreshes by itself and keeps the
// focus, the scroll position and the selected film.

import { post } from "./api.js";
import { attempt } from "./outage.js";
import { keep, read } from "./session.js";
import { DECISIONS, FINDINGS, age, counted, element, percent, short, time, waited } from "./words.js";

const PAGE = 50;
const MOST_RELOADED = 500;
const POLL_SECONDS = 20;
const SLOWEST_POLL_SECONDS = 300;
const COUNT_SECONDS = 15; // how long a count is reused

const section = document.getElementById("list");
const filters = document.getElementById("filters");
const body = document.getElementById("rows");
const count = document.getElementById("count");
const news = document.getElementById("news");
const more = document.getElementById("more");

let films = [];
let cursor = "";
const totals = new Map(); // counts by filter
let latest = read("counted") ?? {}; // the last counts
let loading;
let asked = 0; // the number of the last request; answers to earlier ones are dropped
let pause = POLL_SECONDS;
let timer;

export function begin() {
  const kept = read("filters") ?? {};
  for (const [name, value] of Object.entries(kept)) filters.elements[name].value = value;
  let typing;
  const change = () => {
    clearTimeout(typing);
    typing = setTimeout(() => attempt(() => load()), 250);
  };
  filters.addEventListener("input", change);
  filters.addEventListener("reset", () => setTimeout(change));
  filters.addEventListener("submit", (event) => event.preventDefault());
  more.addEventListener("click", () => attempt(loadMore));
  body.addEventListener("focusin", (event) => select(event.target.closest("tr")?.dataset.film));
  new IntersectionObserver((seen) => {
    if (seen.some((one) => one.isIntersecting)) attempt(loadMore, { quiet: true });
  }, { rootMargin: "400px" }).observe(more);
  addEventListener("pagehide", remember);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) poll();
  });
}

// Keeps the position in the list for a reload.
export function remember() {
  if (!read("tokens") || section.hidden) return;
  keep("place", { films: films.length, scroll: scrollY });
}

export async function show() {
  const place = read("place");
  const wanted = films.length || place?.films || 0;
  await load(Math.min(Math.max(wanted, PAGE), MOST_RELOADED));
  if (place) scrollTo(0, place.scroll);
  link(read("selected"))?.focus({ preventScroll: true });
}

export function hasFocus() {
  return body.contains(document.activeElement);
}

async function load(wanted = PAGE) {
  const question = ++asked;
  keep("filters", Object.fromEntries(new FormData(filters)));
  loading = undefined;
  let found = [];
  let next = "";
  do {
    const page = await ask(next, Math.min(wanted - found.length, 100));
    if (question !== asked) return;
    found = found.concat(page.films);
    next = page.cursor;
    // Finding a rare name takes long, so the page shows the number of films found so far.
    if (next && page.films.length === 0) say(count, `${counted(found.length, "film")} so far ...`);
  } while (next && found.length < wanted);
  films = found;
  cursor = next;
  draw();
  tell();
  attempt(countAll, { quiet: true });
  wait();
}

function loadMore() {
  if (!cursor) return Promise.resolve();
  const question = asked;
  loading ??= ask(cursor, PAGE).then((page) => {
    loading = undefined;
    if (question !== asked) return;
    const known = new Set(films.map((film) => film.film));
    films = films.concat(page.films.filter((film) => !known.has(film.film)));
    cursor = page.cursor;
    draw();
    tell();
  }).finally(() => { loading = undefined; });
  return loading;
}

// Counting reads more than a page does. So the list is shown first, a recent count is reused, and the
// results of a search are not counted.
async function countAll() {
  const question = wanted();
  const name = JSON.stringify(question);
  const known = totals.get(name);
  if (news.textContent && (question.text || Date.now() - known?.at < COUNT_SECONDS * 1000)) return;
  const found = await post("counts", question);
  latest = found;
  totals.set(name, { ...found, at: Date.now() });
  keep("counted", found); // so that a reload shows these counts at once
  tell();
}

function wait() {
  clearTimeout(timer);
  timer = setTimeout(poll, pause * 1000);
}

// Refreshes the list while it is visible, and less often while that fails.
function poll() {
  clearTimeout(timer);
  if (section.hidden || document.hidden || !read("tokens")) return;
  pause = Math.min(SLOWEST_POLL_SECONDS, pause * 2);
  wait();
  attempt(async () => {
    await load(Math.min(Math.max(films.length, PAGE), MOST_RELOADED));
    pause = POLL_SECONDS;
    wait();
  }, { quiet: true });
}

function wanted() {
  const { view, finding, since, until, text } = Object.fromEntries(new FormData(filters));
  return {
    view,
    finding,
    text,
    since: since ? new Date(`${since}T00:00:00`).toISOString() : "",
    until: until ? new Date(`${until}T23:59:59.999`).toISOString() : "",
  };
}

function ask(from, size) {
  return post("list", { ...wanted(), size, cursor: from });
}

function tell() {
  more.hidden = !cursor;
  const { total, more: beyond } = totals.get(JSON.stringify(wanted())) ?? {};
  const all = Math.max(total ?? 0, films.length);
  if (!films.length) say(count, "No film.");
  else if (total === null || total === undefined) say(count, counted(films.length, "film") + (cursor ? ", more below" : ""));
  else if (cursor) say(count, `1 to ${films.length} of ${beyond ? "over " : ""}${counted(all, "film")}`);
  else say(count, counted(films.length, "film"));
  const { overdue, hours, latest: newest } = latest;
  const late = overdue ? `${counted(overdue, "film has", "films have")} waited over ${hours} hours. ` : "";
  const last = newest ? `The last film came ${waited(newest)} ago.` : "No film has come yet.";
  if (hours) say(news, late + last);
}

function say(where, text) {
  if (where.textContent !== text) where.textContent = text;
}

// Unchanged rows are kept, and with them focus and selection; the visible rows keep their position on
// the screen.
function draw() {
  const old = new Map([...body.children].map((each) => [each.dataset.film, each]));
  const focused = body.contains(document.activeElement) ? document.activeElement.closest("tr") : null;
  const anchor = [...body.children].find((each) => each.getBoundingClientRect().bottom > 0);
  const stood = anchor?.getBoundingClientRect().top;
  const after = focused ? [...body.children].slice([...body.children].indexOf(focused)).map((each) => each.dataset.film) : [];
  const fresh = films.map((film) => {
    const shown = JSON.stringify([film, film.state === "to-review" ? waited(film.uploaded) : ""]);
    const standing = old.get(film.film);
    if (standing?.shown === shown) return standing;
    const made = row(film);
    made.shown = shown;
    return made;
  });
  if (fresh.length !== body.children.length || fresh.some((each, place) => each !== body.children[place])) {
    body.replaceChildren(...fresh);
  }
  mark();
  if (focused) {
    const next = after.map(link).find(Boolean);
    if (document.activeElement !== next) next?.focus({ preventScroll: true });
  }
  const now = anchor && body.querySelector(`[data-film="${anchor.dataset.film}"]`);
  if (now && scrollY > 0) scrollBy(0, now.getBoundingClientRect().top - stood);
}

function link(name) {
  return name ? body.querySelector(`[data-film="${name}"] a`) : null;
}

function select(name) {
  if (!name) return;
  keep("selected", name);
  mark();
}

function mark() {
  const selected = read("selected");
  for (const each of body.children) {
    if (each.dataset.film === selected) each.setAttribute("data-selected", "");
    else each.removeAttribute("data-selected");
  }
}

function row(film) {
  const late = film.state === "to-review" || film.state === "disputed";
  const name = element(
    "a",
    { href: `#film/${film.film}`, title: film.name, "aria-label": film.name },
    short(film.name),
  );
  const cell = (label, ...children) => element("td", { "data-label": label }, ...children);
  return element(
    "tr",
    { "data-film": film.film, class: film.reminded ? "reminded" : null },
    element("td", { class: "waiting", "data-label": "waiting" }, late ? waited(film.uploaded) : ""),
    element("td", {}, finding(film)),
    element("td", { class: "name" }, name),
    cell("accession number", film.accession ?? ""),
    cell("age", age(film.age)),
    cell("view", film.view ?? ""),
    element("td", { "data-label": "study", title: film.study }, short(film.study ?? "", 13)),
    cell("received", time(film.uploaded)),
    element("td", {}, reviewed(film)),
  );
}

export function finding(film) {
  if (film.hidden) return element("span", { class: "mark hidden-score" }, "read without score");
  const sure = film.probability === null ? "" : ` ${percent(film.probability)}`;
  const kind = film.finding.toLowerCase();
  return element("span", { class: `mark ${kind}` }, FINDINGS[film.finding] + sure);
}

function reviewed(film) {
  const reads = film.beingReadBy ? `, being read by ${film.beingReadBy}` : "";
  return words(film) + reads;
}

function words(film) {
  if (!film.readers && film.replaced) return "replaced by a newer version";
  if (!film.readers) return film.state === "not-asked" ? "not asked" : "open";
  if (film.hidden) return "by another reader";
  const decisions = film.decisions.map((one) => DECISIONS[one]).join(", ");
  const readers = film.readers > 1 ? ` (${film.readers} readers)` : "";
  return `${film.disputed ? "disputed: " : ""}${decisions}${readers}`;
}

// Returns the next film that this reader has not read and nobody else is reading, and loads more of the
// list if needed. `passed` are films that another reader has claimed.
export async function after(name, passed = new Set()) {
  if (!films.length) await load();
  let from = films.findIndex((film) => film.film === name) + 1;
  const free = (film) =>
    !film.mine && !film.beingReadBy && film.film !== name && !passed.has(film.film);
  for (;;) {
    const found = films.slice(from).find(free) ?? (cursor ? null : films.slice(0, from).find(free));
    if (found) return found.film;
    if (!cursor) return null;
    from = films.length;
    await loadMore();
  }
}

// Returns the film before this one in the list, read or not.
export function before(name) {
  const place = films.findIndex((film) => film.film === name);
  return place > 0 ? films[place - 1].film : null;
}

export function note(film) {
  const place = films.findIndex((each) => each.film === film.film);
  if (place >= 0) films[place] = { ...films[place], ...film };
}

export function open(name) {
  keep("selected", name);
}

export function step(by) {
  const links = [...body.querySelectorAll("a")];
  const place = links.indexOf(document.activeElement);
  const to = links[place < 0 ? (by > 0 ? 0 : links.length - 1) : place + by];
  to?.focus();
  to?.scrollIntoView({ block: "nearest" });
}
