// Owns texts that stand in a request more than once: later copies become pointers to the first, near copies what
// differs from it, shared runs of lines pointers to where they stand. The first copy is never touched.

import { hasMarker, pointerMarker } from "../markers";
import type { Draft } from "../segments/draft";
import type { Params, Run, Strategy } from "../strategy";
import { accepts, replace, rolesParam, type Subject, stashLines, subjectsOf } from "../subjects";
import { callFacts } from "../tool-call";
import { type Anchor, type Corpus, createCorpus, isOfSize } from "./context_dedupe/corpus";
import { diffLines, type Hunk, writeHunks } from "./context_dedupe/delta";
import { namePlaces } from "./context_dedupe/places";
import { findSharedRuns, writeSharedRuns } from "./context_dedupe/shared-runs";

/** A delta longer than this share of its text is no help to anybody. */
const deltaShareMax = 0.4;

export const contextDedupe = {
  kind: "context_dedupe",
  tier: "lossless",
  about: {
    does: "Replaces later copies of a text by a pointer to the first, and near copies by what differs from it.",
    risk: "The model has to look up an earlier place of the conversation for what it was just shown again.",
  },
  params: {
    roles: rolesParam,
    keepRecentTurns: {
      type: "integer",
      default: 2,
      min: 0,
      max: 1_000,
      help: "Texts of this many last turns of the assistant stay. 0: copies are replaced as they come in.",
    },
    nearDupe: {
      type: "boolean",
      default: true,
      help: "Near copies and shared runs of lines are replaced too; needs a way to retrieve what is left out.",
    },
    minChars: { type: "integer", default: 300, min: 100, max: 10_000_000, help: "Shorter texts stay." },
    jaccard: {
      type: "number",
      default: 0.8,
      min: 0.5,
      max: 1,
      help: "Share of lines that two texts must have in common to be compared.",
    },
  },
  bodyBytesMin: 1_500,
  run(draft, params, run) {
    const sight = look(draft, params, run);
    for (const subject of sight.subjects) {
      run.budget.check();
      dedupe(subject, sight);
    }
    const { copies, near, shared, missed } = sight.done;
    if (missed > 0 && !run.canElide) run.suppress("no_retrieve");
    if (copies + near + shared === 0) return;
    run.report(`${copies} copies, ${near} near copies, ${shared} texts with shared runs`, copies + near + shared);
  },
} satisfies Strategy;

interface Sight {
  draft: Draft;
  run: Run;
  params: Params;
  subjects: readonly Subject[];
  corpus: Corpus;
  placeOf(anchor: Anchor): string;
  /** By tool and arguments: the first text that stands. */
  byCall: Map<string, Anchor>;
  /** The last text of each path. */
  lastOfPath: ReadonlySet<Subject>;
  done: { copies: number; near: number; shared: number; missed: number };
}

function look(draft: Draft, params: Params, run: Run): Sight {
  const subjects = subjectsOf(draft, params["roles"], params["minChars"] as number);
  const nameOf = namePlaces(draft);
  const lastOfPath = new Map<string, Subject>();
  for (const subject of subjects) {
    const { path } = callFacts(subject.segment.toolArgs);
    if (path !== null) lastOfPath.set(path, subject);
  }
  return {
    draft,
    run,
    params,
    subjects,
    corpus: createCorpus(),
    placeOf: ({ subject }) => nameOf(subject.segment),
    byCall: new Map(),
    lastOfPath: new Set(lastOfPath.values()),
    done: { copies: 0, near: 0, shared: 0, missed: 0 },
  };
}

function dedupe(subject: Subject, sight: Sight): void {
  const { draft, params, corpus, byCall } = sight;
  const { segment } = subject;
  // What was rewritten already neither points nor is pointed at: pointers to pointers lead in circles.
  if (segment.text !== segment.original || hasMarker(segment.text)) return;
  const mayEdit = segment.age >= (params["keepRecentTurns"] as number) && draft.accepts(segment, "lossless");
  if (mayEdit && pointToCopy(subject, sight)) return;
  const text = corpus.read(subject);
  if (mayEdit && mayTell(subject, sight) && (tellDelta(text, sight) || pointToRuns(text, sight))) return;
  corpus.add(text);
  const call = callKey(subject);
  if (call !== null && !byCall.has(call)) byCall.set(call, text);
}

