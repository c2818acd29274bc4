// Owns what a strategy is and what it may use. A strategy is one file in strategies/ and one line in the registry.

import type { Decision, SuppressedKind } from "@anyray/shared/protocol";
import type { Budget } from "./budget";
import type { ModelFacts } from "./models";
import type { Draft, Segment } from "./segments/draft";
import type { TextClass } from "./text/classify";
import type { Question } from "./text/question";

/**
 * What a strategy may do to a request.
 * - `read`: looks, and changes no byte
 * - `params`: changes parameters or annotations, no text
 * - `lossless`: re-encodes text so that code alone can undo it
 * - `selection`: leaves out parts of a segment; the original is stashed
 * - `whole`: puts a handle in the place of a whole segment or message; the original is stashed
 */
export type Tier = "read" | "params" | "lossless" | "selection" | "whole";

/** One parameter of a strategy, as settings validation and forms need it. */
export type ParamSpec = { help: string } & (
  | { type: "boolean"; default: boolean }
  /** Inclusive bounds. `null` is accepted where `default` is null: the strategy then decides by itself. */
  | { type: "integer" | "number"; default: number | null; min: number; max: number }
  | { type: "choice"; default: string; choices: readonly string[] }
  | { type: "list"; default: readonly string[]; choices: readonly string[] | null }
);

export type ParamSpecs = Readonly<Record<string, ParamSpec>>;
/** Validated against the specs, defaults filled in. */
export type Params = Readonly<Record<string, unknown>>;

export interface Strategy {
  /** As settings, decisions and rows name it. */
  kind: string;
  tier: Tier;
  /** One sentence each, for people: what it does, and what can go wrong. */
  about: { does: string; risk: string };
  params: ParamSpecs;
  /** Smallest request body in bytes it may change: smaller ones are not worth asking for. */
  bodyBytesMin: number;
  /** Changes the draft through the draft's own verbs only. What it throws undoes all of it, and nothing else. */
  run(draft: Draft, params: Params, run: Run): void;
}

/** What of an original an elision left out, so that parts of it can be retrieved. Offsets are UTF-16 units. */
export interface StashIndex {
  /** Start of each unit; a unit ends where the next begins. */
  starts: readonly number[];
  unit: "line" | "row" | "hunk" | "symbol" | "message";
  /** Symbol name → unit. */
  symbols?: Readonly<Record<string, number>>;
}

/** An original to be kept before the request that lacks it may go out. */
export interface StashWrite {
  handle: string;
  kind: string;
  class: TextClass;
  /** The tool that produced it, or null. */
  toolName: string | null;
  content: string;
  index: StashIndex | null;
}

/** What a strategy may ask while it runs. Everything here is deterministic for one (request, settings, session). */
export interface Run {
  budget: Budget;
  /** Eliding is allowed: the original can be stashed, and the model can get it back. */
  canElide: boolean;
  canShortCircuit: boolean;
  /** Whose request it is. */
  asker: RunAsker;
  model: ModelFacts;
  /** The session's cached prefix has run out (or there is none): every edit pays. */
  isCold: boolean;
  /** Estimated tokens in the class's calibration. */
  tokens(text: string, textClass?: TextClass): number;
  classOf(segment: Segment): TextClass;
  /** What the live turn asks; with a segment, the arguments of the call that made it count too. */
  question(segment?: Segment): Question;
  /** Notes an original to be stashed; the handle names it for ever. Throws where `canElide` is false. */
  stash(segment: Segment, index?: StashIndex | null): string;
  /** The same for text that is no segment's. */
  stashText(content: string, index?: StashIndex | null): string;
  /** A keyed hash: the same for the same text in this installation, and meaningless elsewhere. */
  keyed(text: string): string;
  /** Whether removing `tokens` from position `at` on saves money, the cached prefix behind it considered. */
  pays(at: number, tokens: number): boolean;
  /** What this strategy remembered for this session, JSON values; null at first. */
  recall(): unknown;
  remember(value: unknown): void;
  /** Tells the decision's words: content-free, in numbers. */
  report(summary: string, metric?: number): void;
  /** Tells why nothing was done where it could have been. */
  suppress(reason: string): void;
  /** Facts for the answer beside the request, for example a cache key. */
  sidecar: Record<string, unknown>;
}

/** Names are the caller's claims; `session` is a keyed hash that stays the same for one conversation. */
export interface RunAsker {
  user: string | null;
  team: string | null;
  session: string;
}

export type { Decision, SuppressedKind };
