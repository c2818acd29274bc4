// Owns plain data as bytes: JSON values, and Maps and Sets of them at any depth.

const mapMark = "\u0000map";
const setMark = "\u0000set";
const mark = "\u0000";

/** @throws TypeError for a cycle or a bigint */
export function encodePlain(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value, replace), "utf8");
}

/** @throws SyntaxError for anything but encoded plain data */
export function decodePlain(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"), revive);
}

function replace(_key: string, value: unknown): unknown {
  if (value instanceof Map) return [mapMark, ...[...value].flat(1)];
  if (value instanceof Set) return [setMark, ...value];
  // An array that begins like a mark gets one more, so that it is not taken for one.
  if (Array.isArray(value) && isMarked(value[0])) return [`${mark}${value[0]}`, ...value.slice(1)];
  return value;
}

function revive(_key: string, value: unknown): unknown {
  if (!Array.isArray(value) || !isMarked(value[0])) return value;
  const [first, ...rest] = value;
  if (first === setMark) return new Set(rest);
  if (first !== mapMark) return [String(first).slice(1), ...rest];
  const map = new Map<unknown, unknown>();
  for (let at = 0; at < rest.length; at += 2) map.set(rest[at], rest[at + 1]);
  return map;
}

function isMarked(value: unknown): boolean {
  return typeof value === "string" && value.startsWith(mark);
}