/** Who is to edit a file must see it as it is, not work it out. */
function mayTell(subject: Subject, { params, lastOfPath, run }: Sight): boolean {
  return params["nearDupe"] === true && !(lastOfPath.has(subject) && run.question().intents.has("EDIT"));
}

function callKey({ segment: { toolName, toolArgs } }: Subject): string | null {
  return toolName === null || toolArgs === null ? null : `${toolName}\n${toolArgs}`;
}

/** Lossless: the text stands in the request. Where anything may be left out, the pointer can be followed elsewhere. */
function pointToCopy(subject: Subject, { draft, run, corpus, placeOf, done }: Sight): boolean {
  const anchor = corpus.same(subject);
  if (!anchor) return false;
  const handle = run.canElide ? stashLines(run, subject) : null;
  if (!replace(draft, subject, pointerMarker(placeOf(anchor), handle), "lossless")) return false;
  done.copies += 1;
  return true;
}

function tellDelta(text: Anchor, sight: Sight): boolean {
  const { draft, run, placeOf, done } = sight;
  const { subject } = text;
  const candidates = nearAnchors(text, sight);
  if (candidates.length === 0) return false;
  if (!run.canElide) {
    done.missed += 1;
    return false;
  }
  if (!accepts(draft, subject, "selection")) return false;
  for (const anchor of candidates) {
    const delta = shortDelta(anchor, text, run);
    if (!delta) continue;
    const handle = stashLines(run, subject);
    const where = `${placeOf(anchor)} but for ${delta.told}, this later state is current`;
    if (!replace(draft, subject, `${pointerMarker(where, handle)}\n${delta.text}`, "selection")) continue;
    done.near += 1;
    return true;
  }
  return false;
}

/** The first text of the same call, and the one most like it. */
function nearAnchors(text: Anchor, { corpus, byCall, params }: Sight): Anchor[] {
  const nearest = corpus.nearest(text);
  const call = callKey(text.subject);
  const sameCall = call === null ? undefined : byCall.get(call);
  const anchors = new Set<Anchor>();
  if (sameCall && isOfSize(sameCall, text)) anchors.add(sameCall);
  if (nearest && nearest.jaccard >= (params["jaccard"] as number)) anchors.add(nearest.anchor);
  return [...anchors];
}

/** All differences where they are few enough; else those that are more than durations, pids and seeds. */
function shortDelta(before: Anchor, after: Anchor, run: Run): { text: string; told: string } | null {
  const charsMax = after.subject.text.length * deltaShareMax;
  const exact = diffLines(before.exact, after.exact, run.budget);
  if (exact) {
    const text = writeHunks(exact, before.lines, after.lines);
    if (text.length <= charsMax) return { text, told: countsOf(exact) };
  }
  if (run.question(after.subject.segment).intents.has("SLOW")) return null;
  const normal = diffLines(before.normal, after.normal, run.budget);
  if (!normal) return null;
  const text = writeHunks(normal, before.lines, after.lines);
  if (text.length > charsMax) return null;
  return { text, told: `${countsOf(normal)} and durations, pids and seeds elsewhere` };
}

function countsOf(hunks: readonly Hunk[]): string {
  const removed = hunks.reduce((sum, hunk) => sum + hunk.removed, 0);
  const added = hunks.reduce((sum, hunk) => sum + hunk.added, 0);
  return `${removed} lines taken out (-) and ${added} put in (+)`;
}

function pointToRuns(text: Anchor, { draft, run, corpus, placeOf, done }: Sight): boolean {
  const { subject } = text;
  const runs = findSharedRuns(text, corpus, run.budget);
  if (runs.length === 0) return false;
  if (!run.canElide) {
    done.missed += 1;
    return false;
  }
  if (!accepts(draft, subject, "selection")) return false;
  const handle = stashLines(run, subject);
  if (!replace(draft, subject, writeSharedRuns(text, runs, handle, placeOf), "selection")) return false;
  done.shared += 1;
  return true;
}
