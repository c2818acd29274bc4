// Owns making rows out of samples.

import type { Row, Unit } from "../row";
import type { Samples } from "./sample";

type Form = { unit: Unit; better: Row["better"] };

/** What units say by themselves: requests per second are better when there are more, all else when there is less. */
const formOf = (unit: Unit): Form => ({ unit, better: unit === "1/s" ? "higher" : "lower" });

/** A metric that direct has too. */
export function comparedRow(samples: Samples, metric: string, unit: Unit): Row {
  return { metric, ...formOf(unit), samples: samples.of(metric), isComparedToDirect: true };
}

/** A metric of the arms alone: CPU time, memory. */
export function ownRow(samples: Samples, metric: string, unit: Unit): Row {
  const { direct: _, ...arms } = samples.of(metric);
  return { metric, ...formOf(unit), samples: arms, isComparedToDirect: false };
}

/** What each arm adds to direct's figure of the same round, under a name of its own. */
export function addedRow(samples: Samples, of: string, metric: string, unit: Unit): Row {
  return { metric, ...formOf(unit), samples: samples.added(of), isComparedToDirect: false };
}

export const inMicroseconds = (nanoseconds: number) => nanoseconds / 1_000;
export const inMilliseconds = (nanoseconds: number) => nanoseconds / 1e6;
