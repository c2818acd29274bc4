// Owns the outputs of the test runners of Go, Rust, the JVM and .NET.

import { isCargoProgress, judgeDiagnostics, rustDiagnostics } from "./diagnostics";
import { keepFailures } from "./failures";
import { type Digester, keepWhere, lastLine, noiseWhere, numberAfter, numberBefore, range, type Sheet } from "./sheet";

type Open = { headings: number[]; body: number[] };

export const digestGoTest: Digester = (sheet, limits) => {
  const isBad = (line: string) => line === "FAIL" || line.startsWith("FAIL\t") || line.startsWith("FAIL ");
  const ends = sheet.heads.some((line) => isBad(line) || line.startsWith("ok  ") || line === "PASS");
  if (!ends) return false;
  const failing = new Map<string, Open>();
  for (let index = 0; index < sheet.size; index += 1) {
    const name = goResult(sheet.trimmed[index] ?? "", "FAIL");
    if (name !== null) failing.set(name, { headings: [index], body: [] });
  }
  let owner: string | null = null;
  let panicFrom = -1;
  for (let index = 0; index < sheet.size; index += 1) {
    const head = sheet.heads[index] ?? "";
    const line = sheet.trimmed[index] ?? "";
    const named = /^=== (?:RUN|CONT|NAME|PAUSE)\s+(\S+)/.exec(line);
    const result = goResult(line, "PASS") ?? goResult(line, "FAIL") ?? goResult(line, "SKIP");
    const isPackage = isBad(head) || head.startsWith("ok  ") || head.startsWith("?   ") || head === "PASS";
    if (named) {
      owner = line.startsWith("=== PAUSE") ? null : (named[1] ?? null);
      sheet.noise(index, "progress");
    } else if (result !== null) {
      owner = result;
      if (goResult(line, "FAIL") === null) sheet.noise(index, line.includes("SKIP") ? "skipped" : "passed");
    } else if (isPackage || line.startsWith("exit status ") || line.startsWith("coverage:")) {
      owner = null;
      panicFrom = -1;
      if (head.startsWith("ok  ")) sheet.noise(index, "passed packages");
      else if (head.startsWith("?   ")) sheet.noise(index, "packages without tests");
      else sheet.keep(index);
    } else if (panicFrom < 0 && (line.startsWith("panic: ") || line.startsWith("fatal error: "))) {
      panicFrom = index;
      failing.set(`panic ${index}`, { headings: [index], body: [] });
    } else if (panicFrom >= 0) failing.get(`panic ${panicFrom}`)?.body.push(index);
    else if (owner !== null && failing.has(owner)) failing.get(owner)?.body.push(index);
    else if (owner !== null) sheet.detail(index, "output of passed tests");
    else if (line.startsWith("# ") || /^\S+\.go:\d+(?::\d+)?: /.test(line)) sheet.keep(index);
  }
  keepFailures(sheet, [...failing.values()], limits);
  const isFailed = sheet.heads.some(isBad);
  return isFailed || failing.size === 0;
};

function goResult(line: string, word: string): string | null {
  const start = `--- ${word}: `;
  if (!line.startsWith(start)) return null;
  const end = line.indexOf(" (", start.length);
  return end < 0 ? line.slice(start.length) : line.slice(start.length, end);
}

