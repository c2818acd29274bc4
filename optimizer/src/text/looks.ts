// Owns how kinds of text look line by line: search hits, logs, traces, diffs, tables. Shares of a sample, never a parse.

import { headOf, shapeOf } from "./line-shapes";
import { isCause, isFrame } from "./severity";

const headLines = 200;
const innerLines = 100;
const lineCharsMax = 400;

/** At most 400 lines of a text: its head, its middle, its tail. Cut to 400 characters each unless `whole`. */
export function sampleLines(text: string, whole = false): string[] {
  const lines = [
    ...linesFrom(text, 0, headLines),
    ...linesFrom(text, text.length >> 1, innerLines),
    ...lastLines(text, innerLines),
  ];
  const unique: string[] = [];
  let until = -1;
  for (const { start, end } of lines.sort((a, b) => a.start - b.start)) {
    if (start <= until) continue;
    until = start;
    unique.push(text.slice(start, whole ? end : Math.min(end, start + lineCharsMax)));
  }
  return unique;
}

function linesFrom(text: string, from: number, count: number): { start: number; end: number }[] {
  const lines: { start: number; end: number }[] = [];
  let start = from === 0 ? 0 : text.indexOf("\n", from) + 1;
  if (from > 0 && start === 0) return lines;
  while (lines.length < count && start <= text.length) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline;
    lines.push({ start, end });
    start = end + 1;
  }
  return lines;
}

function lastLines(text: string, count: number): { start: number; end: number }[] {
  const lines: { start: number; end: number }[] = [];
  let end = text.length;
  while (lines.length < count && end >= 0) {
    const start = end === 0 ? 0 : text.lastIndexOf("\n", end - 1) + 1;
    lines.push({ start, end });
    end = start - 1;
  }
  return lines;
}

/** "   12\tcode", "12→code", "12| code": how tools show files. */
const lineNumber = /^ {0,8}(\d{1,7})(?:\t|→|\| ?|: ?(?=\s|$))/;

