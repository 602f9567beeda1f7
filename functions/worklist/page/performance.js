// What the network was worth: the measures as tables, each with its interval.

import { get } from "./api.js";
import { element } from "./words.js";

const form = document.getElementById("span");
const measures = document.getElementById("measures");

export function begin(report) {
  form.addEventListener("change", () => show().catch(report));
}

export async function show() {
  const { days, wanted } = Object.fromEntries(new FormData(form));
  measures.replaceChildren(element("p", { role: "status" }, "Counting ..."));
  const found = await get(`performance?days=${days}&wanted=${wanted}`);
  measures.replaceChildren(...found.tables.map(table));
}

function table({ title, columns, rows, note }) {
  const head = element("tr", {}, ...columns.map((name) => element("th", { scope: "col" }, name)));
  const lines = rows.map((row) =>
    element("tr", {}, ...row.map((cell, at) => (at ? element("td", { "data-label": columns[at] }, cell) : element("th", { scope: "row" }, cell)))));
  return element(
    "section",
    {},
    element("h2", {}, title),
    element("div", { class: "scroller" }, element("table", {}, element("thead", {}, head), element("tbody", {}, ...lines))),
    note ? element("p", { class: "fine" }, note) : null,
  );
}
