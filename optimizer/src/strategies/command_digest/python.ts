// Owns the outputs of Python's test runners.

import { type Failure, keepFailures } from "./failures";
import {
  type Digester,
  type Limits,
  lastLine,
  noiseWhere,
  numberAfter,
  numberBefore,
  range,
  ruled,
  type Sheet,
} from "./sheet";

interface Section {
  title: string;
  from: number;
  to: number;
}

const outcomes = / (?:passed|failed|errors?|skipped|deselected|xfailed|xpassed|warnings?)\b/;

export const digestPytest: Digester = (sheet, limits) => {
  const end = lastLine(sheet, isPytestSummary);
  if (end < 0) return false;
  const summary = sheet.heads[end] ?? "";
  sheet.keep(end);
  const failed = numberBefore(summary, "failed");
  const errors = numberBefore(summary, "error");
  const sections = sectionsOf(sheet, end);
  const short = sections.findLast(({ title }) => title === "short test summary info");
  const listed = (word: string) => (short ? range(short.from, short.to).filter((i) => startsWith(sheet, i, word)) : []);
  const reported = { FAILED: 0, ERROR: 0 };
  for (const section of sections) {
    const isFailures = section.title === "FAILURES";
    if (isFailures || section.title === "ERRORS") {
      const failures = pytestFailures(sheet, section);
      reported[isFailures ? "FAILED" : "ERROR"] += failures.length;
      sheet.keep(section.from);
      keepFailures(sheet, failures, limits);
    } else judgeSection(sheet, section);
  }
  return (
    agrees(failed, reported.FAILED, listed("FAILED ").length) && agrees(errors, reported.ERROR, listed("ERROR ").length)
  );
};

/** What the tool counts, as reports or as a list; each that is there must agree, and one must be. */
function agrees(count: number, reports: number, listed: number): boolean {
  if (count === 0) return reports === 0 && listed === 0;
  return (reports === count || reports === 0) && (listed === count || listed === 0) && reports + listed > 0;
}

function isPytestSummary(head: string): boolean {
  const words = head.startsWith("=") ? (ruled(head, "=") ?? "") : head;
  if (!words.includes(" in ")) return false;
  return words.startsWith("no tests ran") || (/^\d+ [a-z]/.test(words) && outcomes.test(words));
}

function startsWith(sheet: Sheet, index: number, word: string): boolean {
  return sheet.trimmed[index]?.startsWith(word) === true;
}

function sectionsOf(sheet: Sheet, end: number): Section[] {
  const sections: Section[] = [{ title: "", from: 0, to: 0 }];
  for (let index = 0; index < end; index += 1) {
    if (!sheet.heads[index]?.startsWith("==")) continue;
    const title = ruled(sheet.heads[index] ?? "", "=");
    if (title === null) continue;
    (sections.at(-1) as Section).to = index;
    sections.push({ title, from: index, to: end });
  }
  const last = sections.at(-1) as Section;
  last.to = end;
  return sections;
}

function pytestFailures(sheet: Sheet, { from, to }: Section): Failure[] {
  const failures: { headings: number[]; body: number[]; capturedFrom?: number }[] = [];
  for (let index = from + 1; index < to; index += 1) {
    const head = sheet.heads[index] ?? "";
    const name = head.startsWith("__") ? ruled(head, "_") : null;
    if (name) {
      failures.push({ headings: [index], body: [] });
      continue;
    }
    const failure = failures.at(-1);
    if (!failure) continue;
    failure.body.push(index);
    if (head.startsWith("--") && ruled(head, "-")?.startsWith("Captured ")) failure.capturedFrom ??= index;
  }
  return failures;
}

const header = [
  "platform ",
  "cachedir:",
  "rootdir:",
  "configfile:",
  "plugins:",
  "testpaths:",
  "metadata:",
  "hypothesis ",
  "asyncio:",
  "Using --",
];

