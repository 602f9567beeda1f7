// Requests to the worklist's API. Each failure is an Error whose message is a sentence for the reader.

import { ask } from "./outage.js";
import { renew, token } from "./session.js";

const PIECES_AT_ONCE = 4;
const KEPT_PICTURES = 4;

const pictures = new Map();

async function send(path, options = {}) {
  const call = async (access) =>
    ask(`api/${path}`, {
      ...options,
      headers: { ...options.headers, Authorization: `Bearer ${access}` },
    });
  let answer = await call(await token());
  if (answer.status === 401) answer = await call(await renew());
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  throw new Error(said.error ?? `The worklist refused the request (${answer.status}). Try again.`);
}

export async function get(path) {
  return (await send(path)).json();
}

export async function post(path, body) {
  const options = {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  return (await send(path, options)).json();
}

// Returns the film's bytes with their type; calls `progress` with the bytes received and their total.
// Keeps the last few films, so that the next one can be fetched in advance.
export function picture(film, progress) {
  if (!pictures.has(film)) {
    const listeners = new Set();
    const coming = fetchPicture(film, (...state) => listeners.forEach((tell) => tell(...state)));
    coming.catch(() => pictures.delete(film));
    pictures.set(film, { coming, listeners });
  }
  const wanted = pictures.get(film);
  if (progress) wanted.listeners.add(progress);
  pictures.delete(film);
  pictures.set(film, wanted);
  for (const old of [...pictures.keys()].slice(0, -KEPT_PICTURES)) pictures.delete(old);
  return wanted.coming;
}

async function fetchPicture(film, tell) {
  const path = `films/${film}/image`;
  const first = await send(path, { headers: { Range: "bytes=0-" } });
  const type = first.headers.get("Content-Type");
  const [, last, end] = /-(\d+)\/(\d+)$/.exec(first.headers.get("Content-Range")) ?? [];
  const [size, total] = [Number(last) + 1, Number(end)];
  let come = 0;
  const read = async (answer) => {
    const bytes = [];
    for (const reader = answer.body.getReader(); ;) {
      const { done, value } = await reader.read();
      if (done) return new Blob(bytes);
      bytes.push(value);
      come += value.length;
      tell(come, total);
    }
  };
  const pieces = [await read(first)];
  const starts = [];
  for (let start = size; start < total; start += size) starts.push(start);
  while (starts.length) {
    const some = starts.splice(0, PIECES_AT_ONCE).map(async (start) =>
      read(await send(path, { headers: { Range: `bytes=${start}-` } })));
    pieces.push(...(await Promise.all(some)));
  }
  return new Blob(pieces, { type });
}
