// Owns what makes two lines the same although a rerun wrote them: how long something took, the process's id, the random
// seed. For comparing only; what is sent is always the line itself.

/** In milliseconds. */
const units: ReadonlyMap<string, number> = new Map([
  ["ns", 1e-6],
  ["us", 1e-3],
  ["µs", 1e-3],
  ["ms", 1],
  ["s", 1_000],
  ["sec", 1_000],
  ["secs", 1_000],
  ["second", 1_000],
  ["seconds", 1_000],
  ["min", 60_000],
  ["m", 60_000],
]);
const unitCharsMax = 7;
const numberCharsMax = 18;
/** Durations in one step are taken for the same: a step is four times the one before. */
const stepBits = 2;
/** Below, everything is fast. */
const fastMs = 16;

/** The line with its durations in steps and its pids and seeds masked; the line itself when it has none. */
export function normaliseLine(line: string): string {
  let made = "";
  let copied = 0;
  let at = 0;
  while (at < line.length) {
    if (!isDigit(line.charCodeAt(at))) {
      at += 1;
      continue;
    }
    const start = at;
    at = numberEnd(line, at);
    if (start > 0 && isWord(line.charCodeAt(start - 1))) continue;
    const masked = at - start > numberCharsMax ? null : (maskDuration(line, start, at) ?? maskNamed(line, start, at));
    if (!masked) continue;
    made += line.slice(copied, start) + masked.text;
    copied = masked.end;
    at = masked.end;
  }
  return copied === 0 ? line : made + line.slice(copied);
}

interface Masked {
  text: string;
  end: number;
}

function maskDuration(line: string, start: number, end: number): Masked | null {
  const from = line.charCodeAt(end) === 32 ? end + 1 : end;
  let to = from;
  while (to < line.length && to - from <= unitCharsMax && isWord(line.charCodeAt(to))) to += 1;
  const unit = units.get(line.slice(from, to));
  if (unit === undefined) return null;
  const ms = Number(line.slice(start, end)) * unit;
  // An exponent of a power of two, read off rather than computed: the same on every machine.
  const step = ms < fastMs ? 0 : Math.floor((31 - Math.clz32(Math.min(ms, 0x7fffffff))) / stepBits);
  return { text: `<d${step}>`, end: to };
}

function maskNamed(line: string, start: number, end: number): Masked | null {
  let at = start;
  while (at > 0 && start - at < 4 && isLink(line.charCodeAt(at - 1))) at -= 1;
  if (at === start) return null;
  let from = at;
  while (from > 0 && at - from < 5 && isWord(line.charCodeAt(from - 1))) from -= 1;
  const name = line.slice(from, at).toLowerCase();
  return name === "pid" || name === "seed" ? { text: `<${name}>`, end } : null;
}

function numberEnd(line: string, from: number): number {
  let at = from;
  while (isDigit(line.charCodeAt(at))) at += 1;
  if (line.charCodeAt(at) === 46 && isDigit(line.charCodeAt(at + 1))) {
    at += 1;
    while (isDigit(line.charCodeAt(at))) at += 1;
  }
  return at;
}

/** What may stand between a name and its number. */
function isLink(code: number): boolean {
  return code === 32 || code === 58 || code === 61 || code === 35 || code === 91 || code === 40;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function isWord(code: number): boolean {
  return isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95 || code === 0xb5;
}
