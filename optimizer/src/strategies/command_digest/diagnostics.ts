// Owns the outputs of compilers and linters: what is wrong where, of equal ones the first in full and the others' places.

import {
  type Digester,
  keepWhere,
  type Limits,
  lastLine,
  noiseWhere,
  numberAfter,
  numberBefore,
  type Sheet,
} from "./sheet";

export interface Diagnostic {
  heading: number;
  /** Source lines, notes and hints that follow. */
  body: readonly number[];
  file: string;
  /** "12:5" or "12". */
  place: string;
  isError: boolean;
  code: string;
  message: string;
  /** A line that only names the file of the diagnostics below it. */
  fileHeading?: number;
}

/** `src/a.ts(12,5): error TS1: …`, `src/a.ts:12:5 - error TS1: …`, `a.c:12:5: warning: … [-Wall]`, `a.py:12: error: …  [misc]` */
export function parseLocated(head: string): Omit<Diagnostic, "heading" | "body"> | null {
  const found = /^((?:[A-Za-z]:)?[^\s:([][^:(]*)(?:\((\d+),(\d+)\)|:(\d+)(?::(\d+))?) *(?::|-) +(\S.*)$/.exec(head);
  if (!found) return null;
  const [, file = "", line = found[4] ?? "", column = found[5] ?? "", , , rest = ""] = found;
  const severity = /^(fatal error|error|warning|note|info|hint|remark)\b:? */i.exec(rest);
  const word = severity?.[1]?.toLowerCase() ?? "";
  let message = severity ? rest.slice(severity[0].length) : rest;
  let code = /^([A-Z]{1,10}\d{1,6})\b:? */.exec(message)?.[0] ?? "";
  if (code) message = message.slice(code.length);
  else code = /(?:\[[\w@./=+-]{1,60}\]|\([\w-]{1,60}\))$/.exec(message)?.[0] ?? "";
  return {
    file,
    place: column === "" ? line : `${line}:${column}`,
    isError: word !== "warning" && word !== "note" && word !== "info" && word !== "hint" && word !== "remark",
    code: code.trim(),
    message: `${word === "note" ? "note: " : ""}${message}`,
  };
}

/** Diagnostics that stand one to a line, with what follows them. */
function locatedDiagnostics(sheet: Sheet, isEnd: (line: string) => boolean = () => false): Diagnostic[] {
  const found: (Diagnostic & { body: number[] })[] = [];
  let isOpen = false;
  for (let index = 0; index < sheet.size; index += 1) {
    const head = sheet.heads[index] ?? "";
    const parsed = parseLocated(head);
    const last = found.at(-1);
    if (parsed?.message.startsWith("note: ") && last && isOpen) last.body.push(index);
    else if (parsed) {
      found.push({ ...parsed, heading: index, body: [] });
      isOpen = true;
    } else if (isOpen && last && !isEnd(head) && isContinuation(head)) last.body.push(index);
    else isOpen = false;
  }
  return found;
}

function isContinuation(head: string): boolean {
  return head === "" || head.startsWith(" ") || head.startsWith("\t") || /^\d+ /.test(head) || /^[|~^]/.test(head);
}

/** `error[E0308]: …` with ` --> src/a.rs:3:9` below. */
export function rustDiagnostics(sheet: Sheet): Diagnostic[] {
  const found: (Diagnostic & { body: number[] })[] = [];
  let open: (Diagnostic & { body: number[] }) | null = null;
  for (let index = 0; index < sheet.size; index += 1) {
    const head = sheet.heads[index] ?? "";
    const opening = /^(error|warning)(\[[A-Z]\d+\])?: (.+)$/.exec(head);
    const place = open?.place === "" ? /^\s*--> (.+):(\d+:\d+)$/.exec(head) : null;
    if (opening) {
      const [, severity, code = "", message = ""] = opening;
      open = { heading: index, body: [], file: "", place: "", isError: severity === "error", code, message };
      found.push(open);
    } else if (open && head === "") open = null;
    else if (open) {
      open.body.push(index);
      if (place) Object.assign(open, { file: place[1], place: place[2] });
    }
  }
  return found.filter(({ place }) => place !== "");
}

/**
 * Errors: every different message stays, those of the first `maxFailures` with their surroundings. Warnings: the first
 * of each code. The places of all others are listed behind the first.
 */
export function judgeDiagnostics(sheet: Sheet, diagnostics: readonly Diagnostic[], limits: Limits): void {
  const groups = new Map<string, { first: Diagnostic; others: Diagnostic[] }>();
  for (const each of diagnostics) {
    const message = each.isError ? each.message : each.code === "" ? maskNames(each.message) : "";
    const key = JSON.stringify([each.isError, each.code, message]);
    const group = groups.get(key);
    if (group && limits.groupSameMessage) group.others.push(each);
    else groups.set(limits.groupSameMessage ? key : String(each.heading), { first: each, others: [] });
  }
  let full = 0;
  for (const { first, others } of groups.values()) {
    full += 1;
    sheet.keep(first.heading);
    if (first.fileHeading !== undefined) sheet.keep(first.fileHeading);
    const shown = full <= limits.maxFailures ? limits.contextLines : 1;
    for (const index of first.body.slice(0, shown)) sheet.keep(index);
    for (const index of first.body) sheet.detail(index, "context");
    const last = first.body.slice(0, shown).findLast((index) => sheet.trimmed[index] !== "") ?? first.heading;
    for (const line of placesOf(others)) sheet.note(last, line);
    const label = first.isError ? "same error, places listed" : "same warning, places listed";
    for (const other of others) {
      sheet.noise(other.heading, label);
      for (const index of other.body) sheet.detail(index, label);
    }
  }
}

/** "unused variable: `a`" is one warning whatever the name is. */
function maskNames(message: string): string {
  return message.replace(/`[^`]*`|'[^']*'|\d+/g, "#");
}

const placesPerLine = 20;

/** `  [also at src/a.ts 3:5 9:1, src/b.ts 4:2]`: all of them, some to a line. */
function placesOf(others: readonly Diagnostic[]): string[] {
  const lines: string[] = [];
  for (let from = 0; from < others.length; from += placesPerLine) {
    const byFile = new Map<string, string[]>();
    for (const { file, place } of others.slice(from, from + placesPerLine)) {
      const places = byFile.get(file);
      if (places) places.push(place);
      else byFile.set(file, [place]);
    }
    lines.push(`  [also at ${[...byFile].map(([file, places]) => `${file} ${places.join(" ")}`).join(", ")}]`);
  }
  return lines;
}

export const digestTsc: Digester = (sheet, limits) => {
  const diagnostics = locatedDiagnostics(sheet, (line) => /^(?:Found \d+ error|Errors {2}Files)/.test(line));
  if (diagnostics.length === 0) return false;
  judgeDiagnostics(sheet, diagnostics, limits);
  const found = lastLine(sheet, (head) => /^Found \d+ errors?/.test(head));
  if (found < 0) return true;
  for (let index = found; index < sheet.size; index += 1) sheet.keep(index);
  return numberBefore(sheet.heads[found] ?? "", "error") === diagnostics.filter(({ isError }) => isError).length;
};

/** Stylish: a file's name, its findings below; or one to a line. */
export const digestEslint: Digester = (sheet, limits) => {
  const end = lastLine(sheet, (head) => /^✖ \d+ problems?/.test(head.trim()) || /^\d+ problems?$/.test(head));
  if (end < 0) return false;
  const diagnostics: Diagnostic[] = [];
  let file = "";
  let fileHeading = -1;
  for (let index = 0; index < end; index += 1) {
    const head = sheet.heads[index] ?? "";
    const entry = /^\s+(\d+:\d+)\s+(error|warning)\s+(\S.*)$/.exec(head);
    if (entry) {
      const [, place = "", severity, rest = ""] = entry;
      const gap = rest.lastIndexOf("  ");
      const code = gap < 0 ? "" : rest.slice(gap).trim();
      const message = gap < 0 ? rest : rest.slice(0, gap).trim();
      const isError = severity === "error";
      diagnostics.push({ heading: index, body: [], file, place, isError, code, message, fileHeading });
    } else if (/^\S/.test(head)) {
      const parsed = parseLocated(head);
      if (parsed) diagnostics.push({ ...parsed, heading: index, body: [] });
      file = head.trim();
      fileHeading = index;
    }
  }
  judgeDiagnostics(sheet, diagnostics, limits);
  for (const { fileHeading: heading } of diagnostics) {
    if (heading !== undefined) sheet.noise(heading, "files whose places are listed");
  }
  for (let index = end; index < sheet.size; index += 1) sheet.keep(index);
  const problems = numberBefore(` ${sheet.trimmed[end]?.replace("✖", "") ?? ""}`, "problem");
  return problems === diagnostics.length;
};

/** One finding to a line, and a line that counts them: ruff, mypy, golangci-lint. */
export const digestLinter: Digester = (sheet, limits) => {
  const isEnd = (line: string) => /^(?:Found \d+ errors?|\d+ issues?[:.]|Success: |All checks passed)/.test(line);
  const located = locatedDiagnostics(sheet, isEnd);
  const diagnostics = located.length > 0 ? located : ruffDiagnostics(sheet);
  const end = lastLine(sheet, isEnd);
  if (diagnostics.length === 0 || end < 0) return false;
  judgeDiagnostics(sheet, diagnostics, limits);
  for (let index = end; index < sheet.size; index += 1) sheet.keep(index);
  const told = numberAfter(sheet.heads[end] ?? "", "Found ") ?? Number.parseInt(sheet.heads[end] ?? "", 10);
  const errors = diagnostics.filter(({ isError }) => isError).length;
  return told === errors || told === diagnostics.length;
};

/** The full form of ruff: `F401 [*] …` with ` --> a.py:1:8` below. */
function ruffDiagnostics(sheet: Sheet): Diagnostic[] {
  const found: (Diagnostic & { body: number[] })[] = [];
  for (let index = 0; index < sheet.size; index += 1) {
    const head = sheet.heads[index] ?? "";
    const opening = /^([A-Z]{1,5}\d{2,5}) (.+)$/.exec(head);
    const place = /^\s*--> ([^\s:]+):(\d+:\d+)$/.exec(head);
    const last = found.at(-1);
    if (opening) {
      const [, code = "", message = ""] = opening;
      found.push({ heading: index, body: [], file: "", place: "", isError: true, code, message });
    } else if (last && isContinuation(head)) {
      last.body.push(index);
      if (place && last.place === "") Object.assign(last, { file: place[1], place: place[2] });
    }
  }
  return found.filter(({ place }) => place !== "");
}

export const digestGcc: Digester = (sheet, limits) => {
  const diagnostics = locatedDiagnostics(sheet, (line) => line.startsWith("In file included from"));
  if (diagnostics.length === 0) return false;
  judgeDiagnostics(sheet, diagnostics, limits);
  const told = sheet.trimmed.filter((line) =>
    /^(?:\d+ warnings?(?: and \d+ errors?)?|\d+ errors?) generated\.$/.test(line),
  );
  keepWhere(sheet, (line) => told.includes(line));
  if (told.length === 0) return true;
  const sum = (word: string) => told.reduce((all, line) => all + numberBefore(` ${line}`, word), 0);
  return sum("error") === diagnostics.filter(({ isError }) => isError).length;
};

export const digestCargoBuild: Digester = (sheet, limits) => {
  const diagnostics = rustDiagnostics(sheet);
  judgeDiagnostics(sheet, diagnostics, limits);
  noiseWhere(sheet, "progress", isCargoProgress);
  keepWhere(sheet, (line) =>
    /^(?:Finished |error: could not compile|error: aborting|warning: .* generated \d+ warning)/.test(line),
  );
  const ends = sheet.trimmed.filter(
    (line) => line.startsWith("error: could not compile") || line.startsWith("Finished "),
  );
  if (ends.length === 0) return false;
  const told = ends.reduce((sum, line) => sum + (dueTo(line) ?? 0), 0);
  return told === diagnostics.filter(({ isError }) => isError).length;
};

export function isCargoProgress(line: string): boolean {
  return /^(?:Compiling|Downloading|Downloaded|Checking|Updating|Fresh|Locking|Adding|Blocking|Building) /.test(line);
}

function dueTo(line: string): number | null {
  if (!line.startsWith("error:")) return null;
  return (
    numberAfter(line, "due to ") ??
    (line.includes("due to previous error") || line.includes("due to 1 previous") ? 1 : 0)
  );
}

/** `dotnet build` and msbuild: each finding may be told twice, once again at the end. */
export const digestDotnetBuild: Digester = (sheet, limits) => {
  const errorsAt = lastLine(sheet, (head) => /^\s*\d+ Error\(s\)/.test(head));
  if (errorsAt < 0) return false;
  const diagnostics = locatedDiagnostics(sheet);
  judgeDiagnostics(sheet, diagnostics, limits);
  keepWhere(sheet, (line) => /^(?:Build (?:succeeded|FAILED)|\d+ (?:Warning|Error)\(s\))/.test(line));
  noiseWhere(
    sheet,
    "progress",
    (line) => /^(?:Determining projects|Restored |All projects are|Time Elapsed)/.test(line) || line.includes(" -> "),
  );
  const keys = new Set(diagnostics.filter(({ isError }) => isError).map(({ heading }) => sheet.trimmed[heading]));
  return keys.size === Number.parseInt(sheet.trimmed[errorsAt] ?? "", 10);
};
