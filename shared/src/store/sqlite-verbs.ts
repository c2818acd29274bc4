// Owns the embedded store as synchronous calls on one open file. What runs in the worker and what runs inline is this.

import type { SpendRow } from "./spend-row";
import { atOnce, openFile, type SqliteFile } from "./sqlite-file";
import { readRows } from "./sqlite-filter";
import { openPolicy } from "./sqlite-policy";
import { type PruneStep, pruneStep } from "./sqlite-prune";
import { openRecorder, readMonth, recordRejections } from "./sqlite-spend";
import { type SummaryParts, summarize } from "./sqlite-summary";
import type {
  AuditEntry,
  AuditRow,
  CapRejections,
  Policy,
  PolicyChange,
  RowPage,
  SpendFilter,
  SpendQuery,
  UserMonth,
} from "./store";

/** Every call takes and returns what JSON can carry. */
export interface SqliteVerbs {
  recordSpend(rows: readonly SpendRow[]): number;
  recordRejections(rejections: readonly CapRejections[]): null;
  readPolicy(): Policy;
  readRevision(): number;
  changePolicy(change: PolicyChange, entry: Omit<AuditEntry, "before">): Policy;
  readMonth(month: string, users: readonly string[] | null): UserMonth[];
  summarize(query: SpendQuery): SummaryParts;
  readRows(filter: SpendFilter, after: { ts: number; id: string } | null, limit: number): RowPage;
  readAudit(beforeSeq: number | null, limit: number): AuditRow[];
  pruneStep(before: number): PruneStep;
  ping(): null;
  close(): null;
}

/** @throws Error when the file cannot be opened */
export function openVerbs(file: SqliteFile): SqliteVerbs {
  const db = openFile(file);
  const { timezone } = file;
  const recordSpend = openRecorder(db, timezone);
  return {
    ...openPolicy(db),
    recordSpend,
    recordRejections(rejections) {
      recordRejections(db, rejections);
      return null;
    },
    readMonth: (month, users) => readMonth(db, month, users),
    summarize: (query) => summarize(db, timezone, query),
    readRows: (filter, after, limit) => atOnce(db, () => readRows(db, filter, after, limit)),
    pruneStep: (before) => pruneStep(db, timezone, before),
    ping() {
      // A lock alone would not find a full disk.
      db.run("UPDATE store_state SET probes = probes + 1");
      return null;
    },
    close() {
      // What is prepared keeps the file open until it is collected, so what is in the log is brought over first.
      db.run("PRAGMA wal_checkpoint(PASSIVE)");
      db.close();
      return null;
    },
  };
}
