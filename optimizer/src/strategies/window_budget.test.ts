import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { anySteps, type Step, type ToolCall, writeRequest } from "../../test/agent-steps";
import { faultsOf } from "../../test/legality";
import { type Endpoint, endpoints, runStrategy, type StandOptions } from "../../test/run-stand";
import { handlesIn } from "../markers";
import { windowBudget } from "./window_budget";

const strategy = windowBudget;

const log = (name: string, count = 40) =>
  Array.from({ length: count }, (_, at) => `${name} step ${at} of the build is done and well`).join("\n");

const call = (result: string, more: Partial<ToolCall> = {}): ToolCall => ({
  tool: "Bash",
  args: { command: "make all" },
  result,
  ...more,
});

/** Questions, each worked on in some turns and answered. */
function talk(questions: number, loops = 3): Step[] {
  return Array.from({ length: questions }, (_, at): Step[] => [
    { user: `Question ${at} about part ${at}.` },
    ...Array.from(
      { length: loops },
      (_, loop): Step => ({
        say: `Looking at ${at} now.`,
        calls: [call(log(`q${at}l${loop}`), { tool: "Read", args: { path: `src/part${at}/file${loop}.ts` } })],
      }),
    ),
    { say: `The answer to question ${at} is plain: the part works as it was meant to, as far as anybody can tell.` },
  ]).flat();
}

function run(endpoint: Endpoint, steps: readonly Step[], options: Partial<StandOptions> = {}) {
  return runStrategy(strategy, writeRequest(endpoint, steps), { endpoint, ...options });
}

/** Estimated as the strategy does: what the output's texts come to. */
function tokensOf({ output }: ReturnType<typeof run>, endpoint: Endpoint): number {
  const { draft } = runStrategy({ ...strategy, run() {} }, output, { endpoint });
  return [...draft.tools, ...draft.segments].reduce((sum, { tokens }) => sum + tokens, 0);
}

