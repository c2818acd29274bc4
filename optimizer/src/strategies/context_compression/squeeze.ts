// Owns taking whitespace out of JSON without re-spelling its values: a scan over the source, so that every number,
// key order and doubled name stays as it came. It judges nothing: what is no JSON must not get here.

const quote = 0x22;
const backslash = 0x5c;

/** JSON without the whitespace between its tokens; `\u` escapes of printable characters are written out. */
export function minifyJson(json: string): string {
  return squeezed(json, "", true);
}

/** JSON with each run of whitespace between tokens made one space; every other character stays as it came. */
export function collapseJson(json: string): string {
  return squeezed(json, " ", false);
}

function squeezed(json: string, gap: string, respell: boolean): string {
  const parts: string[] = [];
  let from = 0;
  let at = 0;
  let nextEscape = respell ? json.indexOf("\\u") : -1;
  while (at < json.length) {
    const code = json.charCodeAt(at);
    if (code === quote) {
      const end = stringEnd(json, at);
      if (nextEscape >= 0 && nextEscape < end) {
        const short = respelled(json.slice(at, end));
        if (short !== null) {
          parts.push(json.slice(from, at), short);
          from = end;
        }
        nextEscape = json.indexOf("\\u", end);
      }
      at = end;
    } else if (isSpace(code)) {
      const start = at;
      while (at < json.length && isSpace(json.charCodeAt(at))) at += 1;
      if (at - start === gap.length && json.slice(start, at) === gap) continue;
      parts.push(json.slice(from, start), gap);
      from = at;
    } else at += 1;
  }
  if (from === 0) return json;
  parts.push(json.slice(from));
  return parts.join("");
}

/** End of the string that opens at `at`; the end of the text when it never closes. */
export function stringEnd(json: string, at: number): number {
  let from = at + 1;
  for (;;) {
    const end = json.indexOf('"', from);
    if (end < 0) return json.length;
    let escapes = 0;
    while (json.charCodeAt(end - 1 - escapes) === backslash) escapes += 1;
    from = end + 1;
    if (escapes % 2 === 0) return from;
  }
}

/** The string literal spelled with fewer escapes; null where there is nothing to gain. */
function respelled(literal: string): string | null {
  try {
    const short = JSON.stringify(JSON.parse(literal));
    return short.length < literal.length ? short : null;
  } catch {
    return null;
  }
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}
