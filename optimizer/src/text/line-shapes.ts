// Owns the shape of a line (what stays when its values are masked), and the folding of lines that are built alike, so
// that code alone can unfold them. Scanned by hand, once and forwards: lines are foreign text, and may be of 200 KB.

const separator = 0;
const letter = 1;
const digit = 2;
const joiner = 3;

const kinds = new Uint8Array(128);
for (let code = 0; code < 128; code++) {
  const char = String.fromCharCode(code);
  if (/[A-Za-z_]/.test(char)) kinds[code] = letter;
  else if (/[0-9]/.test(char)) kinds[code] = digit;
  else if (/[-.:/+@]/.test(char)) kinds[code] = joiner;
}

function kindAt(line: string, at: number): number {
  if (at >= line.length) return separator;
  const code = line.charCodeAt(at);
  if (code < 128) return kinds[code] as number;
  return code >= 0xc0 && (code < 0x2000 || code > 0x2bff) ? letter : separator;
}

const blank = 32;
const tab = 9;
const backslash = 92;
const slash = 47;

/**
 * Numbers, times, hex, uuids, addresses become "#", values of k=v "*", quoted strings "*" in their quotes; keys of JSON
 * stay. Runs of blanks become one.
 */
export function shapeOf(line: string): string {
  const scan: Scan = { line, at: 0, shape: "", unclosed: "" };
  while (scan.at < line.length) {
    const code = line.charCodeAt(scan.at);
    const kind = kindAt(line, scan.at);
    if (code === blank || code === tab || code === 13) skipBlanks(scan);
    else if (kind === letter || kind === digit) maskWord(scan);
    else if (code === 34 || code === 39 || code === 96) maskQuoted(scan);
    else if (code === 61 && scan.at > 0 && kindAt(line, scan.at - 1) !== separator) maskValue(scan);
    else if ((code === 45 || code === 43) && kindAt(line, scan.at + 1) === digit) scan.at++;
    else scan.shape += line.charAt(scan.at++);
  }
  return scan.shape.endsWith(" ") ? scan.shape.slice(0, -1) : scan.shape;
}

/** The first three words of a shape: what a format begins with. */
export function headOf(shape: string): string {
  let at = -1;
  for (let words = 0; words < 3; words++) {
    at = shape.indexOf(" ", at + 1);
    if (at < 0) return shape;
  }
  return shape.slice(0, at);
}

interface Scan {
  line: string;
  at: number;
  shape: string;
  /** Quotes that nothing closes any more: not looked for again. */
  unclosed: string;
}

function skipBlanks(scan: Scan): void {
  while (scan.at < scan.line.length) {
    const code = scan.line.charCodeAt(scan.at);
    if (code !== blank && code !== tab && code !== 13) break;
    scan.at++;
  }
  scan.shape += " ";
}

function maskQuoted(scan: Scan): void {
  const { line, at } = scan;
  const quote = line.charAt(at);
  const opens = at === 0 || (kindAt(line, at - 1) !== letter && line.charCodeAt(at - 1) !== backslash);
  const end = opens && !scan.unclosed.includes(quote) ? closingQuote(line, at + 1, quote) : -1;
  if (end < 0) {
    if (opens) scan.unclosed += quote;
    scan.shape += quote;
    scan.at = at + 1;
    return;
  }
  scan.shape += line.charAt(end + 1) === ":" ? line.slice(at, end + 1) : `${quote}*${quote}`;
  scan.at = end + 1;
}

function closingQuote(line: string, from: number, quote: string): number {
  for (let at = from; at < line.length; at++) {
    const code = line.charCodeAt(at);
    if (code === backslash) at++;
    else if (line.charAt(at) === quote) return at;
  }
  return -1;
}