function judgeSection(sheet: Sheet, { title, from, to }: Section): void {
  if (title === "short test summary info") {
    for (const index of range(from, to)) {
      const isBad = startsWith(sheet, index, "FAILED ") || startsWith(sheet, index, "ERROR ");
      if (isBad || index === from) sheet.keep(index);
      else if (startsWith(sheet, index, "SKIPPED ") || startsWith(sheet, index, "XFAIL "))
        sheet.noise(index, "skipped");
    }
  } else if (title === "warnings summary") judgeWarnings(sheet, from, to);
  else if (title === "PASSES") for (const index of range(from, to)) sheet.detail(index, "output of passed tests");
  else if (title === "" || title === "test session starts")
    for (const index of range(from, to)) judgeProgress(sheet, index);
}

function judgeProgress(sheet: Sheet, index: number): void {
  const line = sheet.trimmed[index] ?? "";
  const isTest = line.includes("::") || line.startsWith("[gw");
  if (header.some((word) => line.startsWith(word))) sheet.noise(index, "header");
  else if (line.startsWith("collected ") || line.startsWith("collecting ")) sheet.keep(index);
  else if (isTest && (/ (?:FAILED|ERROR|XPASS)(?: |$)/.test(line) || / (?:FAILED|ERROR) /.test(line)))
    sheet.keep(index);
  else if (isTest && / PASSED(?: |$)/.test(line)) sheet.noise(index, "passed");
  else if (isTest && / (?:SKIPPED|XFAIL)(?: |$)/.test(line)) sheet.noise(index, "skipped");
  else if (/^(?:\S+\.py )?[.FEsxX]+(?: +\[ *\d+%\])?$/.test(line)) sheet.noise(index, "progress");
}

/** A warning's second line tells where and what; of equal ones the first is enough. */
function judgeWarnings(sheet: Sheet, from: number, to: number): void {
  sheet.keep(from);
  const seen = new Set<string>();
  let isRepeated = false;
  for (let index = from + 1; index < to; index += 1) {
    const line = sheet.trimmed[index] ?? "";
    const at = line.indexOf("Warning: ");
    if (at >= 0) {
      const words = line.slice(Math.max(0, line.lastIndexOf(" ", at)));
      isRepeated = seen.has(words);
      seen.add(words);
      if (!isRepeated) sheet.keep(index);
    } else if (line === "") isRepeated = false;
    if (line.startsWith("-- Docs:")) sheet.noise(index, "hint");
    else if (isRepeated) sheet.detail(index, "repeated warnings");
  }
}

/** Words of `python -m unittest`. */
export const digestUnittest: Digester = (sheet, limits) => {
  const end = lastLine(sheet, (head) => /^(?:OK|FAILED)(?: \(|$)/.test(head.trim()));
  const ran = lastLine(sheet, (head) => /^Ran \d+ tests? in /.test(head));
  if (end < 0 || ran < 0 || ran > end) return false;
  sheet.keep(ran);
  sheet.keep(end);
  const summary = sheet.trimmed[end] ?? "";
  const failures = unittestFailures(sheet, ran);
  const names = failures.map(({ headings }) => sheet.trimmed[headings[0] ?? 0] ?? "");
  const count = (word: string) => names.filter((name) => name.startsWith(word)).length;
  keepFailures(sheet, failures, limits satisfies Limits);
  noiseWhere(sheet, "passed", (line) => / \.\.\. ok$/.test(line));
  noiseWhere(sheet, "skipped", (line) => line.includes(" ... skipped") || line.endsWith(" ... expected failure"));
  noiseWhere(sheet, "progress", (line) => /^[.FEsxu]{3,}$/.test(line));
  const isFailed = summary.startsWith("FAILED");
  const failed = numberAfter(summary, "failures=") ?? 0;
  const errors = numberAfter(summary, "errors=") ?? 0;
  return isFailed === names.length > 0 && count("FAIL: ") === failed && count("ERROR: ") === errors;
};

function unittestFailures(sheet: Sheet, ran: number): Failure[] {
  const failures: { headings: number[]; body: number[] }[] = [];
  for (let index = 0; index < ran; index += 1) {
    const line = sheet.trimmed[index] ?? "";
    const isHeading = /^(?:FAIL|ERROR): /.test(line) && sheet.heads[index - 1]?.startsWith("=====");
    if (isHeading) failures.push({ headings: [index], body: [] });
    else failures.at(-1)?.body.push(index);
  }
  return failures;
}
