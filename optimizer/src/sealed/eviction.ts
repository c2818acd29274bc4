// Owns what has to go: expired rows first, then the longest unused ones of who is over a limit. Every pass is bounded.

import type { Database } from "bun:sqlite";

export interface Limits {
  /** Of all rows together. */
  bytesMax: number;
  /** Of the rows of one tenant. */
  tenantBytesMax: number;
}

export interface Eviction {
  /**
   * Within the caller's transaction: brings these tenants and the whole under their limits without touching the rows in
   * `keep`. Stops after a bounded number of rows; the next pass goes on.
   *
   * @throws TableFull when the rows to keep alone are too many
   */
  makeRoom(tenants: Iterable<string>, keep: ReadonlySet<string>, nowMs: number): void;
  /** Deletes at most `rows` rows that are expired or over a limit; returns how many. */
  sweep(nowMs: number, rows: number): number;
}

/** What was to be written is more than the limits allow. */
export class TableFull extends Error {
  override name = "TableFull";
}

/** Row of the usage table that counts all tenants; no tag looks like it. */
export const everyone = "*";

const rowsPerPass = 2_048;
const rowsPerRead = 64;

interface Old {
  id: string;
  bytes: number;
}

export function createEviction(db: Database, table: string, { bytesMax, tenantBytesMax }: Limits): Eviction {
  const used = db.prepare<{ bytes: number }, [string]>(`SELECT bytes FROM ${table}_usage WHERE tenant = ?`);
  const over = db.prepare<{ tenant: string }, [number, string]>(
    `SELECT tenant FROM ${table}_usage WHERE bytes > ? AND tenant <> ? LIMIT 16`,
  );
  const oldestOf = db.prepare<Old, [string, number]>(
    `SELECT id, bytes FROM ${table} WHERE tenant = ? ORDER BY used_at, id LIMIT ${rowsPerRead} OFFSET ?`,
  );
  const oldest = db.prepare<Old, [number]>(
    `SELECT id, bytes FROM ${table} ORDER BY used_at, id LIMIT ${rowsPerRead} OFFSET ?`,
  );
  const remove = db.prepare<null, [string]>(`DELETE FROM ${table} WHERE id = ?`);
  const expired = db.prepare<{ id: string }, [number, number]>(
    `SELECT id FROM ${table} WHERE expires_at <= ? ORDER BY expires_at LIMIT ?`,
  );

  const usedBy = (tenant: string) => used.get(tenant)?.bytes ?? 0;

  function removeExpired(nowMs: number, rows: number, keep: ReadonlySet<string>): number {
    const ids = expired.all(nowMs, rows).filter(({ id }) => !keep.has(id));
    for (const { id } of ids) remove.run(id);
    return ids.length;
  }

  /** Returns how many rows went; throws where only rows to keep are left. */
  function shrink(tenant: string, limit: number, rows: number, keep: ReadonlySet<string>): number {
    let excess = usedBy(tenant) - limit;
    let gone = 0;
    let kept = 0;
    while (excess > 0 && gone < rows) {
      const found = tenant === everyone ? oldest.all(kept) : oldestOf.all(tenant, kept);
      if (found.length === 0) throw new TableFull(`more than ${limit} bytes at once`);
      for (const { id, bytes } of found) {
        if (excess <= 0 || gone >= rows) break;
        if (keep.has(id)) {
          kept++;
          continue;
        }
        remove.run(id);
        excess -= bytes;
        gone++;
      }
    }
    return gone;
  }

  const nothing = new Set<string>();
  return {
    makeRoom(tenants, keep, nowMs) {
      const tight = [...tenants].filter((tenant) => usedBy(tenant) > tenantBytesMax);
      if (tight.length === 0 && usedBy(everyone) <= bytesMax) return;
      removeExpired(nowMs, rowsPerPass, keep);
      for (const tenant of tight) shrink(tenant, tenantBytesMax, rowsPerPass, keep);
      shrink(everyone, bytesMax, rowsPerPass, keep);
    },
    sweep(nowMs, rows) {
      let gone = removeExpired(nowMs, rows, nothing);
      for (const { tenant } of over.all(tenantBytesMax, everyone)) {
        if (gone < rows) gone += shrink(tenant, tenantBytesMax, rows - gone, nothing);
      }
      if (gone < rows) gone += shrink(everyone, bytesMax, rows - gone, nothing);
      return gone;
    },
  };
}
