// Owns the ledger in front of the store: every call that reaches a provider is written down before it does, and its
// row before the last byte of its answer. The hot path appends to a file and returns; the store follows.

import type { Log } from "@anyray/shared/log";
import type { SpendRow } from "@anyray/shared/store/spend-row";
import type { Store } from "@anyray/shared/store/store";
import type { Disk } from "./disk";
import type { RowStore } from "./quarantine";
import type { StartRecord } from "./records";
import { type Home, RowSpool, type RowSpoolState } from "./row-spool";
import { TokenSums } from "./token-sums";

export interface SpoolSettings {
  /** A directory this process holds the lock of, already replayed. */
  dir: string;
  store: Pick<Store, "recordSpend" | "ping">;
  log: Log;
  fsync: "group" | "always";
  totalBytesMax: number;
  /** For tests; 8 MiB or a quarter of `totalBytesMax`, 16 MiB, 50 ms, 500 rows, 100 ms, 50,000 rows. */
  segmentBytesMax?: number;
  ballastBytes?: number;
  syncEveryMs?: number;
  batchRows?: number;
  lingerMs?: number;
  queuedRowsMax?: number;
  backoffMs?: readonly number[];
  disk?: Disk;
  synced?(durationMs: number): void;
}

export type SpoolState = RowSpoolState;

/** A call in progress. */
interface Started {
  record: StartRecord;
  home: Home;
}

/** The store, for spend rows. */
export function spendStore(store: Pick<Store, "recordSpend" | "ping">): RowStore<SpendRow> {
  return { record: (rows) => store.recordSpend(rows), ping: () => store.ping() };
}

export class Spool {
  readonly #rows: RowSpool<SpendRow>;
  readonly #fsync: SpoolSettings["fsync"];
  readonly #starts = new Map<string, Started>();
  /** Of all rows that are on disk alone. */
  readonly #spilledTokens = new TokenSums();

  constructor(settings: SpoolSettings) {
    const { dir, store, log, fsync, totalBytesMax, backoffMs, disk, synced } = settings;
    this.#fsync = fsync;
    this.#rows = new RowSpool({
      ...{ dir, log, totalBytesMax, store: spendStore(store) },
      away: (error) => log.warn("spend store does not take rows; they wait in the spool", { error: error.message }),
      refused: ({ id }, error) =>
        log.error("the store refuses a row; it is kept in quarantine.jsonl", { id, error: error.message }),
      lost: ({ id }) => log.error("a spend row is lost: disk full, store away and memory full", { id }),
      ...(backoffMs && { backoffMs }),
      ...(disk && { disk }),
      ...(synced && { synced }),
      segmentBytesMax: settings.segmentBytesMax ?? Math.min(8 * 1_048_576, Math.floor(totalBytesMax / 4)),
      ballastBytes: settings.ballastBytes ?? 16 * 1_048_576,
      syncEveryMs: settings.syncEveryMs ?? 50,
      batchRows: settings.batchRows ?? 500,
      lingerMs: settings.lingerMs ?? 100,
      queuedWeightMax: settings.queuedRowsMax ?? 50_000,
      spilled: (row) => this.#spilledTokens.add(row),
      returned: (row) => this.#spilledTokens.take(row),
      confirmed: () => this.#carryStarts(),
    });
  }

  /** Before the first byte goes to a provider. */
  start(record: StartRecord): void {
    const segment = this.#rows.writer.append("start", JSON.stringify(record));
    if (segment) segment.openStarts += 1;
    this.#starts.set(record.id, { record, home: segment });
  }

  /**
   * The row of a call, before the last byte of its answer goes to the caller. The promise is for `always` only: it
   * resolves when the row is on the disk, or the disk has failed to take it several times.
   */
  end(row: SpendRow): Promise<void> | undefined {
    this.#closeStart(row.id);
    const segment = this.#rows.append(row);
    return this.#fsync === "always" && segment ? this.#rows.writer.sync() : undefined;
  }

  /** The call ended and leaves no row. */
  drop(id: string): void {
    if (!this.#starts.has(id)) return;
    this.#rows.writer.append("drop", JSON.stringify({ id }));
    this.#closeStart(id);
  }

  /** Resolves when all rows so far are in the store, or `timeoutMs` has passed; says which. */
  flush(timeoutMs: number): Promise<boolean> {
    return this.#rows.flush(timeoutMs);
  }

  /** Tokens of a month's rows, by user, that no store has confirmed yet. */
  unstoredTokens(month: string): Map<string, number> {
    const sums = new TokenSums(this.#spilledTokens);
    for (const row of this.#rows.waiting()) sums.add(row);
    return sums.of(month);
  }

  /** Runs `read` at a moment when no row is both in the store and among those of `unstoredTokens`. */
  whileStill<R>(read: () => Promise<R>): Promise<R> {
    return this.#rows.whileStill(read);
  }

  state(): SpoolState {
    return this.#rows.state();
  }

  /** Stores what it can within `timeoutMs`; the rest waits on disk for the next start. */
  close(timeoutMs: number): Promise<void> {
    return this.#rows.close(timeoutMs);
  }

  #closeStart(id: string): void {
    const home = this.#starts.get(id)?.home;
    if (home) home.openStarts -= 1;
    this.#starts.delete(id);
  }

  /** A call that runs for hours would keep every later file: its start is written again, to the newest one. */
  #carryStarts(): void {
    const { writer } = this.#rows;
    const [oldest, ...later] = writer.segments;
    if (!oldest || later.length < writer.segmentsMax / 2 || oldest.pendingRows > 0) return;
    let carried = 0;
    for (const start of this.#starts.values()) {
      if (start.home !== oldest) continue;
      const segment = writer.append("start", JSON.stringify(start.record));
      if (!segment) break;
      segment.openStarts += 1;
      start.home = segment;
      carried += 1;
    }
    if (carried === 0) return;
    // The old one stays until the new one is on the disk.
    void writer.sync().then(() => {
      oldest.openStarts -= carried;
    });
  }
}
