// The viewer: zoom, pan, window, loupe and ruler. One table maps values to greys, so that a window costs
// the same for 8 bits and for 16.

import { valueAt } from "./picture.js";

const MOST_ZOOM = 16;
const LOUPE = 240; // width in pixels of the screen
const LOUPE_ZOOM = 3; // relative to the film as it is shown
const SVG = "http://www.w3.org/2000/svg";

const stage = document.getElementById("stage");
const canvas = document.getElementById("picture");
const loupe = document.getElementById("loupe");
const marks = document.getElementById("marks");
const values = document.getElementById("window-values");
const measure = document.getElementById("measure");
const presets = document.getElementById("presets");
const button = (what) => document.querySelector(`[data-do=${what}]`);

// Black and white of each preset window, as quantiles of the film's middle.
const SHARES = { lungs: [0.01, 0.8], dense: [0.4, 0.998] };

let film; // decoded, see picture.js
let view = {};
let modes = { window: false, loupe: false, ruler: false };
let line; // the ruler, in pixels of the film
let painting = false;
const pointers = new Map();
let at; // the pointer's position

export function begin() {
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 400), event.clientX, event.clientY);
  }, { passive: false });
  stage.addEventListener("contextmenu", (event) => event.preventDefault());
  stage.addEventListener("dblclick", fit);
  stage.addEventListener("pointerdown", down);
  stage.addEventListener("pointermove", drag);
  for (const end of ["pointerup", "pointercancel"]) {
    stage.addEventListener(end, (event) => pointers.delete(event.pointerId));
  }
  stage.addEventListener("keydown", onArrow);
  presets.addEventListener("change", () => preset(presets.value));
  new ResizeObserver(() => (view.fitted ? fit() : place())).observe(stage);
  reset();
}

export function show(decoded, label) {
  film = decoded;
  canvas.hidden = !film;
  canvas.setAttribute("aria-label", film ? `Chest X-ray ${label}` : "");
  line = undefined;
  if (film) {
    canvas.width = film.width;
    canvas.height = film.height;
  }
  reset();
}

export function label(name) {
  canvas.setAttribute("aria-label", `Chest X-ray ${name}`);
}

export function run(what) {
  const box = stage.getBoundingClientRect();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  const actions = {
    in: () => zoom(1.25, x, y),
    out: () => zoom(0.8, x, y),
    fit,
    whole: () => zoom(1 / (view.scale * devicePixelRatio), x, y),
    invert,
    window: () => toggle("window"),
    loupe: () => toggle("loupe"),
    ruler: () => toggle("ruler"),
    preset: nextPreset,
    reset,
    brighter: () => level(-0.04, 0),
    darker: () => level(0.04, 0),
    harder: () => level(0, -0.08),
    softer: () => level(0, 0.08),
  };
  actions[what]?.();
}

function reset() {
  view = { scale: 1, x: 0, y: 0, inverted: false, fitted: true };
  modes = { window: false, loupe: false, ruler: false };
  preset("own");
  fit();
}

function fit() {
  view.fitted = true;
  if (film) {
    const { clientWidth: width, clientHeight: height } = stage;
    view.scale = Math.min(width / film.width, height / film.height);
    view.x = (width - film.width * view.scale) / 2;
    view.y = (height - film.height * view.scale) / 2;
  }
  place();
}

function zoom(by, x, y) {
  const box = stage.getBoundingClientRect();
  const scale = Math.min(MOST_ZOOM, Math.max(0.05, view.scale * by));
  const ratio = scale / view.scale;
  view.x = x - box.x - (x - box.x - view.x) * ratio;
  view.y = y - box.y - (y - box.y - view.y) * ratio;
  view.scale = scale;
  view.fitted = false;
  place();
}

function move(x, y) {
  view.x += x;
  view.y += y;
  view.fitted = false;
  place();
}

// Centre and width are in the film's values; a film stored inverted has `black` above `white`.
function preset(name) {
  presets.value = name;
  if (!film) return paint();
  let [black, white] = [film.black, film.white];
  const shares = SHARES[name];
  if (name === "full") [black, white] = [valueAt(film, 0.0001), valueAt(film, 0.9999)];
  if (shares) {
    const flipped = film.black > film.white;
    const [low, high] = flipped ? shares.map((share) => 1 - share).reverse() : shares;
    [black, white] = [valueAt(film, low), valueAt(film, high)];
  }
  if (name !== "own" && film.black > film.white) [black, white] = [white, black];
  view.centre = (black + white) / 2;
  view.width = Math.max(film.step, Math.abs(white - black));
  return paint();
}

function nextPreset() {
  const names = [...presets.options].map((option) => option.value).filter((name) => name !== "hand");
  preset(names[(names.indexOf(presets.value) + 1) % names.length]);
}

// Moves the window's centre by a share of its width, and changes the width.
function level(centre, width) {
  if (!film) return;
  const span = film.step * (film.levels - 1);
  const way = film.black > film.white ? -1 : 1;
  view.width = Math.min(2 * span, Math.max(film.step, view.width * Math.exp(width)));
  view.centre += way * centre * view.width;
  presets.value = "hand";
  paint();
}

function invert() {
  view.inverted = !view.inverted;
  paint();
}

function toggle(mode) {
  modes[mode] = !modes[mode];
  if (mode === "ruler" && modes.ruler && film && !line) {
    const [middle, height] = [film.width / 2, film.height / 2];
    line = { x1: middle - film.width / 6, y1: height, x2: middle + film.width / 6, y2: height };
  }
  if (modes.loupe && !at) {
    const box = stage.getBoundingClientRect();
    at = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  }
  place();
}

