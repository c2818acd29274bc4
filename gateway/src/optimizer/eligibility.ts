// Owns for which calls asking can be worth it: as the optimizer publishes it, never guessed. What is not known, or is
// too old to be relied on, counts as worth it: asking in vain costs a call a millisecond, not asking costs a saving.

import type { Eligibility } from "@anyray/shared/protocol";
import type { JsonObject } from "../endpoints/endpoint";
import { field, isObject, objectField } from "../endpoints/fields";

/** Endpoints whose requests the protocol knows; all others are never optimized. */
export const optimizableEndpoints: ReadonlySet<string> = new Set([
  "/v1/chat/completions",
  "/v1/responses",
  "/v1/messages",
]);

/** Older than this, the settings may have changed without a sign: several looks in a row were missed. */
const knownForMs = 3_000;

export type KnownEligibility = ReturnType<typeof createEligibility>;

export function createEligibility() {
  let known: Eligibility | null = null;
  let learnedAt = 0;
  return {
    /** `at` as in `performance.now()`. */
    isPointless(endpoint: string, bodyBytes: number, at: number): boolean {
      if (known === null || at - learnedAt > knownForMs) return false;
      const bytesMin = known.bodyBytesMin[endpoint] ?? null;
      return bytesMin === null || bodyBytes < bytesMin;
    },
    learn(next: Eligibility | null, at: number) {
      known = next;
      learnedAt = at;
    },
    revision: () => known?.revision ?? null,
  };
}

/** Null for anything else than an eligibility, as an optimizer that publishes none may answer. */
export function readEligibility(bytes: Uint8Array): Eligibility | null {
  try {
    const json: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return isObject(json) ? readFields(json) : null;
  } catch {
    return null;
  }
}

function readFields(json: JsonObject): Eligibility | null {
  const revision = field(json, "revision");
  const published = objectField(json, "bodyBytesMin");
  if (typeof revision !== "string" || revision.length > 256 || !published) return null;
  const bodyBytesMin: Record<string, number | null> = Object.create(null);
  for (const endpoint of optimizableEndpoints) {
    const bytesMin = field(published, endpoint) ?? null;
    if (bytesMin !== null && !(typeof bytesMin === "number" && bytesMin >= 0)) return null;
    bodyBytesMin[endpoint] = bytesMin;
  }
  return { revision, bodyBytesMin };
}
