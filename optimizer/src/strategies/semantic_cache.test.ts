import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { paramsOf } from "../../test/run-stand";
import { createBudget } from "../budget";
import { optimize } from "../optimize";
import { emptySession } from "../session";
import { type CacheSimilar, semanticCache } from "./semantic_cache";

type Body = Record<string, unknown>;
const base: Body = {
  model: "gpt-5",
  temperature: 0,
  messages: [
    { role: "system", content: "Be brief." },
    { role: "user", content: "What is the capital of France?" },
  ],
};
const ada = { user: "ada", team: "core", session: "s" };

interface Asker {
  user: string | null;
  team: string | null;
  session: string;
}

function keyOf(body: Body, asker: Asker = ada, params = {}, endpoint = "/v1/chat/completions") {
  return runCache(body, asker, params, endpoint).sidecar["cacheKey"] as string | undefined;
}

function runCache(body: Body, asker: Asker, params: object, endpoint: string) {
  const source = JSON.stringify(body);
  const result = optimize({
    endpoint,
    source,
    strategies: [{ strategy: semanticCache, params: paramsOf(semanticCache, { ...params }) }],
    session: emptySession(),
    asker,
    scope: { tenant: "", user: "", session: "" },
    handleKey: new Uint8Array(32).fill(1),
    canRetrieve: false,
    canStash: true,
    canShortCircuit: true,
    now: 1,
    budget: createBudget(10_000),
    factor: () => 1,
    isOff: () => false,
  });
  expect(result.output).toBe(source);
  return result;
}

const ask = (content: unknown, more: Body = {}) => ({ ...base, messages: [{ role: "user", content }], ...more });

describe("the same question has the same key", () => {
  test("whatever its white space, its delivery and its labels", () => {
    const key = keyOf(base);
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    expect(keyOf({ ...base, stream: true, stream_options: { include_usage: true }, user: "x" })).toBe(key as string);
    expect(keyOf(ask("a  b\n c"))).toBe(keyOf(ask(" a b c ")) as string);
    expect(keyOf(ask("caf\u00e9"))).toBe(keyOf(ask("cafe\u0301")) as string);
    const { model, ...rest } = base;
    expect(keyOf({ ...rest, model })).toBe(key as string);
  });

  test("but white space of code counts", () => {
    expect(keyOf(ask("```\na  b\n```"))).not.toBe(keyOf(ask("```\na b\n```")));
    expect(keyOf(ask("if x:\n    y"))).not.toBe(keyOf(ask("if x:\n  y")));
  });
});

test("nothing that could change the answer shares a key", () => {
  const changes: Body[] = [
    { model: "gpt-5-mini" },
    { temperature: 0.2 },
    { top_p: 0.5 },
    { seed: 1 },
    { max_tokens: 5 },
    { response_format: { type: "json_object" } },
    { stop: ["x"] },
    { messages: [{ role: "user", content: "What is the capital of France?" }] },
    { messages: [{ role: "system", content: "Be long." }, (base["messages"] as unknown[])[1]] },
  ];
  const keys = [base, ...changes.map((change) => ({ ...base, ...change }))].map((body) => keyOf(body));
  expect(keys.every((key) => key !== undefined)).toBe(true);
  expect(new Set(keys).size).toBe(keys.length);
});

describe("scope", () => {
  const bob = { ...ada, user: "bob" };
  const other = { ...ada, user: "eve", team: "other" };
  test("a user's answers are the user's", () => {
    expect(keyOf(base, bob)).not.toBe(keyOf(base, ada));
    expect(keyOf(base, { ...ada, user: null })).toBeUndefined();
    expect(keyOf(base, { ...ada, session: "another" })).toBe(keyOf(base, ada) as string);
  });
  test("a team's are the team's", () => {
    const params = { scope: "team" };
    expect(keyOf(base, bob, params)).toBe(keyOf(base, ada, params) as string);
    expect(keyOf(base, other, params)).not.toBe(keyOf(base, ada, params));
    expect(keyOf(base, { ...ada, team: null }, params)).toBeUndefined();
  });
  test("questions of now and me are not shared", () => {
    expect(keyOf(ask("What is the weather today?"), ada, { scope: "tenant" })).toBeUndefined();
    expect(keyOf(ask("What is the weather today?"), ada)).toBeDefined();
  });
});

