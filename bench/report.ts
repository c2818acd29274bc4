// Owns what a run of the bench came to, as data: what --json writes, and what tables, charts, the README's block and
// the budgets are made from.

import type { Row } from "./row";
import type { Pinning } from "./stand/pinning";

export interface Machine {
  cpu: string;
  cores: number;
  memoryGb: number;
  /** For example "Linux 6.1.0 x64". */
  system: string;
  /** Null where processes could not be pinned. */
  pinning: Pinning | null;
}

export interface ScenarioReport {
  name: string;
  title: string;
  about: string;
  rows: Row[];
  notes: string[];
  seconds: number;
}

export interface Report {
  /** ISO 8601, UTC. */
  startedAt: string;
  command: string;
  machine: Machine;
  /** Name → version of everything that was measured or measured with. */
  versions: Record<string, string>;
  scenarios: ScenarioReport[];
  /** True when other programs took so much CPU that samples had to be repeated or kept although disturbed. */
  wasBusy: boolean;
}
