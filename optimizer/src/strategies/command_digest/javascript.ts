// Owns the outputs of JavaScript's test runners.

import { type Failure, keepFailures } from "./failures";
import { type Digester, keepWhere, lastLine, noiseWhere, numberAfter, numberBefore, range, type Sheet } from "./sheet";

type Open = { headings: number[]; body: number[] };

function noisePassed(sheet: Sheet): void {
  noiseWhere(sheet, "passed", (line) => /^(?:✓|✔|√|\(pass\)) /.test(line) || line.startsWith("PASS "));
  noiseWhere(sheet, "skipped", (line) => /^(?:○|↓|»|\(skip\)|\(todo\)|✎) /.test(line));
  keepWhere(sheet, (line) => /^(?:✕|✗|×|✖|\(fail\)) /.test(line));
}

/** Headings are gathered until their report begins; a report ends at the next heading, or where `ends` says. */
function failuresBy(
  sheet: Sheet,
  from: number,
  to: number,
  isHeading: (line: string, index: number) => boolean,
  ends: (line: string) => boolean = () => false,
): Failure[] {
  const failures: Open[] = [];
  let open: Open | null = null;
  for (let index = from; index < to; index += 1) {
    const line = sheet.heads[index] ?? "";
    if (isHeading(line, index)) {
      if (open === null || open.body.some((each) => sheet.trimmed[each] !== "")) {
        open = { headings: [], body: [] };
        failures.push(open);
      }
      open.headings.push(index);
    } else if (ends(line)) open = null;
    else open?.body.push(index);
  }
  return failures;
}

export const digestJest: Digester = (sheet, limits) => {
  const tests = lastLine(sheet, (head) => /^\s*Tests: /.test(head));
  const suites = lastLine(sheet, (head) => /^\s*Test Suites: /.test(head));
  if (tests < 0 || suites < 0) return false;
  const end = Math.min(tests, suites);
  for (const index of range(end, sheet.size)) sheet.keep(index);
  noisePassed(sheet);
  keepWhere(sheet, (line) => line.startsWith("FAIL "));
  let file = "";
  const names = new Set<string>();
  const broken = new Set<string>();
  const failures = failuresBy(
    sheet,
    0,
    end,
    (line) => {
      const trimmed = line.trim();
      if (trimmed.startsWith("FAIL ")) file = trimmed;
      if (!/^ {0,4}● /.test(line) || trimmed.startsWith("● Console")) return false;
      if (trimmed === "● Test suite failed to run") broken.add(file);
      else names.add(`${file}\n${trimmed}`);
      return true;
    },
    (line) => /^(?:FAIL|PASS) /.test(line.trim()) || line.startsWith("Summary of all failing tests"),
  );
  keepFailures(sheet, failures, limits);
  let isPassed = false;
  for (const index of range(0, end)) {
    const line = sheet.trimmed[index] ?? "";
    if (line.startsWith("PASS ") || line.startsWith("FAIL ")) isPassed = line.startsWith("PASS ");
    else if (isPassed) sheet.detail(index, "suites and output");
  }
  const failedSuites = new Set(sheet.trimmed.filter((line) => line.startsWith("FAIL "))).size;
  return (
    names.size === numberBefore(sheet.heads[tests] ?? "", "failed") &&
    failedSuites >= broken.size &&
    (numberBefore(sheet.heads[suites] ?? "", "failed") === 0) === (failedSuites === 0)
  );
};

export const digestVitest: Digester = (sheet, limits) => {
  const tests = lastLine(sheet, (head) => /^\s*Tests {2}/.test(head));
  const files = lastLine(sheet, (head) => /^\s*Test Files {2}/.test(head));
  if (tests < 0 || files < 0) return false;
  for (const index of range(Math.min(tests, files), sheet.size)) sheet.keep(index);
  noisePassed(sheet);
  keepWhere(sheet, (line) => line.startsWith("→ ") || (line.startsWith("❯ ") && line.includes(" failed")));
  const isHeading = (line: string) => /^ ?FAIL {2}/.test(line);
  const failures = failuresBy(sheet, 0, Math.min(tests, files), isHeading, (line) => line.startsWith("⎯"));
  keepFailures(sheet, failures, limits);
  noiseWhere(sheet, "rules", (line) => line.startsWith("⎯"));
  const names = new Set(sheet.trimmed.filter((line) => line.startsWith("FAIL  ")));
  const failedTests = [...names].filter((name) => name.includes(" > ")).length;
  return (
    failedTests === numberBefore(sheet.heads[tests] ?? "", "failed") &&
    (numberBefore(sheet.heads[files] ?? "", "failed") === 0) === (names.size === 0)
  );
};

