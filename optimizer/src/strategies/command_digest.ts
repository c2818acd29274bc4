// Owns the digest of command outputs: of test runners, compilers, linters, builds, package managers and listings what
// went wrong and what they sum up stays, what went well is counted. It leaves alone what it does not understand.

import { elisionMarker } from "../markers";
import type { Strategy } from "../strategy";
import { accepts, replace, rolesParam, stashLines, subjectsOf } from "../subjects";
import { recognise, type Tool } from "../test-signatures";
import { digest } from "./command_digest/digest";
import { failedNames } from "./command_digest/flips";
import type { Limits } from "./command_digest/sheet";
import { printedIn } from "./command_digest/wrapped";

export const commandDigest = {
  kind: "command_digest",
  tier: "selection",
  about: {
    does: "Keeps of a command's output its failures and its summary; passed tests, progress and routine lines are counted.",
    risk: "A passed test, a routine line or the far end of a stack that somebody asks for later has to be retrieved.",
  },
  params: {
    roles: rolesParam,
    minChars: { type: "integer", default: 800, min: 200, max: 10_000_000, help: "Shorter outputs stay." },
    maxFailures: {
      type: "integer",
      default: 20,
      min: 1,
      max: 10_000,
      help: "So many different failures are told with their surroundings; of all others still name and message.",
    },
    contextLines: {
      type: "integer",
      default: 12,
      min: 0,
      max: 1_000,
      help: "Lines of code, stack and output kept around each failure's message.",
    },
    groupSameMessage: {
      type: "boolean",
      default: true,
      help: "Failures that say the same are told in full once; of the others name and place.",
    },
  },
  bodyBytesMin: 1_500,
  run(draft, params, run) {
    const limits = params as unknown as Limits;
    const done = new Map<Tool, number>();
    let linesGone = 0;
    const failed = createFailed();
    for (const subject of subjectsOf(draft, params["roles"], params["minChars"] as number)) {
      run.budget.check();
      const failedBefore = failed.before();
      failed.add(subject.segment.original);
      if (!accepts(draft, subject, "selection")) continue;
      const printed = printedIn(subject.text) ?? { text: subject.text, start: 0, end: subject.text.length };
      const isWrapped = printed.text !== subject.text;
      if (printed.text.length < (params["minChars"] as number)) continue;
      const tool = recognise(printed.text, subject.segment.toolArgs);
      if (tool === null) continue;
      if (!run.canElide) return run.suppress("no_retrieve");
      const made = digest(printed.text, tool, limits, run.question(subject.segment), failedBefore);
      if (made === null) continue;
      const handle = stashLines(run, subject);
      const text = `${elisionMarker({ gone: made.gone, facts: made.facts, handle })}\n${made.text}`;
      const written = isWrapped ? JSON.stringify(text) : text;
      const whole = subject.text.slice(0, printed.start) + written + subject.text.slice(printed.end);
      if (!replace(draft, subject, whole, "selection")) continue;
      done.set(tool, (done.get(tool) ?? 0) + 1);
      linesGone += made.linesGone;
    }
    if (done.size === 0) return;
    const tools = [...done].map(([tool, count]) => `${count} ${tool}`).join(", ");
    run.report(`${linesGone} lines of ${tools}`, linesGone);
  },
} satisfies Strategy;

const failedMax = 64;

/** Tests that failed in the outputs so far, the latest first. */
function createFailed() {
  let names: readonly string[] = [];
  return {
    before: () => names,
    add(original: string) {
      const found = failedNames(original);
      if (found.length > 0) names = [...new Set([...found, ...names])].slice(0, failedMax);
    },
  };
}
