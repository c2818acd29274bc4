// Owns how one value stands in a cell of a table so that exactly that value can be read back: strings bare where
// nothing else could be meant, JSON otherwise, nothing at all for what is missing.

import { stringEnd } from "./squeeze";

/** A string as a cell. */
export function stringCell(value: string): string {
  return isBare(value) ? value : JSON.stringify(value);
}

/** A column's or entry's name in a header: only what cannot be taken for a path or a sign stands bare. */
export function nameCell(name: string): string {
  return isBareName(name) ? name : JSON.stringify(name);
}

function isBareName(name: string): boolean {
  if (name === "" || name.length > 200) return false;
  for (let at = 0; at < name.length; at += 1) if (!isNameChar(name.charCodeAt(at))) return false;
  return true;
}

function isNameChar(code: number): boolean {
  const isLetter = (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a);
  return isLetter || (code >= 0x30 && code <= 0x39) || code === 0x5f || code === 0x24 || code === 0x2d || code === 0x40;
}

function isBare(value: string): boolean {
  if (value === "") return false;
  const first = value.charCodeAt(0);
  if (first === 0x22 || first === 0x5b || first === 0x7b) return false;
  for (let at = 0; at < value.length; at += 1) {
    const code = value.charCodeAt(at);
    // Beside the separator, whatever some reader takes for the end of a line, and what cannot be seen.
    if (code === 0x2c || code < 0x20 || code === 0x7f || (code >= 0x80 && code <= 0xa0)) return false;
    if (code === 0x2028 || code === 0x2029 || code === 0xfeff) return false;
  }
  if (value.trim() !== value) return false;
  return !isJsonScalar(value);
}

/** Whether a text would be read as a number or word of JSON. */
function isJsonScalar(text: string): boolean {
  if (text === "true" || text === "false" || text === "null") return true;
  const code = text.charCodeAt(0);
  if (code !== 0x2d && (code < 0x30 || code > 0x39)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

export interface Cell {
  /** Undefined: the cell is empty. */
  value: unknown;
  /** Where the cell ends: at a comma or the end of the line. */
  end: number;
}

/**
 * Reads the cell that begins at `at`.
 *
 * @throws SyntaxError when no cell could have been written like this
 */
export function readCell(line: string, at: number): Cell {
  const code = line.charCodeAt(at);
  if (code === 0x22 || code === 0x5b || code === 0x7b) {
    const end = valueEnd(line, at);
    return { value: JSON.parse(line.slice(at, end)), end };
  }
  const comma = line.indexOf(",", at);
  const end = comma < 0 ? line.length : comma;
  const text = line.slice(at, end);
  if (text === "") return { value: undefined, end };
  return { value: isJsonScalar(text) ? JSON.parse(text) : text, end };
}

/** The cells of a line. */
export function readCells(line: string): unknown[] {
  const cells: unknown[] = [];
  for (let at = 0; ; ) {
    const { value, end } = readCell(line, at);
    cells.push(value);
    if (end >= line.length) return cells;
    if (line[end] !== ",") throw new SyntaxError("a cell ends at a comma");
    at = end + 1;
  }
}

function valueEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      at = stringEnd(text, at);
      if (depth === 0) return at;
      continue;
    }
    if (code === 0x5b || code === 0x7b) depth += 1;
    if (code === 0x5d || code === 0x7d) depth -= 1;
    at += 1;
    if (depth === 0) return at;
  }
  throw new SyntaxError("a value does not end");
}
