// Owns load of many streams at once, and streams that are opened and left alone.

import { sharedNanoseconds } from "./clock";
import { type Connection, countFault, openConnection, openMany } from "./connection";
import { createHistogram } from "./histogram";
import type { Faults, HoldJob, HoldResult, StreamJob, StreamResult } from "./protocol";
import { requestBytes } from "./request";
import { createStampReader } from "./stamp-reader";

/** Runs `streams` streams at a time, begun evenly spread over one stream's length, until the time is over. */
export async function runStreams(job: StreamJob): Promise<StreamResult> {
  const requests = requestBytes(job.request, job.target.port);
  const ask = job.request.ask ?? {};
  const firstByte = createHistogram();
  const delay = createHistogram();
  const faults: Faults = {};
  let started = 0;
  let finished = 0;
  let events = 0;
  let deadline = 0;
  let running = job.streams;
  let allDone = () => {};
  const done = new Promise<void>((resolve) => (allDone = resolve));
  const leave = () => {
    running -= 1;
    if (running === 0) allDone();
  };

  const open = async () => {
    let sentAt = 0;
    let eventsHere = 0;
    let isFirst = true;
    let arrivedAt = 0;
    let connection: Connection | null = null;
    const readStamps = createStampReader((stamp) => {
      eventsHere += 1;
      delay.record(arrivedAt - stamp);
    });
    const startNext = () => {
      isFirst = true;
      eventsHere = 0;
      sentAt = sharedNanoseconds();
      connection?.send(requests[started++ % requests.length] as Buffer);
    };
    connection = await openConnection(job.target, {
      body(bytes) {
        arrivedAt = sharedNanoseconds();
        if (isFirst) firstByte.record(arrivedAt - sentAt);
        isFirst = false;
        readStamps(bytes);
      },
      answered(status) {
        finished += 1;
        events += eventsHere;
        if (status !== 200) countFault(faults, `status ${status}`);
        if (eventsHere !== ask.events) countFault(faults, `${eventsHere} events of ${ask.events}`);
        if (Bun.nanoseconds() > deadline) leave();
        else startNext();
      },
      broken(reason) {
        countFault(faults, reason);
        leave();
      },
    });
    return { startNext, close: connection.close };
  };

  const connections = await openMany(job.streams, open);
  const startedAt = Bun.nanoseconds();
  deadline = startedAt + job.durationMs * 1e6;
  const streamMs = (ask.events ?? 0) * (ask.gapMs ?? 0);
  for (const [nth, { startNext }] of connections.entries()) setTimeout(startNext, (nth * streamMs) / job.streams);
  await done;
  const seconds = (Bun.nanoseconds() - startedAt) / 1e9;
  for (const { close } of connections) close();
  return {
    streams: finished,
    events,
    seconds,
    firstByte: firstByte.percentiles(),
    delay: delay.percentiles(),
    faults,
  };
}

const held: Connection[] = [];
let heldFaults: Faults = {};

/** Resolves when every stream's first bytes are there. Later jobs add to what is held. */
export async function holdStreams(job: HoldJob): Promise<HoldResult> {
  const requests = requestBytes(job.request, job.target.port);
  const openOne = async (nth: number): Promise<void> => {
    let begun = () => {};
    const hasBegun = new Promise<void>((resolve) => (begun = resolve));
    const connection = await openConnection(job.target, {
      body() {
        if (job.isStalled) connection.stall();
        begun();
      },
      answered(status) {
        countFault(heldFaults, `ended with status ${status}`);
        begun();
      },
      broken(reason) {
        countFault(heldFaults, reason);
        begun();
      },
    });
    held.push(connection);
    connection.send(requests[nth % requests.length] as Buffer);
    await hasBegun;
  };
  await openMany(job.streams, openOne);
  return { opened: held.length, faults: { ...heldFaults } };
}

/** Hangs up on all that is held; tells what broke in the meantime. */
export function releaseStreams(): HoldResult {
  const result = { opened: held.length, faults: heldFaults };
  for (const connection of held.splice(0)) connection.close();
  heldFaults = {};
  return result;
}
