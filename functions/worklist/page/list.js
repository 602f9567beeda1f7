// The list of films: filters, pages, and the order in which one film follows another.

import { post } from "./api.js";
import { keep, read } from "./session.js";
import { DECISIONS, FINDINGS, element, percent, time, waited } from "./words.js";

const PAGE = 50;
const MOST_RELOADED = 500;

const filters = document.getElementById("filters");
const body = document.getElementById("rows");
const count = document.getElementById("count");
const more = document.getElementById("more");

let films = [];
let cursor = "";
let loading;
let asked = 0; // the number of the question; answers to older ones are dropped

export function begin(report) {
  const kept = read("filters") ?? {};
  for (const [name, value] of Object.entries(kept)) filters.elements[name].value = value;
  let pause;
  const change = () => {
    clearTimeout(pause);
    pause = setTimeout(() => load().catch(report), 250);
  };
  filters.addEventListener("input", change);
  filters.addEventListener("reset", () => setTimeout(change));
  filters.addEventListener("submit", (event) => event.preventDefault());
  more.addEventListener("click", () => loadMore().catch(report));
  new IntersectionObserver((seen) => {
    if (seen.some((one) => one.isIntersecting)) loadMore().catch(report);
  }, { rootMargin: "400px" }).observe(more);
  addEventListener("pagehide", remember);
}

// Where one is in the list, for a reload.
export function remember() {
  if (!read("tokens")) return;
  if (document.getElementById("list").hidden) return;
  keep("place", { films: films.length, scroll: scrollY });
}

export async function show() {
  const place = read("place");
  if (!films.length && place) {
    await load(Math.min(place.films, MOST_RELOADED));
  } else {
    await load(Math.min(Math.max(films.length, PAGE), MOST_RELOADED));
  }
  if (place) scrollTo(0, place.scroll);
}

async function load(wanted = PAGE) {
  const question = ++asked;
  const values = Object.fromEntries(new FormData(filters));
  keep("filters", values);
  loading = undefined;
  let found = [];
  let next = "";
  do {
    const page = await ask(next, Math.min(wanted - found.length, 100));
    if (question !== asked) return;
    found = found.concat(page.films);
    next = page.cursor;
    // A rare name may take long to find; what was found is shown meanwhile.
    if (next && page.films.length === 0) count.textContent = `${found.length} films so far ...`;
  } while (next && found.length < wanted);
  films = found;
  cursor = next;
  body.replaceChildren(...films.map(row));
  tell();
}

function loadMore() {
  if (!cursor) return Promise.resolve();
  const question = asked;
  loading ??= ask(cursor, PAGE).then((page) => {
    loading = undefined;
    if (question !== asked) return;
    films = films.concat(page.films);
    cursor = page.cursor;
    body.append(...page.films.map(row));
    tell();
  }).finally(() => { loading = undefined; });
  return loading;
}

function ask(from, size) {
  const { view, finding, since, until, text } = Object.fromEntries(new FormData(filters));
  return post("list", {
    view,
    finding,
    text,
    size,
    cursor: from,
    since: since ? new Date(`${since}T00:00:00`).toISOString() : "",
    until: until ? new Date(`${until}T23:59:59.999`).toISOString() : "",
  });
}

function tell() {
  more.hidden = !cursor;
  const shown = films.length === 1 ? "1 film" : `${films.length} films`;
  count.textContent = cursor ? `${shown}, more below` : films.length ? shown : "No film.";
}

function row(film) {
  const late = film.state === "to-review";
  return element(
    "tr",
    { "data-film": film.film, class: film.told ? "told" : null },
    element("td", { class: "waiting" }, late ? waited(film.uploaded) : ""),
    element("td", {}, finding(film)),
    element("td", { class: "name" }, element("a", { href: `#film/${film.film}` }, film.name)),
    element("td", {}, time(film.uploaded)),
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
  if (!film.readers && film.replaced) return "replaced by a newer version";
  if (!film.readers) return film.state === "not-asked" ? "not asked" : "open";
  if (film.hidden) return "by another reader";
  const decisions = film.decisions.map((one) => DECISIONS[one]).join(", ");
  const readers = film.readers > 1 ? ` (${film.readers} readers)` : "";
  return `${film.disputed ? "disputed: " : ""}${decisions}${readers}`;
}

// The film after this one that the reader has not read yet; loads the list as far as it takes.
export async function after(name) {
  if (!films.length) await load();
  let from = films.findIndex((film) => film.film === name) + 1;
  for (;;) {
    const found = films.slice(from).find((film) => !film.mine && film.film !== name);
    if (found) return found.film;
    if (!cursor) return null;
    from = films.length;
    await loadMore();
  }
}

export function note(film) {
  const at = films.findIndex((each) => each.film === film.film);
  if (at >= 0) films[at] = { ...films[at], ...film };
}

export function step(by) {
  const links = [...body.querySelectorAll("a")];
  const at = links.indexOf(document.activeElement);
  const to = links[at < 0 ? (by > 0 ? 0 : links.length - 1) : at + by];
  to?.focus();
  to?.scrollIntoView({ block: "nearest" });
}
