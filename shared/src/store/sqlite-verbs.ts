// Owns the embedded store as synchronous calls on one open file. What runs in the worker and what runs inline is this.

import type { SpendRow } from "./spend-row";
import { type AuditTables, openAudit } from "./sqlite-audit";
import { atOnce, openFile, type SqliteFile } from "./sqlite-file";
import { readRows } from "./sqlite-filter";
import { type KeyCheckTables, openKeyChecks } from "./sqlite-key-checks";
import { openPolicy, type PolicyTables } from "./sqlite-policy";
import { type PruneStep, pruneStep } from "./sqlite-prune";
import { openReseal, type ResealVerbs } from "./sqlite-reseal";
import { openRecorder, readMonth, recordRejections } from "./sqlite-spend";
import { type SummaryParts, summarize } from "./sqlite-summary";
import { openTraceVerbs, type TraceVerbs } from "./sqlite-traces";
import type { CapRejections, RowPage, SpendFilter, SpendQuery, UserMonth } from "./store";

type AuditVerbs = Omit<AuditTables, "add" | "durably">;

/** Every call takes and returns what JSON can carry. */
export interface SqliteVerbs extends PolicyTables, AuditVerbs, KeyCheckTables, ResealVerbs, TraceVerbs {
  recordSpend(rows: readonly SpendRow[]): number;
  recordRejections(rejections: readonly CapRejections[]): null;
  readMonth(month: string, users: readonly string[] | null): UserMonth[];
  summarize(query: SpendQuery): SummaryParts;
  readRows(filter: SpendFilter, after: { ts: number; id: string } | null, limit: number): RowPage;
  pruneStep(before: number): PruneStep;
  ping(): null;
  close(): null;
}

/** @throws Error when the file cannot be opened */
export function openVerbs(file: SqliteFile): SqliteVerbs {
  const db = openFile(file);
  const { timezone } = file;
  const recordSpend = openRecorder(db, timezone);
  const audit = openAudit(db, file);
  const { add: _, durably: __, ...auditVerbs } = audit;
  return {
    ...openPolicy(db, audit),
    ...auditVerbs,
    ...openKeyChecks(db),
    ...openReseal(db, audit),
    ...openTraceVerbs(db),
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
