// The network's performance: plots and tables of the measures with their intervals, and drift.

import { get } from "./api.js";
import { driftPlot, weeksPlot } from "./plots.js";
import { element } from "./words.js";

const NARROWEST = 280;
const DAYS_SHOWN = 180;

const form = document.getElementById("span");
const measures = document.getElementById("measures");
let found = null;

export function begin(report) {
  form.addEventListener("change", () => show().catch(report));
  addEventListener("resize", () => {
    if (found && measures.clientWidth) draw();
  });
}

export async function show() {
  const { days, wanted } = Object.fromEntries(new FormData(form));
  found = null;
  measures.replaceChildren(element("p", { role: "status" }, "Counting ..."));
  found = await get(`performance?days=${days}&wanted=${wanted}`);
  draw();
}

function draw() {
  const width = Math.max(NARROWEST, measures.clientWidth);
  const [whole, ...others] = found.tables.map(table);
  const parts = [whole, byWeek(found.weeks, width), drift(found.drift, width), ...others];
  measures.replaceChildren(...parts.filter(Boolean));
}

function byWeek(weeks, width) {
  const plot = weeksPlot(weeks, width);
  return plot && element("section", {}, element("h2", {}, "Precision and sensitivity"), plot);
}

function drift(seen, width) {
  if (!seen?.days.length) return null;
  const days = seen.days.slice(-DAYS_SHOWN);
  const reference = `Compared with this site's first ${seen.referenceFilms} films under ${seen.network ?? "no network yet"}` +
    `, cutoff ${seen.cutoff ?? "unknown"}, from ${seen.since ?? "the first film"} on; as of ${seen.through}.`;
  return element(
    "section",
    {},
    element("h2", {}, "Drift"),
    element("p", { class: "fine" }, reference),
    ...seen.signals.map(look),
    seen.signals.length ? null : element("p", {}, "There is no signal."),
    driftPlot({ ...seen, days }, width),
  );
}

function look({ said, films }) {
  const named = films.map((key) => element("li", {}, key));
  return element("div", { class: "look" }, `Look: ${said}`, named.length ? element("ul", {}, ...named) : null);
}

function table({ title, columns, rows, note }) {
  const head = element("tr", {}, ...columns.map((name) => (name ? element("th", { scope: "col" }, name) : element("td"))));
  const lines = rows.map((row) =>
    element("tr", {}, ...row.map((cell, at) => (at ? element("td", { "data-label": columns[at] }, cell) : element("th", { scope: "row" }, cell)))));
  return element(
    "section",
    {},
    element("h2", {}, title),
    element("div", { class: "scroller", tabindex: "0", role: "group", "aria-label": title }, element("table", {}, element("thead", {}, head), element("tbody", {}, ...lines))),
    note ? element("p", { class: "fine" }, note) : null,
  );
}
