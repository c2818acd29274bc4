// Owns the shapes in which what is sealed in a store is found and sealed anew when the content key changes.

import type { TraceContent } from "./trace";

/** A sealed content, and what it is bound to. */
export interface SealedContent {
  position: number;
  trace: string;
  /** Arrival of the trace, epoch milliseconds. */
  ts: number;
  field: TraceContent["field"];
  data: string;
}

export type Resealed = Pick<SealedContent, "position" | "trace" | "field" | "data">;

export interface SealedStep {
  contents: SealedContent[];
  /** Where the next step begins. */
  position: number;
  /** Contents looked at, those under the key included. */
  scanned: number;
  isDone: boolean;
}

/** A word sealed under a content key. Who cannot open those that are stored has the wrong key. */
export interface KeyCheck {
  /** Unique: whose it is, and the key's id. */
  keyId: string;
  sealed: string;
  /** Epoch milliseconds. */
  at: number;
}
