// Owns finding the upstream's timestamps in the bytes of a stream, wherever those are cut.

import { stampDigits, stampMark } from "./answers";

const stampBytes = stampMark.length + stampDigits;

/** Calls `onStamp` with the nanoseconds of each event's timestamp. The returned function takes the body's bytes. */
export function createStampReader(onStamp: (sentAt: number) => void): (bytes: Buffer) => void {
  let partial: Buffer | null = null;
  return (fresh) => {
    const bytes: Buffer = partial ? Buffer.concat([partial, fresh]) : fresh;
    partial = null;
    let from = 0;
    for (;;) {
      const at = bytes.indexOf(stampMark, from);
      if (at < 0) break;
      if (at + stampBytes > bytes.length) {
        partial = Buffer.from(bytes.subarray(at));
        return;
      }
      from = at + stampBytes;
      onStamp(Number(bytes.toString("latin1", at + stampMark.length, from)));
    }
    // The mark itself may be cut in two.
    const tail = Math.max(from, bytes.length - stampMark.length + 1);
    if (tail < bytes.length) partial = Buffer.from(bytes.subarray(tail));
  };
}
