import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Endpoint, endpoints, paramsOf, runStrategy, type StandOptions } from "../../test/run-stand";
import { createBudget } from "../budget";
import { optimize } from "../optimize";
import { emptySession } from "../session";
import { toolPruning } from "./tool_pruning";

interface ToolGiven {
  name: string;
  description: string;
  more?: Readonly<Record<string, unknown>>;
}

const nouns = "issue label milestone branch commit pipeline invoice customer calendar contact ticket wiki".split(" ");
const verbs = ["create", "list", "delete", "update"];
/** 48 tools of a dozen things. */
const registry: ToolGiven[] = nouns.flatMap((noun) =>
  verbs.map((verb) => ({ name: `${noun}_${verb}`, description: `Can ${verb} one ${noun} of the workspace.` })),
);

type Talk = readonly (string | { call: string; result: string })[];

function request(endpoint: Endpoint, tools: readonly ToolGiven[], talk: Talk, more = {}): string {
  const schema = { type: "object", properties: { id: { type: "string" } } };
  const written = tools.map(({ name, description, more: own = {} }) => {
    if (endpoint === "/v1/messages") return { name, description, input_schema: schema, ...own };
    if (endpoint === "/v1/responses") return { type: "function", name, description, parameters: schema, ...own };
    return { type: "function", function: { name, description, parameters: schema, ...own } };
  });
  const said = talk.flatMap((turn, at): unknown[] => {
    if (typeof turn === "string") return [{ role: at % 2 === 0 ? "user" : "assistant", content: turn }];
    if (endpoint === "/v1/messages") {
      return [
        { role: "assistant", content: [{ type: "tool_use", id: `c${at}`, name: turn.call, input: {} }] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: `c${at}`, content: turn.result }] },
      ];
    }
    if (endpoint === "/v1/responses") {
      return [
        { type: "function_call", call_id: `c${at}`, name: turn.call, arguments: "{}" },
        { type: "function_call_output", call_id: `c${at}`, output: turn.result },
      ];
    }
    const calls = [{ id: `c${at}`, type: "function", function: { name: turn.call, arguments: "{}" } }];
    return [
      { role: "assistant", content: null, tool_calls: calls },
      { role: "tool", tool_call_id: `c${at}`, content: turn.result },
    ];
  });
  return JSON.stringify({
    model: "m",
    tools: written,
    [endpoint === "/v1/responses" ? "input" : "messages"]: said,
    ...more,
  });
}

function prune(
  talk: Talk,
  {
    endpoint = "/v1/chat/completions",
    tools = registry,
    more = {},
    ...options
  }: Partial<StandOptions> & {
    tools?: readonly ToolGiven[];
    more?: object;
  } = {},
) {
  const source = request(endpoint, tools, talk, more);
  const stood = runStrategy(toolPruning, source, { endpoint, ...options });
  const body = JSON.parse(stood.output);
  const names = (body.tools as { name?: string; function?: { name: string } }[]).map(
    (tool) => tool.function?.name ?? tool.name,
  );
  return { ...stood, source, body, names: names as string[] };
}