export const digestCargoTest: Digester = (sheet, limits) => {
  const failures: Open[] = [];
  let passed = 0;
  let failed = 0;
  let suites = 0;
  let open: Open | null = null;
  for (let index = 0; index < sheet.size; index += 1) {
    const line = sheet.trimmed[index] ?? "";
    if (line.startsWith("test result: ")) {
      sheet.keep(index);
      suites += 1;
      open = null;
      if (numberBefore(line, "passed") !== passed || numberBefore(line, "failed") !== failed) return false;
      passed = 0;
      failed = 0;
    } else if (line.startsWith("test ") && line.endsWith(" ... ok")) {
      passed += 1;
      sheet.noise(index, "passed");
    } else if (line.startsWith("test ") && line.includes(" ... ignored")) sheet.noise(index, "ignored");
    else if (line.startsWith("test ") && line.endsWith(" ... FAILED")) {
      failed += 1;
      sheet.keep(index);
    } else if (line.startsWith("---- ") && line.endsWith(" ----")) {
      open = { headings: [index], body: [] };
      failures.push(open);
    } else if (line === "failures:") open = null;
    else open?.body.push(index);
  }
  if (suites === 0) return false;
  keepFailures(sheet, failures, limits);
  noiseWhere(sheet, "progress", isCargoProgress);
  noiseWhere(sheet, "suites", (line) =>
    /^(?:Running (?:unittests |tests\/|benches\/)|Doc-tests |running \d+ tests?$)/.test(line),
  );
  judgeDiagnostics(sheet, rustDiagnostics(sheet), limits);
  keepWhere(sheet, (line) => line.startsWith("error: test failed") || line === "failures:");
  return true;
};

export const digestMaven: Digester = (sheet, limits) => {
  const end = lastLine(sheet, (head) => head.includes("BUILD SUCCESS") || head.includes("BUILD FAILURE"));
  if (end < 0) return false;
  const failures: Open[] = [];
  let open: Open | null = null;
  for (let index = 0; index < sheet.size; index += 1) {
    const line = sheet.trimmed[index] ?? "";
    const isMarked = line.includes("<<< FAILURE!") || line.includes("<<< ERROR!");
    if (isMarked && !line.includes("Tests run:")) {
      open = { headings: [index], body: [] };
      failures.push(open);
    } else if (/^\[[A-Z]+\] /.test(line) || line === "[INFO]" || line === "[ERROR]") {
      // The line that ends a report.
      open = null;
      judgeMavenLine(sheet, index, line);
    } else open?.body.push(index);
  }
  keepFailures(sheet, failures, limits);
  for (const index of range(end - 1, end + 2)) if (index >= 0) sheet.keep(index);
  const totals = sheet.trimmed.filter((line) => line.includes("Tests run:") && !line.includes("Time elapsed"));
  if (totals.length === 0) return failures.length === 0;
  const sum = (name: string) => totals.reduce((all, line) => all + (numberAfter(line, name) ?? 0), 0);
  return sum("Failures:") + sum("Errors:") === failures.length;
};

function judgeMavenLine(sheet: Sheet, index: number, line: string): void {
  if (line.includes("Tests run:") && !line.includes("Time elapsed")) sheet.keep(index);
  else if (line.startsWith("[ERROR]")) {
    if (/Re-run Maven|re-run Maven|For more information|\[Help 1\] http|^\[ERROR\]$/.test(line))
      sheet.noise(index, "hint");
    else sheet.keep(index);
  } else if (line.startsWith("[WARNING]")) sheet.detail(index, "warnings");
  else if (line.includes(".. FAILURE") || line.includes(".. SKIPPED")) sheet.keep(index);
  else if (line.includes("Tests run:")) sheet.noise(index, "passed suites");
  else if (line.startsWith("[INFO]")) sheet.noise(index, "progress");
}

export const digestGradle: Digester = (sheet, limits) => {
  const end = lastLine(sheet, (head) => /^BUILD (?:SUCCESSFUL|FAILED)/.test(head));
  if (end < 0) return false;
  const failures: Open[] = [];
  let open: Open | null = null;
  for (let index = 0; index < sheet.size; index += 1) {
    const head = sheet.heads[index] ?? "";
    if (isGradleFailure(head)) {
      open = { headings: [index], body: [] };
      failures.push(open);
    } else if (head !== "" && !head.startsWith(" ") && !head.startsWith("\t")) {
      open = null;
      judgeGradleLine(sheet, index, head);
    } else open?.body.push(index);
  }
  keepFailures(sheet, failures, limits);
  sheet.keep(end);
  const went = sheet.heads.findIndex((head) => head.startsWith("* What went wrong"));
  if (went >= 0) for (const index of range(went, Math.min(went + limits.contextLines, end))) sheet.keep(index);
  const totals = sheet.trimmed.filter((line) => /^\d+ tests? completed/.test(line));
  const failed = totals.reduce((sum, line) => sum + numberBefore(line, "failed"), 0);
  return failed === failures.length;
};

