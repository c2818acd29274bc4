import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { failureOf } from "./contract-adapters";
import { figuresOf, summarizeRows } from "./contract-model";
import { rows, rowWith, zones } from "./contract-samples";
import { openStore } from "./open";
import type { SpendRow } from "./spend-row";
import { openSqlite, openSqliteInline } from "./sqlite";
import { openFile } from "./sqlite-file";
import { rebuildRollUps } from "./sqlite-rollup";
import { openRecorder } from "./sqlite-spend";
import type { SpendQuery } from "./store";

/** Many stores are opened in one test; other work may share the machine. */
const slowMs = 60_000;
const everything: SpendQuery = { from: 0, to: 4e12, groupBy: [], interval: null, limit: 1000, cursor: null };
const rollUpTables = ["spend_hour", "spend_day", "strategy_hour", "strategy_day", "store_state"];

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "anyray-sqlite-"));
  path = join(directory, "anyray.db");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Runs on a file of its own, then removes it. */
function inFile<T>(timezone: string, use: (db: Database) => T): T {
  const at = join(directory, Bun.randomUUIDv7(), "anyray.db");
  const db = openFile({ path: at, timezone });
  try {
    return use(db);
  } finally {
    db.close();
    rmSync(join(at, ".."), { recursive: true });
  }
}

const dump = (db: Database) => rollUpTables.map((table) => db.query(`SELECT * FROM ${table}`).all());

describe("roll-ups", () => {
  test(
    "are what they would be if they were made of the rows now, whatever came when",
    () =>
      fc.assert(
        fc.property(
          fc
            .constantFrom(...zones)
            .chain((zone) => fc.tuple(fc.constant(zone), fc.array(rows(zone), { maxLength: 60, size: "max" }))),
          fc.integer({ min: 1, max: 20 }),
          ([zone, made], batch) =>
            inFile(zone, (db) => {
              const record = openRecorder(db, zone);
              for (let at = 0; at < made.length; at += batch) record(made.slice(Math.max(0, at - 3), at + batch));
              const written = dump(db);
              db.transaction(() => rebuildRollUps(db, zone))();
              expect(dump(db)).toEqual(written);
            }),
        ),
        { numRuns: 50 },
      ),
    slowMs,
  );

  test(
    "are made anew when the time zone of reports is another",
    () =>
      fc.assert(
        fc.asyncProperty(fc.array(rows("Australia/Lord_Howe"), { maxLength: 30, size: "max" }), async (made) => {
          const file = join(directory, Bun.randomUUIDv7(), "anyray.db");
          const before = openSqliteInline({ path: file, timezone: "Asia/Kathmandu" });
          await before.recordSpend(made);
          await before.close();
          const after = openSqliteInline({ path: file, timezone: "Australia/Lord_Howe" });
          const query: SpendQuery = {
            ...everything,
            from: Date.UTC(2026, 9, 1),
            to: Date.UTC(2026, 9, 8),
            interval: "day",
          };
          const { series, totals } = await after.summarize(query);
          const expected = summarizeRows(made, query, "Australia/Lord_Howe");
          expect({ series, totals }).toEqual({ series: expected.series, totals: expected.totals });
          await after.close();
        }),
        { numRuns: 15 },
      ),
    slowMs,
  );

  test("are not written by a process whose time zone is no longer the file's", async () => {
    const early = openSqliteInline({ path, timezone: "UTC" });
    const late = openSqliteInline({ path, timezone: "Europe/Berlin" });
    expect((await failureOf(early.recordSpend([rowWith({})]))).message).toContain("time zone Europe/Berlin");
    expect((await failureOf(early.summarize(everything))).message).toContain("time zone");
    expect(await late.recordSpend([rowWith({})])).toBe(1);
    await Promise.all([early.close(), late.close()]);
  });
});

