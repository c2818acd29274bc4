// Owns what tests of the spool stand on: a directory of their own, a log that is kept, small settings, calls.

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog } from "@anyray/shared/log";
import type { SpendRow } from "@anyray/shared/store/spend-row";
import { spendRow } from "@anyray/shared/testing/spend-row";
import type { StartRecord } from "../records";
import { Spool, type SpoolSettings } from "../spool";
import { createMapStore, type MapStore } from "./map-store";

const isWhole = (line: string) => line.startsWith("{") && line.endsWith("}");

/** A fresh directory; `remove` takes it away. */
export function temporaryDirectory(): { dir: string; remove(): void } {
  const dir = mkdtempSync(join(tmpdir(), "anyray-spool-"));
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

export interface SpoolWorld {
  dir: string;
  store: MapStore;
  logged: string[];
  /** A spool with small settings, in the same directory and over the same store each time. */
  open(settings?: Partial<SpoolSettings>): Spool;
  /** Ids in quarantine.jsonl. */
  quarantined(): string[];
  remove(): void;
}

export function createSpoolWorld(): SpoolWorld {
  const { dir, remove } = temporaryDirectory();
  const store = createMapStore();
  const logged: string[] = [];
  const log = createLog({ level: "debug", service: "test", write: (line) => logged.push(line) });
  return {
    dir,
    store,
    logged,
    open: (settings) =>
      new Spool({
        dir,
        store,
        log,
        fsync: "group",
        totalBytesMax: 1_048_576_000,
        segmentBytesMax: 4_000,
        ballastBytes: 64,
        syncEveryMs: 1,
        batchRows: 4,
        lingerMs: 1,
        backoffMs: [1],
        ...settings,
      }),
    quarantined() {
      const path = join(dir, "quarantine.jsonl");
      if (!existsSync(path)) return [];
      const lines = readFileSync(path, "utf8").split("\n");
      return lines.filter(isWhole).map((line) => (JSON.parse(line) as SpendRow).id);
    },
    remove,
  };
}

/** The row of call `id`, different from every other by its tokens. */
export function rowOf(id: number, given: Partial<Omit<SpendRow, "id">> = {}): SpendRow {
  return spendRow({ id, inputTokens: 1_000 + id, ...given });
}

/** What was known of that call when it began. */
export function startOf(row: SpendRow): StartRecord {
  const { id, ts, month, user, team, session, tool, labels, provider, model, endpoint, stream } = row;
  return { id, ts, month, user, team, session, tool, labels, provider, model, endpoint, stream, inputTokens: 7 };
}

/** Resolves when `isTrue`; rejects after ten seconds. */
export async function until(isTrue: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!isTrue()) {
    if (performance.now() > deadline) throw new Error("waited in vain");
    await Bun.sleep(1);
  }
}
