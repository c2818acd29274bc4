// Owns what a scenario is and what it is given. Refuses to know any scenario: they are listed in
// scenarios/registry.ts.

import type { Row } from "./row";
import type { Stand } from "./stand/stand";

/** How long and how often things are measured. */
export interface Plan {
  /** Samples of each arm, taken in turns: A B A B. */
  rounds: number;
  /** Length of one sample of one arm. */
  roundMs: number;
  /** Sent to a fresh arm before it is measured, where the speed it keeps is what matters. */
  warmUpCalls: number;
  /** Load of the kind that is measured, before the first sample. */
  warmUpMs: number;
  /** False: everything together within three minutes. True: longer rounds, larger crowds. */
  isFull: boolean;
  soakMs: number;
  /** How long, in all, samples that others disturbed may be taken again. */
  patienceMs: number;
  /** Calls sent before memory is looked at again. */
  memoryCalls: number;
}

export interface BenchContext {
  plan: Plan;
  /** False for a metric that nobody asked for: --check measures only what budgets need. */
  wants(metric: string): boolean;
  /** Says what is going on right now, for example "anyray, round 2 of 5". Costs nothing where nobody looks. */
  progress(step: string): void;
  /** A sentence that stands under the scenario's table: what a reader has to know to trust or distrust a number. */
  note(sentence: string): void;
  /** A fresh directory of its own, deleted after the scenario. */
  makeDirectory(): string;
  /** Upstream, generators and proxy arms as processes, started at first use. */
  stand: Stand;
}

export interface Scenario {
  /** kebab-case; the name of its file and its name on the command line. */
  name: string;
  title: string;
  /** One or two sentences: what is done, how, and what the figures mean. */
  about: string;
  /** Part of a run that names no scenario and is not --full. */
  quick: boolean;
  /** Rejects when an answer is wrong: a wrong answer is never timed. */
  run(context: BenchContext): Promise<Row[]>;
}
