import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { anyOutput, anySteps, type Step, writeRequest } from "../../test/agent-steps";
import { faultsOf } from "../../test/legality";
import { type Endpoint, endpoints, runStrategy, type StandOptions } from "../../test/run-stand";
import { hasMarker } from "../markers";
import { contextDedupe } from "./context_dedupe";
import { applyHunks } from "./context_dedupe/delta";

const strategy = contextDedupe;

/** Results in the order they came, each in a turn of its own, with `after` turns behind them. */
function conversation(results: readonly string[], after = 3): Step[] {
  const calls = results.map(
    (result, index): Step => ({ calls: [{ tool: "Read", args: { path: `f${index}` }, result }] }),
  );
  const more = Array.from(
    { length: after },
    (_, index): Step => ({ calls: [{ tool: "Noop", args: {}, result: `${index}` }] }),
  );
  return [{ user: "What is in these files?" }, ...calls, ...more];
}

function run(endpoint: Endpoint, steps: readonly Step[], options: Partial<StandOptions> = {}) {
  return runStrategy(strategy, writeRequest(endpoint, steps), { endpoint, ...options });
}

/** Texts of the results as they stand after the run. */
function resultsOf({ draft }: ReturnType<typeof run>): string[] {
  return draft.segments.filter(({ kind }) => kind === "tool_result").map(({ text }) => text);
}

const file = (name: string, count = 60) =>
  Array.from({ length: count }, (_, at) => `${name} line ${at}: value_${at * 17} = compute("${name}", ${at})`).join(
    "\n",
  );

describe.each(endpoints)("context_dedupe at %s", (endpoint) => {
  test("a later copy becomes a pointer; the first stays", () => {
    const stood = run(endpoint, conversation([file("a"), file("b"), file("a")]));
    const [first, other, copy] = resultsOf(stood);
    expect(first).toBe(file("a"));
    expect(other).toBe(file("b"));
    expect(copy).toStartWith('[... same as Read result of turn 1 (f0); retrieve("ctx_');
    expect(stood.stashes.get(copy?.slice(-23, -3) ?? "")?.content).toBe(file("a"));
    expect(faultsOf(endpoint, stood.output)).toEqual([]);
    expect(stood.said.summary).toBe("1 copies, 0 near copies, 0 texts with shared runs");
  });

  test("without a way to retrieve, exact copies still go, and nothing is stashed", () => {
    const stood = run(endpoint, conversation([file("a"), file("a"), file("a").replace("line 7", "line seven")]), {
      canElide: false,
    });
    const [, copy, near] = resultsOf(stood);
    expect(copy).toBe("[... same as Read result of turn 1 (f0)]");
    expect(near).toContain("line seven");
    expect(near).toHaveLength(file("a").length + 4);
    expect(stood.stashes.size).toBe(0);
    expect(stood.said.suppressed).toBe("no_retrieve");
  });

  test("the last turns stay, and keepRecentTurns 0 takes copies as they come in", () => {
    const steps = conversation([file("a"), file("a")], 0);
    expect(run(endpoint, steps).output).toBe(writeRequest(endpoint, steps));
    expect(resultsOf(run(endpoint, steps, { params: { keepRecentTurns: 0 } }))[1]).toStartWith("[... same as");
  });

  test("a near copy becomes a delta that gives it back, changed lines verbatim", () => {
    const changed = file("a")
      .replace("line 30: value_510", "line 30: value_999")
      .replace("line 31:", "line thirty-one:");
    const stood = run(endpoint, conversation([file("a"), changed]));
    const [first, delta] = resultsOf(stood);
    const [head, ...body] = (delta ?? "").split("\n");
    expect(first).toBe(file("a"));
    expect(head).toContain("but for 2 lines taken out (-) and 2 put in (+), this later state is current");
    expect(delta).toContain("+a line 30: value_999");
    expect(applyHunks((first ?? "").split("\n"), body.join("\n")).join("\n")).toBe(changed);
  });

  test("reruns that differ in durations, pids and seeds are told apart by the rest", () => {
    const rerun = (seed: number) =>
      Array.from({ length: 80 }, (_, at) => `case ${at} ok in ${(at * 37 + seed) % 15}ms`).join("\n") +
      `\nseed=${seed} pid ${seed + 1}\n${seed === 5 ? "80 passed" : "79 passed, 1 failed"}`;
    const [, delta] = resultsOf(run(endpoint, conversation([rerun(5), rerun(6)])));
    expect(delta).toContain("durations, pids and seeds elsewhere");
    expect(delta).toContain("+79 passed, 1 failed");
    const outlier = rerun(6).replace("case 40 ok in 1ms", "case 40 ok in 9000ms");
    expect(outlier).toContain("9000ms");
    expect(resultsOf(run(endpoint, conversation([rerun(5), outlier])))[1]).toContain("+case 40 ok in 9000ms");
  });

  test("who is to edit a file sees its last state whole", () => {
    const steps = conversation([file("a"), file("a").replace("line 3:", "line three:")]);
    steps[0] = { user: "Fix the bug in f1." };
    expect(resultsOf(run(endpoint, steps))[1]).toBe(file("a").replace("line 3:", "line three:"));
  });

  test("shared runs become pointers with their lines", () => {
    const shared = file("s", 20);
    const second = `${file("y", 30)}\n${shared}\n${file("z", 30)}`;
    const stood = run(endpoint, conversation([`${file("x", 30)}\n${shared}\n${file("w", 30)}`, second]));
    const [, text] = resultsOf(stood);
    expect(text).toContain("[... same as lines 31-50 of Read result of turn 1 (f0); retrieve(");
    expect(text).toStartWith(file("y", 30));
    expect(text).toEndWith(file("z", 30));
    expect(text).not.toContain("s line 3:");
  });

  test("no pointer leads to a pointer", () => {
    const near = file("a").replace("line 3:", "line three:");
    const results = resultsOf(run(endpoint, conversation([file("a"), near, near, file("a")])));
    expect(results.filter((text) => text.includes("of turn 1 (f0)"))).toHaveLength(3);
    expect(results.some((text) => /same as .*of turn [^1]/.test(text))).toBe(false);
  });

  test("a user's words are never a copy of anything; pasted data is, where roles say so", () => {
    const data = file("data", 80);
    const ask = (n: number) =>
      `Please look at this for me, number ${n}:\n\n\`\`\`\n${data}\n\`\`\`\n\nWhat do you make of it?`;
    const steps: Step[] = [
      { user: ask(1) },
      { say: "Fine." },
      { user: ask(2) },
      { say: "Fine." },
      { user: "And now?" },
    ];
    const params = { keepRecentTurns: 1 };
    expect(run(endpoint, steps, { params }).draft.isChanged).toBe(false);
    const { draft } = run(endpoint, steps, { params: { ...params, roles: ["user"] } });
    const users = draft.segments.filter(({ role, kind }) => role === "user" && kind === "text");
    expect(users[0]?.text).toBe(ask(1));
    if (users[1]?.text !== ask(2)) {
      expect(users[1]?.text).toStartWith("Please look at this for me, number 2:");
      expect(users[1]?.text).toEndWith("What do you make of it?");
      expect(users[1]?.text).toContain("[... same as pasted text of turn 0");
    }
  });

  test("holds the laws on any conversation", () => {
    fc.assert(
      fc.property(anySteps, fc.nat(2), (steps, keepRecentTurns) => {
        const source = writeRequest(endpoint, [...steps, { say: "So." }, { user: "And then?" }]);
        const options = { endpoint, params: { keepRecentTurns, minChars: 100 } };
        const stood = runStrategy(strategy, source, options);
        expect(runStrategy(strategy, source, options).output).toBe(stood.output);
        expect(runStrategy(strategy, stood.output, options).output).toBe(stood.output);
        expect(stood.output.length).toBeLessThanOrEqual(source.length);
        expect(faultsOf(endpoint, stood.output)).toEqual([]);
        for (const segment of stood.draft.segments) {
          if (segment.text === segment.original) continue;
          expect(segment.kind).toBe("tool_result");
          expect(segment.age).toBeGreaterThanOrEqual(keepRecentTurns);
          expect(hasMarker(segment.text)).toBe(true);
          const handle = /retrieve\("(ctx_[a-z2-7]{16})"\)/.exec(segment.text)?.[1] ?? "";
          expect(stood.stashes.get(handle)?.content).toBe(segment.original);
        }
      }),
      { numRuns: 60 },
    );
  });
});

