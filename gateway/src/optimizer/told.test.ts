import { expect, test } from "bun:test";
import type { OptimizeFacts } from "@anyray/shared/protocol";
import fc from "fast-check";
import type { Optimized } from "../call";
import { tellOptimization } from "./told";

const optimizedBy = (given: Partial<OptimizeFacts> | null): Optimized => ({
  outcome: given ? "optimized" : "off",
  optimizeMs: given && 1.5,
  body: null,
  facts: given && {
    protocolVersion: 1,
    optimizationId: "o",
    decisions: [],
    estimatedTokensSaved: 3,
    estimatedSavingsUsd: 0,
    cacheHit: false,
    cachedResponse: { secret: "answer" },
    cacheEligible: true,
    cacheKey: "secret key",
    suppressedKinds: [],
    sidecar: { secret: 1 },
    ...given,
  },
  cached: null,
  cacheKey: null,
});

test("tells what was done, and neither answers nor keys", () => {
  expect(JSON.parse(tellOptimization(optimizedBy(null)))).toEqual({
    outcome: "off",
    optimizeMs: null,
    decisions: [],
    estimatedTokensSaved: 0,
  });
  const told = tellOptimization(optimizedBy({}));
  expect(JSON.parse(told)).toMatchObject({
    outcome: "optimized",
    optimizeMs: 1.5,
    optimizationId: "o",
    estimatedTokensSaved: 3,
  });
  expect(told).not.toContain("secret");
});

test("is always JSON in printable ASCII of at most 8 KB", () => {
  const text = fc.string({ unit: "binary", maxLength: 512 });
  const decision = fc.record({
    kind: fc.constantFrom("a", "b".repeat(64)),
    summary: text,
    tokensBefore: fc.nat(1e7),
    tokensAfter: fc.nat(1e7),
    ms: fc.double({ min: 0, max: 1e7, noNaN: true }),
  });
  const suppressed = fc.record({ kind: fc.constant("k"), reason: text });
  fc.assert(
    fc.property(
      fc.array(decision, { maxLength: 256 }),
      fc.array(suppressed, { maxLength: 40 }),
      (decisions, suppressedKinds) => {
        const told = tellOptimization(optimizedBy({ decisions, suppressedKinds }));
        expect(told.length).toBeLessThanOrEqual(8_192);
        expect(told).toMatch(/^[\x20-\x7e]*$/);
        const json = JSON.parse(told);
        if (!json.isCut)
          expect([json.decisions.length, json.suppressedKinds]).toEqual([decisions.length, suppressedKinds]);
        expect(json.outcome).toBe("optimized");
      },
    ),
    { numRuns: 100 },
  );
});