describe.each(endpoints)("window_budget at %s", (endpoint) => {
  test("under the ceiling nothing changes", () => {
    const steps = [...talk(4), { user: "And now?" }];
    expect(run(endpoint, steps).output).toBe(writeRequest(endpoint, steps));
    expect(run(endpoint, steps, { params: { maxTokens: 1_000_000 } }).output).toBe(writeRequest(endpoint, steps));
  });

  test("results go first, reasoning stays while it fits", () => {
    const steps = [...talk(6), { user: "And now?" }];
    const stood = run(endpoint, steps, { params: { maxTokens: 6_000 } });
    expect(stood.draft.messages.some(({ isDropped }) => isDropped)).toBe(false);
    expect(stood.output).toContain("Read result elided");
    expect(tokensOf(stood, endpoint)).toBeLessThanOrEqual(6_000 * 0.6);
    expect(faultsOf(endpoint, stood.output)).toEqual([]);
  });

  test("then turns go, down to the low-water mark, and each gap says what is gone", () => {
    const steps = [...talk(40), { user: "And now?" }];
    const stood = run(endpoint, steps, { params: { maxTokens: 6_000 } });
    expect(faultsOf(endpoint, stood.output)).toEqual([]);
    expect(tokensOf(stood, endpoint)).toBeLessThanOrEqual(6_000 * 0.6 + 300);
    expect(stood.output).toMatch(/\[\.\.\. \d+ messages elided: calls: Read \d+; retrieve\(/);
    expect(stood.output).toContain("Question 0 about part 0.");
    expect(stood.output).toContain("And now?");
    expect(stood.output).toContain("The answer to question 39 is plain");
    expect(stood.said.suppressed).toBeNull();
    const dropped = stood.draft.messages.filter(({ isDropped }) => isDropped);
    const stashed = [...stood.stashes.values()].filter(({ index }) => index?.unit === "message");
    const restored = stashed.flatMap(({ content }) => JSON.parse(content) as unknown[]);
    expect(restored).toHaveLength(dropped.length);
    const all = writeRequest(endpoint, steps);
    for (const message of restored) expect(all).toContain(JSON.stringify(message));
    for (const { handle } of stashed) expect(handlesIn(stood.output)).toContain(handle);
  });

  test("one long live turn is cropped too, but for what is fresh and recent", () => {
    const loops = Array.from({ length: 120 }, (_, at): Step => ({ say: `Step ${at}.`, calls: [call(log(`l${at}`))] }));
    const steps: Step[] = [{ user: "Go on until it is done." }, ...loops];
    const stood = run(endpoint, steps, { params: { maxTokens: 8_000 } });
    expect(faultsOf(endpoint, stood.output)).toEqual([]);
    expect(tokensOf(stood, endpoint)).toBeLessThanOrEqual(8_000);
    expect(stood.output).toContain("l119 step 7 ");
    expect(stood.output).toContain("l118 step 7 ");
    expect(stood.output).toContain("Go on until it is done.");
  });

  test("calls without results, and what the last answers name, stay", () => {
    const steps: Step[] = [
      ...talk(3),
      { user: "Look at the ledger." },
      { calls: [call(`${log("x")}\nledger_4417 is closed`, { args: { command: "cat ledger" } })] },
      { say: "It is closed, as the listing of it says; I shall come back to that later on when asked." },
      ...talk(20),
      { user: "So?" },
      { say: "As I said, ledger_4417 was closed before." },
      { user: "And now?" },
    ];
    const { output } = run(endpoint, steps, { params: { maxTokens: 4_000 } });
    expect(output).toContain("ledger_4417 is closed");
    expect(faultsOf(endpoint, output)).toEqual([]);
  });

  test("a ceiling that cannot be reached is told", () => {
    const steps: Step[] = [{ user: log("pasted", 2_000) }, { say: "Fine." }, { user: "And now?" }];
    expect(run(endpoint, steps, { params: { maxTokens: 1_000 } }).said.suppressed).toBe("ceiling_out_of_reach");
  });

  test("what the provider crops is left alone", () => {
    const source = writeRequest(endpoint, [...talk(40), { user: "So?" }], {
      more: { context_management: { edits: [] } },
    });
    const stood = runStrategy(strategy, source, { endpoint, params: { maxTokens: 2_000 } });
    expect(stood.output).toBe(source);
    expect(stood.said.suppressed).toBe("provider_crops");
  });

  test("without a ceiling of its own it waits until the crop pays, or the window fills up", () => {
    const steps = (loops: number): Step[] => [{ user: "Go on." }, ...talk(8, loops), { user: "So?" }];
    const warm = { isCold: false, calls: 1, freshUnits: 1 };
    const full = steps(24);
    const half = steps(15);
    expect(run(endpoint, half, { ...warm }).draft.isChanged).toBe(false);
    expect(run(endpoint, half, { isCold: true }).draft.isChanged).toBe(run(endpoint, half).draft.isChanged);
    const { draft } = run(endpoint, full, { isCold: true, params: { maxTokens: 20_000 } });
    expect(draft.isChanged).toBe(true);
  });

  test("a crop stands byte for byte until the ceiling is reached again", () => {
    const steps: Step[] = [{ user: "Go on until it is done." }];
    const ceiling = 12_000;
    let emitted: StandOptions["emitted"] = new Map();
    let remembered: unknown = null;
    let before: { messages: string[]; crop: string } | null = null;
    let crops = 0;
    for (let turn = 0; turn < 90; turn += 1) {
      steps.push({
        say: `Step ${turn}.`,
        calls: [call(log(`t${turn}`, 20), { args: { command: `make part${turn}` } })],
      });
      if (turn % 10 === 9) steps.push({ say: `Part ${turn} is done, and all that belongs to it is in place now.` });
      if (turn % 10 === 9) steps.push({ user: `Go on with part ${turn}.` });
      const stood = run(endpoint, steps, {
        emitted,
        remembered,
        params: { maxTokens: ceiling },
        isCold: turn % 2 === 0,
      });
      expect(faultsOf(endpoint, stood.output)).toEqual([]);
      expect(tokensOf(stood, endpoint)).toBeLessThanOrEqual(ceiling);
      const body = JSON.parse(stood.output) as Record<string, unknown[]>;
      const messages = (body["messages"] ?? body["input"] ?? []).map((message) => JSON.stringify(message));
      const crop = JSON.stringify([stood.remembered, [...stood.emitted.keys()]]);
      if (before && before.crop !== crop) crops += 1;
      else if (before) expect(messages.slice(0, before.messages.length)).toEqual(before.messages);
      before = { messages, crop };
      ({ emitted, remembered } = stood);
    }
    expect(crops).toBeGreaterThan(1);
    expect(crops).toBeLessThan(25);
  });

  test("a conversation that the client changed is cropped anew", () => {
    const params = { maxTokens: 6_000 };
    const { remembered } = run(endpoint, [...talk(40), { user: "And now?" }], { params });
    const changed = [{ user: "Something else." } as Step, ...talk(4).slice(1), { user: "So?" }];
    const stood = run(endpoint, changed, { params: { maxTokens: 100_000 }, remembered });
    expect(stood.output).toBe(writeRequest(endpoint, changed));
    for (const odd of [
      1,
      "x",
      [],
      {},
      { count: 1e9, digest: "", dropped: [1] },
      { count: 2, digest: "x", dropped: ["a"] },
    ]) {
      expect(run(endpoint, changed, { params: { maxTokens: 100_000 }, remembered: odd }).output).toBe(stood.output);
    }
  });

  test("holds the laws on any conversation", () => {
    fc.assert(
      fc.property(anySteps, anySteps, fc.integer({ min: 1_000, max: 6_000 }), (one, two, maxTokens) => {
        const steps = [...one, { say: "So far, so good." }, ...two];
        const source = writeRequest(endpoint, steps);
        const options = { endpoint, params: { maxTokens } };
        const stood = runStrategy(strategy, source, options);
        expect(runStrategy(strategy, source, options).output).toBe(stood.output);
        expect(faultsOf(endpoint, stood.output)).toEqual(faultsOf(endpoint, source));
        const again = runStrategy(strategy, source, {
          ...options,
          remembered: stood.remembered,
          emitted: stood.emitted,
        });
        expect(again.output).toBe(stood.output);
        expect(runStrategy(strategy, stood.output, options).output).toBe(stood.output);
        const { draft } = stood;
        for (const segment of draft.segments) {
          const isDropped = draft.messages[segment.message]?.isDropped ?? false;
          if (segment.isFresh || segment.role === "system") expect(isDropped).toBe(false);
          if (segment.text !== segment.original) expect(segment.kind).toBe("tool_result");
          if (segment.isFresh) expect(segment.text).toBe(segment.original);
        }
      }),
      { numRuns: 60 },
    );
  });
});

test("hostile conversations neither break it nor hold it up", () => {
  const odd = [
    [],
    [{ role: "assistant", content: "first" }],
    [{ role: "tool", tool_call_id: "x", content: log("a", 900) }],
    [
      { role: "user" },
      { role: "assistant", tool_calls: [{ id: "a", function: { name: "f" } }] },
      { role: "user", content: "" },
    ],
    Array.from({ length: 3_000 }, (_, at) => ({
      role: at % 2 ? "assistant" : "user",
      content: `turn ${at} ${"x".repeat(60)}`,
    })),
    Array.from({ length: 300 }, () => ({ role: "user", content: "the same again and again ".repeat(20) })),
  ];
  for (const messages of odd) {
    const source = JSON.stringify({ model: "m", tools: [], messages });
    const started = performance.now();
    const stood = runStrategy(strategy, source, { endpoint: "/v1/chat/completions", params: { maxTokens: 1_000 } });
    expect(performance.now() - started).toBeLessThan(3_000);
    expect(faultsOf("/v1/chat/completions", stood.output)).toEqual(faultsOf("/v1/chat/completions", source));
  }
});
