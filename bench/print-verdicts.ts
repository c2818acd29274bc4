// Owns the verdicts on the budgets as text.

import type { Budget, Verdict } from "./budgets";
import { isFailure } from "./budgets";
import { type Column, renderTable } from "./table";

const columns: Column<Verdict>[] = [
  { title: "budget", cell: ({ budget }) => budget.id, isText: true },
  { title: "against", cell: ({ budget }) => (budget.comparison === "absolute" ? "" : budget.comparison), isText: true },
  { title: "measured", cell: (verdict) => ("measured" in verdict ? written(verdict.budget, verdict.measured) : "–") },
  { title: "limit", cell: ({ budget }) => `${budget.bound === "most" ? "≤" : "≥"} ${written(budget, budget.limit)}` },
  { title: "aim", cell: ({ budget }) => written(budget, budget.aim) },
  { title: "", cell: verdictWord, isText: true },
];

function written({ comparison }: Budget, value: number): string {
  return `${Number(value.toPrecision(3))}${comparison === "absolute" ? "" : "×"}`;
}

function verdictWord(verdict: Verdict): string {
  if (verdict.state === "not applicable" || verdict.state === "unmeasured") return `${verdict.state}: ${verdict.why}`;
  if (verdict.state === "broken") return `BROKEN by ${(verdict.excess * 100).toFixed(0)} %`;
  return verdict.reachesAim ? "held, aim reached" : "held";
}

export const renderVerdicts = (verdicts: readonly Verdict[]): string => renderTable(verdicts, columns);

/** One line a failure, with its reason; empty when all hold. */
export function renderFailures(verdicts: readonly Verdict[]): string {
  return verdicts
    .filter(isFailure)
    .map(
      (verdict) => `${verdict.budget.id}: ${verdictWord(verdict)} (${verdict.budget.metric}). ${verdict.budget.reason}`,
    )
    .join("\n");
}
