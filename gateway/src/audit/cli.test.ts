import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "@anyray/shared/store/open";
import { runAuditCommand } from "./cli";

let dir: string;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "anyray-audit-cli-"));
  const store = await openStore({ dataDir: dir, timezone: "UTC" });
  for (const n of [1, 2, 3]) {
    await store.appendAudit({
      ...{ id: `${n}`, at: n, actor: "admin", ip: null, action: "caps.set", object: "ann" },
      ...{ before: null, after: n, reason: null },
    });
  }
  await store.close();
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

async function run(...args: string[]) {
  let out = "";
  let err = "";
  const code = await runAuditCommand(args, {
    env: { ANYRAY_DATA_DIR: dir },
    print: (text) => {
      out += text;
    },
    complain: (text) => {
      err += text;
    },
  });
  return { code, out, err };
}

function tamper(statement: string): void {
  const db = new Database(join(dir, "anyray.db"));
  // The command before may still be letting go of it.
  db.run("PRAGMA busy_timeout = 5000");
  db.run("DROP TRIGGER audit_is_not_updated");
  db.run("DROP TRIGGER audit_is_not_deleted");
  db.run(statement);
  db.close();
}

test("a whole log is 0, and tells the anchor by which it can be known again", async () => {
  const { code, out } = await run("verify");
  expect(code).toBe(0);
  expect(out).toContain("ok: 3 rows are as they were written.");
  const anchor = /anchor (3:[0-9a-f]{64})/.exec(out)?.[1] ?? "";
  expect((await run("verify", "--anchor", anchor)).code).toBe(0);
  const other = `2${anchor.slice(1)}`;
  expect(await run("verify", "--anchor", other)).toMatchObject({ code: 1, out: expect.stringContaining("replayed") });
});

test("a changed one is 1, with the row and what was done to it; it can be accepted, by name", async () => {
  tamper("DELETE FROM audit WHERE seq = 3");
  expect(await run("verify")).toMatchObject({ code: 1, out: expect.stringContaining("broken: row 3: truncated") });
  expect((await run("accept", "--operator", "Ada")).code).toBe(2);
  // What is cut off stays missing: accepting anchors what there is, and does not call it whole.
  const accepted = await run("accept", "--operator", "Ada", "--reason", "restored a backup");
  expect(accepted).toMatchObject({ code: 1, out: expect.stringContaining("row 3: deleted") });
});

test("a lost anchor is not whole until it is accepted", async () => {
  rmSync(join(dir, "audit-anchor"));
  expect(await run("verify")).toMatchObject({ code: 1, out: expect.stringContaining("unverified: row 3: unanchored") });
  expect((await run("accept", "--operator", "Ada", "--reason", "the disk was replaced")).code).toBe(0);
  expect((await run("verify")).code).toBe(0);
  const store = await openStore({ dataDir: dir, timezone: "UTC" });
  expect((await store.readAudit(null, 1))[0]).toMatchObject({
    ...{ actor: "Ada", action: "audit.accept", reason: "the disk was replaced" },
    before: { state: "unverified", kind: "unanchored" },
  });
  await store.close();
});

test("without its key, or without a store, it says so and makes neither", async () => {
  rmSync(join(dir, "audit-key"));
  expect(await run("verify")).toMatchObject({ code: 1, err: expect.stringContaining("key is not there") });
  const empty = mkdtempSync(join(tmpdir(), "anyray-audit-cli-"));
  expect(await run("verify", "--data-dir", empty)).toMatchObject({
    code: 1,
    err: expect.stringContaining("no store in"),
  });
  expect([readdirSync(empty), readdirSync(dir).includes("audit-key")]).toEqual([[], false]);
  rmSync(empty, { recursive: true });
});

test("help is no error, everything else that is not understood is 2", async () => {
  expect(await run("--help")).toMatchObject({ code: 0, err: "", out: expect.stringContaining("bun run audit") });
  for (const args of [[], ["check"], ["verify", "now"], ["verify", "--anchor", "3"], ["verify", "--data-dir", ""]]) {
    expect((await run(...args)).code).toBe(2);
  }
});
