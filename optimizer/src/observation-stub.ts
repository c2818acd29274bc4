// Owns the stub that stands for a whole result of a tool: a marker that says what it was, and up to three of its lines
// verbatim: severe ones, and the summary.

import { elisionMarker } from "./markers";
import type { Run } from "./strategy";
import type { Subject } from "./subjects";
import { grouped, linesOf } from "./text/lines";
import { isSevere, isSummary } from "./text/severity";
import { callFacts, toolLabel } from "./tool-call";

const linesMax = 3;
const lineCharsMax = 240;

/** Severe and summary lines of a text, at most three, in order; and how many of all are severe. */
export interface FloorLines {
  lines: readonly string[];
  severe: number;
}

/** The last summary, and of the severe lines the first and the last ones, each text once; none over 240 characters. */
export function floorLines(text: string): FloorLines {
  const places = new Map<string, number>();
  const severe = new Set<string>();
  let summary: string | null = null;
  let count = 0;
  for (const [at, line] of linesOf(text).entries()) {
    const isGrave = isSevere(line);
    if (isGrave) count += 1;
    if (line.length > lineCharsMax || line.trim() === "") continue;
    if (isSummary(line)) summary = line;
    else if (isGrave) severe.add(line);
    else continue;
    if (!places.has(line)) places.set(line, at);
  }
  const room = summary === null ? linesMax : linesMax - 1;
  const all = [...severe];
  const shown = all.length <= room ? all : [...all.slice(0, room - 1), ...all.slice(-1)];
  if (summary !== null) shown.push(summary);
  return { lines: shown.sort((a, b) => (places.get(a) ?? 0) - (places.get(b) ?? 0)), severe: count };
}

/** What stands for the subject; `stash` notes the original and gives its handle. */
export function observationStub(subject: Subject, run: Run, stash: () => string): string {
  const { segment, text } = subject;
  const { lines, severe } = floorLines(text);
  const count = linesOf(text).length;
  const facts = [`${grouped(text.length)} chars in ${grouped(count)} lines`, run.classOf(segment)];
  if (severe > 0) facts.push(`${grouped(severe)} severe`);
  else facts.push(segment.isError ? "an error" : "none severe");
  const { about } = callFacts(segment.toolArgs);
  if (about !== "") facts.push(about);
  const gone = segment.role === "user" ? toolLabel(segment) : `${toolLabel(segment)} result`;
  const marker = elisionMarker({ gone, facts: facts.join(", "), handle: stash() });
  return [marker, ...lines].join("\n");
}
