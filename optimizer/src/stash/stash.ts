// Owns the originals of what was elided: kept before the request that lacks them goes out, sealed, limited, and given
// back whole or in part to whose they are. Unknown, foreign, expired and deleted are one and the same answer.

import type { Keyring } from "@anyray/shared/crypto";
import { LRUCache } from "lru-cache";
import type { Scope } from "../handles";
import { limitWaiting, openSealedFile } from "../sealed/file";
import type { Owned } from "../sealed/rows";
import { type Entry, openSealedTable, type SealedTable } from "../sealed/table";
import { openTags, type Tags } from "../sealed/tags";
import type { StashWrite } from "../strategy";
import { answerQuery, type RetrieveAnswer } from "./answer";
import type { RetrieveQuery } from "./query";
import { decodeRecord, encodeRecord, type StashRecord } from "./record";
import { openRetrievalCounts, type RetrievalCount } from "./retrieval-counts";

/** Who asks. Null: a trusted part of the system that has checked by itself. */
export type Asker = { tenant: string; user: string } | null;

/** `session`: a day after its last use. `durable`: a month. Neither is ever shortened. */
export type Lifetime = "session" | "durable";

/** Nothing may be kept: content is switched off. */
export class StashOff extends Error {
  override name = "StashOff";
}

export interface Retrieved {
  answer: RetrieveAnswer;
  /** Content-free facts for the books: whose elision was asked back. */
  record: Pick<StashRecord, "kind" | "class" | "toolName" | "scope">;
}

export interface Stash {
  /**
   * Keeps all of them or none; they survive a loss of power once it returns. A handle that is kept already is only kept
   * longer.
   *
   * @throws StashOff, TableFull (more than the tenant's quota at once), Error when it cannot be written: elide nothing then
   */
  put(scope: Scope, writes: readonly StashWrite[], lifetime?: Lifetime): void;
  /** Keeps what is there longer, as a use of it does. Never throws: at worst it expires earlier. */
  touch(handles: readonly string[]): void;
  /**
   * Null where there is nothing for this asker, whatever the reason.
   *
   * @throws AnyrayError `invalid_request` for a part that the original does not have
   */
  retrieve(query: RetrieveQuery, asker: Asker): Retrieved | null;
  /** Each returns how many originals are gone: at once, for every process on the file. */
  deleteSession(scope: Scope): number;
  /** Without `tenant`: in every tenant. */
  deleteUser(owned: { tenant?: string; user: string }): number;
  deleteTenant(tenant: string): number;
  /** A bounded step of tidying up; to be called every minute or so. Returns how many originals went. */
  sweep(): number;
  /** After a change of keys; goes on where it was broken off. */
  rewrapAll(): Promise<{ rewrapped: number; unreadable: number }>;
  /** False: nothing is kept any more and nothing given back. What is kept stays until it expires. */
  setEnabled(isEnabled: boolean): void;
  bytes(): number;
  count(): number;
  /** Content-free, for metrics. */
  facts(): { bytes: number; records: number; bytesInMemory: number; unreadable: number; failedNotes: number };
  /** How often what was asked back; the best sign of a bad elision. */
  retrievals(): readonly RetrievalCount[];
  close(): void;
}

export interface StashOptions {
  /** SQLite file in the data directory. */
  path: string;
  keyring: Keyring;
  /** Epoch milliseconds. */
  now: () => number;
  memoryBytesMax?: number;
  ttlMs?: number;
  durableTtlMs?: number;
  /** Per tenant, on disk. */
  quotaBytes?: number;
  /** Of all tenants, on disk. */
  bytesMax?: number;
  /** Hard limit of the file. */
  fileBytesMax?: number;
  /** How long `put` waits for another process that writes. */
  busyMs?: number;
}

const mebibyte = 1_048_576;
const dayMs = 86_400_000;
const handlePattern = /^ctx_[a-z2-7]{16}$/;

interface Open {
  table: SealedTable;
  tags: Tags;
  memory: LRUCache<string, StashRecord>;
  now: () => number;
  ttlMs: number;
}

