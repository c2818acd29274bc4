import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Endpoint, runStrategy } from "../../test/run-stand";
import { noteOutput, paramTuning } from "./param_tuning";

const bodies: Record<Endpoint, Record<string, unknown>> = {
  "/v1/chat/completions": { model: "gpt-4.1", messages: [{ role: "user", content: "hi" }] },
  "/v1/responses": { model: "gpt-4.1", input: "hi" },
  "/v1/messages": { model: "claude-sonnet-4-5", max_tokens: 100, messages: [{ role: "user", content: "hi" }] },
};

function tuned(endpoint: Endpoint, more: Record<string, unknown>, params = {}, remembered: unknown = null) {
  const source = JSON.stringify({ ...bodies[endpoint], ...more });
  const stood = runStrategy(paramTuning, source, { endpoint, params, remembered });
  return { ...stood, body: JSON.parse(stood.output) as Record<string, unknown>, source };
}

const fields: [Endpoint, string][] = [
  ["/v1/chat/completions", "max_tokens"],
  ["/v1/chat/completions", "max_completion_tokens"],
  ["/v1/responses", "max_output_tokens"],
  ["/v1/messages", "max_tokens"],
];

describe.each(fields)("%s %s", (endpoint, field) => {
  test("is lowered to the cap and never raised, and nothing else changes", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500_000 }),
        fc.integer({ min: 1_024, max: 200_000 }),
        (asked, maxTokensCap) => {
          const { body } = tuned(endpoint, { [field]: asked }, { maxTokensCap });
          const limit = body[field] as number;
          expect(limit).toBeLessThanOrEqual(asked);
          if (asked <= maxTokensCap) expect(limit).toBe(asked);
          expect(limit).toBeGreaterThanOrEqual(Math.min(asked, maxTokensCap));
          expect({ ...body, [field]: 0 }).toEqual({ ...bodies[endpoint], [field]: 0 });
        },
      ),
    );
  });

  test("of another type is the provider's to refuse", () => {
    for (const asked of ["99999999", null, 1e9 + 0.5, {}, true]) {
      const { output, source } = tuned(endpoint, { [field]: asked });
      expect(output).toBe(source);
    }
  });
});

test("a request without a limit gets none", () => {
  expect(tuned("/v1/responses", {}).body).toEqual(bodies["/v1/responses"]);
});

test("a limit is never below the thinking it must hold", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1_024, max: 120_000 }), (budget_tokens) => {
      const thinking = { type: "enabled", budget_tokens };
      const { body } = tuned("/v1/messages", { max_tokens: 200_000, thinking }, { maxTokensCap: 1_024 });
      expect(body["max_tokens"]).toBe(Math.max(1_024, budget_tokens + 1_024));
    }),
  );
  const lowered = (endpoint: Endpoint, field: string, more: Record<string, unknown>) =>
    tuned(endpoint, { [field]: 500_000, ...more }, { maxTokensCap: 1_024 }).body[field];
  expect(lowered("/v1/messages", "max_tokens", { thinking: { type: "adaptive" } })).toBe(16_384);
  expect(lowered("/v1/messages", "max_tokens", { output_config: { effort: "max" } })).toBe(65_536);
  expect(lowered("/v1/chat/completions", "max_completion_tokens", { reasoning_effort: "high" })).toBe(16_384);
  expect(lowered("/v1/responses", "max_output_tokens", { reasoning: { effort: "xhigh" } })).toBe(65_536);
});

test("an answer that was cut by the cap lifts it for the session, until no answer is cut", () => {
  const needed = 9_000;
  let remembered: unknown = null;
  let cuts = 0;
  for (let turn = 0; turn < 20; turn += 1) {
    const { body, remembered: next } = tuned(
      "/v1/messages",
      { max_tokens: 60_000 },
      { maxTokensCap: 1_024 },
      remembered,
    );
    const limit = body["max_tokens"] as number;
    if (limit < needed) cuts += 1;
    remembered = noteOutput(next, Math.min(limit, needed));
  }
  expect(cuts).toBe(4);
});
