// Owns bringing what a former process left in a spool into the store: its rows, and a row "interrupted" for each
// call that has a start and no end. Safe to repeat at any point: the store takes a row once.

import type { SpendRow } from "@anyray/shared/store/spend-row";
import type { Store } from "@anyray/shared/store/store";
import { type Disk, systemDisk } from "./disk";
import { scanFrames } from "./frame";
import { type Identified, quarantineRows, type RowStore, siftRows } from "./quarantine";
import { interruptedRow, type StartRecord } from "./records";
import { leftSegments } from "./segment";
import { spendStore } from "./spool";

/** What a spool holds rows of. */
export interface RowKind<Row> {
  batchRows: number;
  /** Where rows differ much in size: a row's weight, and what a batch of several may weigh. */
  weightOf?(row: Row): number;
  batchWeight?: number;
  /** Longest row as JSON text; 262,144. */
  charactersMax?: number;
  /** The row of what has a start and no end. */
  unended(start: Identified): Row;
}

const spend: RowKind<SpendRow> = { batchRows: 500, unended: (start) => interruptedRow(start as StartRecord) };

export interface ReplayReport {
  segments: number;
  /** Calls with an end. */
  rows: number;
  /** Calls without. */
  interrupted: number;
  /** Rows of both kinds that the store did not have yet. */
  newRows: number;
  /** Rows the store refuses; they are in `quarantine.jsonl`. */
  quarantined: number;
  damagedRecords: number;
  tornBytes: number;
}

/** The same for spend rows, which have starts. */
export function replaySpool(
  dir: string,
  store: Pick<Store, "recordSpend" | "ping">,
  disk: Disk = systemDisk,
): Promise<ReplayReport> {
  return replayRows(dir, spendStore(store), spend, disk);
}

/**
 * Stores everything found in `dir`, then deletes it; segments with damage are kept under another name.
 * Rejects when the store does, with nothing deleted. Files from number `beforeSeq` on are left alone.
 */
export async function replayRows<Row extends Identified>(
  dir: string,
  store: RowStore<Row>,
  kind: RowKind<Row>,
  disk: Disk = systemDisk,
  beforeSeq: number = Number.POSITIVE_INFINITY,
): Promise<ReplayReport> {
  const report = emptyReport();
  const damaged: string[] = [];
  const whole: string[] = [];
  let batch: Row[] = [];
  let weight = 0;
  const send = async () => {
    const rows = batch;
    batch = [];
    weight = 0;
    if (rows.length > 0) report.newRows += await store.record(rows).catch((error) => storeSingly(rows, error));
  };
  /** One row the store refuses must not keep all others out of it, and the gateway from starting. */
  const storeSingly = async (rows: Row[], error: Error) => {
    const items = rows.map((row) => ({ row }));
    const { refused, left, newRows } = await siftRows(items, store, null);
    if (left.length > 0) throw error;
    quarantineRows(
      disk,
      dir,
      refused.map(({ item }) => item.row),
    );
    report.quarantined += refused.length;
    return newRows;
  };
  const read = readRecords(leftSegments(disk, dir, beforeSeq), kind, disk, report, (path, isDamaged) =>
    (isDamaged ? damaged : whole).push(path),
  );
  for (const row of read) {
    batch.push(row);
    weight += kind.weightOf?.(row) ?? 0;
    if (batch.length >= kind.batchRows || weight >= (kind.batchWeight ?? Number.POSITIVE_INFINITY)) await send();
  }
  await send();
  for (const path of damaged) disk.renameSync(path, freeName(disk, `${path}.damaged`));
  for (const path of whole) disk.rmSync(path, { force: true });
  return report;
}

/** What `replaySpool` would find, without storing or changing anything. */
export function verifySpool(dir: string, disk: Disk = systemDisk): ReplayReport {
  const report = emptyReport();
  for (const _ of readRecords(leftSegments(disk, dir), spend, disk, report, () => {}));
  return report;
}

/** The rows of all segments, then one for each call that has no end; counts what it meets. */
function* readRecords<Row extends Identified>(
  segments: readonly { path: string }[],
  kind: RowKind<Row>,
  disk: Disk,
  report: ReplayReport,
  done: (path: string, isDamaged: boolean) => void,
): Generator<Row> {
  const open = new Map<string, Identified>();
  for (const { path } of segments) {
    const { frames, damagedRuns, tornBytes } = scanFrames(disk.readFileSync(path), 0, kind.charactersMax);
    let damagedRecords = damagedRuns;
    for (const { type, payload } of frames) {
      const record = parseRecord(payload);
      if (!record) damagedRecords += 1;
      else if (type === "start") open.set(record.id, record);
      else open.delete(record.id);
      if (record && type === "end") {
        report.rows += 1;
        yield record as Row;
      }
    }
    report.segments += 1;
    report.damagedRecords += damagedRecords;
    report.tornBytes += tornBytes;
    done(path, damagedRecords > 0);
  }
  for (const start of open.values()) {
    report.interrupted += 1;
    yield kind.unended(start);
  }
}

function parseRecord(payload: string): Identified | null {
  try {
    return JSON.parse(payload) as Identified;
  } catch {
    return null;
  }
}

/** Segments are numbered from 1 by each process: an earlier one's damaged file may have the name. */
function freeName(disk: Disk, wanted: string): string {
  let name = wanted;
  for (let number = 2; disk.existsSync(name); number++) name = `${wanted}-${number}`;
  return name;
}

function emptyReport(): ReplayReport {
  return { segments: 0, rows: 0, interrupted: 0, newRows: 0, quarantined: 0, damagedRecords: 0, tornBytes: 0 };
}
