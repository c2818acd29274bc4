// Owns rows that are compressed, sealed, limited and forgotten: what the stash, the answer cache and the memories of
// sessions are kept in. Knows no meaning of what it keeps, and never writes it in the clear.

import type { Database } from "bun:sqlite";
import type { Keyring } from "@anyray/shared/crypto";
import { exclusively } from "@anyray/shared/store/sqlite-file";
import type { Scope } from "../handles";
import { createEviction, type Eviction, everyone, type Limits } from "./eviction";
import { rewrapRows } from "./rewrap";
import { type Found, forgetRows, type Owned, openRow, placeOf, prepareRows, rowBytes, type SealedRow } from "./rows";
import { createSealedTables } from "./sealed.schema";
import type { Tags } from "./tags";

export interface Entry {
  /** Unique in the table, without meaning to a stranger: a tag, or a handle. */
  id: string;
  /** What a reader must know, as a tag; several readers' tags may be tried at once. */
  access: string;
  /** For limits and deletion. */
  owner: Scope;
  /** Epoch milliseconds. An entry that is kept already is never shortened. */
  expiresAt: number;
  /** False: an entry of that id has that content for ever, and is only kept longer. */
  isReplacing: boolean;
  /** Called only where the content must be written. */
  content(): Uint8Array;
}

export interface SealedTable {
  /**
   * All or nothing, and kept when it returns.
   *
   * @throws TableFull, Error when it cannot be written; nothing has changed then
   */
  put(entries: readonly Entry[]): void;
  /** The entry that one of these opens, unless it has expired. A miss costs the same whatever its reason. */
  findByAccess(tags: readonly string[]): Found | null;
  findById(id: string): Found | null;
  /** Of all entries, longest unused first: for small tables. */
  ids(): string[];
  /** The content, or null where it cannot be read (any more). */
  open(id: string): Uint8Array | null;
  /**
   * Marks as used now, and keeps at least until then; writes only where that changes something. Does not throw: where it
   * cannot be written, the entry only expires earlier.
   */
  touch(found: Found, expiresAt: number): void;
  remove(id: string): void;
  /** Deletes all of an owner, also from the file's free pages; returns the ids. */
  forget(owned: Owned): string[];
  /** Deletes at most `rows` (default 256) expired or excess rows and gives free pages back; returns how many went. */
  sweep(rows?: number): number;
  /** Seals anew what is under former keys, in small steps that let other work in between. Can be broken off. */
  rewrapAll(): Promise<{ rewrapped: number; unreadable: number }>;
  /** Bytes and rows on disk; reads and touches that failed since the start. */
  usage(): { bytes: number; rows: number; unreadable: number; failedTouches: number };
}

export interface SealedTableOptions extends Limits {
  db: Database;
  /** SQL name, unique in the file; part of what rows are bound to. */
  name: string;
  keyring: Keyring;
  tags: Tags;
  now: () => number;
}

/** A row's last use is told this exactly, so that reads rarely write. */
const touchSlackMs = 60_000;
const sweepEveryMs = 60_000;

interface Open extends SealedTableOptions {
  eviction: Eviction;
  rows: ReturnType<typeof prepareRows>;
}

