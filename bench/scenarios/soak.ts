// A long, even load: whether memory grows, whether rows are lost, whether calls become slower.

import type { Row, Unit } from "../row";
import { medianOf } from "../row";
import type { BenchContext, Scenario } from "../scenario";
import type { RunningArm } from "../stand/arm";
import { inMicroseconds } from "../stand/rows";
import { refuseFaults, residentMb, waitUntilSettled } from "../stand/sample";
import { smallCall, streamCall } from "../stand/specs";
import { verifyAnswers } from "../stand/verify";

const callsPerSecond = 200;
const streams = 50;
const slices = 30;
/** What the first fifth brings is the process settling in. */
const settlingShare = 0.2;

interface Slice {
  /** Hours since the start. */
  atHours: number;
  residentMb: number;
  p99: number;
}

export const soak = {
  name: "soak",
  title: "Soak",
  about:
    "200 small calls per second on a schedule and 50 open streams, for the time --soak says. The slope of memory is of the last four fifths; lost rows are answers of the upstream that the gateway's books do not have.",
  quick: false,
  async run(context) {
    const direct = await context.stand.start("direct");
    const gateway = await context.stand.start("anyray");
    await verifyAnswers([direct, gateway], smallCall);
    const taken = await takeSlices(context, gateway);
    await waitUntilSettled(gateway);
    const lost = gateway.calls.requests - (await countRows(gateway));
    const third = Math.ceil(taken.length / 3);
    const early = medianOf(taken.slice(0, third).map(({ p99 }) => p99));
    const late = medianOf(taken.slice(-third).map(({ p99 }) => p99));
    return [
      row("memory slope", "MB/h", slopeOf(taken.slice(Math.floor(taken.length * settlingShare)))),
      row("lost rows", "count", lost),
      row("p99, first third", "µs", early),
      row("p99, last third", "µs", late),
      row("p99 drift", "%", (late / early - 1) * 100),
    ];
  },
} satisfies Scenario;

const row = (metric: string, unit: Unit, value: number): Row => ({
  metric,
  unit,
  better: "lower",
  samples: Number.isNaN(value) ? {} : { anyray: [value] },
  isComparedToDirect: false,
});

async function takeSlices({ stand, plan, progress }: BenchContext, gateway: RunningArm): Promise<Slice[]> {
  const durationMs = Math.max(2_000, plan.soakMs / slices);
  const request = streamCall({ events: 100, gapMs: 10 });
  const startedAt = performance.now();
  const taken: Slice[] = [];
  for (let nth = 0; nth < slices && performance.now() - startedAt < plan.soakMs; nth += 1) {
    progress(`${Math.round((performance.now() - startedAt) / 60_000)} of ${plan.soakMs / 60_000} minutes`);
    const [calls, streamed] = await Promise.all([
      stand.run(gateway, { kind: "open", request: smallCall, connections: 64, rate: callsPerSecond, durationMs }),
      stand.run(gateway, { kind: "streams", request, streams, durationMs }),
    ]);
    refuseFaults(gateway.name, { ...calls.faults, ...streamed.faults });
    taken.push({
      atHours: (performance.now() - startedAt) / 3_600_000,
      residentMb: residentMb(gateway) ?? Number.NaN,
      p99: inMicroseconds(calls.latency.p99),
    });
  }
  return taken;
}

async function countRows({ admin }: RunningArm): Promise<number> {
  const answer = await admin?.("GET", "/admin/spend");
  return (JSON.parse(answer ?? "") as { totals: { requests: number } }).totals.requests;
}

/** By least squares, in MB an hour. */
function slopeOf(taken: readonly Slice[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const meanHours = mean(taken.map(({ atHours }) => atHours));
  const meanMb = mean(taken.map((slice) => slice.residentMb));
  let above = 0;
  let below = 0;
  for (const slice of taken) {
    above += (slice.atHours - meanHours) * (slice.residentMb - meanMb);
    below += (slice.atHours - meanHours) ** 2;
  }
  return above / below;
}
