import type { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { figuresOf } from "./contract-model";
import { rowWith } from "./contract-samples";
import { openFile } from "./sqlite-file";
import { sampleTimings } from "./sqlite-latency";
import { openRecorder } from "./sqlite-spend";
import { summarize } from "./sqlite-summary";
import type { SpendQuery } from "./store";

const everything: SpendQuery = { from: 0, to: 4e12, groupBy: [], interval: null, limit: 1000, cursor: null };

function inFile(use: (db: Database) => void): void {
  const directory = mkdtempSync(join(tmpdir(), "anyray-latency-"));
  const db = openFile({ path: join(directory, "anyray.db"), timezone: "UTC" });
  try {
    use(db);
  } finally {
    db.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

describe("percentiles of more rows than are read", () => {
  const sampling = { rowsMin: 400, rowsAimed: 500 };
  const start = Date.UTC(2026, 10, 1);
  const many = Array.from({ length: 6_000 }, (_, i) =>
    rowWith({
      // Which rows a sample has depends on ids alone.
      id: `row ${i}`,
      ts: start + i * 60_000,
      user: i % 600 === 0 ? `rare ${i}` : `u${i % 3}`,
      latencyMs: ((i * 7_919) % 6_000) + 1,
      overheadMs: 1,
    }),
  );

  const inMany = (use: (db: Database) => void) =>
    inFile((db) => {
      const record = openRecorder(db, "UTC");
      for (let at = 0; at < many.length; at += 1000) record(many.slice(at, at + 1000));
      use(db);
    });

  test("are near the true ones, and not equal to them", () =>
    inMany((db) => {
      const { totals } = summarize(db, "UTC", everything, sampling);
      const exact = summarize(db, "UTC", everything).totals;
      expect(exact.latencyMs).toEqual({ p50: 3_000, p95: 5_700, p99: 5_940 });
      expect(totals.latencyMs).not.toEqual(exact.latencyMs);
      expect(Math.abs(totals.latencyMs!.p50 - 3_000)).toBeLessThan(450);
      expect(Math.abs(totals.latencyMs!.p95 - 5_700)).toBeLessThan(200);
      expect({ ...totals, latencyMs: null }).toEqual({ ...exact, latencyMs: null });
    }));

  test("every group and interval with rows has them, those the sample missed too", () =>
    inMany((db) => {
      const query: SpendQuery = {
        ...everything,
        from: start,
        to: start + 5 * 86_400_000,
        groupBy: ["user"],
        interval: "hour",
      };
      const { groups, series } = summarize(db, "UTC", query, { rowsMin: 50, rowsAimed: 60 });
      expect(series).toHaveLength(120);
      for (const { figures } of [...groups, ...series])
        expect([figures.requests > 0, figures.latencyMs !== null]).toEqual([
          figures.requests > 0,
          figures.requests > 0,
        ]);
      const rare = groups.filter(({ key }) => String(key.user).startsWith("rare"));
      expect(rare).toHaveLength(10);
      for (const { key, figures } of rare) {
        const { latencyMs } = many.find(({ user }) => user === key.user)!;
        expect(figures.latencyMs).toEqual({ p50: latencyMs, p95: latencyMs, p99: latencyMs });
      }
    }));

  test("are of a sample that is as large as it has to be, of rows that are not chosen by what they are", () =>
    inMany((db) => {
      const matching = { from: 0, to: 4e12, where: { sql: "", values: [] }, withSession: false };
      for (const rowsMin of [100, 1_000, 2_000]) {
        const sample = sampleTimings(db, matching, many.length, { rowsMin, rowsAimed: 100 });
        expect(sample.length).toBeGreaterThanOrEqual(rowsMin);
        expect(sample.length).toBeLessThan(many.length);
        const early = sample.filter(({ ts }) => ts < start + 3_000 * 60_000).length;
        expect(Math.abs(early - sample.length / 2)).toBeLessThan(3 * Math.sqrt(sample.length));
      }
      expect(sampleTimings(db, matching, many.length, { rowsMin: 6_000, rowsAimed: 100 })).toHaveLength(6_000);
    }));

  test("are exact with a filter that leaves few", () =>
    inMany((db) => {
      const few = many.filter(({ user }) => user === "rare 600");
      const { totals } = summarize(db, "UTC", { ...everything, user: "rare 600" }, sampling);
      expect(totals).toEqual(figuresOf(few));
    }));
});