describe.each(endpoints)("%s", (endpoint) => {
  test("tools that a question is about stay, in order and byte for byte; others go", () => {
    const { names, body, source } = prune(["Please create an issue about the login page."], { endpoint });
    expect(names).toContain("issue_create");
    expect(names.length).toBeLessThanOrEqual(20);
    expect(names).toEqual(registry.map(({ name }) => name).filter((name) => names.includes(name)));
    const before = JSON.parse(source);
    const kept = new Set(before.tools.map((tool: object) => JSON.stringify(tool)));
    for (const tool of body.tools) expect(kept).toContain(JSON.stringify(tool));
    expect({ ...body, tools: 0 }).toEqual({ ...before, tools: 0 });
  });

  test("tools that were called or named survive, wherever that was", () => {
    const pick = fc.nat(registry.length - 1).map((at) => (registry[at] as ToolGiven).name);
    const place = fc.constantFrom("user", "assistant", "result", "call");
    fc.assert(
      fc.property(
        pick,
        place,
        fc.constantFrom("Create an issue.", "List invoices of the customer."),
        (name, where, ask) => {
          const talk: Talk = [
            where === "user" ? `${ask} Not with ${name}!` : ask,
            where === "assistant" ? `I shall use ${name.toUpperCase()}.` : "Well.",
            "Go on.",
            { call: where === "call" ? name : "issue_list", result: where === "result" ? `see ${name}: ok` : "ok" },
          ];
          const { names } = prune(talk, { endpoint });
          expect(names).toContain(name);
          expect(names.length).toBeLessThan(registry.length);
        },
      ),
    );
  });

  test("it is deterministic, and what it chose it chooses again", () => {
    const ask = fc.array(fc.constantFrom(...nouns, ...verbs, "all", "which"), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(ask, fc.nat(40), (words, count) => {
        const options = { endpoint, tools: registry.slice(0, 8 + count) };
        const { output, source } = prune([words.join(" ")], options);
        expect(prune([words.join(" ")], options).output).toBe(output);
        expect(runStrategy(toolPruning, output, { endpoint }).output).toBe(output);
        expect(output.length).toBeLessThanOrEqual(source.length);
      }),
    );
  });
});

test("along a session the set only grows, and stays where nothing new is asked", () => {
  const first = prune(["Create an issue about the login page."]);
  const result = { call: "issue_create", result: "created, see the wiki" };
  const second = prune(["Create an issue about the login page.", result], {
    remembered: first.remembered,
    isCold: false,
  });
  expect(second.names).toEqual(first.names);
  expect(second.sidecar["rewrittenFrom"]).toBeUndefined();
  const talk: Talk = ["Create an issue about the login page.", result, "Now delete the invoice of that customer."];
  const third = prune(talk, { remembered: second.remembered, isCold: false });
  for (const name of first.names) expect(third.names).toContain(name);
  expect(third.names).toContain("invoice_delete");
  expect(third.sidecar["rewrittenFrom"]).toBeDefined();
  const fourth = prune([...talk, "Done.", "Thanks."], { remembered: third.remembered, isCold: false });
  expect(fourth.names).toEqual(third.names);
});

test("through the pipeline the choice stands, turn by turn, and is told as a decision", () => {
  const strategies = [{ strategy: toolPruning, params: paramsOf(toolPruning) }];
  const talk: Talk = [
    "Create an issue about the login page.",
    { call: "issue_create", result: "number 7 ".repeat(900) },
    { call: "issue_list", result: "number 8 ".repeat(900) },
  ];
  for (const endpoint of endpoints) {
    let session = emptySession();
    const sent: string[] = [];
    for (let turns = 1; turns <= talk.length; turns += 1) {
      const source = request(endpoint, registry, talk.slice(0, turns));
      const result = optimize({
        ...{ endpoint, source, strategies, session },
        asker: { user: null, team: null, session: "s" },
        scope: { tenant: "", user: "", session: "s" },
        handleKey: new Uint8Array(32).fill(7),
        ...{ canRetrieve: false, canStash: false, canShortCircuit: false },
        now: 1_000_000 + turns * 1_000,
        budget: createBudget(60_000),
        factor: () => 1,
        isOff: () => false,
      });
      expect(result.decisions.map(({ kind }) => kind)).toEqual(["tool_pruning"]);
      expect(result.tokensSaved).toBeGreaterThan(300);
      sent.push(JSON.stringify(JSON.parse(result.output).tools));
      session = { ...result.session, lastCachedTokens: 1_000 };
    }
    expect(new Set(sent).size).toBe(1);
  }
});

test("a tool that is new in a session stays", () => {
  const first = prune(["Create an issue."]);
  const tools = [...registry, { name: "brand_new", description: "Was not there before." }];
  expect(prune(["Create an issue."], { tools, remembered: first.remembered }).names).toContain("brand_new");
});

test("a warm prefix is not given up for little, and a cold one is", () => {
  const talk: Talk = ["Create an issue.", { call: "issue_list", result: "long ".repeat(60_000) }];
  const warm = prune(talk, { isCold: false });
  expect(warm.output).toBe(warm.source);
  expect(warm.said.suppressed).toBe("warm_cache");
  expect(prune(talk, { isCold: true }).names.length).toBeLessThan(registry.length);
});

