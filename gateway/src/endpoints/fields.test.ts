import { describe, expect, test } from "bun:test";
import { noUsage, tokensMax, type Usage } from "@anyray/shared/usage";
import fc from "fast-check";
import type { JsonObject } from "./endpoint";
import {
  anthropicUsage,
  field,
  isObject,
  modelName,
  objectField,
  openaiUsage,
  outputBound,
  responsesUsage,
  textField,
  tokensField,
  tokensOfText,
} from "./fields";

describe("a field", () => {
  test("is the object's own, never its prototype's", () => {
    for (const name of ["constructor", "toString", "__proto__", "hasOwnProperty"]) {
      expect(field({}, name)).toBeUndefined();
      expect(textField({}, name)).toBeNull();
      expect(objectField({}, name)).toBeNull();
    }
    const own = JSON.parse('{"__proto__":{"a":1},"constructor":"c"}') as JsonObject;
    expect(objectField(own, "__proto__")).toEqual({ a: 1 });
    expect(textField(own, "constructor")).toBe("c");
    expect(field(own, "a")).toBeUndefined();
  });

  test("of another type is none", () => {
    const json = { n: 1, s: "s", a: [], nil: null, o: {} };
    for (const name of ["n", "s", "a", "nil", "gone"]) expect(objectField(json, name)).toBeNull();
    for (const name of ["n", "a", "nil", "o", "gone"]) expect(textField(json, name)).toBeNull();
    expect([isObject([]), isObject(null), isObject("x"), isObject({})]).toEqual([false, false, false, true]);
  });

  test("that counts tokens is a whole number within reason, else the fallback", () => {
    for (const odd of [-1, 1.5, "5", null, true, [], {}, 1e300, tokensMax + 1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(tokensField({ odd }, "odd", 7)).toBe(7);
    }
    expect(tokensField({ n: 0 }, "n", 7)).toBe(0);
    expect(tokensField({ n: tokensMax }, "n")).toBe(tokensMax);
    expect(tokensField(null, "n", 3)).toBe(3);
  });
});

describe("a bound on the answer", () => {
  const names = ["max_completion_tokens", "max_tokens"];

  test("is the first that is stated, times the choices", () => {
    expect(outputBound({ max_tokens: 5 }, names)).toBe(5);
    expect(outputBound({ max_tokens: 5, max_completion_tokens: 9 }, names)).toBe(9);
    expect(outputBound({ max_tokens: 5, max_completion_tokens: null }, names)).toBe(5);
    expect(outputBound({ max_tokens: 0 }, names)).toBe(0);
    expect(outputBound({ max_tokens: 5, n: 3 }, names)).toBe(15);
    expect(outputBound({ max_tokens: 5, n: 2, best_of: 4 }, names)).toBe(20);
    expect(outputBound({ max_tokens: 5, n: 0 }, names)).toBe(5);
    expect(outputBound({ max_tokens: 5, n: "3", best_of: -1 }, names)).toBe(5);
    expect(outputBound({}, names)).toBeNull();
    expect(outputBound({ max_tokens: -1 }, names)).toBeNull();
  });

  test("is a safe whole number or none, whatever the body", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom("n", "best_of", ...names), fc.jsonValue()), (body) => {
        const bound = outputBound(body, names);
        return bound === null || (Number.isSafeInteger(bound) && bound >= 0);
      }),
    );
  });
});

test("a model's name has 1 to 256 characters and no control characters", () => {
  for (const name of ["gpt-4o", "a/b:c", "Zoë", "x".repeat(256), "__proto__"]) expect(modelName(name)).toBe(name);
  for (const odd of ["", "x".repeat(257), "a\nb", "a\0", "a\u007f", "a\u0085", 4, null, undefined, ["gpt"], {}]) {
    expect(modelName(odd)).toBeNull();
  }
});

test("four characters of text are about a token", () => {
  expect(["", "a", "abcd", "abcde"].map(tokensOfText)).toEqual([0, 1, 1, 2]);
  for (const odd of [null, 5, [], {}, undefined]) expect(tokensOfText(odd)).toBe(0);
});

