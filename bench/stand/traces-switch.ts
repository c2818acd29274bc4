// Owns comparing a gateway that keeps no traces with one that does, its content mode switched in turns.

import type { Row } from "../row";
import type { BenchContext, Scenario } from "../scenario";
import type { RunningArm } from "./arm";
import { inMicroseconds } from "./rows";
import { measureInTurns, takeSample } from "./sample";
import type { Load } from "./stand";
import { verifyBooks } from "./verify";
import { warmUp } from "./warm-up";

export interface TracedCalls {
  /** In the metrics: "JSON". */
  name: string;
  load(durationMs: number): Extract<Load, { kind: "closed" | "streams" }>;
}

/** What is kept: nothing, facts, facts and sealed contents. */
const kinds = ["none", "off", "encrypted"] as const;
type Kind = (typeof kinds)[number];

interface Figures {
  relayUs: number;
  processUs: number;
  firstByteUs: number;
}

export function tracesScenario({
  calls,
  ...words
}: Omit<Scenario, "run"> & { calls: readonly TracedCalls[] }): Scenario {
  return {
    ...words,
    async run(context) {
      const without = await context.stand.start("anyray", "http", { ANYRAY_TRACES: "false" });
      const traced = await context.stand.start("anyray", "http");
      for (const gateway of [without, traced]) await warmUp(context.stand, gateway, context.plan.warmUpCalls);
      const rows: Row[] = [];
      for (const call of calls) rows.push(...(await measure(context, { without, traced }, call)));
      for (const gateway of [without, traced]) await verifyBooks(gateway);
      return rows;
    },
  };
}

async function measure(
  context: BenchContext,
  { without, traced }: { without: RunningArm; traced: RunningArm },
  { name, load }: TracedCalls,
): Promise<Row[]> {
  const { stand, plan } = context;
  const taken: Record<Kind, Figures[]> = { none: [], off: [], encrypted: [] };
  await measureInTurns(context, {
    what: `traces of ${name} calls`,
    // One process under two names; its books stay one.
    arms: [{ ...without, name: "none" }, ...["off", "encrypted"].map((kind) => ({ ...traced, name: kind }))],
    measure: async (arm) => {
      if (arm.name !== "none") await arm.admin?.("PUT", "/admin/settings/privacy", { contentMode: arm.name });
      await stand.run(arm, load(Math.min(500, plan.warmUpMs)));
      const { result, cpuNs, relayCpuNs } = await takeSample(stand, arm, load(plan.roundMs));
      const count = "streams" in result ? result.streams : result.requests;
      if (cpuNs === null || relayCpuNs === null) return {};
      taken[arm.name as Kind].push({
        relayUs: inMicroseconds(relayCpuNs / count),
        processUs: inMicroseconds(cpuNs / count),
        firstByteUs: inMicroseconds("firstByte" in result ? result.firstByte.p50 : result.latency.p50),
      });
      return {};
    },
  });
  return rowsOf(name, taken);
}

function rowsOf(name: string, { none, off, encrypted }: Record<Kind, Figures[]>): Row[] {
  const lower = { better: "lower", isComparedToDirect: false } as const;
  const row = (metric: string, unit: Row["unit"], anyray: number[], isHeadline = false): Row => {
    return { ...lower, metric: `${metric}, ${name}`, unit, samples: { anyray }, isHeadline };
  };
  const share = (figures: Figures[], of: keyof Figures) =>
    added(none, figures, of).map((figure, round) => (100 * figure) / (none[round]?.[of] ?? Number.NaN));
  return [
    row("relay CPU added", "%", share(encrypted, "relayUs"), true),
    row("relay CPU added without contents", "%", share(off, "relayUs")),
    row("process CPU added", "µs", added(none, encrypted, "processUs")),
    row("process CPU added without contents", "µs", added(none, off, "processUs")),
    row("added first byte p50", "µs", added(none, encrypted, "firstByteUs")),
    row(
      "relay CPU without traces",
      "µs",
      none.map(({ relayUs }) => relayUs),
    ),
    row(
      "process CPU without traces",
      "µs",
      none.map(({ processUs }) => processUs),
    ),
  ];
}

/** Of the same round, because the machine changes with time. */
function added(from: readonly Figures[], to: readonly Figures[], of: keyof Figures): number[] {
  return to.flatMap((figures, round) => (from[round] === undefined ? [] : [figures[of] - from[round][of]]));
}