describe("nothing is left out", () => {
  const ask: Talk = ["Create an issue."];
  const choice = { type: "function", function: { name: "wiki_list" } };
  const cases: [string, Parameters<typeof prune>[1], string | null][] = [
    ["of few tools", { tools: registry.slice(0, 11) }, null],
    ["when a call is forced", { more: { tool_choice: "required" } }, "tool_choice"],
    ["when a tool is named", { more: { tool_choice: choice } }, "tool_choice"],
    ["when the answer has a schema", { more: { response_format: { type: "json_schema" } } }, "structured_output"],
    [
      "when a tool is strict",
      { tools: registry.map((tool, at) => (at === 3 ? { ...tool, more: { strict: true } } : tool)) },
      "strict_tools",
    ],
    [
      "when the provider searches tools itself",
      { endpoint: "/v1/messages", tools: registry.map((tool) => ({ ...tool, more: { defer_loading: true } })) },
      "provider_prunes",
    ],
  ];
  test.each(cases)("%s", (_what, options, reason) => {
    const { output, source, said } = prune(ask, options);
    expect(output).toBe(source);
    expect(said.suppressed).toBe(reason);
  });
  test("when no word of the question leads to any", () => {
    const { output, source, said } = prune(["Hm?"]);
    expect(output).toBe(source);
    expect(said.suppressed).toBe("no_match");
  });
  test("for one turn, when that turn forces a call: what was left out is back", () => {
    const { remembered } = prune(ask);
    const { names, sidecar } = prune(ask, { remembered, more: { tool_choice: "required" } });
    expect(names).toHaveLength(registry.length);
    expect(sidecar["rewrittenFrom"]).toBeDefined();
  });
});

test("hosted tools and the client's breakpoints stay, unless the former are given up", () => {
  const source = (tools: object[]) =>
    JSON.stringify({ model: "m", messages: [{ role: "user", content: "Create an issue." }], tools });
  const named = registry.map(({ name, description }) => ({ name, description, input_schema: { type: "object" } }));
  const last = { ...named.at(-1), cache_control: { type: "ephemeral" } };
  const all = [{ type: "web_search_20250305", name: "web_search" }, ...named.slice(0, -1), last];
  const kept = (params: object) =>
    JSON.parse(runStrategy(toolPruning, source(all), { endpoint: "/v1/messages", params: { ...params } }).output).tools;
  expect(kept({})).toContainEqual(all[0]);
  expect(kept({})).toContainEqual(last);
  expect(kept({ keepUnnamed: false })).not.toContainEqual(all[0]);
});

test("a tool that another one tells to call first comes along, and so do sisters whose verb was asked for", () => {
  const tools = registry.map((tool) =>
    tool.name === "issue_create" ? { ...tool, description: "Creates an issue. Call wiki_list before." } : tool,
  );
  const { names } = prune(["Create an issue, then delete it."], { tools, params: { keepMin: 1, alpha: 1 } });
  expect(names).toContain("wiki_list");
  expect(names).toContain("issue_delete");
});

test("no set is larger than its limits, but for what was used or named", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 30 }), (keepMin, maxKeep) => {
      const { names } = prune(["Create, list, update and delete an issue."], {
        params: { keepMin, maxKeep, alpha: 0 },
      });
      if (names.length < registry.length) expect(names.length).toBeLessThanOrEqual(Math.max(keepMin, maxKeep));
    }),
  );
});

test("hostile names and descriptions are read in no time", () => {
  const tools = ["__proto__", "constructor", "x".repeat(60_000), "_".repeat(60_000), "\ud800"].flatMap((name, at) =>
    Array.from({ length: 4 }, (_, copy) => ({ name: `${name}${copy}`, description: "a ".repeat(20_000) + at })),
  );
  const startedAt = performance.now();
  prune(["x ".repeat(100_000)], { tools });
  expect(performance.now() - startedAt).toBeLessThan(4_000);
});