test("whatever changed among copies is still there, verbatim", () => {
  fc.assert(
    fc.property(anyOutput, fc.nat(999), fc.integer({ min: 10_000, max: 99_999 }), (output, at, secret) => {
      const lines = output.split("\n");
      const needle = `threshold of zone_${secret} is ${secret}`;
      lines.splice(at % lines.length, at % 2, needle);
      const stood = run("/v1/messages", conversation([output, output, lines.join("\n"), output]));
      expect(
        resultsOf(stood).some((text) => text.split("\n").some((line) => line === needle || line === `+${needle}`)),
      ).toBe(true);
    }),
    { numRuns: 200 },
  );
});

test("hostile texts neither break it nor hold it up", () => {
  const long = "x".repeat(200_000);
  const digits = "1".repeat(200_000);
  const steps = conversation([
    long,
    long,
    digits,
    `${digits}2`,
    "\ud800".repeat(400),
    "\ud800".repeat(400),
    "\r\n".repeat(5_000),
  ]);
  const started = performance.now();
  const stood = run("/v1/chat/completions", steps);
  expect(performance.now() - started).toBeLessThan(1_500);
  const results = resultsOf(stood);
  expect(results[1]).toStartWith("[... same as");
  expect(results[5]).toStartWith("[... same as");
  expect(JSON.parse(stood.output)).toBeObject();
});

test("many repeated lines stay linear", () => {
  const text = (n: number) =>
    Array.from({ length: 8_000 }, (_, at) => (at % 3 ? "same line again and again" : `${n} ${at % 50}`)).join("\n");
  const started = performance.now();
  run("/v1/responses", conversation([text(1), text(2), text(3), text(4)]));
  expect(performance.now() - started).toBeLessThan(3_000);
});
