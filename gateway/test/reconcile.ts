// Owns laying three accounts beside each other: the provider's ledger, the gateway's rows, and what callers saw.

import type { RowReport } from "@anyray/shared/admin/spend-rows";
import { type LedgerEntry, usageOfLedger } from "@anyray/shared/testing/ledger";
import type { SentCall } from "./mixed-load";

export interface Reconciliation {
  /** Calls the provider took on. */
  served: number;
  rows: number;
  /** Served, and no row. */
  missing: string[];
  /** More than one row. */
  doubled: string[];
  /** A row claims tokens for a call the provider never got. */
  invented: string[];
  /** The provider stated its final figures and the row says otherwise. */
  wrong: { id: string; row: RowReport; entry: LedgerEntry }[];
  /** The caller had a whole answer, and the row does not say so. */
  denied: string[];
  exact: number;
  estimated: number;
}

export function reconcile(entries: readonly LedgerEntry[], rows: readonly RowReport[], sent: readonly SentCall[]) {
  const result: Reconciliation = {
    served: entries.length,
    rows: rows.length,
    missing: [],
    doubled: [],
    invented: [],
    wrong: [],
    denied: [],
    exact: 0,
    estimated: 0,
  };
  const rowById = new Map<string, RowReport>();
  for (const row of rows) {
    const id = String(row.labels?.["call"]);
    if (rowById.has(id)) result.doubled.push(id);
    rowById.set(id, row);
  }
  const entryById = new Map(entries.map((entry) => [entry.callId ?? "", entry]));
  for (const [id, entry] of entryById) {
    const row = rowById.get(id);
    if (!row) result.missing.push(id);
    else compare(id, row, entry, result);
  }
  for (const [id, row] of rowById) {
    if (!entryById.has(id) && row.endReason === "completed") result.invented.push(id);
  }
  for (const { id, status } of sent) {
    if (status === 200 && !["completed", "upstream_failed"].includes(rowById.get(id)?.endReason ?? "")) {
      result.denied.push(id);
    }
  }
  return result;
}

function compare(id: string, row: RowReport, entry: LedgerEntry, result: Reconciliation): void {
  if (row.estimated) {
    result.estimated += 1;
    return;
  }
  const { cacheWriteLongTokens: _, ...stated } = usageOfLedger(entry.tokens);
  const { inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens, reasoningTokens } = row;
  const counted = { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens };
  if (entry.usageFinal && !Bun.deepEquals(counted, stated)) result.wrong.push({ id, row, entry });
  else result.exact += 1;
}
