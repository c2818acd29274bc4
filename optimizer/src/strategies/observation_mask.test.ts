import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { anySteps, type Step, type ToolCall, writeRequest } from "../../test/agent-steps";
import { faultsOf } from "../../test/legality";
import { type Endpoint, endpoints, runStrategy, type StandOptions } from "../../test/run-stand";
import { handlesIn, hasMarker } from "../markers";
import { observationMask } from "./observation_mask";

const strategy = observationMask;

const log = (name: string, count = 40) =>
  Array.from({ length: count }, (_, at) => `${name} step ${at} of the build is done and well`).join("\n");

const call = (result: string, more: Partial<ToolCall> = {}): ToolCall => ({
  tool: "Bash",
  args: { command: "make all" },
  result,
  ...more,
});

const quiet: Step[] = Array.from({ length: 4 }, () => ({ calls: [{ tool: "Wait", args: {}, result: "ok" }] }));

function run(endpoint: Endpoint, steps: readonly Step[], options: Partial<StandOptions> = {}) {
  return runStrategy(strategy, writeRequest(endpoint, steps), { endpoint, ...options });
}

function resultsOf({ draft }: ReturnType<typeof run>): string[] {
  return draft.segments.filter(({ kind }) => kind === "tool_result").map(({ text }) => text);
}

