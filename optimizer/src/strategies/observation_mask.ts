// Owns old results of tools: each that nobody talks about any more becomes a stub. It waits until rewriting the
// prompt's cache is paid for, and then masks all that may be masked at once.

import { observationStub } from "../observation-stub";
import type { Draft } from "../segments/draft";
import type { Params, Run, Strategy } from "../strategy";
import { accepts, replace, rolesParam, type Subject, stashLines, subjectsOf } from "../subjects";
import { callFacts } from "../tool-call";
import { citedSubjects, livingWords } from "./observation_mask/cited";

/** A prompt that fills more of its model's window than this is cut by somebody soon. */
const windowShareMax = 0.8;
/** A stub is no longer than about this; what a mask saves is told before the stubs are made. */
const stubTokens = 60;

export const observationMask = {
  kind: "observation_mask",
  tier: "whole",
  about: {
    does: "Replaces old results of tools by one line each that says what they were and how to get them back.",
    risk: "The model may have to retrieve an old result, or call the tool again, where it needs it after all.",
  },
  params: {
    roles: rolesParam,
    keepRecentTurns: {
      type: "integer",
      default: 3,
      min: 1,
      max: 1_000,
      help: "Results of this many last turns of the assistant stay. Agents with long loops want 10.",
    },
    minChars: { type: "integer", default: 600, min: 200, max: 10_000_000, help: "Shorter results stay." },
  },
  bodyBytesMin: 4_000,
  run(draft, params, run) {
    const subjects = maskable(draft, params, run);
    if (subjects.length === 0 || !isWorthIt(draft, subjects, run)) return;
    let masked = 0;
    for (const subject of subjects) {
      run.budget.check();
      const stub = observationStub(subject, run, () => stashLines(run, subject));
      if (replace(draft, subject, stub, "whole")) masked += 1;
    }
    if (masked > 0) run.report(`${masked} old results masked`, masked);
  },
} satisfies Strategy;

function maskable(draft: Draft, params: Params, run: Run): Subject[] {
  const subjects = subjectsOf(draft, params["roles"], params["minChars"] as number);
  const old = subjects.filter((subject) => isOld(subject, params) && accepts(draft, subject, "whole"));
  if (old.length === 0) return [];
  run.budget.check();
  const cited = citedSubjects(subjects, livingWords(draft));
  const latest = latestOfPaths(subjects);
  return old.filter((subject) => !cited.has(subject) && !latest.has(subject));
}

function isOld({ segment }: Subject, params: Params): boolean {
  return segment.age >= (params["keepRecentTurns"] as number) && !segment.isFresh && !segment.isError;
}

/** What is known of a file is what was read of it last. Short results, such as "done", are no subjects at all. */
function latestOfPaths(subjects: readonly Subject[]): Set<Subject> {
  const latest = new Map<string, Subject>();
  for (const subject of subjects) {
    const { path } = callFacts(subject.segment.toolArgs);
    if (path !== null) latest.set(path, subject);
  }
  return new Set(latest.values());
}

function isWorthIt(draft: Draft, subjects: readonly Subject[], run: Run): boolean {
  if (run.isCold) return true;
  const saved = subjects.reduce((sum, { segment }) => sum + Math.max(0, segment.tokens - stubTokens), 0);
  if (run.pays((subjects[0] as Subject).segment.at, saved)) return true;
  const { tools, segments } = draft;
  const tokens = [...tools, ...segments].reduce((sum, unit) => sum + unit.tokens, 0);
  return tokens > run.model.contextWindowTokens * windowShareMax;
}
