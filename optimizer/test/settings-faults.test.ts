// Promise: a config that has a fault is refused whole, every fault named with its place, whatever was sent.

import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { openStore } from "@anyray/shared/store/open";
import { type Json, startOptimizer, type TestOptimizer } from "./harness";

setDefaultTimeout(30_000);

const path = "/admin/optimizer/settings";
const chat = "/v1/chat/completions";

let optimizer: TestOptimizer;
beforeAll(async () => {
  optimizer = await startOptimizer();
});

const entry = (kind: string, enabled = true, params: object = {}) => ({ kind, enabled, params });
const configOf = (strategies: object[], overrides: object = { byEndpoint: {}, rules: [] }) => ({
  defaultsRevision: 7,
  strategies,
  overrides,
});

/** Kinds that would run for a request whose envelope is this text. */
async function kindsFor(envelope: string): Promise<string[]> {
  expect((await optimizer.ask("/v1/optimize", envelope)).status).toBe(200);
  const { json } = await optimizer.ask("/v1/retrieve", { handle: "ctx_asked" });
  return JSON.parse(json.content).strategies.map(({ kind }: Json) => kind);
}

async function auditRows(): Promise<number> {
  const store = await openStore({ dataDir: optimizer.dataDir, timezone: "UTC" });
  const audit = await store.readAudit(null, 10);
  await store.close();
  return audit.length;
}

test("every fault of a config is told at once, and nothing is changed", async () => {
  const before = (await optimizer.ask(path)).json;
  const faulty = {
    strategy: [],
    defaultsRevision: "a b",
    strategies: [
      entry("magic"),
      { kind: "context_dedupe", enabled: "yes", params: { jaccard: 2, nearDupe: 1, twice: true } },
      entry("context_compression", true, { minChars: -1, encoding: "xml", roles: ["tool", "tool"], words: [1] }),
      entry("param_tuning", true, { maxTokensCap: 1.5 }),
      entry("context_compression", true, { minChars: null }),
      7,
      { kind: "code_graph", enabled: true, note: "x" },
    ],
    overrides: {
      byEndpoint: { "/v1/embeddings": [], "/v1/messages": [{ kind: "window_budget", enabled: 1 }] },
      rules: [
        { match: { user: "", who: "x", model: "a*b", endpoint: "/v1", metadata: { a: {} } }, strategies: [entry("x")] },
        { match: {} },
      ],
      more: 1,
    },
  };
  const { status, json } = await optimizer.ask(path, faulty);
  expect([status, json.error.code]).toEqual([400, "invalid_request"]);
  for (const told of [
    'unknown field "strategy": accepted are defaultsRevision, strategies, overrides',
    'defaultsRevision="a b": accepted is',
    'strategies[0].kind="magic": known kinds are param_tuning, context_dedupe,',
    "strategies[1].params.jaccard=2: accepted is a number from 0.5 to 1",
    "strategies[1].params.nearDupe=1: accepted is true or false",
    'strategies[1].params: unknown parameter "twice" of context_dedupe: accepted are nearDupe, jaccard',
    "strategies[2].params.minChars=-1: accepted is a whole number from 0 to 10000000",
    'strategies[2].params.encoding="xml": accepted is "auto" or "json"',
    'strategies[2].params.roles=["tool","tool"]: accepted is a list of "tool", "function", "user", each once',
    "strategies[2].params.words=[1]: accepted is a list of at most 200 texts",
    "strategies[3].params.maxTokensCap=1.5: accepted is a whole number from 1 to 1000000, or null",
    "strategies[4]: context_compression is already in strategies[2]",
    "strategies[4].params.minChars=null: accepted is a whole number from 0 to 10000000",
    "strategies[5] must be a JSON object with kind, enabled, params",
    'unknown field "note" in strategies[6]',
    'unknown field "/v1/embeddings" in overrides.byEndpoint: accepted are /v1/chat/completions,',
    'overrides.byEndpoint["/v1/messages"][0].enabled=1: accepted is true or false',
    'overrides.rules[0].match.user="": accepted is',
    'unknown field "who" in overrides.rules[0].match',
    'overrides.rules[0].match.model="a*b": accepted is',
    'overrides.rules[0].match.endpoint="/v1": accepted is',
    'overrides.rules[0].match.metadata["a"]={}: accepted is',
    'overrides.rules[0].strategies[0].kind="x": known kinds are',
    "overrides.rules[1].strategies: accepted is a list",
    'unknown field "more" in overrides',
  ]) {
    expect(json.error.message).toContain(told);
  }
  expect((await optimizer.ask(path)).json).toEqual(before);
  expect(await auditRows()).toBe(0);
});

