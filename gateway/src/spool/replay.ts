// Owns bringing what a former process left in a spool into the store: its rows, and a row "interrupted" for each
// call that has a start and no end. Safe to repeat at any point: the store takes a row once.

import type { SpendRow } from "@anyray/shared/store/spend-row";
import type { Store } from "@anyray/shared/store/store";
import { type Disk, systemDisk } from "./disk";
import { scanFrames } from "./frame";
import { quarantineRows, siftRows } from "./quarantine";
import { interruptedRow, type StartRecord } from "./records";
import { leftSegments } from "./segment";

const batchRows = 500;

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

/**
 * Stores everything found in `dir`, then deletes it; segments with damage are kept under another name.
 * Rejects when the store does, with nothing deleted.
 */
export async function replaySpool(
  dir: string,
  store: Pick<Store, "recordSpend" | "ping">,
  disk: Disk = systemDisk,
): Promise<ReplayReport> {
  const report = emptyReport();
  const damaged: string[] = [];
  const whole: string[] = [];
  let batch: SpendRow[] = [];
  const send = async () => {
    const rows = batch;
    batch = [];
    if (rows.length > 0) report.newRows += await store.recordSpend(rows).catch((error) => storeSingly(rows, error));
  };
  /** One row the store refuses must not keep all others out of it, and the gateway from starting. */
  const storeSingly = async (rows: SpendRow[], error: Error) => {
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
  const read = readRecords(dir, disk, report, (path, isDamaged) => (isDamaged ? damaged : whole).push(path));
  for (const row of read) {
    batch.push(row);
    if (batch.length >= batchRows) await send();
  }
  await send();
  for (const path of damaged) disk.renameSync(path, freeName(disk, `${path}.damaged`));
  for (const path of whole) disk.rmSync(path, { force: true });
  return report;
}

/** What `replaySpool` would find, without storing or changing anything. */
export function verifySpool(dir: string, disk: Disk = systemDisk): ReplayReport {
  const report = emptyReport();
  for (const _ of readRecords(dir, disk, report, () => {}));
  return report;
}

/** The rows of all segments, then one for each call that has no end; counts what it meets. */
function* readRecords(
  dir: string,
  disk: Disk,
  report: ReplayReport,
  done: (path: string, isDamaged: boolean) => void,
): Generator<SpendRow> {
  const open = new Map<string, StartRecord>();
  for (const { path } of leftSegments(disk, dir)) {
    const { frames, damagedRuns, tornBytes } = scanFrames(disk.readFileSync(path));
    let damagedRecords = damagedRuns;
    for (const { type, payload } of frames) {
      const record = parseRecord(payload);
      if (!record) damagedRecords += 1;
      else if (type === "start") open.set(record.id, record as StartRecord);
      else open.delete(record.id);
      if (record && type === "end") {
        report.rows += 1;
        yield record as SpendRow;
      }
    }
    report.segments += 1;
    report.damagedRecords += damagedRecords;
    report.tornBytes += tornBytes;
    done(path, damagedRecords > 0);
  }
  for (const start of open.values()) {
    report.interrupted += 1;
    yield interruptedRow(start);
  }
}

function parseRecord(payload: string): { id: string } | null {
  try {
    return JSON.parse(payload) as { id: string };
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
