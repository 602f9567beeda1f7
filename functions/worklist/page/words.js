// How things are said, and how elements are made: always by text, so that no name can be markup.

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
