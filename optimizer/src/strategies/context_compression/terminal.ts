// Owns what of a text only a terminal or nobody sees: colours, trailing blanks, runs of empty lines. Everything that
// can be read stays.

const escapeCode = 0x1b;

/** Without control sequences for colours, cursor and titles. */
export function stripAnsi(text: string): string {
  if (!text.includes("\x1b")) return text;
  const parts: string[] = [];
  let from = 0;
  for (let at = text.indexOf("\x1b"); at >= 0; at = text.indexOf("\x1b", at)) {
    const end = sequenceEnd(text, at);
    if (end === at) {
      at += 1;
      continue;
    }
    parts.push(text.slice(from, at));
    from = end;
    at = end;
  }
  parts.push(text.slice(from));
  return parts.join("");
}

/** Longer sequences than real ones are text. */
const sequenceCharsMax = 256;

function sequenceEnd(text: string, start: number): number {
  const limit = Math.min(text.length, start + sequenceCharsMax);
  const kind = text[start + 1];
  if (kind === "[") {
    for (let at = start + 2; at < limit; at += 1) {
      const code = text.charCodeAt(at);
      if (code >= 0x40 && code <= 0x7e) return at + 1;
      if (code < 0x20 || code > 0x3f) return start;
    }
  }
  if (kind === "]") {
    for (let at = start + 2; at < limit; at += 1) {
      const code = text.charCodeAt(at);
      if (code === 0x07) return at + 1;
      if (code === escapeCode && text[at + 1] === "\\") return at + 2;
      if (code === 0x0a) return start;
    }
  }
  return start;
}

/** Without trailing blanks, and with at most one empty line in a row; what stands between code fences stays. */
export function squeezeBlanks(text: string): string {
  const kept: string[] = [];
  let isFenced = false;
  let isEmpty = false;
  for (const line of text.split("\n")) {
    const start = line.trimStart();
    if (start.startsWith("```") || start.startsWith("~~~")) isFenced = !isFenced;
    if (isFenced) {
      kept.push(line);
      isEmpty = false;
      continue;
    }
    const short = withoutTrailing(line);
    if (short === "" && isEmpty) continue;
    kept.push(short);
    isEmpty = short === "";
  }
  return kept.join("\n");
}

function withoutTrailing(line: string): string {
  let end = line.length;
  while (end > 0) {
    const code = line.charCodeAt(end - 1);
    if (code !== 0x20 && code !== 0x09 && code !== 0x0d) break;
    end -= 1;
  }
  return end === line.length ? line : line.slice(0, end);
}

/**
 * Of lines that were drawn again and again over each other, as progress bars are, the last state; other text that
 * stands between carriage returns stays, on lines of its own.
 */
export function dropRedrawn(text: string, shapeOf: (line: string) => string): string {
  if (!text.includes("\r")) return text;
  return text
    .split("\n")
    .map((line) => redrawn(line, shapeOf))
    .join("\n");
}

function redrawn(line: string, shapeOf: (line: string) => string): string {
  const end = line.endsWith("\r") ? line.length - 1 : line.length;
  if (!line.slice(0, end).includes("\r")) return line;
  const frames = line.slice(0, end).split("\r");
  const shown = frames.filter((frame, at) => {
    const next = frames[at + 1];
    return next === undefined || (frame.trim() !== "" && barShape(frame, shapeOf) !== barShape(next, shapeOf));
  });
  return shown.join("\n") + line.slice(end);
}

/** A bar's length is no shape. */
function barShape(frame: string, shapeOf: (line: string) => string): string {
  return shapeOf(frame.replace(/[=#>\-.█▓▒░━╸╺| ]+/g, " ")).trim();
}
