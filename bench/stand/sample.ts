// Owns taking samples: each arm in turns, the CPU time of the arm beside the generator's figures, and no sample with
// a wrong answer in it.

import type { Faults, JobResults } from "../load/protocol";
import type { Arm } from "../row";
import type { BenchContext } from "../scenario";
import type { RunningArm } from "./arm";
import { takeCleanly, watchNoise } from "./noise";
import { readCpuNs, readRelayNs, readResidentBytes } from "./readings";
import type { Load, Stand } from "./stand";

export interface Sample<R> {
  result: R;
  seconds: number;
  /**
   * CPU time of the arm's process until all is done that the calls gave it to do, rows being stored included; null for
   * direct, and where the system does not tell.
   */
  cpuNs: number | null;
  /** The same while the load lasted. */
  cpuUnderLoadNs: number | null;
  /** Of the threads that relay alone, without those that store. */
  relayCpuNs: number | null;
}

/** @throws Error when any answer was wrong or missing */
export async function takeSample<L extends Load>(
  stand: Stand,
  arm: RunningArm,
  load: L,
): Promise<Sample<JobResults[L["kind"]]>> {
  const readRelay = () => (arm.child ? readRelayNs(arm.child.pid) : null);
  const readCpu = () => (arm.child ? readCpuNs(arm.child.pid) : null);
  return await takeCleanly(stand.noise, () =>
    watchNoise(stand.pinning, stand.pids, async () => {
      const before = readCpu();
      const relayBefore = readRelay();
      const startedAt = Bun.nanoseconds();
      const result = await stand.run(arm, load);
      const seconds = (Bun.nanoseconds() - startedAt) / 1e9;
      const underLoad = readCpu();
      refuseFaults(arm.name, result.faults);
      await waitUntilSettled(arm);
      const relayCpuNs = minus(readRelay(), relayBefore);
      return {
        ...{ result, seconds, relayCpuNs },
        ...{ cpuNs: minus(readCpu(), before), cpuUnderLoadNs: minus(underLoad, before) },
      };
    }),
  );
}

const minus = (after: number | null, before: number | null) =>
  after === null || before === null ? null : after - before;

const settleMsMax = 10_000;
const settlePollMs = 50;

/** Waits until the gateway has stored its rows and traces: that work belongs to this sample, and must not disturb the next. */
export async function waitUntilSettled({ admin, port }: RunningArm): Promise<void> {
  if (!admin) return;
  const deadline = performance.now() + settleMsMax;
  while (performance.now() < deadline) {
    const { spool } = JSON.parse(await admin("GET", "/admin/health")) as { spool: { pendingRows: number } };
    if (spool.pendingRows === 0 && (await countPendingTraces(port)) === 0) return;
    await Bun.sleep(settlePollMs);
  }
}

async function countPendingTraces(port: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return Number(/^anyray_traces_pending (\d+)$/m.exec(text)?.[1] ?? 0);
}

export function refuseFaults(arm: Arm, faults: Faults): void {
  const found = Object.entries(faults).map(([fault, times]) => `${times} × ${fault}`);
  if (found.length > 0) throw new Error(`${arm}: wrong answers under load: ${found.join(", ")}`);
}

/** Metric → figure; null = this arm has none. */
export type Figures = Record<string, number | null>;

/** Metric → arm → a figure a round. */
export class Samples {
  readonly #byMetric = new Map<string, Map<Arm, number[]>>();

  add(arm: Arm, figures: Figures): void {
    for (const [metric, figure] of Object.entries(figures)) {
      if (figure === null || Number.isNaN(figure)) continue;
      const byArm = this.#byMetric.get(metric) ?? new Map<Arm, number[]>();
      this.#byMetric.set(metric, byArm);
      byArm.set(arm, [...(byArm.get(arm) ?? []), figure]);
    }
  }

  of(metric: string): Partial<Record<Arm, readonly number[]>> {
    return Object.fromEntries(this.#byMetric.get(metric) ?? []);
  }

  /** Each arm's figure minus direct's of the same round. */
  added(metric: string): Partial<Record<Arm, readonly number[]>> {
    const { direct, ...others } = this.of(metric);
    if (!direct) return {};
    return Object.fromEntries(
      Object.entries(others).map(([arm, figures]) => [
        arm,
        (figures ?? []).flatMap((figure, round) => (direct[round] === undefined ? [] : [figure - direct[round]])),
      ]),
    );
  }
}

export interface Rounds {
  what: string;
  arms: readonly RunningArm[];
  rounds?: number;
  warmUp?: (arm: RunningArm) => Promise<unknown>;
  measure(arm: RunningArm, round: number): Promise<Figures>;
}

/** Warms every arm up, then measures them in turns, so that what changes with time changes for all. */
export async function measureInTurns(
  context: BenchContext,
  { what, arms, warmUp, measure, ...given }: Rounds,
): Promise<Samples> {
  const rounds = given.rounds ?? context.plan.rounds;
  const samples = new Samples();
  for (const arm of warmUp ? arms : []) {
    context.progress(`${what}: ${arm.name}, warm-up`);
    await warmUp?.(arm);
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const arm of arms) {
      context.progress(`${what}: ${arm.name}, round ${round + 1} of ${rounds}`);
      samples.add(arm.name, await measure(arm, round));
    }
  }
  return samples;
}

/** Null where the system does not tell, or for direct. */
export function residentMb({ child }: RunningArm): number | null {
  const bytes = child ? readResidentBytes(child.pid) : null;
  return bytes === null ? null : bytes / 1e6;
}
