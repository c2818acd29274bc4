// Owns the deletion of old days, in steps short enough for other writers to come in between. Keeps the month's usage.

import type { Database } from "bun:sqlite";
import { dayStart } from "../time";
import { exclusively } from "./sqlite-file";

const rowsPerStep = 5_000;

export interface PruneStep {
  /** Rows deleted by this step. */
  deleted: number;
  isDone: boolean;
}

/** Deletes some of what belongs to days that ended by `before`: rows, then roll-ups. To be repeated until done. */
export function pruneStep(db: Database, timezone: string, before: number): PruneStep {
  const until = dayStart(before, timezone);
  return exclusively(db, () => {
    const rows = db
      .query<never, [number, number]>(
        `DELETE FROM spend WHERE seq IN (SELECT seq FROM spend INDEXED BY spend_ts WHERE ts < ? ORDER BY ts LIMIT ?)`,
      )
      .run(until, rowsPerStep).changes;
    if (rows > 0) return { deleted: rows, isDone: false };
    const rollUps = ["spend_hour", "strategy_hour", "spend_day", "strategy_day"].map((table) =>
      deleteFirst(db, table, until),
    );
    return { deleted: 0, isDone: rollUps.every((deleted) => deleted === 0) };
  });
}

/** Deletes the oldest hour or day of a table of roll-ups. */
function deleteFirst(db: Database, table: string, until: number): number {
  return db
    .query<never, [number]>(`DELETE FROM ${table} WHERE start = (SELECT min(start) FROM ${table} WHERE start < ?)`)
    .run(until).changes;
}
