// Owns one clock for several processes: nanoseconds that mean the same instant in each of them.

import { dlopen } from "bun:ffi";

const monotonicClock = 1;

/**
 * What is added to Bun.nanoseconds(), which counts from the start of the process, to get the system's monotonic
 * clock. Where that cannot be read, the wall clock at the start of the process has to do, a few microseconds wrong.
 */
const offset = readMonotonicOffset() ?? performance.timeOrigin * 1e6 + (performance.now() * 1e6 - Bun.nanoseconds());

/** Nanoseconds of a clock that all processes on this machine share. */
export function sharedNanoseconds(): number {
  return Bun.nanoseconds() + offset;
}

function readMonotonicOffset(): number | null {
  if (process.platform !== "linux") return null;
  for (const library of ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`]) {
    try {
      return closestReading(
        dlopen(library, { clock_gettime: { args: ["i32", "ptr"], returns: "i32" } }).symbols.clock_gettime,
      );
    } catch {
      // Another C library; the next name, or the wall clock.
    }
  }
  return null;
}

/** The reading between two close looks at our own clock: what came in between can only have made it worse. */
function closestReading(readClock: (clock: number, time: BigInt64Array) => number): number | null {
  const time = new BigInt64Array(2);
  let best = { width: Number.POSITIVE_INFINITY, offset: 0 };
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const before = Bun.nanoseconds();
    if (readClock(monotonicClock, time) !== 0) return null;
    const after = Bun.nanoseconds();
    const [seconds = 0n, nanoseconds = 0n] = time;
    const width = after - before;
    if (width < best.width)
      best = { width, offset: Number(seconds * 1_000_000_000n + nanoseconds) - before - width / 2 };
  }
  return best.offset;
}
