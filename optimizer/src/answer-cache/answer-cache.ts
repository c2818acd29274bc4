// Owns answers that may be given again instead of calling a provider: sealed, each bound to its key, limited in size and
// time. Who may share an answer is decided by who makes the key.

import type { Keyring } from "@anyray/shared/crypto";
import type { Usage } from "@anyray/shared/usage";
import { LRUCache } from "lru-cache";
import type { Scope } from "../handles";
import { limitWaiting, openSealedFile } from "../sealed/file";
import type { Owned } from "../sealed/rows";
import { openSealedTable } from "../sealed/table";
import { openTags } from "../sealed/tags";

export interface CachedAnswer {
  /** The provider's whole non-streamed answer as JSON text: kept and given back character by character. */
  response: string;
  /** The model that gave it. */
  model: string;
  /** What it cost the first time. */
  usage?: Usage;
}

export interface AnswerCache {
  /** Null for what was never put, has expired, was invalidated, cannot be read, or may not be. Does not throw. */
  get(cacheKey: string): CachedAnswer | null;
  /**
   * Replaces what the key had.
   *
   * @returns false for what is not kept: an answer over the limit of one entry, or any while content is off
   * @throws Error when it cannot be written
   */
  put(cacheKey: string, answer: CachedAnswer, options?: { ttlSeconds?: number; owner?: Scope }): boolean;
  /** What is put and found from now on belongs to this generation; answers of others are not found in it. */
  setGeneration(generation: string): void;
  /** False: nothing is kept any more and nothing given back. What is kept stays until it expires. */
  setEnabled(isEnabled: boolean): void;
  /** Deletes all of an owner; returns how many. */
  forget(owned: Owned): number;
  /** A bounded step of tidying up; returns how many entries went. */
  sweep(): number;
  rewrapAll(): Promise<{ rewrapped: number; unreadable: number }>;
  /** Content-free, for metrics; hits and misses since the start. */
  facts(): { bytes: number; entries: number; hits: number; misses: number; tooLarge: number; unreadable: number };
  close(): void;
}

export interface AnswerCacheOptions {
  /** SQLite file in the data directory; may be the stash's. */
  path: string;
  keyring: Keyring;
  /** Epoch milliseconds. */
  now: () => number;
  /** For example the revision of the settings. */
  generation?: string;
  memoryBytesMax?: number;
  /** Of one entry. */
  entryBytesMax?: number;
  /** On disk. */
  bytesMax?: number;
}

const mebibyte = 1_048_576;
/** How long an answer is used where nothing else is said. */
export const ttlSecondsDefault = 3_600;
const ttlSecondsMax = 30 * 86_400;
const nobody: Scope = { tenant: "", user: "", session: "" };

export function openAnswerCache(options: AnswerCacheOptions): AnswerCache {
  const { path, keyring, now, entryBytesMax = 2 * mebibyte, bytesMax = 256 * mebibyte } = options;
  // Losing the last answers with the power costs a call each, nothing more.
  const db = openSealedFile({ path, sync: "normal" });
  const tags = openTags(db, keyring);
  const limits = { bytesMax, tenantBytesMax: bytesMax };
  const table = openSealedTable({ db, name: "answers", keyring, tags, now, ...limits });
  limitWaiting(db);
  const memory = new LRUCache<string, CachedAnswer>({
    maxSize: options.memoryBytesMax ?? 16 * mebibyte,
    sizeCalculation: ({ response }) => 500 + response.length * 2,
  });
  let generation = options.generation ?? "";
  let isEnabled = true;
  const counts = { hits: 0, misses: 0, tooLarge: 0 };
  const idOf = (cacheKey: string) => tags.tag("answer", generation, cacheKey);

  function read(cacheKey: string): CachedAnswer | null {
    // The table is asked each time: an answer that any process has deleted is gone.
    const found = table.findById(idOf(cacheKey));
    if (!found) return null;
    const remembered = memory.get(`${found.id}/${found.expiresAt}`);
    const content = remembered ? null : table.open(found.id);
    const answer = remembered ?? (content && (JSON.parse(Buffer.from(content).toString("utf8")) as CachedAnswer));
    if (!answer) return null;
    if (!remembered) memory.set(`${found.id}/${found.expiresAt}`, answer);
    // Used again, but not longer true.
    table.touch(found, found.expiresAt);
    return answer;
  }

  return {
    get(cacheKey) {
      let answer: CachedAnswer | null = null;
      try {
        answer = isEnabled ? read(cacheKey) : null;
      } catch {
        // A file that is locked or full makes a miss.
      }
      if (answer) counts.hits++;
      else counts.misses++;
      return answer;
    },
    put(cacheKey, { response, model, usage }, { ttlSeconds = ttlSecondsDefault, owner = nobody } = {}) {
      if (!isEnabled) return false;
      const content = Buffer.from(JSON.stringify({ response, model, ...(usage ? { usage } : {}) }), "utf8");
      if (content.length > entryBytesMax) {
        counts.tooLarge++;
        return false;
      }
      const id = idOf(cacheKey);
      const expiresAt = now() + Math.min(Math.max(0, ttlSeconds), ttlSecondsMax) * 1_000;
      table.put([{ id, access: id, owner, expiresAt, isReplacing: true, content: () => content }]);
      // A second answer within one millisecond has the same name here.
      memory.delete(`${id}/${expiresAt}`);
      return true;
    },
    setGeneration(wanted) {
      generation = wanted;
    },
    setEnabled(wanted) {
      isEnabled = wanted;
      if (!wanted) memory.clear();
    },
    forget: (owned) => {
      memory.clear();
      return table.forget(owned).length;
    },
    sweep: () => table.sweep(),
    rewrapAll: () => table.rewrapAll(),
    facts() {
      const { bytes, rows, unreadable } = table.usage();
      return { bytes, entries: rows, unreadable, ...counts };
    },
    close() {
      memory.clear();
      db.close();
    },
  };
}
