// A thread that knows nothing but a schedule and says when something is due. The event loop's own timers come at whole
// milliseconds only, which would drown what is measured; a thread can sleep to the microsecond without keeping a core
// busy that the upstream needs.

import { sharedNanoseconds } from "./clock";

/** Instants by the shared clock: `startAt`, and then `count` - 1 more, each `gapNs` later. */
export interface Schedule {
  startAt: number;
  gapNs: number;
  count: number;
}

declare const self: Worker;

const asleep = new Int32Array(new SharedArrayBuffer(4));

self.onmessage = ({ data }: MessageEvent<Schedule>) => {
  const { startAt, gapNs, count } = data;
  for (let nth = 0; nth < count; ) {
    const waitNs = startAt + nth * gapNs - sharedNanoseconds();
    if (waitNs > 0) Atomics.wait(asleep, 0, 0, waitNs / 1e6);
    const now = sharedNanoseconds();
    const due = Math.floor((now - startAt) / gapNs) + 1;
    if (due <= nth) continue;
    nth = due;
    self.postMessage(0);
  }
};
