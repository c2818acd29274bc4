// Owns the outputs of RSpec and PHPUnit.

import { keepFailures } from "./failures";
import { type Digester, keepWhere, lastLine, noiseWhere, numberAfter, numberBefore, range } from "./sheet";

type Open = { headings: number[]; body: number[] };

export const digestRspec: Digester = (sheet, limits) => {
  const end = lastLine(sheet, (head) => /^\d+ examples?, \d+ failures?/.test(head));
  if (end < 0) return false;
  const summary = sheet.heads[end] ?? "";
  sheet.keep(end);
  const from = sheet.heads.indexOf("Failures:");
  const failures: Open[] = [];
  if (from >= 0 && from < end) {
    sheet.keep(from);
    for (const index of range(from + 1, end)) {
      const head = sheet.heads[index] ?? "";
      if (/^ {2}\d+\) /.test(head)) failures.push({ headings: [index], body: [] });
      else if (/^(?:Finished in |Pending:|Failed examples:)/.test(head)) break;
      else failures.at(-1)?.body.push(index);
    }
  }
  keepFailures(sheet, failures, limits);
  const listed = keepWhere(sheet, (line, index) => index > end && line.startsWith("rspec "));
  noiseWhere(sheet, "progress", (line) => /^[.F*E]+$/.test(line));
  noiseWhere(sheet, "timing", (line) => line.startsWith("Finished in ") || line.startsWith("Randomized with seed"));
  for (const index of range(0, from >= 0 ? from : end)) sheet.detail(index, "examples and output");
  const failed = numberBefore(summary, "failure");
  return failures.length === failed && (listed === 0 || listed === failed);
};

export const digestPhpunit: Digester = (sheet, limits) => {
  const end = lastLine(sheet, (head) => /^(?:OK \(|Tests: \d+)/.test(head));
  if (end < 0) return false;
  const summary = sheet.heads[end] ?? "";
  for (const index of range(Math.max(0, end - 1), sheet.size)) sheet.keep(index);
  const found = { failure: [] as Open[], error: [] as Open[], other: [] as Open[] };
  let into: keyof typeof found | null = null;
  for (let index = 0; index < end - 1; index += 1) {
    const line = sheet.trimmed[index] ?? "";
    const opening = /^There (?:was|were) \d+ ([a-z]+)/.exec(line);
    if (opening) {
      const kind = opening[1] ?? "";
      into = kind.startsWith("failure") ? "failure" : kind.startsWith("error") ? "error" : "other";
      sheet.keep(index);
    } else if (into !== null && /^\d+\) \S/.test(line)) found[into].push({ headings: [index], body: [] });
    else if (into !== null) found[into].at(-1)?.body.push(index);
  }
  keepFailures(sheet, [...found.error, ...found.failure, ...found.other], limits);
  noiseWhere(sheet, "progress", (line) => /^[.FEWRSIDN]+\s+\d+ \/ \d+ \( *\d+%\)$/.test(line));
  noiseWhere(sheet, "header", (line) => /^(?:PHPUnit \d|Runtime:|Configuration:|Random Seed:|Time: |--$)/.test(line));
  noiseWhere(sheet, "passed", (line) => line.startsWith("✔ "));
  if (summary.startsWith("OK (")) return found.failure.length + found.error.length === 0;
  return (
    (numberAfter(summary, "Failures:") ?? 0) === found.failure.length &&
    (numberAfter(summary, "Errors:") ?? 0) === found.error.length
  );
};
