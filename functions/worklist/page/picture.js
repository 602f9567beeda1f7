// Decodes a film's bytes into pixel values: 8 bits of JPEG and PNG, and the full depth of DICOM films.
// Their pictures contain the higher byte of each value in red, the lower byte in green, and a text that
// describes the values. See imaging/dicom/picture.py.

const KEYWORD = "cxr-alert";
const MOST_PIXELS = 24_000_000; // more would take hundreds of megabytes; a screen shows a tenth
const HEAD_BYTES = 65_536;

// Returns width, height, the film's own window (black, white), and the pixels (`deep` or `bytes`).
export async function decode(blob) {
  const about = await describe(blob);
  let bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  const pixels = bitmap.width * bitmap.height;
  if (!about && pixels > MOST_PIXELS) {
    const scale = Math.sqrt(MOST_PIXELS / pixels);
    const resizeWidth = Math.round(bitmap.width * scale);
    const resizeHeight = Math.round(bitmap.height * scale);
    bitmap = await createImageBitmap(bitmap, { resizeWidth, resizeHeight, resizeQuality: "high" });
  }
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  if (!about) return { width, height, bytes: data, low: 0, step: 1, levels: 256, black: 0, white: 255, mm: null };
  const deep = new Uint16Array(width * height);
  for (let at = 0; at < deep.length; at += 1) deep[at] = (data[4 * at] << 8) | data[4 * at + 1];
  return { width, height, deep, levels: 65_536, ...about };
}

// Returns the description in a picture of full depth; null for any other file.
async function describe(blob) {
  if (blob.type !== "image/png") return null;
  const bytes = new DataView(await blob.slice(0, HEAD_BYTES).arrayBuffer());
  const letters = (from, length) =>
    String.fromCharCode(...new Uint8Array(bytes.buffer, from, length));
  for (let at = 8; at + 12 < bytes.byteLength;) {
    const length = bytes.getUint32(at);
    const kind = letters(at + 4, 4);
    if (kind === "IDAT" || at + 12 + length > bytes.byteLength) return null;
    if (kind === "tEXt") {
      const [keyword, text] = letters(at + 8, length).split("\0");
      if (keyword === KEYWORD) return JSON.parse(text);
    }
    at += 12 + length;
  }
  return null;
}

// Returns the quantile of the values in the film's middle, for windows that suit a part of the body.
export function valueAt(film, share) {
  const counts = new Uint32Array(film.levels);
  let total = 0;
  const [left, top] = [Math.floor(film.width * 0.15), Math.floor(film.height * 0.15)];
  for (let y = top; y < film.height - top; y += 3) {
    for (let x = left; x < film.width - left; x += 3) {
      const at = y * film.width + x;
      counts[film.deep ? film.deep[at] : film.bytes[4 * at]] += 1;
      total += 1;
    }
  }
  let passed = 0;
  for (let level = 0; level < film.levels; level += 1) {
    passed += counts[level];
    if (passed >= share * total) return film.low + film.step * level;
  }
  return film.low + film.step * (film.levels - 1);
}
