// Owns what may be tidied where somebody asked for it: blanks that nobody sees, rules that only decorate. Not exactly
// reversible, so nothing here runs unless it is switched on.

import { guardedLines, isBlank } from "./guarded";

/** Drops blanks at line ends and makes three and more blank lines one. Code, tables and quotations stay. */
export function collapseBlanks(text: string): string {
  const lines = text.split("\n");
  const guarded = guardedLines(lines);
  const out: string[] = [];
  for (let index = 0; index < lines.length; ) {
    let end = index;
    while (end < lines.length && guarded[end] !== 1 && isBlank(lines[end] ?? "")) end += 1;
    const blanks = end - index;
    if (blanks === 0) {
      const line = lines[index] as string;
      out.push(guarded[index] === 1 ? line : withoutTrail(line));
      index += 1;
      continue;
    }
    for (let each = 0; each < (blanks > 2 ? 1 : blanks); each += 1) out.push("");
    index = end;
  }
  return out.join("\n");
}

/** Two blanks at a line's end are a line break in Markdown: they stay. */
function withoutTrail(line: string): string {
  const bare = line.trimEnd();
  return line.length - bare.length === 2 && line.endsWith("  ") ? line : bare;
}

const ruleCharsMin = 9;
const ruleCharsKept = 3;

/** Shortens lines that are one character over and over. */
export function shortenRules(text: string): string {
  const lines = text.split("\n");
  const guarded = guardedLines(lines);
  return lines.map((line, index) => (guarded[index] === 1 ? line : shortenRule(line))).join("\n");
}

function shortenRule(line: string): string {
  const bare = line.trim();
  if (bare.length < ruleCharsMin || !isRuleChar(bare.charCodeAt(0))) return line;
  for (let at = 1; at < bare.length; at += 1) if (bare.charCodeAt(at) !== bare.charCodeAt(0)) return line;
  return bare.slice(0, ruleCharsKept);
}

function isRuleChar(code: number): boolean {
  if (code >= 0x2500 && code <= 0x259f) return true;
  return code < 0x80 && "-=_*#~+.".includes(String.fromCharCode(code));
}
