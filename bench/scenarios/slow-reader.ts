// Callers that ask for much and do not read it: what a proxy takes from the upstream in the meantime, it has to hold.

import type { Scenario } from "../scenario";
import type { RunningArm } from "../stand/arm";
import { ownRow } from "../stand/rows";
import { type Figures, measureInTurns, refuseFaults, residentMb } from "../stand/sample";
import { streamCall } from "../stand/specs";
import type { Stand } from "../stand/stand";
import { verifyBooks } from "../stand/verify";

const readers = 8;
/** 64 MB each. */
const events = 200_000;
const stalledMs = 2_000;

export const slowReader = {
  name: "slow-reader",
  title: "Slow reader",
  about:
    "8 callers ask for a stream of 64 MB each and stop reading after the first bytes; two seconds later: how much more memory the process holds, and how much it took from the upstream for each of them. Buffers of the kernel on both sides are in the latter.",
  quick: false,
  async run(context) {
    const arms = (await context.stand.startAll()).filter(({ child }) => child !== null);
    const samples = await measureInTurns(context, {
      what: "slow readers",
      arms,
      rounds: 1,
      measure: async (arm) => await stallAndLook(context.stand, arm),
    });
    for (const arm of arms) await verifyBooks(arm);
    return [ownRow(samples, "memory growth", "MB"), ownRow(samples, "taken ahead per reader", "MB")];
  },
} satisfies Scenario;

async function stallAndLook(stand: Stand, arm: RunningArm): Promise<Figures> {
  // The first stream brings what comes once only.
  await stand.run(arm, { kind: "streams", request: streamCall({ events: 5_000 }), streams: readers, durationMs: 100 });
  const before = { memory: residentMb(arm), bytes: (await stand.readUpstream()).bytes };
  const request = streamCall({ events });
  refuseFaults(arm.name, (await stand.run(arm, { kind: "hold", request, streams: readers, isStalled: true })).faults);
  await Bun.sleep(stalledMs);
  const after = { memory: residentMb(arm), bytes: (await stand.readUpstream()).bytes };
  refuseFaults(arm.name, (await stand.run(arm, { kind: "release" })).faults);
  return {
    "memory growth": before.memory === null || after.memory === null ? null : after.memory - before.memory,
    "taken ahead per reader": (after.bytes - before.bytes) / readers / 1e6,
  };
}
