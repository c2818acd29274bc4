// Owns the statements on a sealed table's rows, and what a row's content is bound to.

import type { Database } from "bun:sqlite";
import { EnvelopeError, type Keyring } from "@anyray/shared/crypto";
import type { Scope } from "../handles";
import type { Tags } from "./tags";

export interface Found {
  id: string;
  usedAt: number;
  expiresAt: number;
}

/** Whose rows: each part narrows. A session's id counts only together with its tenant and user. */
export type Owned = { tenant: string } | { tenant?: string; user: string } | Scope;

export type SealedRow = {
  id: string;
  access: string;
  tenant: string;
  user: string;
  session: string;
  key_id: string;
  sealed: string;
};

/** What a row costs beside its sealed content: its columns and its place in the indexes. */
export const rowBytes = 300;

/** What a sealed content is bound to: moved to another row, or given another owner, it cannot be opened. */
export function placeOf(name: string, row: Omit<SealedRow, "key_id" | "sealed">): string {
  return [name, "v1", row.id, row.access, row.tenant, row.user, row.session].join("/");
}

/** @returns null for what no configured key opens, or what was changed or moved */
export function openRow(keyring: Keyring, name: string, row: SealedRow): Uint8Array | null {
  try {
    return keyring.open(row.sealed, placeOf(name, row));
  } catch (error) {
    if (error instanceof EnvelopeError) return null;
    throw error;
  }
}

export function prepareRows(db: Database, name: string) {
  const found = "id, used_at AS usedAt, expires_at AS expiresAt";
  return {
    head: db.prepare<{ access: string; key_id: string }, [string]>(`SELECT access, key_id FROM ${name} WHERE id = ?`),
    find: db.prepare<Found, [string, number]>(`SELECT ${found} FROM ${name} WHERE id = ? AND expires_at > ?`),
    // One index seek decides, so that unknown, foreign and expired are one and the same miss.
    findByAccess: db.prepare<Found, [string, number]>(
      `SELECT ${found} FROM ${name} WHERE access = ? AND expires_at > ? LIMIT 1`,
    ),
    sealed: db.prepare<SealedRow, [string]>(
      `SELECT id, access, tenant, user, session, key_id, sealed FROM ${name} WHERE id = ?`,
    ),
    insert: db.prepare<null, [SealedRow & { bytes: number; used_at: number; expires_at: number }]>(
      `INSERT INTO ${name} (id, access, tenant, user, session, bytes, key_id, used_at, expires_at, sealed)
       VALUES ($id, $access, $tenant, $user, $session, $bytes, $key_id, $used_at, $expires_at, $sealed)`,
    ),
    touch: db.prepare<null, [number, number, string]>(
      `UPDATE ${name} SET used_at = ?, expires_at = max(expires_at, ?) WHERE id = ?`,
    ),
    ids: db.prepare<{ id: string }, []>(`SELECT id FROM ${name} ORDER BY used_at, id`),
    remove: db.prepare<null, [string]>(`DELETE FROM ${name} WHERE id = ?`),
    usage: db.prepare<{ bytes: number; rows: number }, [string]>(
      `SELECT bytes, rows FROM ${name}_usage WHERE tenant = ?`,
    ),
  };
}

/** Deletes all rows of an owner, also from the free pages and the log of the file; returns their ids. */
export function forgetRows(db: Database, name: string, tags: Tags, owned: Owned): string[] {
  const { tenant, user, session } = { tenant: undefined, user: undefined, session: undefined, ...owned };
  const isSession = tenant !== undefined && user !== undefined && session !== undefined;
  const wanted: [column: string, tags: string[]][] = [];
  if (isSession) wanted.push(["session", tags.tagsEver("session", tenant, user, session)]);
  else if (user !== undefined) wanted.push(["user", tags.tagsEver("user", user)]);
  if (!isSession && tenant !== undefined) wanted.push(["tenant", tags.tagsEver("tenant", tenant)]);
  const where = wanted.map(([column, each]) => `${column} IN (${each.map(() => "?").join(", ")})`).join(" AND ");
  if (where === "") return [];
  // Overwrites what it deletes, and empties the log that still holds it.
  db.query("PRAGMA secure_delete = ON").get();
  try {
    const sql = `DELETE FROM ${name} WHERE ${where} RETURNING id`;
    return db
      .query<{ id: string }, string[]>(sql)
      .all(...wanted.flatMap(([, each]) => each))
      .map(({ id }) => id);
  } finally {
    db.query("PRAGMA secure_delete = OFF").get();
    db.query("PRAGMA wal_checkpoint(TRUNCATE)").get();
  }
}
