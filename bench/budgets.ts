// Owns the budgets: what each row may cost, whether it does, and by how much it does not.

import budgetList from "./budgets.json";
import type { ScenarioReport } from "./report";
import { type Arm, medianOf } from "./row";

export interface Budget {
  id: string;
  /** Name of the scenario, and metric of its row. */
  scenario: string;
  metric: string;
  /** The arm that is judged; the gateway where none is named. */
  arm?: Arm;
  /** "absolute": the figure itself, in the row's unit; else its ratio to this arm's figure of the same run. */
  comparison: "absolute" | "direct" | "bare" | "nginx";
  /** "most": the figure may not be above the limit; "least": not below. */
  bound: "most" | "least";
  limit: number;
  /** What it should come to. */
  aim: number;
  reason: string;
}

export const budgets = budgetList as readonly Budget[];

export type Verdict =
  /** `excess`: how far past the limit, as a share of it; 0 or less when it holds. */
  | { budget: Budget; state: "held" | "broken"; measured: number; excess: number; reachesAim: boolean }
  /** Nothing to compare with is installed here, or this system does not tell: no reason to fail. */
  | { budget: Budget; state: "not applicable"; why: string }
  /** There should be a figure and there is none that means anything: that fails. */
  | { budget: Budget; state: "unmeasured"; why: string };

/** Judges a budget by the median of every sample of all the runs of its scenario. */
export function judge(budget: Budget, runs: readonly ScenarioReport[]): Verdict {
  const samplesOf = (arm: Arm) =>
    runs.flatMap(({ rows }) => rows.find(({ metric }) => metric === budget.metric)?.samples[arm] ?? []);
  const arm = budget.arm ?? "anyray";
  const own = samplesOf(arm);
  if (own.length === 0) return { budget, state: "unmeasured", why: `no sample of ${arm}` };
  let measured = medianOf(own);
  if (budget.comparison !== "absolute") {
    const other = samplesOf(budget.comparison);
    if (other.length === 0) {
      const why = `${budget.comparison} was not measured here`;
      return { budget, state: budget.comparison === "nginx" ? "not applicable" : "unmeasured", why };
    }
    const below = medianOf(other);
    if (below <= 0)
      return { budget, state: "unmeasured", why: `${budget.comparison}'s figure is ${below}, in the noise` };
    measured /= below;
  }
  const excess = excessOf(budget, measured);
  const reachesAim = budget.bound === "most" ? measured <= budget.aim : measured >= budget.aim;
  return { budget, state: excess > 0 ? "broken" : "held", measured, excess, reachesAim };
}

function excessOf({ bound, limit }: Budget, measured: number): number {
  return (bound === "most" ? measured - limit : limit - measured) / limit;
}

export const isFailure = ({ state }: Verdict): boolean => state === "broken" || state === "unmeasured";

/** A scenario runs again, at most so often, before a broken budget is believed. */
export const repeatsMax = 2;

export interface CheckSteps {
  /** Measures a scenario, as far as these metrics need. */
  run(scenario: string, metrics: readonly string[]): Promise<ScenarioReport>;
  /** Told before a scenario runs again, with what was broken. */
  onRepeat(scenario: string, broken: readonly Verdict[]): void;
}

/** Measures what `list` needs, a scenario with a broken row again, and judges by all its runs together. */
export async function checkBudgets(
  list: readonly Budget[],
  steps: CheckSteps,
): Promise<{ verdicts: Verdict[]; runs: ScenarioReport[] }> {
  const verdicts: Verdict[] = [];
  const all: ScenarioReport[] = [];
  for (const scenario of new Set(list.map((budget) => budget.scenario))) {
    const own = list.filter((budget) => budget.scenario === scenario);
    const runs = [
      await steps.run(
        scenario,
        own.map(({ metric }) => metric),
      ),
    ];
    const judgeAll = () => own.map((budget) => judge(budget, runs));
    for (let repeats = 0; repeats < repeatsMax; repeats += 1) {
      const broken = judgeAll().filter(isFailure);
      if (broken.length === 0) break;
      steps.onRepeat(scenario, broken);
      runs.push(
        await steps.run(
          scenario,
          broken.map(({ budget }) => budget.metric),
        ),
      );
    }
    verdicts.push(...judgeAll());
    all.push(...runs);
  }
  return { verdicts, runs: all };
}
