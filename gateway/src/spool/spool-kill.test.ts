// Real processes over a real store, killed at random moments while they write rows as fast as they can.

import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { SpendRow } from "@anyray/shared/store/spend-row";
import { openSqliteInline } from "@anyray/shared/store/sqlite";
import type { Store } from "@anyray/shared/store/store";
import { replaySpool, verifySpool } from "./replay";
import { slotDirectories } from "./slot";
import { startChild } from "./testing/child";
import { temporaryDirectory } from "./testing/spool-world";

const lanes = 2;
const killsPerLane = 10;

async function readAll(store: Store): Promise<SpendRow[]> {
  const rows: SpendRow[] = [];
  let after: { ts: number; id: string } | null = null;
  do {
    const page = await store.readRows({ from: 0, to: Number.MAX_SAFE_INTEGER }, after, 1_000);
    rows.push(...page.rows);
    after = page.next;
  } while (after);
  return rows;
}

test(`every row whose end was written down is in the store once, after ${lanes * killsPerLane} kills -9`, async () => {
  const { dir, remove } = temporaryDirectory();
  try {
    const root = join(dir, "spool");
    const database = join(dir, "anyray.db");
    const pathOf = (lane: number) => join(dir, `acknowledged-${lane}`);
    const runLane = async (lane: number) => {
      for (let round = 0; round < killsPerLane; round++) {
        const firstId = (lane * killsPerLane + round) * 1_000_000;
        const child = startChild("append-rows", [root, database, pathOf(lane), String(firstId)]);
        await child.line();
        await Bun.sleep(Math.random() * 80);
        await child.kill();
      }
    };
    await Promise.all(Array.from({ length: lanes }, (_, lane) => runLane(lane)));

    const store = openSqliteInline({ path: database, timezone: "UTC" });
    for (const slot of slotDirectories(root)) {
      expect(verifySpool(slot).damagedRecords).toBe(0);
      await replaySpool(slot, store);
      expect(await replaySpool(slot, store)).toMatchObject({ segments: 0, newRows: 0 });
    }
    const acknowledged = Array.from({ length: lanes }, (_, lane) => lane).flatMap((lane) =>
      existsSync(pathOf(lane)) ? readFileSync(pathOf(lane), "utf8").split("\n").slice(0, -1) : [],
    );
    const rows = await readAll(store);
    const byId = new Map(rows.map((row) => [row.id, row]));
    expect(byId.size).toBe(rows.length);
    expect(acknowledged.length).toBeGreaterThan(1_000);
    expect(acknowledged.filter((id) => byId.get(id)?.endReason !== "completed")).toEqual([]);
    // The sums that caps start from count each row once too.
    const tokens = rows.reduce((sum, { inputTokens, outputTokens }) => sum + inputTokens + outputTokens, 0);
    expect(await store.readMonth("2026-11")).toMatchObject([
      { user: "ada", requests: rows.length, usedTokens: tokens },
    ]);
    expect(rows.filter(({ endReason }) => endReason === "interrupted").length).toBeGreaterThan(0);
    await store.close();
  } finally {
    remove();
  }
}, 60_000);