describe("a row that only the database refuses", () => {
  test("takes the whole batch back, with all that was counted and named for it", async () => {
    const store = openSqliteInline({ path, timezone: "UTC" });
    const outside = new Database(path);
    outside.run(
      "CREATE TRIGGER poison BEFORE INSERT ON spend WHEN NEW.id = 'poison' BEGIN SELECT RAISE(ABORT, 'poison'); END",
    );
    const good = Array.from({ length: 5 }, (_, i) => rowWith({ user: `new ${i}`, decisions: { [`kind ${i}`]: 1 } }));
    const batch = [...good.slice(0, 3), rowWith({ id: "poison", user: "bad" }), ...good.slice(3)];
    expect((await failureOf(store.recordSpend(batch))).message).toContain("poison");
    for (const table of ["spend", "spend_key", "spend_hour", "strategy_hour", "usage_month"]) {
      expect([table, outside.query(`SELECT * FROM ${table}`).all()]).toEqual([table, []]);
    }
    expect(await store.recordSpend(good)).toBe(5);
    const { totals, groups } = await store.summarize({ ...everything, groupBy: ["user"] });
    expect(totals).toEqual(figuresOf(good));
    expect(groups).toHaveLength(5);
    expect((await store.readMonth("2026-11")).map(({ requests }) => requests)).toEqual([1, 1, 1, 1, 1]);
    outside.close();
    await store.close();
  });

  test("an audit that cannot be written takes the change back", async () => {
    const store = openSqliteInline({ path, timezone: "UTC" });
    const outside = new Database(path);
    outside.run("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    const entry = { id: "1", at: 1, actor: "a", ip: null, action: "a", object: "o", after: null, reason: null };
    const change = { kind: "caps", caps: [{ user: "ann", monthlyTokens: 1 }] } as const;
    expect((await failureOf(store.changePolicy({ ...change, caps: [...change.caps] }, entry))).message).toContain(
      "disk full",
    );
    expect(await store.readPolicy()).toMatchObject({ revision: 0, caps: [] });
    outside.close();
    await store.close();
  });
});

test("refused calls are remembered from the first to the last", async () => {
  const store = openSqliteInline({ path, timezone: "UTC" });
  const times = [
    [50, 60],
    [10, 20],
    [70, 90],
    [30, 40],
  ];
  for (const [firstAt = 0, lastAt = 0] of times) {
    await store.recordRejections([{ user: "ann", month: "2026-11", rejected: 2, firstAt, lastAt }]);
  }
  const outside = new Database(path);
  expect(outside.query("SELECT rejected, first_at, last_at FROM cap_rejection").values()).toEqual([[8, 10, 90]]);
  outside.close();
  await store.close();
});

describe("in a worker", () => {
  test("a long call does not hold up the event loop, and a call past its deadline is rejected while the worker goes on", async () => {
    const store = await openSqlite({ path, timezone: "UTC", deadlineMs: 250 });
    const other = new Database(path);
    other.run("BEGIN IMMEDIATE");
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    const recorded = failureOf(store.recordSpend([rowWith({ id: "waits" })]));
    expect((await recorded).message).toContain("recordSpend within 250 ms");
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(15);
    other.run("ROLLBACK");
    other.close();
    while ((await store.readMonth("2026-11").catch(() => [])).length === 0) await Bun.sleep(10);
    expect(await store.recordSpend([rowWith({ id: "waits" })])).toBe(0);
    await store.close();
  });

  test("a store that nobody closes does not keep its process alive, nor lose what was acknowledged", async () => {
    const program = `
      import { openSqlite } from ${JSON.stringify(fileURLToPath(new URL("./sqlite.ts", import.meta.url)))};
      const store = await openSqlite({ path: ${JSON.stringify(path)}, timezone: "UTC" });
      console.log(await store.recordSpend(JSON.parse(process.argv[1])));
    `;
    const child = Bun.spawn([process.execPath, "-e", program, JSON.stringify([rowWith({})])], { stderr: "pipe" });
    const timer = setTimeout(() => child.kill(), 4_000);
    const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    clearTimeout(timer);
    expect([out, err, code]).toEqual(["1\n", "", 0]);
    const store = openSqliteInline({ path, timezone: "UTC" });
    expect(await store.recordSpend([])).toBe(0);
    expect((await store.readMonth("2026-11"))[0]?.requests).toBe(1);
    await store.close();
  });

  test("figures are the same as inline", async () => {
    const made: SpendRow[] = fc.sample(rows("UTC"), { numRuns: 200, seed: 7 });
    const query: SpendQuery = { ...everything, groupBy: ["user", "strategy"] };
    const inline = openSqliteInline({ path, timezone: "UTC" });
    await inline.recordSpend(made);
    const worker = await openSqlite({ path, timezone: "UTC" });
    expect(await worker.summarize(query)).toEqual(await inline.summarize(query));
    expect(await worker.recordSpend(made)).toBe(0);
    await Promise.all([inline.close(), worker.close()]);
  });
});

describe("openStore", () => {
  test("opens the embedded store in the data directory", async () => {
    const dataDir = join(directory, "not", "yet");
    const store = await openStore({ dataDir, timezone: "UTC" });
    expect(store.kind).toBe("sqlite");
    expect(existsSync(join(dataDir, "anyray.db"))).toBe(true);
    await store.close();
  });

  test("refuses a server, and a place where no file can be made", async () => {
    expect(
      (await failureOf(openStore({ dataDir: directory, timezone: "UTC", dbUrl: "postgres://x" }))).message,
    ).toContain("server");
    expect(existsSync(path)).toBe(false);
    expect(await failureOf(openStore({ dataDir: "/dev/null/x", timezone: "UTC" }))).toBeInstanceOf(Error);
  });
});
