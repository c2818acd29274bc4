import { describe, expect, test } from "bun:test";
import { type Endpoint, endpoints } from "../test/run-stand";
import { type Conversation, requestOf } from "../test/talks";
import { createBudget, OverBudget } from "./budget";
import { elisionMarker } from "./markers";
import { type OptimizeInput, type OptimizeResult, optimize } from "./optimize";
import { emptySession, type SessionMemory } from "./session";
import type { Strategy } from "./strategy";

const strategy = (kind: string, run: Strategy["run"], tier: Strategy["tier"] = "selection"): Strategy => ({
  kind,
  tier,
  about: { does: "", risk: "" },
  params: {},
  bodyBytesMin: 0,
  run,
});

/** Leaves the first line and a marker of every result it may touch; which words it keeps depends on the question. */
const firstLine = strategy("first_line", (draft, _params, run) => {
  let count = 0;
  for (const segment of draft.segments) {
    if (segment.kind !== "tool_result" || !draft.accepts(segment, "selection")) continue;
    const lines = segment.text.split("\n");
    const gone = `${lines.length - 1} of ${lines.length} lines`;
    const marker = elisionMarker({ gone, facts: run.question().text.slice(0, 20), handle: run.stash(segment) });
    if (draft.propose(segment, `${lines[0]}\n${marker}`, "selection")) count += 1;
  }
  if (count > 0) run.report(`${count} results`);
});

const log = (name: string) => Array.from({ length: 300 }, (_, at) => `${name} line ${at} of this log`).join("\n");
const call = (name: string) =>
  ({ is: "call", tool: "run", args: { cmd: name }, output: log(name), isError: false, thinking: null }) as const;
const session: Conversation = {
  system: "You are an agent. ".repeat(200),
  tools: [{ name: "run", description: "runs a command", schema: { type: "object" } }],
  turns: [
    { is: "user", text: "Why does the first build fail?" },
    call("one"),
    call("two"),
    { is: "answer", text: "It does so for want of a file." },
    { is: "user", text: "Look at another thing now." },
    call("three"),
    call("four"),
  ],
};

function input(source: string, endpoint: string, more: Partial<OptimizeInput> = {}): OptimizeInput {
  return {
    endpoint,
    source,
    strategies: [{ strategy: firstLine, params: {} }],
    session: emptySession(),
    asker: { user: "u", team: null, session: "s" },
    scope: { tenant: "", user: "u", session: "s" },
    handleKey: new Uint8Array(32).fill(7),
    canRetrieve: false,
    canStash: true,
    canShortCircuit: false,
    now: 1_000_000,
    budget: createBudget(60_000),
    factor: () => 1,
    isOff: () => false,
    ...more,
  };
}

/** Sends the conversation turn by turn as a client would. */
function replay(endpoint: string, secondsBetween: number, of: Conversation = session) {
  const results: OptimizeResult[] = [];
  let memory: SessionMemory = emptySession();
  let now = 1_000_000;
  for (const turns of [1, 2, 3, 5, 6, 7]) {
    const source = requestOf(of, endpoint as Endpoint, turns);
    const result = optimize(input(source, endpoint, { session: memory, now }));
    results.push(result);
    memory = { ...result.session, lastCachedTokens: 1 };
    now += secondsBetween * 1_000;
  }
  return results;
}

const listOf = (text: string): unknown[] => JSON.parse(text).messages ?? JSON.parse(text).input;

