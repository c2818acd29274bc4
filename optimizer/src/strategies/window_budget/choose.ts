// Owns which units stay whole, which keep stubs in the place of their results, and which go, so that a conversation
// fits. Numbers only: what a unit says was weighed before.

import type { Exchange, Unit } from "./units";

export interface Candidate {
  unit: Unit;
  /** Tokens as it stands, and with stubs for its results. */
  tokens: number;
  stubbed: number;
  worth: number;
}

export interface Choice {
  stub: ReadonlySet<Unit>;
  drop: ReadonlySet<Unit>;
  /** Tokens of what is left, the units that are no candidates included. */
  tokens: number;
}

/**
 * Results go before reasoning: while stubs alone make it fit, nothing is dropped. A question and its answer stay while
 * one of their loops does. `others`: tokens of all that is no candidate; `keptLoops`: loops that stay anyway.
 */
export function choose(
  candidates: readonly Candidate[],
  others: number,
  tokensMax: number,
  keptLoops: (exchange: Exchange) => boolean,
): Choice {
  const byWorth = [...candidates].sort(
    (a, b) => b.worth / Math.sqrt(b.stubbed + 1) - a.worth / Math.sqrt(a.stubbed + 1) || order(a, b),
  );
  const kept = new Map<Unit, Candidate>();
  const known = new Map<Unit, Candidate>(candidates.map((candidate) => [candidate.unit, candidate]));
  let tokens = others;
  const keep = (candidate: Candidate) => {
    if (kept.has(candidate.unit)) return;
    kept.set(candidate.unit, candidate);
    tokens += candidate.stubbed;
  };
  for (const candidate of candidates) {
    if (candidate.unit.kind === "frame" && keptLoops(candidate.unit.exchange)) keep(candidate);
  }
  for (const candidate of byWorth) {
    const frame = candidate.unit.kind === "loop" ? known.get(candidate.unit.exchange.frame) : undefined;
    const more = frame && !kept.has(frame.unit) ? frame.stubbed : 0;
    if (kept.has(candidate.unit) || tokens + candidate.stubbed + more > tokensMax) continue;
    if (frame) keep(frame);
    keep(candidate);
  }
  const stub = new Set<Unit>();
  for (const { unit, tokens: whole, stubbed } of byWorth) {
    if (!kept.has(unit) || whole === stubbed) continue;
    if (tokens + whole - stubbed > tokensMax) stub.add(unit);
    else tokens += whole - stubbed;
  }
  const drop = new Set(candidates.map(({ unit }) => unit).filter((unit) => !kept.has(unit)));
  return { stub, drop, tokens };
}

/** The later one first. */
function order(a: Candidate, b: Candidate): number {
  return (b.unit.messages[0] ?? 0) - (a.unit.messages[0] ?? 0);
}
