// Owns the closed loop: each connection sends its next request when it has its answer. What saturates.

import { type Connection, countFault, openConnection, openMany } from "./connection";
import { createHistogram } from "./histogram";
import type { ClosedJob, Faults, LoadResult } from "./protocol";
import { requestBytes } from "./request";

export async function runClosedLoop(job: ClosedJob): Promise<LoadResult> {
  const requests = requestBytes(job.request, job.target.port);
  const latency = createHistogram();
  const faults: Faults = {};
  let answered = 0;
  let answeredInTime = 0;
  let sent = 0;
  let deadline = 0;
  let running = job.connections;
  let allDone = () => {};
  const done = new Promise<void>((resolve) => (allDone = resolve));
  const leave = () => {
    running -= 1;
    if (running === 0) allDone();
  };

  const open = async () => {
    let sentAt = 0;
    let connection: Connection | null = null;
    const sendNext = () => {
      const request = requests[sent++ % requests.length] as Buffer;
      sentAt = Bun.nanoseconds();
      connection?.send(request);
    };
    connection = await openConnection(job.target, {
      body() {},
      answered(status) {
        const now = Bun.nanoseconds();
        latency.record(now - sentAt);
        answered += 1;
        if (status !== 200) countFault(faults, `status ${status}`);
        if (now > deadline) return leave();
        answeredInTime += 1;
        sendNext();
      },
      broken(reason) {
        countFault(faults, reason);
        leave();
      },
    });
    return { sendNext, close: connection.close };
  };

  const connections = await openMany(job.connections, open);
  const startedAt = Bun.nanoseconds();
  deadline = startedAt + job.durationMs * 1e6;
  for (const { sendNext } of connections) sendNext();
  await done;
  for (const { close } of connections) close();
  return {
    requests: answered,
    requestsInTime: answeredInTime,
    seconds: job.durationMs / 1_000,
    latency: latency.percentiles(),
    lateness: null,
    faults,
  };
}
