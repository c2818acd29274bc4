// Owns what the relay's thread and the traces' thread say to each other.

import type { ContentMode } from "@anyray/shared/store/trace";
import type { RowSpoolState } from "../spool/row-spool";

export interface TraceWorkerOptions {
  /** Of the spool; locked by the relay's thread. */
  dir: string;
  /** Where other processes' spools are. */
  root: string;
  totalBytesMax: number;
  store: { dataDir: string; timezone: string };
  contentKey: string;
  mode: ContentMode;
  logLevel: "debug" | "info" | "warn" | "error";
}

export type ToTraceWorker =
  | { kind: "open"; options: TraceWorkerOptions }
  /** `drafts`: JSON of TraceDraft[]; their contents lie in `bytes`. */
  | { kind: "batch"; drafts: string; bytes: Uint8Array<ArrayBuffer>; wantsMade: boolean }
  | { kind: "mode"; mode: ContentMode }
  | { kind: "close"; timeoutMs: number };

export interface TraceWorkerState {
  spool: RowSpoolState;
  /** Since the thread began. */
  droppedContents: number;
  droppedTraces: number;
}

export type FromTraceWorker =
  | { kind: "opened" }
  /** It cannot work, and ends. */
  | { kind: "failed"; error: string }
  /** The oldest batch under way is in the spool. */
  | { kind: "written"; state: TraceWorkerState }
  | { kind: "state"; state: TraceWorkerState }
  /** JSON of MadeTrace[]. */
  | { kind: "made"; traces: string }
  | { kind: "log"; line: string }
  | { kind: "closed"; state: TraceWorkerState };