function maskValue(scan: Scan): void {
  const { line } = scan;
  scan.at++;
  const char = line.charAt(scan.at);
  if (char === "" || " \t=>".includes(char)) {
    scan.shape += "=";
    return;
  }
  scan.shape += "=*";
  if (char === '"' || char === "'") {
    const end = closingQuote(line, scan.at + 1, char);
    if (end > 0) {
      scan.at = end + 1;
      return;
    }
  }
  while (scan.at < line.length && !" \t\r,;&)]}|".includes(line.charAt(scan.at))) scan.at++;
}

/** Words and numbers with what joins them: mostly all words, or all numbers; else each part is masked by itself. */
function maskWord(scan: Scan): void {
  const { line, at: start } = scan;
  let digits = 0;
  let letters = 0;
  let slashes = 0;
  let at = start;
  for (; at < line.length; at++) {
    const kind = kindAt(line, at);
    if (kind === letter) letters++;
    else if (kind === digit) digits++;
    else if (kind === separator) break;
    else {
      const next = kindAt(line, at + 1);
      if (next !== letter && next !== digit) break;
      if (line.charCodeAt(at) === slash) slashes++;
    }
  }
  scan.at = at;
  if (digits === 0) scan.shape += line.slice(start, at);
  else if (letters + slashes === 0) scan.shape += "#";
  else if (isUuid(line, start)) {
    scan.shape += "#";
    scan.at = start + uuidChars;
  } else scan.shape += maskParts(line.slice(start, at));
}

/** Parts that are only values make one. */
function maskParts(word: string): string {
  let masked = "";
  for (let at = 0; at < word.length; at++) {
    const start = at;
    let digits = 0;
    for (let kind = kindAt(word, at); kind === letter || kind === digit; kind = kindAt(word, at)) {
      if (kind === digit) digits++;
      at++;
    }
    const part = digits === 0 ? word.slice(start, at) : maskPart(word.slice(start, at), digits);
    masked = part === "#" && endsInValue(masked) ? masked.slice(0, -1) : masked + part;
    masked += word.charAt(at);
  }
  return masked;
}

const uuidChars = 36;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function isUuid(line: string, at: number): boolean {
  if (line.charCodeAt(at + 8) !== 45 || line.charCodeAt(at + 23) !== 45) return false;
  const behind = kindAt(line, at + uuidChars);
  return behind !== letter && behind !== digit && uuid.test(line.slice(at, at + uuidChars));
}

/** "#" and a joiner other than "/": a number, a date, an address goes on. */
function endsInValue(masked: string): boolean {
  return masked.length >= 2 && masked.charAt(masked.length - 2) === "#" && !masked.endsWith("/");
}

/** A part with digits: a value, or a name with a number ("worker7", "sha256"). */
function maskPart(part: string, digits: number): string {
  if (digits === part.length || /^\d+[A-Za-z%]{1,3}$/.test(part)) return "#";
  if (/^(?:0x)?[0-9a-fA-F]{6,}$/.test(part)) return "#";
  if (/^\d+[TeE]\d+Z?$/.test(part)) return "#";
  const runs = part.match(/\d+/g)?.length ?? 0;
  if (part.length >= 8 && runs >= 3) return "#";
  return part.replace(/\d+/g, "#");
}

/** A smaller saving is not worth an unusual look. */
const foldedShareMax = 0.9;
const runLinesMin = 3;
const differingShareMax = 0.5;
const foldHeader = /^\[\+(\d{1,9}) same shape; fields (\d[\d,]*):\]$/;
const sameHeader = /^\[\+(\d{1,9}) identical\]$/;

/**
 * Lines with runs of at least three that are built alike folded: the first verbatim, then
 * "[+20 same shape; fields 1,4,9:]" and of each further line only these fields, counted from 1 between blanks. `unfold`
 * restores the lines. null where that saves less than a tenth, or where a line looks like such a header already.
 */
