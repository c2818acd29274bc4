// Owns comparing a gateway with itself, its optimizer switched off and on in turns: the same process and the same
// compiled code, so that microseconds show.

import { join, resolve } from "node:path";
import type { RequestSpec } from "../load/protocol";
import type { Row } from "../row";
import type { BenchContext, Scenario } from "../scenario";
import type { RunningArm } from "./arm";
import { bunCommand, bunEnv, type Child, freePort, isListening, startChild, waitUntilReady } from "./child";
import { inMicroseconds } from "./rows";
import { measureInTurns, takeSample } from "./sample";
import { verifyAnswers, verifyBooks } from "./verify";
import { warmUp } from "./warm-up";

export interface SwitchSetting {
  request: RequestSpec;
  connections: number;
  /** What the optimizer of the bench is: not there at all, or asked from so many bytes on, or never. */
  optimizer: "absent" | "never" | number;
  /** The outcome that every call has to have while it is on. */
  outcome: string;
}

/** Longer than the gateway takes to notice how the optimizer is. */
const settleMs = 1_500;

export function switchScenario({ setting, ...words }: Omit<Scenario, "run"> & { setting: SwitchSetting }): Scenario {
  return {
    ...words,
    async run(context) {
      const port = freePort();
      const optimizer = setting.optimizer === "absent" ? null : await startOptimizer(context, port, setting.optimizer);
      try {
        const env = { ANYRAY_KILL_SWITCH: "false", ANYRAY_OPTIMIZER_URL: `http://127.0.0.1:${port}` };
        const gateway = await context.stand.start("anyray", "http", env);
        await verifyAnswers([await context.stand.start("direct"), gateway], setting.request);
        await warmUp(context.stand, gateway, context.plan.warmUpCalls);
        const rows = await measure(context, gateway, setting);
        await verifyBooks(gateway);
        return rows;
      } finally {
        await optimizer?.stop();
      }
    },
  };
}

async function startOptimizer(context: BenchContext, port: number, bytesMin: "never" | number): Promise<Child> {
  const child = startChild({
    name: "optimizer",
    command: [...bunCommand, join(resolve(import.meta.dir, "..", "load"), "optimizer.ts"), `${port}`, `${bytesMin}`],
    env: bunEnv,
    core: context.stand.pinning?.upstreamCore ?? null,
    directory: context.makeDirectory(),
  });
  await waitUntilReady(child, () => isListening(port));
  return child;
}

async function measure(context: BenchContext, gateway: RunningArm, setting: SwitchSetting): Promise<Row[]> {
  const { stand, plan } = context;
  const { request, connections } = setting;
  const load = (durationMs: number) => ({ kind: "closed", request, connections, durationMs }) as const;
  // One process under two names; its books stay one.
  const arms = ["off", "on"].map((name) => ({ ...gateway, name }));
  const cpu: Record<string, number[]> = { off: [], on: [] };
  const p50: Record<string, number[]> = { off: [], on: [] };
  await measureInTurns(context, {
    what: "switched off and on",
    arms,
    measure: async (arm) => {
      await gateway.admin?.("POST", "/admin/kill-switch", { engaged: arm.name === "off" });
      await stand.run(arm, load(Math.min(300, plan.warmUpMs)));
      await Bun.sleep(settleMs);
      const before = await countOutcomes(gateway);
      const { result, cpuNs } = await takeSample(stand, arm, load(plan.roundMs));
      await expectOutcome(gateway, before, arm.name === "off" ? "off" : setting.outcome, result.requests);
      if (cpuNs !== null) cpu[arm.name]?.push(inMicroseconds(cpuNs / result.requests));
      p50[arm.name]?.push(inMicroseconds(result.latency.p50));
      return {};
    },
  });
  const row = { unit: "µs", better: "lower", isComparedToDirect: false } as const;
  return [
    { ...row, metric: "CPU added per call", samples: { anyray: added(cpu) }, isHeadline: true },
    { ...row, metric: "added p50", samples: { anyray: added(p50) } },
    { ...row, metric: "CPU per call, switched off", samples: { anyray: cpu["off"] ?? [] } },
  ];
}

const added = ({ off = [], on = [] }: Record<string, number[]>) =>
  on.flatMap((figure, round) => (off[round] === undefined ? [] : [figure - off[round]]));

async function countOutcomes({ port }: RunningArm): Promise<Map<string, number>> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const lines = text.matchAll(/^anyray_optimizer_outcomes_total\{outcome="(\w+)"\} (\d+)$/gm);
  return new Map([...lines].map(([, outcome = "", count]) => [outcome, Number(count)]));
}

/** @throws Error when some of the calls took another way: what was timed would not be what the row says */
async function expectOutcome(gateway: RunningArm, before: Map<string, number>, outcome: string, requests: number) {
  const after = await countOutcomes(gateway);
  const found = (after.get(outcome) ?? 0) - (before.get(outcome) ?? 0);
  // A call at the edge of a breaker's or a settings' change may differ.
  if (found < requests * 0.99) {
    throw new Error(`${found} of ${requests} calls were ${outcome}: ${JSON.stringify(Object.fromEntries(after))}`);
  }
}