describe.each([...endpoints])("%s", (endpoint) => {
  test("live results stay whole, and are cut when they leave the live turn", () => {
    const [first, second, third] = replay(endpoint, 3_600);
    expect(first?.output).toBe(requestOf(session, endpoint, 1));
    expect(second?.output).toBe(requestOf(session, endpoint, 2));
    expect(third?.output).toContain("299 of 300 lines elided");
    expect(third?.output).toContain("two line 299");
    expect(third?.decisions).toMatchObject([{ kind: "first_line", summary: "1 results" }]);
    expect(third?.stashWrites).toMatchObject([{ content: log("one"), kind: "first_line" }]);
    expect(third?.handles).toEqual(third?.stashWrites.map(({ handle }) => handle) ?? []);
  });

  test("a cut is sent again byte for byte on every later turn, and its original offered again", () => {
    const results = replay(endpoint, 3_600);
    for (const [at, result] of results.entries()) {
      const next = results[at + 1];
      if (!next || at < 2) continue;
      const before = listOf(result.output).map((each) => JSON.stringify(each));
      const after = listOf(next.output).map((each) => JSON.stringify(each));
      const isCut = (each: string) => each.includes("elided");
      for (const [place, each] of before.entries()) if (isCut(each)) expect(after[place]).toBe(each);
      expect(next.stashWrites.map(({ handle }) => handle)).toEqual(expect.arrayContaining([...result.handles]));
      expect(next.tokensSaved).toBeGreaterThanOrEqual(result.tokensSaved);
    }
  });

  test("within the cache's life nothing is rewritten that does not pay for it", () => {
    const results = replay(endpoint, 5);
    for (const [at, result] of results.entries()) {
      const next = results[at + 1];
      if (!next || next.sidecar["rewrittenFrom"] !== undefined) continue;
      const before = listOf(result.output);
      expect(listOf(next.output).slice(0, before.length)).toEqual(before);
    }
  });

  test("what was re-encoded while it was live is cut later all the same, from its original", () => {
    const tidy = strategy(
      "tidy",
      (draft) => {
        for (const segment of draft.segments) {
          if (segment.kind === "tool_result" && draft.accepts(segment, "lossless")) {
            draft.propose(segment, segment.text.replaceAll(" of this log", "~"), "lossless");
          }
        }
      },
      "lossless",
    );
    const strategies = [tidy, firstLine].map((each) => ({ strategy: each, params: {} }));
    let memory = emptySession();
    const outputs: string[] = [];
    for (const [at, turns] of [2, 3, 6].entries()) {
      const source = requestOf(session, endpoint as Endpoint, turns);
      const now = 1_000_000 + at * 3_600_000;
      const result = optimize(input(source, endpoint, { strategies, session: memory, now }));
      outputs.push(result.output);
      memory = result.session;
      if (at === 1) expect(result.stashWrites).toMatchObject([{ content: log("one") }]);
    }
    expect(outputs[0]).toContain("one line 7~");
    expect(outputs[1]).not.toContain("one line 7");
    expect(outputs[1]).toContain("two line 7~");
    expect(outputs[2]).not.toContain("two line 7");
  });

  test("optimizing what was optimized changes nothing", () => {
    for (const { output } of replay(endpoint, 3_600)) {
      expect(optimize(input(output, endpoint)).output).toBe(output);
    }
  });

  test("without tools and without a way to retrieve nothing is elided", () => {
    const bare = requestOf({ ...session, tools: [] }, endpoint);
    const refused = optimize(input(bare, endpoint));
    expect(refused.output).toBe(bare);
    expect(refused.suppressed).toEqual([{ kind: "first_line", reason: "no_retrieve" }]);
    expect(optimize(input(bare, endpoint, { canRetrieve: true })).output).not.toBe(bare);
  });

  test("when originals cannot be kept nothing is elided", () => {
    const source = requestOf(session, endpoint);
    const result = optimize(input(source, endpoint, { canStash: false }));
    expect(result.output).toBe(source);
    expect(result.suppressed).toEqual([{ kind: "first_line", reason: "stash_unavailable" }]);
  });

  test.each([
    ["an error", new Error("broken"), "error"],
    ["no time left", new OverBudget(), "budget"],
  ])("a strategy that ends in %s is undone whole, and the others run", (_name, thrown, reason) => {
    const failing = strategy("failing", (draft, params, run) => {
      firstLine.run(draft, params, run);
      run.remember({ half: true });
      throw thrown;
    });
    const source = requestOf(session, endpoint);
    const both = [failing, firstLine].map((each) => ({ strategy: each, params: {} }));
    const result = optimize(input(source, endpoint, { strategies: both }));
    expect(result.output).toBe(optimize(input(source, endpoint)).output);
    expect(result.suppressed).toEqual([{ kind: "failing", reason }]);
    expect(result.session.remembered.has("failing")).toBe(false);
    expect(optimize(input(source, endpoint, { strategies: both.slice(0, 1) })).output).toBe(source);
  });

  test("what lost money on a tool's results leaves them alone", () => {
    const source = requestOf(session, endpoint);
    const isOff = (kind: string, tool: string | null) => kind === "first_line" && tool === "run";
    const result = optimize(input(source, endpoint, { isOff }));
    expect(result.output).toBe(source);
    expect(result.suppressed).toEqual([{ kind: "first_line", reason: "net_loss" }]);
  });

  test("is the same in another process", () => {
    const source = requestOf(session, endpoint);
    const script = `
      import { optimize } from ${JSON.stringify(`${import.meta.dir}/optimize.ts`)};
      import { registry } from ${JSON.stringify(`${import.meta.dir}/registry.ts`)};
      import { createBudget } from ${JSON.stringify(`${import.meta.dir}/budget.ts`)};
      import { emptySession } from ${JSON.stringify(`${import.meta.dir}/session.ts`)};
      const input = JSON.parse(await Bun.stdin.text());
      const strategies = registry.strategies.map((strategy) => ({ strategy, params: Object.fromEntries(Object.entries(strategy.params).map(([name, { default: value }]) => [name, value])) }));
      const result = optimize({ ...input, strategies, session: emptySession(), handleKey: new Uint8Array(32).fill(7), budget: createBudget(60000), factor: () => 1, isOff: () => false });
      process.stdout.write(Bun.hash(result.output).toString());`;
    const run = () =>
      Bun.spawnSync([process.execPath, "-e", script], { stdin: Buffer.from(JSON.stringify(input(source, endpoint))) });
    const [a, b] = [run(), run()];
    expect(a.stderr.toString()).toBe("");
    expect(a.stdout.toString()).toMatch(/^\d+$/);
    expect(a.stdout.toString()).toBe(b.stdout.toString());
  });
});
