// Owns what elisions are worth: tokens saved, less what asking back and rewritten caches cost, for each pair of strategy
// and tool. A pair whose last 200 elisions lost money is off for a day, and says so.

import type { Keyring } from "@anyray/shared/crypto";
import {
  addElision,
  addRetrieval,
  createPair,
  type ElisionNote,
  isDue,
  type Pair,
  type PairReport,
  type RetrievalNote,
  reportOf,
  restart,
} from "./net-window";
import { limitWaiting, openSealedFile } from "./sealed/file";
import { decodePlain, encodePlain } from "./sealed/plain-data";
import { type Entry, openSealedTable, type SealedTable } from "./sealed/table";
import { openTags } from "./sealed/tags";
import { type After, afterRealTime, createWriteBehind } from "./sealed/write-behind";

export interface NetSavings {
  /** Does not count while the pair is off: what sessions still repeat of before proves nothing. */
  note(elision: ElisionNote): void;
  noteRetrieval(retrieval: RetrievalNote): void;
  isOff(kind: string, tool: string | null): boolean;
  /** On again, with an empty window. */
  reset(kind: string, tool: string | null): void;
  /** In the order of kinds and tools. */
  report(): PairReport[];
  flush(): void;
  rewrapAll(): Promise<{ rewrapped: number; unreadable: number }>;
  close(): void;
}

export interface NetSavingsOptions {
  /** SQLite file in the data directory; may be the stash's. One process at a time counts in it. */
  path: string;
  keyring: Keyring;
  /** Epoch milliseconds. */
  now: () => number;
  after?: After;
}

/** Callers choose the names of tools: past this many pairs, the longest unseen is given up. */
const pairsMax = 1_000;
const never = Number.MAX_SAFE_INTEGER;
const owner = { tenant: "", user: "", session: "" };

export function openNetSavings({ path, keyring, now, after = afterRealTime }: NetSavingsOptions): NetSavings {
  const db = openSealedFile({ path, sync: "normal" });
  const tags = openTags(db, keyring);
  const table = openSealedTable({
    db,
    name: "net_savings",
    keyring,
    tags,
    now,
    bytesMax: never,
    tenantBytesMax: never,
  });
  limitWaiting(db);
  const idOf = (key: string) => tags.tag("net", key);
  const pairs = readPairs(table);

  const disk = createWriteBehind({
    after,
    delayMs: 500,
    keysPerStep: 32,
    keysMax: pairsMax,
    write: (keys) => table.put(keys.flatMap((key) => entryOf(idOf(key), pairs.get(key)))),
    giveUp: () => {},
  });

  /** The pair, on again where its day is over. */
  function find(key: string): Pair | undefined {
    const pair = pairs.get(key);
    if (pair && isDue(pair, now())) {
      restart(pair);
      disk.mark(key);
    }
    return pair;
  }

  function change(kind: string, tool: string | null, by: (pair: Pair) => void): void {
    const key = keyOf(kind, tool);
    const pair = find(key) ?? createPair(kind, tool);
    by(pair);
    // Last seen last, so that the first is the one to give up.
    pairs.delete(key);
    pairs.set(key, pair);
    disk.mark(key);
    const [oldest] = pairs.keys();
    if (pairs.size > pairsMax && oldest !== undefined) giveUp(oldest);
  }

  function giveUp(key: string): void {
    pairs.delete(key);
    disk.drop(key);
    try {
      table.remove(idOf(key));
    } catch {
      // A row that stays behind is read at the next start, and given up again.
    }
  }

  return {
    note: (elision) => change(elision.kind, elision.tool, (pair) => addElision(pair, elision, now())),
    noteRetrieval: (retrieval) =>
      change(retrieval.kind, retrieval.tool, (pair) => addRetrieval(pair, retrieval, now())),
    isOff: (kind, tool) => (find(keyOf(kind, tool))?.offSince ?? null) !== null,
    reset(kind, tool) {
      if (pairs.has(keyOf(kind, tool))) change(kind, tool, restart);
    },
    report: () => [...pairs.keys()].sort().flatMap((key) => reportOf(find(key) as Pair)),
    flush: () => disk.flush(),
    rewrapAll: () => table.rewrapAll(),
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

function keyOf(kind: string, tool: string | null): string {
  return JSON.stringify([kind, tool]);
}

function entryOf(id: string, pair: Pair | undefined): Entry[] {
  if (!pair) return [];
  const content = () => encodePlain(pair);
  return [{ id, access: id, owner, expiresAt: never, isReplacing: true, content }];
}

function readPairs(table: SealedTable): Map<string, Pair> {
  const pairs = new Map<string, Pair>();
  for (const id of table.ids()) {
    const content = table.open(id);
    if (!content) continue;
    const pair = decodePlain(content) as Pair;
    // Another version may have written it.
    if (!Array.isArray(pair.window) || !pair.totals) continue;
    pairs.set(keyOf(pair.kind, pair.tool), pair);
  }
  return pairs;
}