/** The lines, their numbers taken off where nearly every line has one, and nearly every one is the next. */
export function withoutLineNumbers(lines: readonly string[]): readonly string[] {
  const numbers = lines.flatMap((line) => {
    const number = lineNumber.exec(line)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
  const steps = numbers.filter((number, index) => number - (numbers[index - 1] ?? number - 1) === 1).length;
  if (lines.length < 3 || steps < lines.length * 0.8) return lines;
  return lines.map((line) => line.replace(lineNumber, ""));
}

function shareOf(lines: readonly string[], looks: (line: string) => boolean): number {
  const held = lines.filter((line) => line.trim() !== "");
  return held.length === 0 ? 0 : held.filter(looks).length / held.length;
}

const base64CharsMin = 512;
const base64Share = 0.95;
const base64Sample = 4_096;
const base64LineCharsMin = 30;
const otherThanSmallShare = 0.2;

export function isBase64(text: string): boolean {
  if (/^\s{0,20}data:[\w.+-]{1,60}\/[\w.+-]{1,80}(?:;[\w=.-]{1,60}){0,4};base64,/.test(text.slice(0, 400))) return true;
  if (text.length <= base64CharsMin) return false;
  const sample = text.slice(0, base64Sample) + text.slice(-base64Sample);
  let fitting = 0;
  let small = 0;
  let breaks = 0;
  for (let at = 0; at < sample.length; at++) {
    const code = sample.charCodeAt(at);
    if (code === 10 || code === 13) breaks++;
    else if (code >= 97 && code <= 122) small++;
    else if ((code >= 65 && code <= 90) || (code >= 47 && code <= 57) || code === 43 || code === 61) fitting++;
  }
  // Words stand on lines of their own, or are small letters over and over.
  const data = fitting + small;
  const isData = fitting >= otherThanSmallShare * data && breaks * base64LineCharsMin <= data;
  return isData && data + breaks >= base64Share * sample.length;
}

const diffHeader = /^(?:diff --git |@@ -\d{1,9}(?:,\d{1,9})? \+\d{1,9}(?:,\d{1,9})? @@)/;
const diffLine =
  /^(?:[ +\-@\\]|diff |index |new file|deleted file|old mode|new mode|similarity |rename |Binary |commit |Author: |Date: )/;

export function isDiff(lines: readonly string[]): boolean {
  return lines.some((line) => diffHeader.test(line)) && shareOf(lines, (line) => diffLine.test(line)) >= 0.6;
}

const hit = /^(?!\d+:\d)[^\s:]{1,300}[:-]\d{1,7}[:-]/;
const path = /^[^\s:]*[A-Za-z][^\s:]*[/.]|^[^\s:]*[/.][^\s:]*[A-Za-z]/;
const numberedHit = /^(?:\d{1,7}[:-]|--$|[^\s:]{1,300}[/.][^\s:]{1,300}$)/;
const diagnostic =
  /^\S{1,300}:\d{1,7}(?::\d{1,5})?:? (?:- )?(?:fatal |)(?:error|warning|note|info|[A-Z]{1,3}\d{3,4})\b/;
const searchTool = /\b(?:grep|rg|ripgrep|ag|ack|git grep|search|findstr)\b/i;
const hitShare = 0.6;

export function isSearch(lines: readonly string[], searched: boolean): boolean {
  const looks = (line: string) => hit.test(line) && path.test(line) && !diagnostic.test(line);
  if (lines.length >= 3 && shareOf(lines, (line) => looks(line) || line === "--") >= hitShare) return true;
  return searched && lines.length >= 3 && shareOf(lines, (line) => numberedHit.test(line)) >= 0.9;
}

/** Whether a call's name or command line says that it searched. */
export function isSearchCall(toolName: string | null, toolArgs: string | null): boolean {
  if (toolName !== null && searchTool.test(toolName.slice(0, 100))) return true;
  return toolArgs !== null && /(?:^|["'|;&]\s{0,3})(?:git grep|e?grep|rg|ag|ack)\s/.test(toolArgs.slice(0, 2_000));
}

export function isStackTrace(lines: readonly string[]): boolean {
  if (lines.filter((line) => isFrame(line)).length < 3) return false;
  return shareOf(lines, (line) => isFrame(line) || isCause(line)) >= 0.3;
}

const stamped =
  /^[[(<"']{0,2}(?:\d{4}[-/]\d\d[-/]\d\d|\d\d:\d\d:\d\d|\d{10,13}\b|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {1,2}\d{1,2} \d\d:|\d{1,2}\/\w{3}\/\d{4}|(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL|PANIC)\b|[IWEF]\d{4} \d\d:)/i;
const accessLog = /^\S{1,60} \S{1,60} \S{1,60} \[\d{1,2}\/\w{3}\/\d{4}/;
const shapeShare = 0.3;
const stampedShare = 0.6;
const logLinesMin = 8;

/** Lines that a machine writes: few shapes among many, or most begin with a time or a level. */
export function isLog(lines: readonly string[]): boolean {
  const held = lines.filter((line) => line.trim() !== "");
  if (held.length < logLinesMin) return false;
  if (shareOf(held, (line) => stamped.test(line) || accessLog.test(line)) >= stampedShare) return true;
  const heads = new Set(held.map((line) => headOf(shapeOf(line))));
  return heads.size <= shapeShare * held.length;
}

const delimiters = [",", "\t", ";", "|"] as const;
const csvLinesMin = 4;
const csvShare = 0.95;

/** The delimiter of a table; null for no table. Every line has as many cells, and the first names columns. */
export function csvDelimiter(lines: readonly string[]): string | null {
  const held = lines.filter((line) => line.trim() !== "");
  const [header] = held;
  if (header === undefined || held.length < csvLinesMin) return null;
  for (const delimiter of delimiters) {
    const cells = cellsOf(header, delimiter);
    if (cells.length < 2 || !cells.every((cell) => /^["']?[A-Za-z_][^\n]{0,60}$/.test(cell.trim()))) continue;
    // Cut lines have fewer cells than whole ones.
    const fitting = held.filter(
      (line) => line.length >= lineCharsMax || cellsOf(line, delimiter).length === cells.length,
    );
    const isProse = cells.length < 3 && delimiter === "," && held.every((line) => /[.?!:]$/.test(line.trim()));
    if (!isProse && fitting.length >= csvShare * held.length) return delimiter;
  }
  return null;
}

/** Cells of a line; delimiters in double quotes do not count. */
function cellsOf(line: string, delimiter: string): string[] {
  const cells: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let at = 0; at < line.length; at++) {
    const char = line.charAt(at);
    if (char === '"') isQuoted = !isQuoted;
    else if (char === delimiter && !isQuoted) {
      cells.push(line.slice(start, at));
      start = at + 1;
    }
  }
  cells.push(line.slice(start));
  return cells;
}
