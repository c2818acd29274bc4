// Owns what the scenarios of one kind of plain call have in common.

import type { RequestSpec } from "../load/protocol";
import type { Scenario } from "../scenario";
import { measureCalls } from "./measure-calls";
import { verifyAnswers, verifyBooks } from "./verify";

export function callScenario(
  settings: Omit<Scenario, "run"> & { request: RequestSpec; connections: number; rounds?: number },
): Scenario {
  const { request, connections, rounds, ...words } = settings;
  return {
    ...words,
    async run(context) {
      const arms = await context.stand.shareAll();
      await verifyAnswers(arms, request);
      const some = rounds === undefined || context.plan.isFull ? {} : { rounds: Math.min(rounds, context.plan.rounds) };
      const rows = await measureCalls(context, arms, { request, connections, suffix: "", ...some });
      for (const arm of arms) await verifyBooks(arm);
      return rows;
    },
  };
}
