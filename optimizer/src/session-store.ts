// Owns the memories of sessions between their calls and over restarts. A change reaches the disk within a second, sealed:
// the death of the process loses at most that second, and a lost memory only makes the next call start anew.

import type { Keyring } from "@anyray/shared/crypto";
import { LRUCache } from "lru-cache";
import type { Scope } from "./handles";
import { limitWaiting, openSealedFile } from "./sealed/file";
import { decodePlain, encodePlain } from "./sealed/plain-data";
import type { Owned } from "./sealed/rows";
import { type Entry, openSealedTable, type SealedTable } from "./sealed/table";
import { openTags, type Tags } from "./sealed/tags";
import { type After, afterRealTime, createWriteBehind } from "./sealed/write-behind";
import { emptySession, type SessionMemory } from "./session";

export interface SessionStore {
  /** The object given to `save`, or an equal one; not to be changed but through `save`. Null: unknown, old or unreadable. */
  load(key: string): SessionMemory | null;
  /** Never throws and never waits for the disk. `owner` is what `forget` finds it by. */
  save(key: string, memory: SessionMemory, owner?: Scope): void;
  /** False: memories live in this process only; nothing is written to disk or read from it. */
  setEnabled(isEnabled: boolean): void;
  /** Deletes all of an owner, written or not; returns how many. Throws where that fails. */
  forget(owned: Owned): number;
  /** Writes what waits. Throws where that fails. */
  flush(): void;
  /** A bounded step of tidying up; returns how many memories went. */
  sweep(): number;
  rewrapAll(): Promise<{ rewrapped: number; unreadable: number }>;
  /** Content-free, for metrics. */
  facts(): SessionFacts;
  /** Writes what waits, as far as that is possible. */
  close(): void;
}

export interface SessionFacts {
  bytes: number;
  sessions: number;
  bytesInMemory: number;
  unreadable: number;
  failedWrites: number;
  /** Memories over the limit of one, which are not kept. */
  givenUp: number;
}

export interface SessionStoreOptions {
  /** SQLite file in the data directory; may be the stash's. One process at a time keeps sessions in it. */
  path: string;
  keyring: Keyring;
  /** Epoch milliseconds. */
  now: () => number;
  after?: After;
  memoryBytesMax?: number;
  /** On disk. */
  bytesMax?: number;
  /** Of one memory. */
  entryBytesMax?: number;
  /** Since the last save. */
  ttlMs?: number;
}

interface Kept {
  memory: SessionMemory;
  owner: Scope;
  savedAt: number;
}

const mebibyte = 1_048_576;
const dayMs = 86_400_000;
/** Half of the promised second: the other half is for the steps of a large batch. */
const delayMs = 500;
const keysPerStep = 8;
const keysMax = 512;
const nobody: Scope = { tenant: "", user: "", session: "" };

interface Open {
  table: SealedTable;
  tags: Tags;
  memory: LRUCache<string, Kept>;
  /** Saved and not yet written: it must not be lost before. */
  waiting: Map<string, Kept>;
  ttlMs: number;
  entryBytesMax: number;
  givenUp: number;
}

