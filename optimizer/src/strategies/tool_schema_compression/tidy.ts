// Owns tidying a description: white space and decoration that carry no meaning. Every word stays; lines with code,
// quotes or tables keep their spacing.

export interface Tidying {
  collapseWhitespace: boolean;
}

/** The description with what only decorates it gone. */
export function tidyText(text: string, { collapseWhitespace }: Tidying): string {
  const lines = text.split("\n").map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
  const margin = collapseWhitespace ? marginOf(lines) : 0;
  const kept: string[] = [];
  let isCode = false;
  for (const line of lines) {
    const isFence = isFenceLine(line);
    if (isCode || isFence) kept.push(trimEnd(line.slice(Math.min(margin, indentOf(line)))));
    else if (!isRule(line)) kept.push(tidyLine(line, margin, collapseWhitespace));
    if (isFence) isCode = !isCode;
  }
  return collapseWhitespace ? withoutBlankRuns(kept).join("\n") : kept.join("\n");
}

/** What a fence opens or closes is code: nothing in it is ours to change. */
export function isFenceLine(line: string): boolean {
  const at = indentOf(line);
  return line.startsWith("```", at) || line.startsWith("~~~", at);
}

function tidyLine(line: string, margin: number, collapseWhitespace: boolean): string {
  const isExact = line.includes("`") || line.includes('"') || line.includes("|");
  const plain = isExact ? line : withoutBold(line);
  if (!collapseWhitespace) return plain;
  const indent = indentOf(plain);
  const start = plain.slice(Math.min(margin, indent), indent);
  const words = trimEnd(plain.slice(indent));
  return start + (isExact || /['“”‘’]/.test(words) ? words : words.replace(/[ \t]{2,}|\t/g, " "));
}

/** The indentation that all lines but the first share: a docstring's. */
function marginOf(lines: readonly string[]): number {
  let margin = Number.POSITIVE_INFINITY;
  for (const [index, line] of lines.entries()) {
    const indent = indentOf(line);
    if (indent < line.length && index > 0) margin = Math.min(margin, indent);
  }
  const [first = ""] = lines;
  // Of one line, all of it.
  return Number.isFinite(margin) ? margin : indentOf(first);
}

function indentOf(line: string): number {
  let at = 0;
  while (at < line.length && (line[at] === " " || line[at] === "\t")) at += 1;
  return at;
}

function trimEnd(line: string): string {
  let end = line.length;
  while (end > 0 && (line[end - 1] === " " || line[end - 1] === "\t")) end -= 1;
  return line.slice(0, end);
}

/** A line of nothing but three or more of one mark. */
function isRule(line: string): boolean {
  const bare = line.trim();
  if (bare.length < 3 || !"-=*_#".includes(bare.charAt(0))) return false;
  for (const char of bare) if (char !== bare.charAt(0)) return false;
  return true;
}

function withoutBlankRuns(lines: readonly string[]): string[] {
  const kept: string[] = [];
  for (const line of lines) if (line !== "" || (kept.length > 0 && kept.at(-1) !== "")) kept.push(line);
  while (kept.at(-1) === "") kept.pop();
  return kept;
}

// Bold words lose their marks; globs and powers do not look like bold words.
function withoutBold(line: string): string {
  if (!line.includes("**")) return line;
  const parts = line.split("**");
  // An odd mark, or three in a row, is something else.
  if (parts.length % 2 === 0 || parts.some((part) => part.startsWith("*") || part.endsWith("*"))) return line;
  const isPlain = parts.every((part, index) => {
    if (index % 2 === 0) return isOpen(part, index > 0, index < parts.length - 1);
    return part !== "" && !part.includes("/") && /^[\p{L}\p{N}]/u.test(part) && !/\s$/.test(part);
  });
  return isPlain ? parts.join("") : line;
}

/** Between two bold runs stands something that ends one and begins the other. */
function isOpen(part: string, isBehind: boolean, isBefore: boolean): boolean {
  if (isBehind && part !== "" && !/^[\s.,:;!?)]/.test(part)) return false;
  if (isBefore && part !== "" && !/[\s(]$/.test(part)) return false;
  return !(isBehind && isBefore && part === "");
}
