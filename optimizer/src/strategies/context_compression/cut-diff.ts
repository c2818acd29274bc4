// Owns cutting a unified diff down: the same change at many places is shown once, context to one line a side, files
// that tools write to their size. Every file and every hunk stays named; what may be dangerous stays whole.

import { elisionMarker } from "../../markers";
import { matches, type Question } from "../../text/question";
import { type Diff, type DiffFile, type Hunk, isMade, readDiff } from "./diff-parts";
import { type Change, changesOf, isTwin } from "./diff-twins";
import { type Cut, counted, countGone } from "./elide";

/** More hunks than this are not compared with each other. */
const comparedMax = 600;
const madeScoreMin = 0.6;
const wantedScoreMin = 0.5;

/** The diff with what repeats left out; null where nothing is, or where it is no diff. */
export function cutDiff(text: string, cut: Cut): string | null {
  const diff = readDiff(text);
  if (!diff) return null;
  const told = { hunks: 0, context: 0, made: 0 };
  const lines = [...diff.before];
  const twins = findTwins(diff, cut);
  for (const file of diff.files) {
    cut.check();
    // A line for a repeated change names its file: what else its head says is the same again.
    const isTold = isPlainHead(file) && file.hunks.length > 0 && file.hunks.every((hunk) => twins.has(hunk));
    if (!isTold) lines.push(...file.head);
    if (isMade(file.path) && !isAsked(file, cut)) {
      told.made += tellMade(file, lines);
      continue;
    }
    for (const hunk of file.hunks) {
      const twin = twins.get(hunk);
      if (twin === undefined) told.context += addHunk(hunk, lines);
      else {
        told.hunks += 1;
        lines.push(`${placeOf(file, hunk)} +${hunk.added}/-${hunk.removed} ~ same change as ${twin}`);
      }
    }
  }
  const gone = [
    told.hunks > 0 ? counted(told.hunks, "repeated hunk") : "",
    told.context > 0 ? counted(told.context, "context line") : "",
    told.made > 0 ? `${told.made} lines of generated files` : "",
  ].filter((part) => part !== "");
  if (gone.length === 0) return null;
  countGone(cut, "hunk", told.hunks);
  countGone(cut, "line", told.context + told.made);
  const facts = told.context > 0 ? "context cut to 1 line a side" : "";
  return [elisionMarker({ gone: gone.join(", "), facts, handle: cut.handle() }), ...lines].join("\n");
}

function isAsked(file: DiffFile, { question }: Cut): boolean {
  return isNamed(file, question) || file.hunks.some((hunk) => isMatch(hunk, question, madeScoreMin));
}

function isNamed({ path }: DiffFile, question: Question): boolean {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return name !== "" && question.text.includes(name);
}

function isMatch({ lines }: Hunk, question: Question, scoreMin: number): boolean {
  if (question.isEmpty) return false;
  const { literal, score } = matches(question, lines.join("\n"));
  return literal || score >= scoreMin;
}

const plainHeads = ["diff ", "index ", "--- ", "+++ "];

/** Nothing is created, deleted, renamed, or given another mode. */
function isPlainHead({ head, path }: DiffFile): boolean {
  if (path === "" || head.some((line) => line.startsWith("--- /dev/null"))) return false;
  return head.every((line) => plainHeads.some((start) => line.startsWith(start)));
}

function tellMade({ hunks }: DiffFile, lines: string[]): number {
  let gone = 0;
  for (const { header, added, removed, lines: own } of hunks) {
    lines.push(`${header} +${added}/-${removed}`);
    gone += own.length;
  }
  return gone;
}

/** Hunks that repeat another → where that one stands. */
function findTwins({ files }: Diff, cut: Cut): Map<Hunk, string> {
  const all = files.flatMap((file) => (isMade(file.path) ? [] : file.hunks.map((hunk) => ({ hunk, file }))));
  const twins = new Map<Hunk, string>();
  if (all.length < 2 || all.length > comparedMax) return twins;
  const changes = changesOf(all.map(({ hunk }) => hunk));
  const kept = new Map<string, { change: Change; place: string }[]>();
  const risks = cut.limits.riskWords.map((word) => word.toLowerCase());
  for (const [at, { hunk, file }] of all.entries()) {
    if (at % 64 === 0) cut.check();
    const change = changes[at] as Change;
    const known = kept.get(change.signs) ?? [];
    const twin = known.find((other) => isTwin(change, other.change));
    if (twin && !isRisky(hunk, risks) && !isNamed(file, cut.question) && !isMatch(hunk, cut.question, wantedScoreMin)) {
      twins.set(hunk, twin.place);
      continue;
    }
    kept.set(change.signs, [...known, { change, place: placeOf(file, hunk) }]);
  }
  return twins;
}

function placeOf({ path }: DiffFile, { header }: Hunk): string {
  const end = header.indexOf(" @@");
  return `${path} ${end < 0 ? header : header.slice(0, end + 3)}`;
}

/** In context lines, too: what a change stands beside may be what makes it dangerous. */
function isRisky({ header, lines }: Hunk, risks: readonly string[]): boolean {
  const text = `${header}\n${lines.join("\n")}`;
  const parts = new Set(text.match(/[A-Z]?[a-z]+|[A-Z]+/g)?.map((part) => part.toLowerCase()));
  const lower = text.toLowerCase();
  return risks.some((risk) => {
    if (!/^[a-z]+$/.test(risk)) return lower.includes(risk);
    for (const part of parts) if (part.startsWith(risk)) return true;
    return false;
  });
}

/** Adds a hunk with one line of context on each side of its changes; gives how many lines are gone. */
function addHunk(hunk: Hunk, lines: string[]): number {
  lines.push(hunk.header);
  const isChanged = (at: number) => {
    const sign = hunk.lines[at]?.[0];
    return sign !== undefined && sign !== " " && sign !== "\r";
  };
  let gone = 0;
  for (let at = 0; at < hunk.lines.length; ) {
    if (isChanged(at) || isChanged(at - 1) || isChanged(at + 1)) {
      lines.push(hunk.lines[at++] as string);
      continue;
    }
    const start = at;
    while (at < hunk.lines.length && !isChanged(at) && !isChanged(at + 1)) at += 1;
    // The end of the text is no line of the hunk.
    const isEnd = at === hunk.lines.length && hunk.lines[at - 1] === "";
    const count = at - start - (isEnd ? 1 : 0);
    const isInside = start > 0 && at < hunk.lines.length;
    if (count === 1 && isInside) lines.push(hunk.lines[start] as string);
    else {
      gone += count;
      if (isInside) lines.push(`[... ${counted(count, "line")} elided]`);
      if (isEnd) lines.push("");
    }
  }
  return gone;
}

/** Where each hunk begins; null where there is none. */
export function hunkStarts(text: string): number[] | null {
  const starts: number[] = [];
  for (let at = text.startsWith("@@ -") ? 0 : text.indexOf("\n@@ -") + 1; at > 0 || text.startsWith("@@ -"); ) {
    starts.push(at);
    const next = text.indexOf("\n@@ -", at);
    if (next < 0) break;
    at = next + 1;
  }
  return starts.length > 0 ? starts : null;
}
