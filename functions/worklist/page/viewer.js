// The film on the stage: zoom, move, brightness and contrast. The grey levels are mapped by one
// linear function, slope * value + intercept, so nothing is cut off before the end of it.

const MOST_ZOOM = 16;
const stage = document.getElementById("stage");
const image = document.getElementById("picture");
const values = document.getElementById("window-values");
const functions = document.querySelectorAll("#grey-window feComponentTransfer > *");
const invertButton = document.querySelector("[data-do=invert]");
const windowButton = document.querySelector("[data-do=window]");

let view;
let dragsWindow = false;
const pointers = new Map();

export function begin() {
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 400), event.clientX, event.clientY);
  }, { passive: false });
  stage.addEventListener("contextmenu", (event) => event.preventDefault());
  stage.addEventListener("dblclick", fit);
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event);
  });
  stage.addEventListener("pointermove", drag);
  for (const end of ["pointerup", "pointercancel"]) {
    stage.addEventListener(end, (event) => pointers.delete(event.pointerId));
  }
  stage.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
    if (!step[event.key]) return;
    event.preventDefault();
    move(...step[event.key]);
  });
  new ResizeObserver(() => view?.fitted && fit()).observe(stage);
  image.addEventListener("load", fit);
  reset();
}

export function show(address, name) {
  image.hidden = !address;
  image.alt = address ? `Chest X-ray ${name}` : "";
  if (address) image.src = address;
  else image.removeAttribute("src");
  reset();
}

export function run(what) {
  const centre = stage.getBoundingClientRect();
  const [x, y] = [centre.x + centre.width / 2, centre.y + centre.height / 2];
  const actions = {
    in: () => zoom(1.25, x, y),
    out: () => zoom(0.8, x, y),
    fit,
    invert,
    window: toggleWindow,
    reset,
    brighter: () => level(0.04, 0),
    darker: () => level(-0.04, 0),
    harder: () => level(0, 0.08),
    softer: () => level(0, -0.08),
  };
  actions[what]?.();
}

function reset() {
  view = { scale: 1, x: 0, y: 0, brightness: 0, contrast: 1, inverted: false, fitted: true };
  fit();
  paint();
}

function fit() {
  const { clientWidth: width, clientHeight: height } = stage;
  if (image.naturalWidth) {
    view.scale = Math.min(width / image.naturalWidth, height / image.naturalHeight);
  }
  view.x = (width - image.naturalWidth * view.scale) / 2;
  view.y = (height - image.naturalHeight * view.scale) / 2;
  view.fitted = true;
  paint();
}

function zoom(by, x, y) {
  const box = stage.getBoundingClientRect();
  const scale = Math.min(MOST_ZOOM, Math.max(0.05, view.scale * by));
  const ratio = scale / view.scale;
  view.x = x - box.x - (x - box.x - view.x) * ratio;
  view.y = y - box.y - (y - box.y - view.y) * ratio;
  view.scale = scale;
  view.fitted = false;
  paint();
}

function move(x, y) {
  view.x += x;
  view.y += y;
  view.fitted = false;
  paint();
}

function level(brightness, contrast) {
  view.brightness = Math.min(1, Math.max(-1, view.brightness + brightness));
  view.contrast = Math.min(8, Math.max(0.1, view.contrast * Math.exp(contrast)));
  paint();
}

function invert() {
  view.inverted = !view.inverted;
  paint();
}

function toggleWindow() {
  dragsWindow = !dragsWindow;
  windowButton.setAttribute("aria-pressed", dragsWindow);
}

// One finger or button moves the film or changes its greys; two fingers zoom and move it.
function drag(event) {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
  if (pointers.size === 2) {
    const other = [...pointers.values()].find((one) => one.pointerId !== event.pointerId);
    const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    const [x, y] = [(event.clientX + other.clientX) / 2, (event.clientY + other.clientY) / 2];
    zoom(apart(event) / Math.max(1, apart(before)), x, y);
    move(dx / 2, dy / 2);
  } else if (dragsWindow || event.shiftKey || event.buttons & 2) {
    level(-dy / 400, dx / 250);
  } else {
    move(dx, dy);
  }
  pointers.set(event.pointerId, event);
}

function paint() {
  image.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
  const slope = view.inverted ? -view.contrast : view.contrast;
  const middle = 0.5 + view.brightness;
  for (const one of functions) {
    one.setAttribute("slope", slope);
    one.setAttribute("intercept", middle - slope * 0.5);
  }
  const untouched = slope === 1 && view.brightness === 0;
  image.style.filter = untouched ? "none" : "url(#grey-window)";
  invertButton.setAttribute("aria-pressed", view.inverted);
  const zoomed = `zoom ${Math.round(view.scale * 100)} %`;
  const brightness = Math.round(view.brightness * 100);
  values.textContent = untouched
    ? zoomed
    : `${zoomed}, brightness ${brightness > 0 ? "+" : ""}${brightness}, contrast ${view.contrast.toFixed(2)}`;
}