export function openStash(options: StashOptions): Stash {
  const { path, keyring, now, ttlMs = dayMs, durableTtlMs = 30 * dayMs } = options;
  const { fileBytesMax } = options;
  const db = openSealedFile({ path, sync: "full", ...(fileBytesMax === undefined ? {} : { fileBytesMax }) });
  const tags = openTags(db, keyring);
  const table = openSealedTable({
    db,
    name: "stash",
    keyring,
    tags,
    now,
    bytesMax: options.bytesMax ?? 4_096 * mebibyte,
    tenantBytesMax: options.quotaBytes ?? 1_024 * mebibyte,
  });
  const memory = new LRUCache<string, StashRecord>({
    maxSize: options.memoryBytesMax ?? 64 * mebibyte,
    sizeCalculation: bytesInMemory,
  });
  const counts = openRetrievalCounts({ db, keyring, tags, now });
  limitWaiting(db, options.busyMs);
  const open: Open = { table, tags, memory, now, ttlMs };
  let isEnabled = true;
  let failedNotes = 0;

  function forget(owned: Owned): number {
    const ids = table.forget(owned);
    for (const id of ids) memory.delete(id);
    return ids.length;
  }

  return {
    put(scope, writes, lifetime = "session") {
      if (!isEnabled) throw new StashOff("content is not kept");
      const expiresAt = now() + (lifetime === "durable" ? durableTtlMs : ttlMs);
      table.put(writes.map((write) => entryOf(tags, scope, write, expiresAt)));
    },
    touch(handles) {
      for (const handle of isEnabled ? handles : []) {
        try {
          const found = table.findById(handle);
          if (found) table.touch(found, now() + ttlMs);
        } catch {
          failedNotes++;
        }
      }
    },
    retrieve(query, asker) {
      const record = isEnabled ? findRecord(open, query.handle, asker) : null;
      if (!record) return null;
      const answer = answerQuery(query, record);
      const { kind, class: textClass, toolName, scope } = record;
      try {
        counts.note({ kind, class: textClass, toolName });
      } catch {
        // A full disk must not take away what is there.
        failedNotes++;
      }
      return { answer, record: { kind, class: textClass, toolName, scope } };
    },
    deleteSession: forget,
    deleteUser: forget,
    deleteTenant: (tenant) => forget({ tenant }),
    sweep: () => table.sweep(),
    async rewrapAll() {
      await counts.rewrapAll();
      return table.rewrapAll();
    },
    setEnabled(wanted) {
      isEnabled = wanted;
      if (!wanted) memory.clear();
    },
    bytes: () => table.usage().bytes,
    count: () => table.usage().rows,
    facts() {
      const { bytes, rows, unreadable, failedTouches } = table.usage();
      const bytesInMemory = memory.calculatedSize;
      return { bytes, records: rows, bytesInMemory, unreadable, failedNotes: failedNotes + failedTouches };
    },
    retrievals: () => counts.report(),
    close() {
      memory.clear();
      db.close();
    },
  };
}

function entryOf(tags: Tags, scope: Scope, write: StashWrite, expiresAt: number): Entry {
  if (!handlePattern.test(write.handle)) throw new TypeError("not a handle");
  return {
    id: write.handle,
    access: accessOf(tags, write.handle, scope),
    owner: scope,
    expiresAt,
    isReplacing: false,
    content: () => encodeRecord(scope, write),
  };
}

/** Handle and owner in one tag: who is not the owner asks for something that does not exist. */
function accessOf(tags: Tags, handle: string, { tenant, user }: { tenant: string; user: string }): string {
  return tags.tag("access", handle, tenant, user);
}

function findRecord({ table, tags, memory, now, ttlMs }: Open, handle: string, asker: Asker): StashRecord | null {
  const found = asker
    ? // What belongs to no user belongs to all of its tenant.
      table.findByAccess([accessOf(tags, handle, asker), accessOf(tags, handle, { ...asker, user: "" })])
    : table.findById(handle);
  if (!found) return null;
  const remembered = memory.get(handle);
  const content = remembered ? null : table.open(handle);
  const record = remembered ?? (content && decodeRecord(content));
  if (!record) return null;
  if (!remembered) memory.set(handle, record);
  table.touch(found, now() + ttlMs);
  return record;
}

function bytesInMemory({ content, index }: StashRecord): number {
  return 1_000 + content.length * 2 + (index?.starts.length ?? 0) * 8;
}
