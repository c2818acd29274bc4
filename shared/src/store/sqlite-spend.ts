// Owns the writing of facts: rows with their roll-ups, counts of refused calls, and the month's usage made of both.

import type { Database } from "bun:sqlite";
import { cappedTokens } from "../usage";
import { hash } from "./hash";
import type { SpendRow } from "./spend-row";
import { checkZone, exclusively } from "./sqlite-file";
import { openKeys } from "./sqlite-keys";
import { openRollUps } from "./sqlite-rollup";
import type { CapRejections, UserMonth } from "./store";

const insertSql = `
  INSERT INTO spend (
    id, ts, key_id, sample_level, month, session, session_hash, labels, response_model, stream, end_reason, estimated,
    input_tokens, cached_input_tokens, cache_write_tokens, cache_write_long_tokens, output_tokens, reasoning_tokens,
    cost_nano_usd, baseline_cost_nano_usd, savings_nano_usd, tokens_saved,
    latency_ms, ttft_ms, overhead_ms, optimize_ms, decisions, arm
  ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (id) DO NOTHING`;

type Value = string | number | null;

/** Prepares `recordSpend`. */
export function openRecorder(db: Database, timezone: string): (rows: readonly SpendRow[]) => number {
  const keys = openKeys(db);
  const rollUps = openRollUps(db, timezone);
  const months = openMonths(db);
  const insert = db.prepare<never, Value[]>(insertSql);
  return (rows) => {
    if (rows.length === 0) return 0;
    try {
      return exclusively(db, () => {
        checkZone(db, timezone);
        let added = 0;
        for (const row of rows) {
          const keyId = keys.idOf(row);
          // What is already stored must not be counted again: only a row that went in is added up.
          if (insert.run(...valuesOf(row, keyId)).changes === 0) continue;
          rollUps.add(row, keyId);
          months.add(row);
          added++;
        }
        rollUps.write();
        months.write();
        return added;
      });
    } catch (error) {
      keys.forget();
      rollUps.discard();
      months.discard();
      throw error;
    }
  };
}

function valuesOf(row: SpendRow, keyId: number): Value[] {
  return [
    row.id,
    row.ts,
    keyId,
    sampleLevel(row.id),
    row.month,
    row.session,
    row.session === null ? null : hash(row.session),
    row.labels === null ? null : JSON.stringify(row.labels),
    row.responseModel,
    row.stream ? 1 : 0,
    row.endReason,
    row.estimated ? 1 : 0,
    row.inputTokens,
    row.cachedInputTokens,
    row.cacheWriteTokens,
    row.cacheWriteLongTokens,
    row.outputTokens,
    row.reasoningTokens,
    row.costNanoUsd,
    row.baselineCostNanoUsd,
    row.savingsNanoUsd,
    row.tokensSaved,
    row.latencyMs,
    row.ttftMs,
    row.overheadMs,
    row.optimizeMs,
    row.decisions === null ? null : JSON.stringify(Object.entries(row.decisions)),
    row.arm,
  ];
}

/** n or more for one id in 2^n, by nothing but the id. */
function sampleLevel(id: string): number {
  return Math.clz32(hash(id));
}

interface Month {
  usedTokens: number;
  requests: number;
  costNanoUsd: number;
}

function openMonths(db: Database) {
  const upsert = db.prepare<never, [string, string, number, number, number]>(
    `INSERT INTO usage_month (month, user, used_tokens, requests, cost_nano_usd) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (month, user) DO UPDATE SET used_tokens = used_tokens + excluded.used_tokens,
     requests = requests + excluded.requests, cost_nano_usd = cost_nano_usd + excluded.cost_nano_usd`,
  );
  const months = new Map<string, Map<string, Month>>();
  return {
    add(row: SpendRow) {
      const { month, user, costNanoUsd } = row;
      if (user === null) return;
      const users = months.get(month) ?? new Map<string, Month>();
      const sums = users.get(user) ?? { usedTokens: 0, requests: 0, costNanoUsd: 0 };
      sums.usedTokens += cappedTokens(row);
      sums.requests++;
      sums.costNanoUsd += costNanoUsd ?? 0;
      users.set(user, sums);
      months.set(month, users);
    },
    write() {
      for (const [month, users] of [...months].sort()) {
        for (const user of [...users.keys()].sort()) {
          const sums = users.get(user);
          if (sums) upsert.run(month, user, sums.usedTokens, sums.requests, sums.costNanoUsd);
        }
      }
      months.clear();
    },
    discard: () => months.clear(),
  };
}

/** Adds to the counters of refused calls, all or none. */
export function recordRejections(db: Database, rejections: readonly CapRejections[]): void {
  const upsert = db.query<never, [string, string, number, number, number]>(
    `INSERT INTO cap_rejection (month, user, rejected, first_at, last_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (month, user) DO UPDATE SET rejected = rejected + excluded.rejected,
     first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)`,
  );
  exclusively(db, () => {
    for (const { month, user, rejected, firstAt, lastAt } of rejections) {
      upsert.run(month, user, rejected, firstAt, lastAt);
    }
  });
}

/** Usage of a month by user, in the order of their names: those with a row or a refused call, or those of them named. */
export function readMonth(db: Database, month: string, users: readonly string[] | null): UserMonth[] {
  const named = users === null ? "" : "AND user IN (SELECT value FROM json_each(?2))";
  const values: [string, ...string[]] = users === null ? [month] : [month, JSON.stringify(users)];
  return db
    .query<UserMonth, string[]>(
      `SELECT coalesce(u.user, r.user) AS user, coalesce(used_tokens, 0) AS usedTokens, coalesce(requests, 0) AS requests,
       coalesce(cost_nano_usd, 0) AS costNanoUsd, coalesce(rejected, 0) AS rejectedRequests
       FROM (SELECT * FROM usage_month WHERE month = ?1 ${named}) u
       FULL JOIN (SELECT * FROM cap_rejection WHERE month = ?1 ${named}) r ON r.user = u.user
       ORDER BY 1`,
    )
    .all(...values);
}
