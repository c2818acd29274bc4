import { describe, expect, test } from "bun:test";
import { type Budget, budgets, checkBudgets, judge } from "./budgets";
import type { ScenarioReport } from "./report";
import type { Row } from "./row";
import { scenarios } from "./scenarios/registry";

const row = (metric: string, samples: Row["samples"]): Row => ({
  metric,
  unit: "µs",
  better: "lower",
  samples,
  isComparedToDirect: false,
});
const run = (...rows: Row[]): ScenarioReport => ({ name: "s", title: "S", about: "", rows, notes: [], seconds: 1 });
const budget = (given: Partial<Budget>): Budget => ({
  id: "b",
  scenario: "s",
  metric: "m",
  comparison: "bare",
  bound: "most",
  limit: 1.5,
  aim: 1.1,
  reason: "why",
  ...given,
});

describe("a budget", () => {
  test("holds up to its limit and is broken beyond it, by how much", () => {
    const of = (anyray: number) => judge(budget({}), [run(row("m", { anyray: [anyray], bare: [100] }))]);
    expect(of(150)).toMatchObject({ state: "held", measured: 1.5, reachesAim: false });
    expect(of(110)).toMatchObject({ state: "held", reachesAim: true });
    expect(of(180)).toMatchObject({ state: "broken", measured: 1.8, reachesAim: false });
    expect((of(180) as { excess: number }).excess).toBeCloseTo(0.2);
  });

  test("that asks for no less than a share is broken below it", () => {
    const of = (anyray: number) =>
      judge(budget({ bound: "least", limit: 0.5, aim: 0.8 }), [run(row("m", { anyray: [anyray], bare: [100] }))]);
    expect(of(50)).toMatchObject({ state: "held", reachesAim: false });
    expect(of(40)).toMatchObject({ state: "broken" });
    expect(of(80)).toMatchObject({ reachesAim: true });
  });

  test("may be on the figure itself, and on another arm", () => {
    const rows = [run(row("m", { append: [1, 2, 9] }))];
    expect(judge(budget({ comparison: "absolute", arm: "append", limit: 2, aim: 1 }), rows)).toMatchObject({
      state: "held",
      measured: 2,
    });
  });

  test("is judged by the median of every sample of all runs", () => {
    const runs = [
      run(row("m", { anyray: [300, 300], bare: [100, 100] })),
      run(row("m", { anyray: [120, 120, 120], bare: [100, 100, 100] })),
    ];
    expect(judge(budget({}), runs)).toMatchObject({ state: "held", measured: 1.2 });
  });

  test("without a figure fails, but for a proxy that is not installed", () => {
    expect(judge(budget({}), [run()]).state).toBe("unmeasured");
    expect(judge(budget({}), [run(row("m", { anyray: [1] }))]).state).toBe("unmeasured");
    expect(judge(budget({}), [run(row("m", { anyray: [1], bare: [-2] }))]).state).toBe("unmeasured");
    expect(judge(budget({ comparison: "nginx" }), [run(row("m", { anyray: [1] }))]).state).toBe("not applicable");
  });

  test("that is broken is measured again, at most twice, and only it", async () => {
    const asked: (readonly string[])[] = [];
    const list = [budget({ id: "steady", metric: "steady" }), budget({ id: "noisy", metric: "noisy" })];
    const check = async (noisy: readonly number[]) => {
      asked.length = 0;
      return await checkBudgets(list, {
        run: async (_, metrics) => {
          asked.push(metrics);
          const rows = [row("noisy", { anyray: [noisy[asked.length - 1]!], bare: [100] })];
          return run(...rows, ...(metrics.includes("steady") ? [row("steady", { anyray: [100], bare: [100] })] : []));
        },
        onRepeat() {},
      });
    };
    const states = async (noisy: readonly number[]) => (await check(noisy)).verdicts.map(({ state }) => state);

    expect(await states([100])).toEqual(["held", "held"]);
    expect(asked).toEqual([["steady", "noisy"]]);
    // The median of 500 and 100 is still broken; the third run decides.
    expect(await states([500, 100, 100])).toEqual(["held", "held"]);
    expect(asked).toEqual([["steady", "noisy"], ["noisy"], ["noisy"]]);
    expect(await states([500, 500, 500, 100])).toEqual(["held", "broken"]);
    expect(asked).toHaveLength(3);
  });

  test("names a scenario that exists, once, with an aim within its limit and a reason", () => {
    expect(new Set(budgets.map(({ id }) => id)).size).toBe(budgets.length);
    for (const { id, scenario, comparison, bound, limit, aim, reason } of budgets) {
      expect({ id, known: scenarios.some(({ name }) => name === scenario) }).toEqual({ id, known: true });
      expect(["absolute", "direct", "bare", "nginx"]).toContain(comparison);
      expect(bound === "most" ? aim <= limit : aim >= limit).toBe(true);
      expect(reason).not.toBe("");
    }
  });
});