test("what is not repeatable has no key", () => {
  const call = { id: "c", type: "function", function: { name: "f", arguments: "{}" } };
  const refused: Body[] = [
    { ...base, temperature: 0.31 },
    { ...base, temperature: undefined },
    { ...base, temperature: "0" },
    { ...base, n: 2 },
    { ...base, tools: [{ type: "function", function: { name: "f" } }] },
    ask([
      { type: "text", text: "look" },
      { type: "image_url", image_url: { url: "data:," } },
    ]),
    ask("x", {
      messages: [
        { role: "assistant", tool_calls: [call] },
        { role: "tool", tool_call_id: "c", content: "" },
      ],
    }),
    ask("x".repeat(8_001)),
    { ...base, messages: [] },
  ];
  for (const body of refused) expect(keyOf(body)).toBeUndefined();
  expect(
    keyOf({ model: "m", temperature: 0, input: "hi", previous_response_id: "r" }, ada, {}, "/v1/responses"),
  ).toBeUndefined();
});

test("any two requests that differ in more than white space differ in their keys", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), (a, b) => {
      const same = a.normalize("NFC").trim().replace(/\s+/g, " ") === b.normalize("NFC").trim().replace(/\s+/g, " ");
      if (!same) expect(keyOf(ask(a))).not.toBe(keyOf(ask(b)));
    }),
  );
});

describe("similar questions", () => {
  const sidecarOf = (body: Body, params = {}, endpoint = "/v1/chat/completions", asker = ada) =>
    runCache(body, asker, params, endpoint).sidecar["cacheSimilar"] as CacheSimilar | undefined;
  const similar = { similarity: true };

  test("are looked for only where that is switched on, for a user's own questions", () => {
    expect(sidecarOf(base)).toBeUndefined();
    expect(sidecarOf(base, similar)).toEqual({
      group: expect.stringMatching(/^[0-9a-f]{64}$/),
      text: "What is the capital of France?",
      errorRateMax: 0.01,
    });
    expect(sidecarOf(base, { ...similar, scope: "team" })).toBeUndefined();
    expect(sidecarOf({ ...base, temperature: 1 }, similar)).toBeUndefined();
  });

  test("belong to one group exactly when nothing but the last question differs", () => {
    const group = sidecarOf(ask("a"), similar)?.group as string;
    expect(sidecarOf(ask("another"), similar)?.group).toBe(group);
    expect(sidecarOf(ask([{ type: "text", text: "in a block" }]), similar)?.group).toBe(group);
    const others = [
      sidecarOf(ask("a", { model: "gpt-5-mini" }), similar),
      sidecarOf(ask("a", { max_tokens: 5 }), similar),
      sidecarOf(base, similar),
      sidecarOf(ask("a"), similar, "/v1/chat/completions", { ...ada, user: "bob" }),
      sidecarOf({ model: "gpt-5", temperature: 0, input: "a" }, similar, "/v1/responses"),
      sidecarOf(
        { model: "gpt-5", temperature: 0, messages: [{ role: "user", content: "a" }] },
        similar,
        "/v1/messages",
      ),
    ].map((each) => each?.group);
    expect(others).not.toContain(undefined);
    expect(others).not.toContain(group);
    expect(new Set(others).size).toBe(others.length);
  });

  test("need a last question of one text", () => {
    const two = [
      { type: "text", text: "a" },
      { type: "text", text: "b" },
    ];
    expect(sidecarOf(ask(two), similar)).toBeUndefined();
    const prefilled = [
      { role: "user", content: "a" },
      { role: "assistant", content: "b" },
    ];
    expect(sidecarOf({ ...base, messages: prefilled }, similar)).toBeUndefined();
  });
});