export function foldSameShape(lines: readonly string[]): { text: string } | null {
  if (lines.some((line) => line.startsWith("[+") || line.includes("\n"))) return null;
  const parts = lines.map((line) => line.split(/(\s+)/));
  const folded: string[] = [];
  let hasFolded = false;
  for (let at = 0; at < lines.length; ) {
    const { end, fields } = runFrom(parts, at);
    const run = end - at >= runLinesMin ? renderRun(parts, at, end, fields) : null;
    if (run !== null && charsOf(run) < charsOf(lines, at + 1, end) * foldedShareMax) {
      folded.push(lines[at] as string, ...run);
      hasFolded = true;
    } else for (let line = at; line < end; line++) folded.push(lines[line] as string);
    at = end;
  }
  return hasFolded && charsOf(folded) <= charsOf(lines) * foldedShareMax ? { text: folded.join("\n") } : null;
}

/** How far lines go on as the one at `start` begins: the same blanks, at most half of the words different. */
function runFrom(parts: readonly string[][], start: number): { end: number; fields: number[] } {
  const first = parts[start] as string[];
  const words = first.filter((part, index) => index % 2 === 0 && part !== "").length;
  let fields = new Set<number>();
  let end = start + 1;
  for (; end < parts.length; end++) {
    const differing = differingFields(first, parts[end] as string[]);
    if (differing === null) break;
    const all = differing.every((field) => fields.has(field)) ? fields : new Set([...fields, ...differing]);
    if (all.size > words * differingShareMax) break;
    fields = all;
  }
  return { end, fields: [...fields].sort((a, b) => a - b) };
}

/** Indexes of the words that differ; null where the blanks do. */
function differingFields(first: readonly string[], other: readonly string[]): number[] | null {
  if (first.length !== other.length) return null;
  const fields: number[] = [];
  for (let index = 0; index < first.length; index++) {
    const [a, b] = [first[index], other[index]];
    if (a === b) continue;
    if (index % 2 === 1 || a === "" || b === "") return null;
    fields.push(index);
  }
  return fields;
}

function renderRun(parts: readonly string[][], start: number, end: number, fields: readonly number[]): string[] {
  const more = end - start - 1;
  if (fields.length === 0) return [`[+${more} identical]`];
  // The empty word in front of an indent is none.
  const base = parts[start]?.[0] === "" ? 0 : 1;
  const numbers = fields.map((field) => field / 2 + base).join(",");
  const rest = parts.slice(start + 1, end).map((line) => fields.map((field) => line[field]).join(" "));
  return [`[+${more} same shape; fields ${numbers}:]`, ...rest];
}

function charsOf(lines: readonly string[], from = 0, to = lines.length): number {
  let chars = 0;
  for (let at = from; at < to; at++) chars += (lines[at] as string).length + 1;
  return chars;
}

/** The lines that `foldSameShape` folded; what is no fold stays as it is. */
export function unfold(text: string): string[] {
  const lines: string[] = [];
  const folded = text.split("\n");
  for (let at = 0; at < folded.length; at++) {
    const line = folded[at] as string;
    const first = lines.at(-1);
    const same = sameHeader.exec(line);
    const alike = foldHeader.exec(line);
    const more = Number(same?.[1] ?? alike?.[1] ?? 0);
    if (first === undefined || (same === null && (alike === null || at + more >= folded.length))) {
      lines.push(line);
    } else if (same) {
      for (let copy = 0; copy < Math.min(more, 1e6); copy++) lines.push(first);
    } else {
      const parts = first.split(/(\s+)/);
      const base = parts[0] === "" ? 0 : 1;
      const fields = (alike?.[2] ?? "").split(",").map((field) => (Number(field) - base) * 2);
      for (const values of folded.slice(at + 1, at + 1 + more)) lines.push(restore(parts, fields, values.split(" ")));
      at += more;
    }
  }
  return lines;
}

function restore(first: readonly string[], fields: readonly number[], values: readonly string[]): string {
  const parts = [...first];
  fields.forEach((field, index) => {
    parts[field] = values[index] ?? "";
  });
  return parts.join("");
}