export function openSessionStore(options: SessionStoreOptions): SessionStore {
  const { path, keyring, now, ttlMs = dayMs, entryBytesMax = 8 * mebibyte, bytesMax = 512 * mebibyte } = options;
  const db = openSealedFile({ path, sync: "normal" });
  const tags = openTags(db, keyring);
  const limits = { bytesMax, tenantBytesMax: bytesMax };
  const table = openSealedTable({ db, name: "sessions", keyring, tags, now, ...limits });
  limitWaiting(db);
  const memory = new LRUCache<string, Kept>({
    maxSize: options.memoryBytesMax ?? 64 * mebibyte,
    sizeCalculation: ({ memory }) => bytesOf(memory),
  });
  const waiting = new Map<string, Kept>();
  const open: Open = { table, tags, memory, waiting, ttlMs, entryBytesMax, givenUp: 0 };
  let isEnabled = true;
  const disk = createWriteBehind({
    after: options.after ?? afterRealTime,
    delayMs,
    keysPerStep,
    keysMax,
    write: (keys) => writeMemories(open, keys),
    giveUp(keys) {
      for (const key of keys) waiting.delete(key);
    },
  });

  return {
    load(key) {
      const kept = waiting.get(key) ?? memory.get(key);
      if (kept) return kept.savedAt + ttlMs > now() ? kept.memory : null;
      try {
        return isEnabled ? readMemory(open, key) : null;
      } catch {
        return null;
      }
    },
    save(key, value, owner = nobody) {
      const kept = { memory: value, owner, savedAt: now() };
      memory.set(key, kept);
      if (!isEnabled) return;
      waiting.set(key, kept);
      disk.mark(key);
    },
    setEnabled(wanted) {
      isEnabled = wanted;
      if (wanted) return;
      for (const key of waiting.keys()) disk.drop(key);
      waiting.clear();
    },
    forget(owned) {
      // First to disk, so that what waits is found and counted there like the rest.
      disk.flush();
      memory.clear();
      return table.forget(owned).length;
    },
    flush: () => disk.flush(),
    sweep: () => table.sweep(),
    rewrapAll: () => table.rewrapAll(),
    facts() {
      const { bytes, rows, unreadable } = table.usage();
      const bytesInMemory = memory.calculatedSize;
      const failedWrites = disk.failures();
      return { bytes, sessions: rows, bytesInMemory, unreadable, failedWrites, givenUp: open.givenUp };
    },
    close() {
      disk.close();
      try {
        disk.flush();
      } catch {
        // Nobody is left to try again.
      }
      db.close();
    },
  };
}

function idOf(tags: Tags, key: string): string {
  return tags.tag("memory", key);
}

function writeMemories(open: Open, keys: readonly string[]): void {
  const { table, tags, memory, waiting, ttlMs, entryBytesMax } = open;
  const entries: Entry[] = [];
  for (const key of keys) {
    const kept = waiting.get(key);
    if (!kept) continue;
    const id = idOf(tags, key);
    const content = encodeWithin(kept.memory, entryBytesMax);
    if (content) {
      const expiresAt = kept.savedAt + ttlMs;
      entries.push({ id, access: id, owner: kept.owner, expiresAt, isReplacing: true, content: () => content });
    } else {
      // What is on disk is no longer true either.
      table.remove(id);
      memory.delete(key);
      waiting.delete(key);
      open.givenUp++;
    }
  }
  table.put(entries);
  for (const key of keys) waiting.delete(key);
}

function readMemory({ table, tags, memory, ttlMs }: Open, key: string): SessionMemory | null {
  const found = table.findById(idOf(tags, key));
  const content = found && table.open(found.id);
  if (!found || !content) return null;
  const value = decodePlain(content);
  if (!isMemory(value)) return null;
  memory.set(key, { memory: value, owner: nobody, savedAt: found.expiresAt - ttlMs });
  return value;
}

function encodeWithin(memory: SessionMemory, bytesMax: number): Uint8Array | null {
  try {
    const content = encodePlain(memory);
    return content.length > bytesMax ? null : content;
  } catch {
    return null;
  }
}

/** Whether it has the fields of today: another version may have written it. */
function isMemory(value: unknown): value is SessionMemory {
  if (typeof value !== "object" || value === null) return false;
  const fields = value as Record<string, unknown>;
  return Object.entries(emptySession()).every(
    ([name, empty]) =>
      Object.hasOwn(fields, name) &&
      fields[name] instanceof Map === empty instanceof Map &&
      Array.isArray(fields[name]) === Array.isArray(empty),
  );
}

/** What a memory takes, roughly: texts at two bytes a character. */
function bytesOf({ sent, emitted, remembered }: SessionMemory): number {
  let bytes = 500;
  for (const key of sent) bytes += 50 + key.length * 2;
  for (const [key, { text }] of emitted) bytes += 300 + (key.length + text.length) * 2;
  for (const [key, value] of remembered) bytes += 100 + key.length * 2 + (JSON.stringify(value)?.length ?? 0) * 2;
  return bytes;
}