describe.each(endpoints)("observation_mask at %s", (endpoint) => {
  test("an old result becomes a stub that says what it was; the recent stay", () => {
    const steps: Step[] = [{ user: "Build it." }, { calls: [call(log("a"))] }, ...quiet, { calls: [call(log("b"))] }];
    const stood = run(endpoint, steps);
    const [stub, ...others] = resultsOf(stood);
    expect(stub).toStartWith("[... Bash result elided: ");
    expect(stub).toContain(" chars in 40 lines, ");
    expect(stub).toContain("make all");
    expect(others.at(-1)).toBe(log("b"));
    const [handle] = handlesIn(stub ?? "");
    expect(stood.stashes.get(handle ?? "")?.content).toBe(log("a"));
    expect(stood.stashes.get(handle ?? "")?.index?.starts).toHaveLength(40);
    expect(faultsOf(endpoint, stood.output)).toEqual([]);
  });

  test("severe lines stand in the stub, verbatim", () => {
    const text = `${log("a")}\nerror: the linker found no symbol main_42\n${log("b")}`;
    const steps: Step[] = [{ user: "Build it." }, { calls: [call(text)] }, ...quiet];
    const [stub] = resultsOf(run(endpoint, steps));
    expect(stub?.split("\n")).toContain("error: the linker found no symbol main_42");
    expect(stub?.length).toBeLessThan(900);
  });

  test("what the question asks for, or the last answers speak of, stays", () => {
    const secret = `${log("a")}\nrelease build_7731 went to host web-17.example`;
    const talked = `${log("c")}\nqueue_depth 8812 in shard_5521`;
    const steps: Step[] = [
      { user: "Build it." },
      { calls: [call(secret)] },
      { calls: [call(talked)] },
      { calls: [call(log("d"))] },
      ...quiet,
      { say: "I see queue_depth of 8812 in shard_5521 there." },
      { user: "Where did build_7731 go?" },
    ];
    const [first, second, third] = resultsOf(run(endpoint, steps));
    expect(first).toBe(secret);
    expect(second).toBe(talked);
    expect(hasMarker(third ?? "")).toBe(true);
  });

  test("of each file the last result stays, short ones aside", () => {
    const read = (path: string, text: string) => call(text, { tool: "Read", args: { path } });
    const steps: Step[] = [
      { user: "Look." },
      { calls: [read("a.ts", log("a1")), read("b.ts", log("b1"))] },
      { calls: [read("a.ts", log("a2"))] },
      { calls: [read("a.ts", "written")] },
      ...quiet,
    ];
    const [a1, b1, a2] = resultsOf(run(endpoint, steps));
    expect(hasMarker(a1 ?? "")).toBe(true);
    expect(b1).toBe(log("b1"));
    expect(a2).toBe(log("a2"));
  });

  test("a warm cache is left alone until the edit pays, or the window fills up", () => {
    const steps: Step[] = [{ user: "Build it." }, { calls: [call(log("a", 20))] }, ...quiet];
    const long = log("z", 3_000);
    const warm = { isCold: false, calls: 2 };
    const behind: Step[] = [...steps, { calls: [call(long)] }, { calls: [call("ok")] }];
    expect(run(endpoint, behind, warm).draft.isChanged).toBe(false);
    const before: Step[] = [{ user: "Build it." }, { calls: [call(long)] }, ...quiet];
    expect(run(endpoint, before, { ...warm, calls: 20 }).draft.isChanged).toBe(true);
    const full = { ...warm, calls: 1 };
    const filled: Step[] = [...steps, { calls: [call("word ".repeat(2_000_000))] }, { calls: [call("ok")] }];
    expect(run(endpoint, filled, full).draft.isChanged).toBe(true);
  });

  test("holds the laws on any conversation", () => {
    fc.assert(
      fc.property(anySteps, fc.integer({ min: 1, max: 3 }), (steps, keepRecentTurns) => {
        const source = writeRequest(endpoint, steps);
        const options = { endpoint, params: { keepRecentTurns, minChars: 250 } };
        const stood = runStrategy(strategy, source, options);
        expect(runStrategy(strategy, source, options).output).toBe(stood.output);
        expect(runStrategy(strategy, stood.output, options).output).toBe(stood.output);
        expect(stood.output.length).toBeLessThanOrEqual(source.length);
        expect(faultsOf(endpoint, stood.output)).toEqual(faultsOf(endpoint, source));
        for (const segment of stood.draft.segments) {
          if (segment.text === segment.original) continue;
          expect(segment.kind).toBe("tool_result");
          expect(segment.isError || segment.isFresh).toBe(false);
          expect(segment.age).toBeGreaterThanOrEqual(keepRecentTurns);
          const [marker, ...lines] = segment.text.split("\n");
          expect(marker?.length).toBeLessThanOrEqual(160);
          expect(lines.length).toBeLessThanOrEqual(3);
          for (const line of lines) expect(segment.original.split("\n")).toContain(line);
          const [handle] = handlesIn(segment.text);
          expect(stood.stashes.get(handle ?? "")?.content).toBe(segment.original);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("along a growing conversation, what was sent stays what it was", () => {
    const steps: Step[] = [{ user: "Go on until it is done." }];
    let emitted: StandOptions["emitted"] = new Map();
    let before: string[] = [];
    for (let turn = 0; turn < 25; turn += 1) {
      steps.push({ calls: [call(log(`t${turn}`, 30 + turn))] });
      const stood = run(endpoint, steps, { emitted, isCold: turn % 6 === 5, calls: turn, freshUnits: 2 });
      emitted = stood.emitted;
      const results = resultsOf(stood);
      for (const [at, text] of before.entries()) if (hasMarker(text)) expect(results[at]).toBe(text);
      if (turn % 6 !== 5 && turn < 3) expect(results.slice(0, before.length)).toEqual(before);
      before = results;
      expect(faultsOf(endpoint, stood.output)).toEqual([]);
    }
    expect(before.filter(hasMarker).length).toBeGreaterThan(15);
  });
});

test("hostile texts neither break it nor hold it up", () => {
  const texts = [
    "x".repeat(200_000),
    "error ".repeat(40_000),
    "\ud800".repeat(2_000),
    "a\r\n".repeat(20_000),
    "__proto__\n".repeat(500),
  ];
  const steps: Step[] = [{ user: "See." }, ...texts.map((text): Step => ({ calls: [call(text)] })), ...quiet];
  const started = performance.now();
  const stood = run("/v1/chat/completions", steps);
  expect(performance.now() - started).toBeLessThan(3_000);
  for (const text of resultsOf(stood).slice(0, texts.length)) expect(text.length).toBeLessThan(1_000);
  expect(JSON.parse(stood.output)).toBeObject();
});