function isGradleFailure(head: string): boolean {
  return head.endsWith(" FAILED") && head.includes(" > ") && !head.startsWith(" ") && !head.startsWith("> Task");
}

function judgeGradleLine(sheet: Sheet, index: number, line: string): void {
  if (/^\d+ tests? completed/.test(line)) sheet.keep(index);
  else if (line.startsWith("> Task ") && line.endsWith("FAILED")) sheet.keep(index);
  else if (line.startsWith("> Task ") || /^\d+ actionable tasks?/.test(line)) sheet.noise(index, "tasks");
  else if (/ PASSED$/.test(line)) sheet.noise(index, "passed");
  else if (/ SKIPPED$/.test(line)) sheet.noise(index, "skipped");
  else if (line.startsWith("FAILURE:")) sheet.keep(index);
  else if (line.startsWith("* Try:") || line.startsWith("> Run with ") || line.startsWith("Starting a Gradle Daemon")) {
    sheet.noise(index, "hint");
  }
}

/** The console launcher of JUnit 5: a tree, then the failures, then counts in brackets. */
export const digestJunit: Digester = (sheet, limits) => {
  const counts = keepWhere(sheet, (line) => /^\[\s*\d+ (?:tests|containers) \w+\s*\]$/.test(line));
  if (counts === 0) return false;
  const failedLine = lastLine(sheet, (head) => /^\[\s*\d+ tests failed\s*\]/.test(head));
  const from = lastLine(sheet, (head) => /^Failures \(\d+\):/.test(head));
  const failures: Open[] = [];
  if (from >= 0) {
    sheet.keep(from);
    for (
      let index = from + 1;
      index < sheet.size && !sheet.trimmed[index]?.startsWith("Test run finished");
      index += 1
    ) {
      if (/^ {1,3}\S/.test(sheet.heads[index] ?? "")) failures.push({ headings: [index], body: [] });
      else failures.at(-1)?.body.push(index);
    }
  }
  noiseWhere(sheet, "passed", (line) => /^[│├└╷─' |+-]/.test(line) && /(?:✔|\[OK\])$/.test(line));
  keepWhere(sheet, (line) => /^[│├└╷─' |+-]/.test(line) && /(?:✘|\[X\])/.test(line));
  keepFailures(sheet, failures, limits);
  const failed = Number.parseInt((sheet.trimmed[failedLine] ?? "[0").slice(1).trim(), 10);
  return failedLine >= 0 && failed === failures.length;
};

export const digestDotnetTest: Digester = (sheet, limits) => {
  const totals = sheet.trimmed.filter(isDotnetTotal);
  if (totals.length === 0) return false;
  const failures: Open[] = [];
  let open: Open | null = null;
  for (let index = 0; index < sheet.size; index += 1) {
    const head = sheet.heads[index] ?? "";
    const line = sheet.trimmed[index] ?? "";
    if (isDotnetTotal(line)) {
      open = null;
      sheet.keep(index);
    } else if (/^ {2}Failed \S/.test(head)) {
      open = { headings: [index], body: [] };
      failures.push(open);
    } else if (/^ {2}(?:Passed|Skipped) \S/.test(head)) {
      open = null;
      sheet.noise(index, line.startsWith("Passed") ? "passed" : "skipped");
    } else open?.body.push(index);
  }
  noiseWhere(
    sheet,
    "headings",
    (line) => line === "Error Message:" || line === "Stack Trace:" || line.startsWith("A total of "),
  );
  keepFailures(sheet, failures, limits);
  const failed = totals.reduce((sum, line) => sum + (numberAfter(line, "Failed:") ?? 0), 0);
  return failed === failures.length;
};

function isDotnetTotal(line: string): boolean {
  return /^(?:Failed|Passed|Skipped)!\s+- Failed:/.test(line);
}
