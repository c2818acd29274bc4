import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { imageTokens, modelFacts } from "./models";
import table from "./models.json";

const familyOf = (model: string) => modelFacts(model, "/v1/chat/completions").family;

describe("a model's family", () => {
  test.each([
    ["claude-opus-4-5-20251101", "claude-opus-4.5"],
    ["anthropic/claude-opus-4.5", "claude-opus-4.5"],
    ["us.anthropic.claude-opus-4-5-20251101-v1:0", "claude-opus-4.5"],
    ["claude-opus-4-5@20251101", "claude-opus-4.5"],
    ["claude-opus-4-20250514", "claude-opus-4"],
    ["claude-opus-5", "claude-opus-5"],
    ["claude-opus-5-5-20260901", "claude-opus-5.5"],
    ["claude-3-5-haiku-latest", "claude-3.5-haiku"],
    ["claude-3-haiku-20240307", "claude-3-haiku"],
    ["claude-3-opus-latest", "claude-3"],
    ["claude-mystery-9", "claude"],
    ["gpt-5", "gpt-5"],
    ["gpt-5-2025-08-07", "gpt-5"],
    ["gpt-5.2", "gpt-5"],
    ["gpt-5.4-mini", "gpt-5.4-mini"],
    ["gpt-5.6-luna", "gpt-5.6"],
    ["openai/gpt-6-sol", "gpt-6"],
    ["gpt-4o-2024-08-06", "gpt-4o"],
    ["ft:gpt-4o-mini-2024-07-18:org::id", "gpt-4o-mini"],
    ["GPT-4.1-mini", "gpt-4.1-mini"],
    ["gpt-4-turbo", "gpt-4"],
    ["o3-mini-high", "o3-mini"],
    ["gpt-50", "unknown"],
    ["llama-3", "unknown"],
    ["constructor", "unknown"],
    ["", "unknown"],
  ])("%s → %s", (model, family) => {
    expect(familyOf(model)).toBe(family);
  });

  test("every name of the table leads to its own row", () => {
    for (const { family, match } of table.families)
      for (const name of match) expect([name, familyOf(name)]).toEqual([name, family]);
  });

  test("any name has facts, and they can be counted with", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        fc.constantFrom("/v1/messages", "/v1/responses", "/v1/x", ""),
        (model, endpoint) => {
          for (const facts of [modelFacts(model, endpoint), modelFacts(null, endpoint)]) {
            expect(facts.cacheTtlSeconds).toBeGreaterThan(0);
            expect(facts.contextWindowTokens).toBeGreaterThan(0);
            expect(facts.cacheRead).toBeLessThanOrEqual(facts.cacheWrite5m);
          }
        },
      ),
    );
  });
});

describe("the facts", () => {
  const facts = (model: string) => modelFacts(model, "/v1/messages");

  test("where nothing is cached, reading costs what input costs", () => {
    for (const { match } of table.families) {
      const { caching, cacheRead, cacheWrite5m, cacheWrite1h } = facts(match[0]!);
      if (caching === "none") expect([cacheRead, cacheWrite5m, cacheWrite1h]).toEqual([1, 1, 1]);
      else expect(cacheRead).toBeLessThan(1);
    }
  });

  test("of smallest cached prefixes", () => {
    expect(
      ["claude-opus-5", "claude-opus-4-8", "claude-sonnet-4-5", "claude-opus-4-7", "claude-haiku-4-5"].map(
        (model) => facts(model).cacheMinTokens,
      ),
    ).toEqual([512, 1_024, 1_024, 4_096, 4_096]);
  });

  test("of thinking", () => {
    expect(
      ["claude-opus-4-5", "claude-opus-4-7", "claude-3-5-sonnet", "gpt-5", "gpt-4o"].map(
        (model) => facts(model).thinking,
      ),
    ).toEqual(["budget", "adaptive", "none", "effort", "none"]);
    expect(
      ["claude-opus-4-5", "claude-sonnet-4-6", "claude-sonnet-4-5", "claude-haiku-4-5"].map(
        (model) => facts(model).keepsEarlierThinking,
      ),
    ).toEqual([true, true, false, false]);
  });

  test("of breakpoints: not before GPT-5.6, whose writes cost more", () => {
    expect(["gpt-5.5", "gpt-5.6", "gpt-6-astra"].map((model) => facts(model).acceptsCacheBreakpoints)).toEqual([
      false,
      true,
      true,
    ]);
    expect(["gpt-5.5", "gpt-5.6"].map((model) => facts(model).cacheWrite5m)).toEqual([1, 1.25]);
  });

  test("an unknown model of the Messages API is taken for the newest: no budget is put into its request", () => {
    expect(modelFacts("mystery", "/v1/messages?beta=true").thinking).toBe("adaptive");
    expect(modelFacts("mystery", "/v1/responses").acceptsCacheBreakpoints).toBe(false);
  });

  test("an unknown model of a chat may have a cache: edits are weighed as if it had", () => {
    expect(modelFacts("mystery", "/v1/chat/completions").caching).toBe("implicit");
    expect(modelFacts(null, "/v1/embeddings").caching).toBe("none");
  });
});

describe("an image's tokens", () => {
  const at = (model: string, width: number, height: number, detail: string | null = null) =>
    imageTokens(modelFacts(model, "").image, width, height, detail);

  test.each([
    ["claude-sonnet-4-5", 1000, 1000, null, 36 * 36],
    ["claude-sonnet-4-5", 200, 200, null, 64],
    ["claude-sonnet-4-5", 4000, 4000, null, 1568],
    ["claude-opus-4-8", 4000, 4000, null, 4784],
    ["gpt-4o", 1024, 1024, "high", 765],
    ["gpt-4o", 2048, 4096, "high", 1105],
    ["gpt-4o", 4096, 8192, "low", 85],
    ["gpt-4o", 512, 512, null, 255],
    ["gpt-4.1-mini", 1024, 1024, null, Math.ceil(1024 * 1.62)],
    ["gpt-4o", 0, 10, null, 0],
  ] as const)("%s %d x %d %s", (model, width, height, detail, tokens) => {
    expect(at(model, width, height, detail)).toBe(tokens);
  });
});
