// Owns trace_key: one id for every combination of names that traces came with. Ids are never deleted, so that any process
// may remember them; refuses to remember those of a transaction that was rolled back.

import type { Database } from "bun:sqlite";
import type { Trace } from "./trace";
import { isFailed } from "./trace-query";

const rememberedMax = 50_000;

export interface TraceKeys {
  /** The id of the trace's combination, made if there is none. */
  idOf(trace: Trace): number;
  /** To be called after a rollback. */
  forget(): void;
}

export function openTraceKeys(db: Database): TraceKeys {
  const ids = new Map<string, number>();
  const find = db.prepare<{ id: number }, [string]>("SELECT id FROM trace_key WHERE key = ?");
  const add = db.prepare<{ id: number }, (string | number | null)[]>(
    `INSERT INTO trace_key
     (key, user, team, provider, model, endpoint, tool, status, outcome, end_reason, error_code, is_failed)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
  );
  return {
    idOf(trace) {
      const { user, team, provider, model, endpoint, tool, status, outcome, endReason, errorCode } = trace;
      const names = [user, team, provider, model, endpoint, tool, status, outcome, endReason, errorCode];
      const key = JSON.stringify(names);
      let id = ids.get(key);
      if (id === undefined) {
        id = (find.get(key) ?? add.get(key, ...names, isFailed(trace) ? 1 : 0))?.id;
        if (id === undefined) throw new Error("no id for the names of a trace");
        if (ids.size >= rememberedMax) ids.clear();
        ids.set(key, id);
      }
      return id;
    },
    forget: () => ids.clear(),
  };
}
