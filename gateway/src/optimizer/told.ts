// Owns what the optimizer did, as a caller that asks with `x-anyray-test: 1` is told in a header: content-free, ASCII,
// never too long for any client.

import type { Optimized } from "../call";

const charsMax = 8_192;

/** The value of `x-anyray-optimization`. */
export function tellOptimization({ outcome, optimizeMs, facts }: Optimized): string {
  const said = facts && {
    optimizationId: facts.optimizationId,
    decisions: facts.decisions,
    estimatedTokensSaved: facts.estimatedTokensSaved,
    estimatedSavingsUsd: facts.estimatedSavingsUsd,
    suppressedKinds: facts.suppressedKinds,
    cacheHit: facts.cacheHit,
    cacheEligible: facts.cacheEligible,
  };
  const nothing = { decisions: [], estimatedTokensSaved: 0 };
  const whole = toAscii({ outcome, optimizeMs, ...(said ?? nothing) });
  if (whole.length <= charsMax || !said) return whole;
  const short = said.decisions.map(({ kind, tokensBefore, tokensAfter }) => ({ kind, tokensBefore, tokensAfter }));
  for (let count = short.length; ; count >>= 1) {
    const { suppressedKinds, ...rest } = said;
    const cut = { ...rest, decisions: short.slice(0, count), isCut: true };
    const text = toAscii({ outcome, optimizeMs, ...cut });
    if (text.length <= charsMax || count === 0) return text;
  }
}

function toAscii(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
