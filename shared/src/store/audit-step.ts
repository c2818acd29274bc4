// Owns the shapes in which the audit log tells where it ends, and whether it is as it was written.

import type { AuditHead } from "./audit-chain";

export type AuditResult = "done" | "intent" | "failed";

/** Where the audit log ends after a row was added: an anchor, once it stands where nobody can change it. */
export interface AuditAppended extends AuditHead {
  /** False: the anchor file could not be brought up to it, or says what the log does not bear out. */
  isAnchored: boolean;
}

export interface AuditFault {
  /** The first row that is not as it was written, or is not there. */
  seq: number;
  kind:
    | ("edited" | "deleted" | "reordered" | "inserted")
    /** Cut off at the end. */
    | "truncated"
    /** An older copy of the database, or another one. */
    | "replayed"
    /** Chained under a key that is not configured. */
    | "unknown-key"
    /** All rows fit, and no anchor says whether they are all. */
    | "unanchored";
  reason: string;
}

/** A bounded step of verifying the audit log. */
export interface AuditStep {
  /** The last row that is as it was written: where the next step begins. */
  position: AuditHead;
  /** Rows checked in this step. */
  rows: number;
  isDone: boolean;
  fault: AuditFault | null;
  /** Where the log ended at that moment, as the store knows it. */
  head: AuditHead;
}
