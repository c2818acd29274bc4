// A process that does what a gateway does with its rows, as fast as it can: takes a slot, replays what others left,
// then writes calls down over a slow store, and each id into a file once `end` has returned.

import fs from "node:fs";
import { createLog } from "@anyray/shared/log";
import { openSqliteInline } from "@anyray/shared/store/sqlite";
import { spendRow } from "@anyray/shared/testing/spend-row";
import { replaySpool } from "../replay";
import { orphanSlots, takeSlot } from "../slot";
import { Spool } from "../spool";
import { startOf } from "./spool-world";

const [root = "", database = "", acknowledgedPath = "", firstId = "0"] = process.argv.slice(2);
const inline = openSqliteInline({ path: database, timezone: "UTC" });
const store = {
  async recordSpend(rows: Parameters<typeof inline.recordSpend>[0]) {
    await Bun.sleep(Math.random() * 20);
    const added = await inline.recordSpend(rows);
    await Bun.sleep(Math.random() * 20);
    return added;
  },
  ping: () => inline.ping(),
};

const slot = takeSlot(root);
await replaySpool(slot.dir, inline);
for (const orphan of orphanSlots(root)) {
  await replaySpool(orphan.dir, inline);
  orphan.release();
}
const log = createLog({ level: "error", service: "test" });
const sizes = { totalBytesMax: 1e9, segmentBytesMax: 200_000, ballastBytes: 0, queuedRowsMax: 300 };
const spool = new Spool({ dir: slot.dir, store, log, fsync: "group", ...sizes, batchRows: 100, lingerMs: 5 });

const acknowledged = fs.openSync(acknowledgedPath, "a");
console.log("ready");
for (let id = Number(firstId); ; id++) {
  const row = spendRow({ id, user: "ada", inputTokens: 1, outputTokens: 1 });
  spool.start(startOf(row));
  if (id % 10 === 0) spool.start(startOf(spendRow({ id: id + 500_000_000, user: "ada" })));
  await spool.end(row);
  fs.writeSync(acknowledged, `${row.id}\n`);
  if (id % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
}
