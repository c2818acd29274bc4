// Owns what provider-billed tokens taught about the estimate: one factor per model and kind of text. Numbers only: it
// never sees a text.

import { type ModelFacts, modelFacts } from "./models";
import type { TextClass } from "./text/classify";

/** "model/kind" → factor; JSON as it is. */
export type CalibrationState = Readonly<Record<string, number>>;

export interface Calibration {
  /** What to multiply an estimate with; in [0.6, 1.8]. What was never billed has the factor of its model's family. */
  factor(model: string | null, textClass: TextClass): number;
  /** Takes one billed request of which most text was of one class. Tokens; what is not a positive number is ignored. */
  learn(model: string | null, dominantClass: TextClass, estimated: number, billed: number): void;
  /** To be handed to `createCalibration` after a restart. */
  state(): CalibrationState;
}

type Kind = keyof ModelFacts["tokenizerFactor"];

const kinds: Readonly<Record<TextClass, Kind>> = {
  prose: "prose",
  markup: "prose",
  code: "code",
  diff: "code",
  search: "code",
  json: "json",
  json_in_text: "json",
  ndjson: "json",
  csv: "json",
  lines: "log",
  test_output: "log",
  stack_trace: "log",
  base64: "other",
};

const newest = 0.05;
const least = 0.6;
const most = 1.8;
/** A gateway meets few models; whoever invents names must not fill the memory. */
const factorsMax = 2_000;
const modelCharsMax = 200;

/** `start`: what `state` gave before; entries that are no factor are left out. */
export function createCalibration(start: CalibrationState = {}): Calibration {
  const learned = new Map<string, number>();
  for (const [key, factor] of Object.entries(start)) {
    if (Number.isFinite(factor) && learned.size < factorsMax) learned.set(key, clamp(factor));
  }
  const factorOf = (model: string | null, kind: Kind) =>
    learned.get(keyOf(model, kind)) ?? clamp(modelFacts(model, endpointOfNone).tokenizerFactor[kind]);
  return {
    factor: (model, textClass) => factorOf(model, kinds[textClass]),
    learn(model, dominantClass, estimated, billed) {
      const ratio = billed / estimated;
      if (!(estimated > 0 && billed > 0 && Number.isFinite(ratio))) return;
      const key = keyOf(model, kinds[dominantClass]);
      if (!learned.has(key) && learned.size >= factorsMax) return;
      const before = factorOf(model, kinds[dominantClass]);
      // Clamped before it counts: one absurd bill must not outweigh a hundred honest ones.
      learned.set(key, clamp((1 - newest) * before + newest * clamp(ratio)));
    },
    state: () => Object.fromEntries([...learned].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

/** Estimates are learned per model wherever it is called. */
const endpointOfNone = "";

function keyOf(model: string | null, kind: Kind): string {
  return `${(model ?? "").slice(0, modelCharsMax)}/${kind}`;
}

function clamp(factor: number): number {
  return Math.min(most, Math.max(least, factor));
}
