import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { cappedTokens, noUsage, tokenCount, tokensMax } from "./usage";

describe("a token count", () => {
  test("is a whole number from 0 to the largest believed", () => {
    for (const count of [0, 1, 4_096, tokensMax]) expect(tokenCount(count)).toBe(count);
    for (const odd of [
      -1,
      0.5,
      tokensMax + 1,
      1e21,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      "5",
      5n,
      true,
      null,
      undefined,
      [5],
      {},
    ]) {
      expect(tokenCount(odd)).toBeUndefined();
    }
  });

  test("is never anything else, whatever is stated", () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const count = tokenCount(value);
        return (
          count === undefined || (Number.isSafeInteger(count) && count >= 0 && count <= tokensMax && count === value)
        );
      }),
    );
  });
});

test("what counts towards a cap is all input and all output, each once", () => {
  const usage = {
    inputTokens: 100,
    cachedInputTokens: 60,
    cacheWriteTokens: 30,
    cacheWriteLongTokens: 10,
    outputTokens: 40,
    reasoningTokens: 25,
  };
  expect(cappedTokens(usage)).toBe(140);
  expect(cappedTokens(noUsage)).toBe(0);
});

test("no usage stays none, whoever holds it", () => {
  expect(() => Object.assign(noUsage, { inputTokens: 1 })).toThrow();
  expect(Object.values(noUsage).every((count) => count === 0)).toBe(true);
});
