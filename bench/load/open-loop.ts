// Owns the open loop: requests go out when the schedule says, answered or not, and latency counts from that moment. A
// server that stalls is charged for every request that had to wait, which a closed loop would never have sent.

import { sharedNanoseconds } from "./clock";
import { type Connection, countFault, openConnection, openMany } from "./connection";
import { createHistogram } from "./histogram";
import type { Schedule } from "./pacer";
import type { Faults, LoadResult, OpenJob } from "./protocol";
import { requestBytes } from "./request";

const lastAnswersMs = 5_000;
/** The pacer needs a moment to start. */
const startDelayNs = 100e6;

let pacer: Worker | null = null;

export async function runOpenLoop(job: OpenJob): Promise<LoadResult> {
  const requests = requestBytes(job.request, job.target.port);
  const latency = createHistogram();
  const lateness = createHistogram();
  const faults: Faults = {};
  const idle: ((request: Buffer, dueAt: number) => void)[] = [];
  const total = Math.max(1, Math.round((job.rate * job.durationMs) / 1_000));
  const gapNs = 1e9 / job.rate;
  let startedAt = 0;
  let sent = 0;
  let answered = 0;
  let answeredInTime = 0;
  let allDone = () => {};
  const done = new Promise<void>((resolve) => (allDone = resolve));

  /** Sends all that is due. Called by the pacer, and after every answer for what had to wait for a connection. */
  const sendDue = () => {
    let now = sharedNanoseconds();
    while (sent < total && idle.length > 0) {
      const dueAt = startedAt + sent * gapNs;
      if (dueAt > now) return;
      lateness.record(now - dueAt);
      idle.pop()?.(requests[sent++ % requests.length] as Buffer, dueAt);
      now = sharedNanoseconds();
    }
  };

  const open = async () => {
    let dueAt = 0;
    let connection: Connection | null = null;
    const send = (request: Buffer, at: number) => {
      dueAt = at;
      connection?.send(request);
    };
    connection = await openConnection(job.target, {
      body() {},
      answered(status) {
        const now = sharedNanoseconds();
        latency.record(now - dueAt);
        answered += 1;
        if (status !== 200) countFault(faults, `status ${status}`);
        if (now <= startedAt + job.durationMs * 1e6) answeredInTime += 1;
        idle.push(send);
        if (answered === total) allDone();
        else sendDue();
      },
      broken(reason) {
        countFault(faults, reason);
        allDone();
      },
    });
    idle.push(send);
    return connection;
  };

  const connections = await openMany(job.connections, open);
  startedAt = sharedNanoseconds() + startDelayNs;
  pacer ??= new Worker(new URL("./pacer.ts", import.meta.url));
  pacer.onmessage = sendDue;
  pacer.postMessage({ startAt: startedAt, gapNs, count: total } satisfies Schedule);
  await Promise.race([done, Bun.sleep(job.durationMs + lastAnswersMs)]);
  for (const { close } of connections) close();
  if (answered < total) faults["never answered"] = total - answered;
  return {
    requests: answered,
    requestsInTime: answeredInTime,
    seconds: job.durationMs / 1_000,
    latency: latency.percentiles(),
    lateness: lateness.percentiles(),
    faults,
  };
}