describe("what cannot run together", () => {
  const all = (...kinds: string[]) => kinds.map((kind) => entry(kind));
  const messages = (...changes: object[]) => ({ byEndpoint: { "/v1/messages": changes }, rules: [] });
  const refused: [config: object, ...told: string[]][] = [
    [configOf(all("cache_optimizer", "context_dedupe")), "strategies: cache_optimizer must be the last"],
    [
      configOf(all("window_budget", "context_dedupe", "code_graph")),
      "window_budget must come after context_dedupe, code_graph",
    ],
    [configOf(all("code_graph", "code_skeleton")), "code_graph and code_skeleton exclude each other"],
    [
      configOf(all("code_graph", "cache_optimizer"), messages({ kind: "code_skeleton", enabled: true })),
      'overrides.byEndpoint["/v1/messages"]: code_graph and code_skeleton exclude',
    ],
    [
      configOf([], { rules: [{ match: {}, strategies: all("cache_optimizer", "code_graph") }] }),
      "overrides.rules[0].strategies: cache_optimizer must be the last",
    ],
  ];
  test("is refused, on an endpoint and in a rule too; what is off does not count", async () => {
    for (const [config, told] of refused) {
      const { status, json } = await optimizer.ask(path, config);
      expect([told, status]).toEqual([told, 400]);
      expect(json.error.message).toContain(told);
    }
    const off = [entry("cache_optimizer", false), entry("code_graph"), entry("code_skeleton", false)];
    expect((await optimizer.ask(path, configOf(off))).status).toBe(200);
  });
});

test("hostile bodies are refused or taken for what they are", async () => {
  for (const [body, status] of [
    ["", 400],
    ["nul", 400],
    ["null", 400],
    ["[]", 400],
    ['"x"', 400],
    ["{}", 400],
    ['{"strategies":[]}', 200],
    ['{"__proto__":{"strategies":[]}}', 400],
    ['{"strategies":[{"kind":"__proto__","enabled":true}]}', 400],
    ['{"strategies":[{"kind":"code_graph","enabled":true,"params":{"__proto__":{"a":1}}}]}', 400],
    ['{"strategies":[],"overrides":{"byEndpoint":{"__proto__":[]}}}', 400],
    ['{"strategies":[],"overrides":{"rules":[{"match":{"metadata":{"__proto__":"x"}},"strategies":[]}]}}', 200],
    [`{"strategies":[${"7,".repeat(300)}7]}`, 400],
    [`{"strategies":[],"overrides":{"rules":[${"{},".repeat(499)}{}]}}`, 400],
    [`{"strategies":[],"overrides":{"rules":[${"{},".repeat(500)}{}]}}`, 400],
    [`{"strategies":${"[".repeat(50_000)}${"]".repeat(50_000)}}`, 400],
    [`"${"x".repeat(1_048_576)}"`, 413],
  ] as const) {
    const answer = await optimizer.ask(path, body);
    expect([body.slice(0, 80), answer.status]).toEqual([body.slice(0, 80), status]);
    expect(answer.text.length).toBeLessThan(60_000);
  }
  // The rule holds for a label of that name, and for nothing else.
  await optimizer.ask(
    path,
    '{"strategies":[{"kind":"code_graph","enabled":true}],"overrides":{"rules":[{"match":{"metadata":{"__proto__":"x"}},"strategies":[]}]}}',
  );
  expect(await kindsFor(`{"endpoint":"${chat}","request":{}}`)).toEqual(["code_graph"]);
  expect(await kindsFor(`{"endpoint":"${chat}","request":{},"metadata":{"__proto__":"x"}}`)).toEqual([]);
});
