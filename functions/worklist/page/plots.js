// Plots of the performance view, as SVG of the given width, so that text keeps its size on a phone.

import { element, percent } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const LEFT = 52;
const RIGHT = 12;
const TOP = 16;
const LABELS_APART = 72; // pixels
const WEEKS_HEIGHT = 240;
const STRIP_HEIGHT = 84;

function shape(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const dot = (kind, x, y) => shape("circle", { class: `${kind} point`, cx: x, cy: y, r: 4 });
const box = (kind, x, y) =>
  shape("rect", { class: `${kind} point`, x: x - 4, y: y - 4, width: 8, height: 8 });

// Draws precision and sensitivity of each week with their 95 % intervals.
export function weeksPlot(weeks, width) {
  const known = weeks.filter((each) => each.precision || each.sensitivity);
  if (!known.length) return null;
  const inner = WEEKS_HEIGHT - TOP - 40;
  const step = (width - LEFT - RIGHT) / weeks.length;
  const x = (at) => LEFT + step * (at + 0.5);
  const y = (share) => TOP + inner * (1 - share);
  const parts = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => grid(width, y(share), percent(share)));
  parts.push(...dates(weeks.map((each) => each.week), x, step, TOP + inner + 16));
  const series = [["precision", "one", dot, -4], ["sensitivity", "two", box, 4]];
  for (const [name, kind, mark, aside] of series) {
    weeks.forEach((week, at) => {
      const found = week[name];
      if (!found) return;
      const place = x(at) + (step > 16 ? aside : 0);
      parts.push(
        shape("line", { class: `${kind} interval`, x1: place, x2: place, y1: y(found.low), y2: y(found.high) }),
        mark(kind, place, y(found.value)),
      );
    });
  }
  const legend = WEEKS_HEIGHT - 8;
  parts.push(dot("one", LEFT + 4, legend - 4), said(LEFT + 14, legend, "precision"));
  parts.push(box("two", LEFT + 96, legend - 4), said(LEFT + 106, legend, "sensitivity, of negatives drawn"));
  return figure(
    drawn(width, WEEKS_HEIGHT, `Precision and sensitivity of ${known.length} weeks, with intervals.`, parts),
    "Each week with its 95 % interval: wide where few films were read. The table By week has the figures.",
  );
}

// Draws how the films of each day compare with the reference; a triangle marks a day with a signal.
export function driftPlot({ days, distanceLimit, since }, width) {
  const strips = [
    ["films a day", (day) => day.films, (value) => value.toFixed(0)],
    ["positive", (day) => day.positive, (value) => percent(value)],
    ["not screened", (day) => day.refused, (value) => percent(value, 1)],
    ["distance of the probabilities", (day) => day.distance, (value) => value.toFixed(2)],
  ];
  const step = (width - LEFT - RIGHT) / days.length;
  const x = (at) => LEFT + step * (at + 0.5);
  const bottom = TOP + strips.length * STRIP_HEIGHT;
  const parts = dates(days.map((each) => each.day), x, step, bottom + 4);
  strips.forEach(([name, read, shown], row) => {
    const limit = name.startsWith("distance") ? distanceLimit : null;
    const top = TOP + row * STRIP_HEIGHT + 18;
    parts.push(...strip(days.map(read), { name, shown, limit, x, step, top, width }));
  });
  const begin = days.findIndex((each) => each.day === since);
  if (begin > 0) parts.push(shape("line", { class: "begin", x1: x(begin), x2: x(begin), y1: TOP, y2: bottom - 12 }));
  days.forEach((day, at) => {
    if (day.signals.length) parts.push(sounded(x(at), TOP - 12, day));
  });
  const marked = days.filter((day) => day.signals.length).length;
  const about = `Films, share positive, share not screened and distance of ${days.length} days; signals on ${marked} of them.`;
  return figure(
    drawn(width, bottom + 12, about, parts),
    "Triangles: days with a signal. Dotted line: start of the reference of the first 500 films. Dashed line: the limit.",
  );
}

function strip(values, { name, shown, limit, x, step, top, width }) {
  const known = values.filter((value) => value !== null);
  const highest = Math.max(...known, limit ?? 0, 0) || 1;
  const height = STRIP_HEIGHT - 34;
  const y = (value) => top + height * (1 - value / highest);
  const last = known.length ? `${name}: ${shown(known.at(-1))}` : `${name}: too few films yet`;
  const parts = [said(LEFT, top - 5, last), ...grid(width, y(0), shown(0)), said(LEFT - 6, top + 8, shown(highest), "end")];
  if (limit) parts.push(shape("line", { class: "limit", x1: LEFT, x2: width - RIGHT, y1: y(limit), y2: y(limit) }));
  if (name === "films a day") {
    values.forEach((value, at) => {
      const bar = { class: "bar", x: x(at) - step * 0.4, width: Math.max(step * 0.8, 0.5) };
      if (value) parts.push(shape("rect", { ...bar, y: y(value), height: y(0) - y(value) }));
    });
    return parts;
  }
  let path = "";
  let apart = true;
  values.forEach((value, at) => {
    if (value !== null) path += `${apart ? "M" : "L"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    apart = value === null;
  });
  if (path) parts.push(shape("path", { class: "one line", d: path }));
  return parts;
}

function sounded(x, y, day) {
  const title = shape("title", {});
  title.textContent = `${day.day}: ${day.signals.join(", ")}`;
  return shape("path", { class: "sounded", d: `M${x - 4} ${y}h8l-4 8z` }, title);
}

function grid(width, y, label) {
  return [
    shape("line", { class: "axis", x1: LEFT, x2: width - RIGHT, y1: y, y2: y }),
    said(LEFT - 6, y + 4, label, "end"),
  ];
}

function dates(names, x, step, y) {
  const every = Math.max(1, Math.ceil(LABELS_APART / step));
  return names.flatMap((name, at) => {
    if ((names.length - 1 - at) % every) return [];
    const short = name.replace(/^\d{4}-/, "");
    const atTheEnd = step < LABELS_APART / 2 && at === names.length - 1; // centred, it would not fit
    return [atTheEnd ? said(x(at) + step / 2, y, short, "end") : said(x(at), y, short, "middle")];
  });
}

function said(x, y, words, anchor = "start") {
  const made = shape("text", { x, y, "text-anchor": anchor });
  made.textContent = words;
  return made;
}

function drawn(width, height, about, parts) {
  const size = { class: "plot", viewBox: `0 0 ${width} ${height}`, height };
  return shape("svg", { ...size, role: "img", "aria-label": about }, ...parts);
}

function figure(plot, caption) {
  return element("figure", {}, plot, element("figcaption", {}, caption));
}