function onArrow(event) {
  const step = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  if (!step[event.key] || !film) return;
  event.preventDefault();
  const [x, y] = step[event.key];
  if (!modes.ruler) return move(40 * x, 40 * y);
  // Moves the ruler's end; with Shift its start.
  const by = 8 / view.scale;
  if (event.shiftKey) line = { ...line, x1: line.x1 - by * x, y1: line.y1 - by * y };
  else line = { ...line, x2: line.x2 - by * x, y2: line.y2 - by * y };
  return place();
}

function onFilm(event) {
  const box = stage.getBoundingClientRect();
  return [(event.clientX - box.x - view.x) / view.scale, (event.clientY - box.y - view.y) / view.scale];
}

function down(event) {
  stage.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, event);
  if (modes.ruler && film && event.button === 0 && pointers.size === 1) {
    const [x, y] = onFilm(event);
    line = { x1: x, y1: y, x2: x, y2: y };
    place();
  }
}

// One finger or button pans, measures or changes the window; two fingers zoom and pan.
function drag(event) {
  at = { x: event.clientX, y: event.clientY };
  const before = pointers.get(event.pointerId);
  if (!before) {
    if (modes.loupe) drawLoupe();
    return;
  }
  const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
  if (pointers.size === 2) {
    const other = [...pointers.values()].find((one) => one.pointerId !== event.pointerId);
    const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    const [x, y] = [(event.clientX + other.clientX) / 2, (event.clientY + other.clientY) / 2];
    zoom(apart(event) / Math.max(1, apart(before)), x, y);
    move(dx / 2, dy / 2);
  } else if (modes.window || event.shiftKey || event.buttons & 2) {
    level(dy / 400, dx / 250);
  } else if (modes.ruler && line) {
    [line.x2, line.y2] = onFilm(event);
    place();
  } else {
    move(dx, dy);
  }
  pointers.set(event.pointerId, event);
}

// --- drawing ---

function place() {
  canvas.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
  drawRuler();
  drawLoupe();
  tell();
}

function paint() {
  place();
  if (!film || painting) return;
  painting = true;
  requestAnimationFrame(() => {
    painting = false;
    if (film) draw();
  });
}

function draw() {
  const { width, height, deep, bytes } = film;
  const shown = new ImageData(width, height);
  const table = greys();
  if (deep) {
    const pixels = new Uint32Array(shown.data.buffer);
    // Opaque grey in all three channels; every browser's machine is little endian.
    const colours = Uint32Array.from(table, (grey) => 0xff000000 | (grey << 16) | (grey << 8) | grey);
    for (let each = 0; each < deep.length; each += 1) pixels[each] = colours[deep[each]];
  } else {
    const out = shown.data;
    for (let each = 0; each < out.length; each += 4) {
      out[each] = table[bytes[each]];
      out[each + 1] = table[bytes[each + 1]];
      out[each + 2] = table[bytes[each + 2]];
      out[each + 3] = 255;
    }
  }
  canvas.getContext("2d").putImageData(shown, 0, 0);
  drawLoupe();
}

function greys() {
  const table = new Uint8ClampedArray(film.levels);
  const flipped = (film.black > film.white) !== view.inverted;
  for (let each = 0; each < film.levels; each += 1) {
    const share = (film.low + film.step * each - view.centre) / view.width + 0.5;
    table[each] = 255 * (flipped ? 1 - share : share);
  }
  return table;
}

function drawLoupe() {
  loupe.hidden = !modes.loupe || !film || !at;
  if (loupe.hidden) return;
  const box = stage.getBoundingClientRect();
  const [x, y] = onFilm({ clientX: at.x, clientY: at.y });
  const across = LOUPE / (view.scale * LOUPE_ZOOM);
  loupe.style.transform = `translate(${at.x - box.x - LOUPE / 2}px, ${at.y - box.y - LOUPE / 2}px)`;
  const context = loupe.getContext("2d");
  context.fillStyle = "#000";
  context.fillRect(0, 0, LOUPE, LOUPE);
  context.imageSmoothingEnabled = false;
  context.drawImage(canvas, x - across / 2, y - across / 2, across, across, 0, 0, LOUPE, LOUPE);
}

function drawRuler() {
  marks.replaceChildren();
  measure.textContent = "";
  if (!modes.ruler || !film || !line) return;
  const ends = {
    x1: line.x1 * view.scale + view.x, y1: line.y1 * view.scale + view.y,
    x2: line.x2 * view.scale + view.x, y2: line.y2 * view.scale + view.y,
  };
  for (const kind of ["under", "over"]) {
    const drawn = document.createElementNS(SVG, "line");
    drawn.setAttribute("class", kind);
    for (const [name, value] of Object.entries(ends)) drawn.setAttribute(name, value);
    marks.append(drawn);
  }
  const pixels = Math.hypot(line.x2 - line.x1, line.y2 - line.y1);
  const where = film.calibrated ? "" : " at the detector";
  measure.textContent = film.mm
    ? `${(pixels * film.mm).toFixed(1)} mm${where}`
    : `${Math.round(pixels)} pixels; the file does not say how large they are`;
}

function tell() {
  for (const mode of Object.keys(modes)) button(mode).setAttribute("aria-pressed", modes[mode]);
  button("invert").setAttribute("aria-pressed", view.inverted);
  const zoomed = `zoom ${Math.round(view.scale * devicePixelRatio * 100)} %`;
  const said = film ? `${zoomed}, window centre ${Math.round(view.centre)}, width ${Math.round(view.width)}` : "";
  if (values.textContent !== said) values.textContent = said;
}
