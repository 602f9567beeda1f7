// Which view is shown, the keyboard shortcuts, and the colours.

import { get } from "./api.js";
import * as film from "./film.js";
import * as list from "./list.js";
import * as outage from "./outage.js";
import * as performance from "./performance.js";
import * as session from "./session.js";
import * as viewer from "./viewer.js";

const { attempt } = outage;
const sections = ["list", "film", "performance"];
const dialog = document.getElementById("keys");
const look = document.getElementById("look");
const keysOn = document.getElementById("keys-on");

let started = false;

async function route() {
  list.remember();
  film.leave();
  const [name, which] = location.hash.slice(1).split("/");
  const view = sections.includes(name) ? name : "list";
  for (const each of sections) document.getElementById(each).hidden = each !== view;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.body.dataset.view = view;
  if (view === "film") await film.show(which);
  else if (view === "performance") await performance.show();
  else await list.show();
  const focused = view === "film" || (view === "list" && list.hasFocus());
  if (!focused) document.getElementById(`${view}-title`).focus({ preventScroll: true });
}

const KEYS = {
  film: {
    1: () => film.review("PNEUMONIA"),
    2: () => film.review("NORMAL"),
    3: () => film.review("UNSURE"),
    4: () => film.review("SET_ASIDE"),
    n: () => film.next(),
    p: () => film.previous(),
    m: () => film.focusNote(),
    s: () => film.toggleKnown(),
    o: () => film.openPacs(),
    l: () => { location.hash = "#list"; },
    "+": () => viewer.run("in"),
    "=": () => viewer.run("in"),
    "-": () => viewer.run("out"),
    0: () => viewer.run("fit"),
    z: () => viewer.run("whole"),
    u: () => viewer.run("loupe"),
    d: () => viewer.run("ruler"),
    v: () => viewer.run("preset"),
    i: () => viewer.run("invert"),
    w: () => viewer.run("window"),
    r: () => viewer.run("reset"),
    b: () => viewer.run("brighter"),
    B: () => viewer.run("darker"),
    g: () => viewer.run("harder"),
    G: () => viewer.run("softer"),
  },
  list: { j: () => list.step(1), k: () => list.step(-1), n: () => film.next() },
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
  if (event.target.matches("input:not([type=checkbox]), select, textarea")) {
    if (event.key !== "Escape") return;
    event.preventDefault(); // otherwise it would clear a search field too
    event.target.blur();
    return;
  }
  if (!keysOn.checked || event.repeat && /[1234np]/.test(event.key)) return;
  const action = event.key === "?" ? showKeys : KEYS[document.body.dataset.view]?.[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

function showKeys() {
  dialog.showModal();
}

function dress() {
  document.documentElement.dataset.look = look.value;
  session.keep("look", look.value);
}

async function start() {
  look.value = session.read("look") ?? "system";
  document.documentElement.dataset.look = look.value;
  await session.begin();
  const me = await get("me");
  document.getElementById("who").textContent = me.name;
  const notice = session.welcome(me.name);
  document.querySelector("nav [data-view=performance]").hidden = !me.rights.includes("performance");
  look.addEventListener("change", dress);
  document.getElementById("show-keys").addEventListener("click", showKeys);
  document.getElementById("log-out").addEventListener("click", () => session.logOut());
  for (const button of document.querySelectorAll("[data-do]")) {
    button.addEventListener("click", () => viewer.run(button.dataset.do));
  }
  list.begin();
  film.begin(me.rights);
  performance.begin(outage.report);
  addEventListener("keydown", onKey);
  addEventListener("hashchange", () => {
    outage.settle();
    attempt(route);
  });
  document.getElementById("notice").textContent = notice;
  started = true;
}

outage.begin();
attempt(async () => {
  if (!started) await start();
  await route();
});