describe("usage", () => {
  const detail = { input_tokens: 20, cached_tokens: 3, cache_write_tokens: 4 };

  test("of OpenAI's chat is read with all its details", () => {
    const stated = {
      prompt_tokens: 20,
      completion_tokens: 9,
      total_tokens: 29,
      prompt_tokens_details: detail,
      completion_tokens_details: { reasoning_tokens: 5 },
    };
    const usage = {
      ...noUsage,
      inputTokens: 20,
      cachedInputTokens: 3,
      cacheWriteTokens: 4,
      outputTokens: 9,
      reasoningTokens: 5,
    };
    expect(openaiUsage(stated)).toEqual(usage);
    expect(openaiUsage({ completion_tokens: 9 })).toBeNull();
    expect(openaiUsage({ prompt_tokens: 20, prompt_tokens_details: null })).toEqual({ ...noUsage, inputTokens: 20 });
  });

  test("with reasoning stated beside the output counts it in", () => {
    const details = { completion_tokens_details: { reasoning_tokens: 100 } };
    const beside = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 115, ...details };
    expect(openaiUsage(beside)).toMatchObject({ outputTokens: 105, reasoningTokens: 100 });
    expect(openaiUsage({ ...beside, completion_tokens: 105 })).toMatchObject({
      outputTokens: 105,
      reasoningTokens: 100,
    });
    expect(openaiUsage({ ...beside, total_tokens: undefined })).toMatchObject({
      outputTokens: 100,
      reasoningTokens: 100,
    });
  });

  test("of OpenAI's Responses is read with all its details, writes of the long lifetime too", () => {
    const stated = {
      input_tokens: 20,
      input_tokens_details: { ...detail, cache_write_tokens_details: { ttl_12h_tokens: 2 } },
      output_tokens: 9,
      output_tokens_details: { reasoning_tokens: 5 },
    };
    expect(responsesUsage(stated)).toEqual({
      inputTokens: 20,
      cachedInputTokens: 3,
      cacheWriteTokens: 4,
      cacheWriteLongTokens: 2,
      outputTokens: 9,
      reasoningTokens: 5,
    });
    expect(responsesUsage({ output_tokens: 9 })).toBeNull();
  });

  test("that contradicts itself is read as if its parts were right", () => {
    const contradictory = { prompt_tokens: 1, prompt_tokens_details: { cached_tokens: 8, cache_write_tokens: 4 } };
    expect(openaiUsage(contradictory)).toMatchObject({ inputTokens: 12, cachedInputTokens: 8, cacheWriteTokens: 4 });
    const long = { input_tokens: 1, input_tokens_details: { cache_write_tokens_details: { ttl_12h_tokens: 6 } } };
    expect(responsesUsage(long)).toMatchObject({ inputTokens: 6, cacheWriteTokens: 6, cacheWriteLongTokens: 6 });
  });

  test("is never negative, never no number, and its parts never exceed their whole, whatever is stated", () => {
    const figure = fc.oneof(
      fc.constantFrom<unknown[]>(-5, 1.5, 1e9, 1e308, "7", null, [], undefined, -0),
      fc.nat({ max: 99 }),
    );
    const names = ["prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "output_tokens"];
    names.push("cache_read_input_tokens", "cache_creation_input_tokens");
    const parts = ["cached_tokens", "cache_write_tokens", "reasoning_tokens", "thinking_tokens"];
    parts.push("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens");
    const details = fc.oneof(figure, fc.dictionary(fc.constantFrom(...parts), figure));
    const groups = [
      "prompt_tokens_details",
      "completion_tokens_details",
      "input_tokens_details",
      "output_tokens_details",
      "cache_creation",
    ];
    const stated = fc
      .tuple(fc.dictionary(fc.constantFrom(...names), figure), fc.dictionary(fc.constantFrom(...groups), details))
      .map(([figures, grouped]) => ({ ...figures, ...grouped }));
    const isSound = (usage: Usage | null) =>
      usage === null ||
      (Object.values(usage).every((count) => Number.isSafeInteger(count) && count >= 0) &&
        usage.cachedInputTokens + usage.cacheWriteTokens <= usage.inputTokens &&
        usage.cacheWriteLongTokens <= usage.cacheWriteTokens &&
        usage.reasoningTokens <= usage.outputTokens);
    fc.assert(
      fc.property(fc.array(stated, { minLength: 1, maxLength: 4 }), (events) => {
        let before: Usage | null = null;
        for (const event of events) {
          for (const usage of [openaiUsage(event), responsesUsage(event)]) if (!isSound(usage)) return false;
          before = anthropicUsage(event, before ?? openaiUsage(event));
          if (!isSound(before)) return false;
        }
        return true;
      }),
      { numRuns: 3_000 },
    );
  });
});
