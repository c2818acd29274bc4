// Owns keeping what the calibration learned over a restart: factors by model family, nothing else.

import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { CalibrationState } from "./calibration";

/** Empty where there is none, or none that can be read: everything is learned anew then. */
export function readCalibration(path: string): CalibrationState {
  try {
    const state: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof state !== "object" || state === null) return {};
    const known = Object.entries(state).filter(([, factor]) => typeof factor === "number" && Number.isFinite(factor));
    return Object.fromEntries(known) as CalibrationState;
  } catch {
    return {};
  }
}

/** Whole or not at all. */
export function writeCalibration(path: string, state: CalibrationState): void {
  writeFileSync(`${path}.new`, JSON.stringify(state), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
