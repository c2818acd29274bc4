// Owns a run as plain data, so that it can be done here or in a worker with the same result.

import { createBudget } from "../budget";
import { type CalibrationState, createCalibration } from "../calibration";
import { type OptimizeInput, type OptimizeResult, optimize } from "../optimize";
import { registry } from "../registry";
import type { Params, Strategy } from "../strategy";

type Carried = Omit<OptimizeInput, "strategies" | "budget" | "factor" | "isOff">;

export interface Job extends Carried {
  strategies: readonly { kind: string; params: Params }[];
  /** Milliseconds the run may take. */
  budgetMs: number;
  calibration: CalibrationState;
  /** `offKey` of each kind and tool whose elisions lost money. */
  off: readonly string[];
}

export function offKey(kind: string, toolName: string | null): string {
  return `${kind}\n${toolName ?? ""}`;
}

const byKind = new Map<string, Strategy>(registry.strategies.map((strategy) => [strategy.kind, strategy]));

/** @throws SyntaxError when the request cannot be read */
export function runJob(job: Job): OptimizeResult {
  const calibration = createCalibration(job.calibration);
  const off = new Set(job.off);
  return optimize({
    ...job,
    strategies: job.strategies.flatMap(({ kind, params }) => {
      const strategy = byKind.get(kind);
      return strategy ? [{ strategy, params }] : [];
    }),
    budget: createBudget(job.budgetMs),
    factor: (model, textClass) => calibration.factor(model, textClass),
    isOff: (kind, toolName) => off.has(offKey(kind, toolName)),
  });
}
