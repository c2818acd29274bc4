// param_tuning: bounds runaway answers. Lowers a caller's limit on the answer to a cap, never below what thinking
// needs, and never adds a limit where there was none.

import type { Draft } from "../segments/draft";
import type { Run, Strategy } from "../strategy";

const limitFields = ["max_tokens", "max_completion_tokens", "max_output_tokens"] as const;
/** An answer needs room behind its thinking. */
const answerTokensMin = 1_024;
/** Where the model decides how long it thinks, its thinking counts within the limit. */
const adaptiveTokensMin = 16_384;
const hardThinkingTokensMin = 65_536;

/** What is remembered of a session: the cap is lifted after an answer was cut by it. */
interface Remembered {
  /** The limit of the call before; 0 = it was not lowered. */
  clampedTo: number;
  /** By how much the cap is lifted. */
  factor: number;
}

const factorMax = 64;

/** What is remembered after an answer of so many tokens: one that reached the lowered limit was cut by it. */
export function noteOutput(remembered: unknown, outputTokens: number): unknown {
  const { clampedTo, factor } = (remembered ?? { clampedTo: 0, factor: 1 }) as Remembered;
  const wasCut = clampedTo > 0 && outputTokens >= clampedTo;
  return wasCut ? ({ clampedTo: 0, factor: Math.min(factorMax, factor * 2) } satisfies Remembered) : remembered;
}

export const paramTuning = {
  kind: "param_tuning",
  tier: "params",
  about: {
    does: "Lowers limits on the answer's length to a cap: a guard against runaway answers and large reservations.",
    risk: "An answer longer than the cap is cut. The cap doubles for the session when that happens.",
  },
  params: {
    maxTokensCap: {
      type: "integer",
      default: 32_768,
      min: 1_024,
      max: 1_000_000,
      help: "Highest limit in tokens that is passed on. Thinking budgets are added to it.",
    },
  },
  bodyBytesMin: 0,
  run(draft, params, run) {
    const { factor } = (run.recall() ?? { factor: 1 }) as Remembered;
    const cap = Math.max((params["maxTokensCap"] as number) * factor, thinkingFloor(draft, run));
    let asked = 0;
    for (const field of limitFields) {
      const limit = draft.field(field);
      if (typeof limit !== "number" || !Number.isInteger(limit) || limit <= cap) continue;
      draft.setField(field, cap);
      asked = limit;
    }
    if (asked > 0) run.report(`limit lowered from ${asked} to ${cap} tokens`, asked - cap);
    run.remember({ clampedTo: asked > 0 ? cap : 0, factor } satisfies Remembered);
  },
} satisfies Strategy;

/** Tokens below which a limit would cut thinking, or be refused. */
function thinkingFloor(draft: Draft, run: Run): number {
  const thinking = draft.field("thinking") as { type?: unknown; budget_tokens?: unknown } | undefined;
  const effort = effortOf(draft);
  if (effort === "xhigh" || effort === "max") return hardThinkingTokensMin;
  const budget = thinking?.budget_tokens;
  if (typeof budget === "number" && thinking?.type === "enabled") return budget + answerTokensMin;
  const isAdaptive = thinking !== undefined && thinking.type !== "disabled";
  if (isAdaptive || effort === "high" || run.model.thinking === "effort") return adaptiveTokensMin;
  return answerTokensMin;
}

function effortOf(draft: Draft): unknown {
  const nested = (draft.field("reasoning") ?? draft.field("output_config")) as { effort?: unknown } | undefined;
  return draft.field("reasoning_effort") ?? nested?.effort;
}