export const digestMocha: Digester = (sheet, limits) => {
  const passing = lastLine(sheet, (head) => /^\s*\d+ passing\b/.test(head));
  if (passing < 0) return false;
  const failing = lastLine(sheet, (head, index) => index > passing && /^\s*\d+ failing\s*$/.test(head));
  for (const index of range(passing, failing < 0 ? sheet.size : failing + 1)) {
    if (/^\s*\d+ (?:passing|failing|pending)/.test(sheet.heads[index] ?? "")) sheet.keep(index);
  }
  noisePassed(sheet);
  for (const index of range(0, passing)) {
    const line = sheet.trimmed[index] ?? "";
    if (/^\d+\) /.test(line)) sheet.keep(index);
    else if (/^- /.test(line)) sheet.noise(index, "skipped");
    else sheet.detail(index, "suites and output");
  }
  if (failing < 0) return true;
  const isHeading = (line: string) => /^ {1,3}\d+\) /.test(line);
  const failures = failuresBy(sheet, failing + 1, sheet.size, isHeading);
  // The rest of the name stands on the lines below, up to the colon.
  const named = failures.map(({ headings, body }) => {
    const last = body.findIndex((index) => sheet.trimmed[index]?.endsWith(":"));
    const isNear = last >= 0 && last < 8;
    return isNear
      ? { headings: [...headings, ...body.slice(0, last + 1)], body: body.slice(last + 1) }
      : { headings, body };
  });
  keepFailures(sheet, named, limits);
  return failures.length === Number.parseInt(sheet.trimmed[failing] ?? "", 10);
};

export const digestBunTest: Digester = (sheet, limits) => {
  const ran = lastLine(sheet, (head) => /^Ran \d+ tests? across /.test(head));
  const fail = lastLine(sheet, (head) => /^\s*\d+ fail$/.test(head));
  const pass = lastLine(sheet, (head) => /^\s*\d+ pass$/.test(head));
  if (ran < 0 || fail < 0 || pass < 0) return false;
  for (const index of range(pass, sheet.size)) sheet.keep(index);
  const again = sheet.trimmed.findIndex((line) => /^\d+ tests? failed:$/.test(line));
  const to = again < 0 || again > pass ? pass : again;
  const failures: Failure[] = [];
  let since: number[] = [];
  for (let index = 0; index < to; index += 1) {
    const line = sheet.trimmed[index] ?? "";
    if (/^(?:\(fail\)|✗) /.test(line)) {
      failures.push({ headings: [index], body: since });
      since = [];
    } else if (/^(?:\(pass\)|✓|\(skip\)|»|\(todo\)) /.test(line)) {
      for (const each of since) sheet.detail(each, "output of passed tests");
      since = [];
    } else if (/^\S+\.[cm]?[jt]sx?:$/.test(line)) {
      since = [];
      sheet.detail(index, "files");
    } else since.push(index);
  }
  noisePassed(sheet);
  keepFailures(sheet, failures, limits);
  return failures.length === Number.parseInt(sheet.trimmed[fail] ?? "", 10);
};

/** A passed test's own block. */
function isPassedDetail(line: string): boolean {
  return line === "---" || line === "..." || /^(?:duration_ms|type|location): /.test(line);
}

export const digestTap: Digester = (sheet, limits) => {
  const fail = lastLine(sheet, (head) => /^# fail\s+\d+/.test(head));
  const plan = lastLine(sheet, (head) => /^1\.\.\d+/.test(head));
  if (plan < 0) return false;
  keepWhere(
    sheet,
    (line, index) => index === plan || /^# (?:tests|pass|fail|suites|skipped|cancelled|todo)\s+\d/.test(line),
  );
  noiseWhere(sheet, "passed", (line) => line.startsWith("ok "));
  noiseWhere(sheet, "headings", (line) => line.startsWith("# Subtest") || line.startsWith("TAP version"));
  let isPassed = false;
  const failures = failuresBy(
    sheet,
    0,
    sheet.size,
    (line, index) => {
      const trimmed = line.trim();
      if (trimmed.startsWith("ok ")) isPassed = true;
      else if (trimmed.startsWith("not ok ")) isPassed = false;
      if (isPassed && isPassedDetail(trimmed)) sheet.noise(index, "details of passed tests");
      else if (isPassed && !trimmed.startsWith("#")) sheet.detail(index, "output of passed tests");
      return trimmed.startsWith("not ok ");
    },
    (line) => /^\s*(?:ok |# |1\.\.)/.test(line),
  );
  keepFailures(sheet, failures, limits);
  const planned = Number.parseInt((sheet.heads[plan] ?? "").slice(3), 10);
  const top = sheet.heads.filter((head) => head.startsWith("ok ") || head.startsWith("not ok ")).length;
  if (top !== planned) return false;
  if (fail < 0) return true;
  const told = numberAfter(sheet.heads[fail] ?? "", "# fail");
  const leaves = sheet.heads.filter((head) => head.trim().startsWith("not ok ")).length;
  return told === 0 ? leaves === 0 : told !== null && leaves >= told;
};
