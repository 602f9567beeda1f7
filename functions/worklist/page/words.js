// The page's wording, and a function that makes elements. It sets text only, so that no file name can
// become markup.

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export const FINDINGS = {
  PNEUMONIA: "possible pneumonia",
  NORMAL: "no sign",
  REJECTED: "not screened",
};

export const READINGS = { PNEUMONIA: "pneumonia", NORMAL: "no pneumonia", UNSURE: "unsure", SET_ASIDE: "no film to read" };

export const DECISIONS = {
  CONFIRMED: "confirmed",
  OVERRULED: "overruled",
  UNSURE: "unsure",
  READ: "read",
  SET_ASIDE: "set aside",
};

const VIEWS = {
  PA: "PA, from behind",
  AP: "AP, from the front",
  LL: "lateral, left",
  RL: "lateral, right",
  RLD: "lying on the right side",
  LLD: "lying on the left side",
  RLO: "oblique, right",
  LLO: "oblique, left",
};
const UNITS = { D: "day", W: "week", M: "month", Y: "year" };
const ALERTS = { SENT: "sent", PENDING: "on its way", NOT_NEEDED: "not needed" };

// The facts of a film that the page shows, in this order; the others are for engineers.
export const FACTS = {
  accession_number: "accession number",
  age: "age",
  view: "view",
  body_part: "body part",
  modality: "modality",
  study_uid: "study",
  series_uid: "series",
  instance_uid: "image",
  rendering: "rendered by",
  uploaded: "received",
  classified: "screened",
  size: "file",
  model: "network",
  alert: "alert",
  gate: "gate",
};

export function fact(name, value) {
  if (name === "age") return age(value);
  if (name === "view") return VIEWS[value] ?? value;
  if (name === "alert") return ALERTS[value] ?? value;
  if (name === "gate") return value === "off" ? "skipped on request" : value;
  if (name === "size") return value < 1024 ** 2 ? `${Math.max(1, Math.round(value / 1024))} KB` : `${(value / 1024 ** 2).toFixed(1)} MB`;
  if (name === "rendering" && value === "refused") return "its picture, for readers only";
  return String(value);
}

export function age(text) {
  const [, number, unit] = /^(\d+)([DWMY])$/.exec(text ?? "") ?? [];
  if (!unit) return text ?? "";
  return `${Number(number)} ${UNITS[unit]}${Number(number) === 1 ? "" : "s"}`;
}

// Shortens a long name in its middle, since names differ at their ends.
export function short(name, most = 44) {
  if (name.length <= most) return name;
  const half = Math.floor((most - 1) / 2);
  return `${name.slice(0, half)}…${name.slice(-half)}`;
}

export function counted(number, one, more = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : more}`;
}

export function percent(share, digits = 0) {
  if (share === null || share === undefined) return "unknown";
  const shown = (share * 100).toFixed(digits);
  return Number(shown) >= 100 && share < 1 ? `more than 99 %` : `${shown} %`;
}

export function waited(since) {
  const minutes = Math.max(0, Math.floor((Date.now() - Date.parse(since)) / 60_000));
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1440)} days`;
}

export function time(stamp) {
  const shown = new Date(stamp).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  return element("time", { datetime: stamp }, shown);
}
