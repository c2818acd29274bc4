// Owns bringing a fresh arm to the speed it keeps: the runtime compiles what is called often, and a gateway has more of
// that than a bare proxy.

import type { RunningArm } from "./arm";
import { smallCall, streamCall } from "./specs";
import type { Stand } from "./stand";

const sliceMs = 250;
const callsMsMax = 8_000;

/** Sends small calls, `calls` of them as far as eight seconds allow, and then streams for half a second. */
export async function warmUp(stand: Pick<Stand, "run">, arm: RunningArm, calls: number): Promise<void> {
  const deadline = performance.now() + callsMsMax;
  const from = arm.calls.requests;
  while (arm.calls.requests - from < calls && performance.now() < deadline) {
    await stand.run(arm, { kind: "closed", request: smallCall, connections: 16, durationMs: sliceMs });
  }
  const request = streamCall({ events: 50, gapMs: 2 });
  await stand.run(arm, { kind: "streams", request, streams: 32, durationMs: 2 * sliceMs });
}
