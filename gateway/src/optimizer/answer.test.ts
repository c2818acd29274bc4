import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { chatCompletions } from "../endpoints/chat-completions";
import { readAnswer } from "./answer";

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const sentText =
  '{"model":"gpt-5","stream":true,"stream_options":{"include_usage":true},"messages":[{"content":"aaaa"}]}';
const shorter = sentText.replace("aaaa", "a");
const decision = { kind: "k_1", summary: "s", tokensBefore: 4, tokensAfter: 1, ms: 0.5 };
const facts = { protocolVersion: 1, optimizationId: "o", decisions: [decision], estimatedTokensSaved: 3 };

/** An answer whose request stands in it as text. */
const answerOf = (given: object, request: string) => `{"request":${request},${JSON.stringify(given).slice(1)}`;
const read = (answer: string, sent = sentText) => readAnswer(bytes(answer), bytes(sent), chatCompletions);
const requestIn = (answer: string, sent?: string) => {
  const found = read(answer, sent);
  return found && (found.request ? Buffer.from(found.request).toString() : "as sent");
};

describe("a good answer", () => {
  test("gives the request byte for byte, wherever it stands", () => {
    const spaced = `{ "messages" : [1.0, 1e3,"\\u0041 😀"],"stream":true,"stream_options":{"include_usage":true}, "model":"gpt-5" }`;
    expect(requestIn(answerOf(facts, ` ${spaced}\n`))).toBe(spaced);
    expect(
      requestIn(
        `{"decisions":[${JSON.stringify(decision)}],"x":"\\"request\\":{}","protocolVersion":1,"request":${shorter}}`,
      ),
    ).toBe(shorter);
  });

  test("is no change when its bytes are those that were sent, or when it names no decision", () => {
    expect(requestIn(answerOf(facts, sentText))).toBe("as sent");
    expect(requestIn(answerOf({ ...facts, decisions: [] }, shorter))).toBe("as sent");
  });

  test("states its facts, and what a small optimizer leaves out is nothing", () => {
    const small = read(
      answerOf({ protocolVersion: 1, decisions: [{ kind: "k", tokensBefore: 2, tokensAfter: 1 }] }, shorter),
    );
    expect(small?.facts).toEqual({
      protocolVersion: 1,
      optimizationId: "",
      decisions: [{ kind: "k", summary: "", tokensBefore: 2, tokensAfter: 1, ms: 0 }],
      estimatedTokensSaved: 0,
      estimatedSavingsUsd: 0,
      cacheHit: false,
      cachedResponse: undefined,
      cacheEligible: false,
      suppressedKinds: [],
    });
    const whole = {
      cacheHit: true,
      cachedResponse: { id: 1 },
      cacheEligible: true,
      cacheKey: "ck",
      suppressedKinds: [{ kind: "k", reason: "no_retrieve" }],
    };
    expect(read(answerOf({ ...facts, ...whole }, shorter))?.facts).toMatchObject({
      ...whole,
      cachedResponse: '{"id":1}',
    });
  });
});

describe("nothing of it is used when", () => {
  test.each([
    ["the model differs", shorter.replace("gpt-5", "gpt-4")],
    ["the model is gone", shorter.replace('"model":"gpt-5",', "")],
    ["a second model comes after it", shorter.replace("}]}", '}],"model":"gpt-4"}')],
    ["the form of the answer differs", shorter.replace('"stream":true', '"stream":false')],
    ["the usage is no longer asked for", shorter.replace("include_usage", "x")],
    ["the request is a list", `[${shorter}]`],
    ["the request is a text", '"{}"'],
    ["the request is null", "null"],
    ["the request is broken", shorter.slice(0, -1)],
    ["the request is much longer", shorter.replace('"a"', `"${"a".repeat(5_000)}"`)],
    ["the request has a value too much", `${shorter} ${shorter}`],
  ])("%s", (_, request) => {
    expect(read(answerOf(facts, request))).toBeNull();
  });

  test.each([
    ["the protocol is another", { protocolVersion: 2 }],
    ["decisions are missing", { decisions: undefined }],
    ["decisions are no list", { decisions: {} }],
    ["there are too many decisions", { decisions: Array(257).fill(decision) }],
    ["a decision is null", { decisions: [null] }],
    ["a decision has a strange kind", { decisions: [{ ...decision, kind: "a\u202eb" }] }],
    ["a decision has no tokens", { decisions: [{ kind: "k" }] }],
    ["a decision has tokens below zero", { decisions: [{ ...decision, tokensBefore: -1 }] }],
    ["a decision has a metric that is none", { decisions: [{ ...decision, metric: "1" }] }],
    ["saved tokens are a text", { estimatedTokensSaved: "3" }],
    ["saved tokens are beyond belief", { estimatedTokensSaved: 1e12 }],
    ["its name could break a header", { optimizationId: "a\r\nb" }],
    ["its name is a number", { optimizationId: 1 }],
    ["a flag is none", { cacheHit: "yes" }],
    ["the cache's key is none", { cacheKey: { a: 1 } }],
    ["a suppressed kind has no reason", { suppressedKinds: [{ kind: "k" }] }],
  ])("%s", (_, given) => {
    expect(read(answerOf({ ...facts, ...given }, shorter))).toBeNull();
  });

  test.each([
    "",
    "null",
    "[]",
    '"request"',
    '["request",{}]',
    "{",
    '{"request"',
    '{"request":',
    `{"request":${sentText}`,
    "\xff\xfe",
    `${"[".repeat(300_000)}`,
  ])("it is %p", (text) => {
    expect(read(text.slice(0, 400_000))).toBeNull();
  });

  test("it is not UTF-8", () => {
    const latin1 = Buffer.from(answerOf(facts, shorter.replace('"a"', '"\xe9"')), "latin1");
    expect(readAnswer(new Uint8Array(latin1), bytes(sentText), chatCompletions)).toBeNull();
  });
});

test("never throws, and never lets through what is not JSON, whatever is broken where", () => {
  const good = answerOf(facts, shorter);
  const edit = fc.record({
    at: fc.nat(good.length),
    take: fc.nat(8),
    put: fc.string({ unit: "binary", maxLength: 6 }),
  });
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
      const text = edits.reduce((made, { at, take, put }) => made.slice(0, at) + put + made.slice(at + take), good);
      const request = read(text)?.request;
      if (!request) return;
      const json = JSON.parse(Buffer.from(request).toString());
      expect([json.model, json.stream, json.stream_options.include_usage]).toEqual(["gpt-5", true, true]);
      JSON.parse(text);
    }),
    { numRuns: 2_000 },
  );
});

test("prototype names are names", () => {
  const evil = '"__proto__":{"protocolVersion":1,"decisions":[]}';
  expect(read(`{"request":${shorter},${evil}}`)).toBeNull();
  expect(requestIn(answerOf({ ...facts, decisions: [{ ...decision, kind: "constructor" }] }, shorter))).toBe(shorter);
});