/** Opens the table, making it where it is missing. */
export function openSealedTable(options: SealedTableOptions): SealedTable {
  const { db, name, keyring, tags, now } = options;
  exclusively(db, () => createSealedTables(db, name));
  const open: Open = { ...options, eviction: createEviction(db, name, options), rows: prepareRows(db, name) };
  const { eviction, rows } = open;
  let unreadable = 0;
  let failedTouches = 0;
  let sweptAt = now();

  function sweep(count = 256): number {
    sweptAt = now();
    const gone = exclusively(db, () => eviction.sweep(sweptAt, count));
    // Frees a page a step: `run` would take one step only.
    db.query("PRAGMA incremental_vacuum(256)").all();
    return gone;
  }

  return {
    put(entries) {
      putEntries(open, entries);
      if (now() - sweptAt > sweepEveryMs) sweep(64);
    },
    findByAccess: (wanted) => firstOf(wanted.map((access) => rows.findByAccess.get(access, now()))),
    findById: (id) => rows.find.get(id, now()),
    ids: () => rows.ids.all().map(({ id }) => id),
    open(id) {
      const row = rows.sealed.get(id);
      if (!row) return null;
      const content = openRow(keyring, name, row);
      if (content) return Bun.zstdDecompressSync(content);
      unreadable++;
      // Under another key it may be read again one day; under this one it was damaged, and may be written anew.
      if (row.key_id === keyring.keyId) rows.remove.run(id);
      return null;
    },
    touch(found, expiresAt) {
      try {
        if (isStale(found, now(), expiresAt)) rows.touch.run(now(), expiresAt, found.id);
      } catch {
        failedTouches++;
      }
    },
    remove: (id) => void rows.remove.run(id),
    forget: (owned) => forgetRows(db, name, tags, owned),
    sweep,
    async rewrapAll() {
      tags.rewrap();
      return rewrapRows(db, name, keyring);
    },
    usage() {
      const { bytes = 0, rows: count = 0 } = rows.usage.get(everyone) ?? {};
      return { bytes, rows: count, unreadable, failedTouches };
    },
  };
}

function putEntries(open: Open, entries: readonly Entry[]): void {
  const { db, rows, eviction } = open;
  const nowMs = open.now();
  // Sealed before the lock is taken: others wait for it.
  const sealed = new Map<string, SealedRow>();
  let isAnyStale = false;
  for (const entry of entries) {
    if (!isKept(open, entry)) sealed.set(entry.id, seal(open, entry));
    else isAnyStale ||= isStale(rows.find.get(entry.id, 0), nowMs, entry.expiresAt);
  }
  if (sealed.size === 0 && !isAnyStale) return;
  exclusively(db, () => {
    const tenants = new Set<string>();
    for (const entry of entries) {
      const touched = sealed.has(entry.id) ? 0 : rows.touch.run(nowMs, entry.expiresAt, entry.id).changes;
      // Another process may have deleted it in between.
      if (touched > 0) continue;
      const row = sealed.get(entry.id) ?? seal(open, entry);
      rows.remove.run(entry.id);
      rows.insert.run({ ...row, bytes: row.sealed.length + rowBytes, used_at: nowMs, expires_at: entry.expiresAt });
      tenants.add(row.tenant);
    }
    eviction.makeRoom(tenants, new Set(entries.map(({ id }) => id)), nowMs);
  });
}

/** Whether the content is there already, under the key that seals. */
function isKept({ rows, keyring }: Open, entry: Entry): boolean {
  if (entry.isReplacing) return false;
  const row = rows.head.get(entry.id);
  if (!row || row.key_id !== keyring.keyId) return false;
  if (row.access !== entry.access) throw new Error("an entry of that name belongs to somebody else");
  return true;
}

function seal({ name, keyring, tags }: Open, entry: Entry): SealedRow {
  const { tenant, user, session } = entry.owner;
  const row = {
    id: entry.id,
    access: entry.access,
    tenant: tags.tag("tenant", tenant),
    user: tags.tag("user", user),
    session: tags.tag("session", tenant, user, session),
    key_id: keyring.keyId,
  };
  return { ...row, sealed: keyring.seal(Bun.zstdCompressSync(entry.content()), placeOf(name, row)) };
}

function isStale(found: Found | null, nowMs: number, expiresAt: number): boolean {
  if (!found) return true;
  const slackMs = Math.min(touchSlackMs, (expiresAt - nowMs) / 16);
  return expiresAt - found.expiresAt > slackMs || nowMs - found.usedAt > touchSlackMs;
}

function firstOf<T>(found: readonly (T | null)[]): T | null {
  return found.find((one) => one !== null) ?? null;
}
