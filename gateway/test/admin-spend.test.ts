import { afterEach, beforeEach, expect, test } from "bun:test";
import { spendRow } from "@anyray/shared/testing/spend-row";
import { type AdminWorld, now, openAdminWorld, refusal } from "./admin-world";

let world: AdminWorld;
beforeEach(async () => {
  world = await openAdminWorld();
});
afterEach(() => world.close());

test("spend: a report after the facts were flushed, faults all at once", async () => {
  await world.store.recordSpend([spendRow({ id: 1, ts: now, user: "ada", costNanoUsd: 1_500_000_000 })]);
  const { status, json } = await world.ask("/admin/spend?groupBy=user&interval=hour&from=2026-11-15");
  expect(status).toBe(200);
  expect(world.flushes).toHaveLength(1);
  expect(json.totals).toMatchObject({ requests: 1, costUsd: 1.5 });
  expect(json.groups).toMatchObject([{ key: { user: "ada" }, requests: 1 }]);
  expect(json.series).toHaveLength(13);
  expect(Object.keys(json.outcomes)).toHaveLength(8);
  const bad = await world.ask("/admin/spend?from=x&limit=0&user=a&user=b&nope=1");
  expect(bad.json.error.message).toStartWith("4 faults: ");
  expect([bad.status, bad.json]).toEqual([400, refusal("invalid_request")]);
  expect(bad.headers.get("x-should-retry")).toBe("false");
  expect(world.flushes).toHaveLength(1);
});

test("rows: JSON by default, JSON lines and CSV by Accept or format, each complete", async () => {
  const rows = Array.from({ length: 1_500 }, (_, id) => spendRow({ id, ts: now - id, user: id ? "ada" : "=cmd()" }));
  await world.store.recordSpend(rows.slice(0, 1_000));
  await world.store.recordSpend(rows.slice(1_000));
  const first = await world.ask("/admin/spend/rows");
  expect(first.json.rows).toHaveLength(1_000);
  const second = await world.ask(`/admin/spend/rows?cursor=${first.json.nextCursor}`);
  expect(second.json).toMatchObject({ nextCursor: null, rows: { length: 500 } });
  expect(new Set([...first.json.rows, ...second.json.rows].map(({ id }) => id)).size).toBe(1_500);
  const csv = await world.call("/admin/spend/rows", { headers: { accept: "text/csv" } });
  expect(csv.headers.get("content-type")).toBe("text/csv; charset=utf-8");
  expect(csv.headers.get("content-disposition")).toBe('attachment; filename="anyray-spend-2026-10-16-2026-11-15.csv"');
  const lines = (await csv.text()).split("\r\n");
  expect(lines).toHaveLength(1_502);
  expect(lines[0]).toStartWith(
    "id,ts,user,team,session,tool,labels,provider,model,responseModel,endpoint,stream,status,",
  );
  expect(lines[1]).toContain(",'=cmd(),");
  const jsonl = await world.call("/admin/spend/rows?format=jsonl&user=ada");
  expect(jsonl.headers.get("content-type")).toBe("application/x-ndjson");
  const parsed = (await jsonl.text())
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(parsed).toHaveLength(1_499);
  expect(parsed[0]).toEqual(first.json.rows[1]);
});

test("rows: a client that leaves ends the reading", async () => {
  const rows = Array.from({ length: 1_000 }, (_, id) => spendRow({ id, ts: now - id, user: "x".repeat(128) }));
  await world.store.recordSpend(rows);
  let pages = 0;
  // An endless store: page after page of the same rows.
  world.store.readRows = async () => {
    pages += 1;
    await Bun.sleep(1);
    return { rows, next: { ts: 1, id: rows[0]!.id } };
  };
  /** Pages read once no further one was asked for during 200 ms; an endless reading never settles. */
  const settled = async () => {
    for (let round = 0, before = -1; round < 20; round++) {
      if (pages === before) return pages;
      before = pages;
      await Bun.sleep(200);
    }
    throw new Error(`still reading after ${pages} pages`);
  };
  const leaving = new AbortController();
  const response = await world.call("/admin/spend/rows?format=jsonl", { signal: leaving.signal });
  const reader = response.body!.getReader();
  await reader.read();
  // Not taken, not read ahead: what the sockets hold, and then nothing more.
  const held = await settled();
  leaving.abort();
  await reader.read().catch(() => {});
  expect(await settled()).toBeLessThan(held + 3);
});

test("rows: a store that fails before the first page is a 503, later it cuts the answer visibly", async () => {
  const row = spendRow({ id: 1, ts: now });
  let pages = 0;
  world.store.readRows = async () => {
    pages += 1;
    // A moment, as a store takes it.
    await Bun.sleep(5);
    if (pages !== 2) throw new Error("gone");
    return { rows: [row], next: { ts: row.ts, id: row.id } };
  };
  const early = await world.call("/admin/spend/rows?format=csv");
  expect(early.status).toBe(503);
  expect(await early.json()).toEqual(refusal("store_unavailable"));
  const late = await world.call("/admin/spend/rows?format=csv");
  expect(late.status).toBe(200);
  await expect(late.text()).rejects.toThrow();
  expect(world.lines.at(-1)).toContain('"msg":"an export was cut","error":"Error","detail":"gone"');
});
