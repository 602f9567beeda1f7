// The worklist's API. Every refusal is an Error whose message is a sentence for the reader.

import { renew, token } from "./session.js";

const PIECES_AT_ONCE = 4;
const KEPT_PICTURES = 4;

const pictures = new Map();

async function send(path, options = {}) {
  const ask = async (access) =>
    fetch(`api/${path}`, {
      ...options,
      headers: { ...options.headers, Authorization: `Bearer ${access}` },
    });
  let answer = await ask(await token());
  if (answer.status === 401) answer = await ask(await renew());
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  throw new Error(said.error ?? `The worklist did not answer (${answer.status}). Try again.`);
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

// The film as an object's address, and its type. The last few are kept, so that the next film can be
// fetched while one looks at this.
export function picture(film) {
  if (!pictures.has(film)) {
    const coming = fetchPicture(film);
    coming.catch(() => pictures.delete(film));
    pictures.set(film, coming);
  }
  const wanted = pictures.get(film);
  pictures.delete(film);
  pictures.set(film, wanted);
  for (const old of [...pictures.keys()].slice(0, -KEPT_PICTURES)) {
    pictures.get(old).then((gone) => URL.revokeObjectURL(gone.address), () => {});
    pictures.delete(old);
  }
  return wanted;
}

async function fetchPicture(film) {
  const path = `films/${film}/image`;
  const first = await send(path, { headers: { Range: "bytes=0-" } });
  const type = first.headers.get("Content-Type");
  const [, last, total] = /-(\d+)\/(\d+)$/.exec(first.headers.get("Content-Range")) ?? [];
  const pieces = [await first.arrayBuffer()];
  const size = Number(last) + 1;
  const starts = [];
  for (let start = size; start < Number(total); start += size) starts.push(start);
  while (starts.length) {
    const some = starts.splice(0, PIECES_AT_ONCE).map(async (start) => {
      const piece = await send(path, { headers: { Range: `bytes=${start}-` } });
      return piece.arrayBuffer();
    });
    pieces.push(...(await Promise.all(some)));
  }
  return { address: URL.createObjectURL(new Blob(pieces, { type })), type };
}
