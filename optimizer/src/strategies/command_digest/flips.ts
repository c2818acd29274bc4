// Owns tests that failed in an earlier output and pass in a later one: that they pass now is what was worked for, so
// their lines stay.

import { createFinder } from "../../text/literals";
import type { Sheet } from "./sheet";

const namesMax = 64;
const headCharsMax = 400;

/** Names of tests that an output tells to have failed, each once, at most 64. */
export function failedNames(text: string): string[] {
  const names = new Set<string>();
  for (let from = 0; from < text.length && names.size < namesMax; ) {
    const newline = text.indexOf("\n", from);
    const end = newline < 0 ? text.length : newline;
    const name = failedName(text.slice(from, Math.min(end, from + headCharsMax)).trim());
    if (name !== null && name.length > 2) names.add(name);
    from = end + 1;
  }
  return [...names];
}

function failedName(line: string): string | null {
  const behind =
    /^(?:FAILED|ERROR) (\S+::\S+)/.exec(line) ??
    /^--- FAIL: (\S+)/.exec(line) ??
    /^test (\S+) \.\.\. FAILED$/.exec(line) ??
    /^(?:FAIL|ERROR): (\w+) \(/.exec(line) ??
    /^not ok \d+ (?:- )?(\S.*)$/.exec(line) ??
    /^Failed (\S+)/.exec(line);
  if (behind) return behind[1] ?? null;
  const marked = /^(?:✕|✗|×|✖|\(fail\)) (.+)$/.exec(line)?.[1];
  if (marked) return withoutTime(marked);
  return line.endsWith(" FAILED") && !line.startsWith("> ") ? line.slice(0, -" FAILED".length) : null;
}

/** "adds the tax (5 ms)", "adds the tax [1.20ms]", "adds the tax 5ms" */
function withoutTime(name: string): string {
  return name.replace(/ (?:\(\d[\d.]* ?m?s\)|\[\d[\d.]*m?s\]|\d+m?s)$/, "");
}

/** Keeps the lines of passed tests that are among `names`. */
export function keepFlipped(sheet: Sheet, names: readonly string[]): void {
  if (names.length === 0) return;
  const finder = createFinder(names);
  for (let index = 0; index < sheet.size; index += 1) {
    if (sheet.label(index).startsWith("passed") && finder.has(sheet.heads[index] ?? "")) sheet.keep(index);
  }
}
