import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkContentKey } from "@anyray/shared/content-key";
import { createKeyring } from "@anyray/shared/crypto";
import type { TraceContent } from "@anyray/shared/store/trace";
import { traceWith } from "@anyray/shared/testing/trace";
import { contentPlace } from "../traces/keep-content";
import { audited, dir, hostile, keep, keys, run, said, store, ts, useContentWorld, who } from "./testing/content-world";

useContentWorld();

describe("decrypt", () => {
  const decrypt = ["decrypt", "--trace", "t1"];

  test.each([
    [["decrypt", ...who], "--trace"],
    [[...decrypt, "--reason", "x"], "--operator"],
    [[...decrypt, "--operator", " \t", "--reason", "x"], "--operator"],
    [[...decrypt, "--operator", "Ada"], "--reason"],
    [[...decrypt, "--operator", "Ada", "--reason", "  "], "--reason"],
    [[...decrypt, "--operator", "Ada", "--reason", "two\nlines"], "--reason"],
    [[...decrypt, ...who, "--field", "prompt"], "--field"],
    [[...decrypt, ...who, "--stdout"], "--field"],
    [[...decrypt, ...who, "--out", "x"], "--field"],
    [[...decrypt, ...who, "--field", "request", "--stdout", "--out", "x"], "one of them"],
    [[...decrypt, ...who, "more"], "one too many"],
    [[...decrypt, ...who, "--verbose"], "verbose"],
    [["reveal", ...who], "say what to do"],
    [[], "say what to do"],
  ])("%p is refused with 2, and nothing is audited", async (args, told) => {
    await keep("t1", keys[0], { request: said });
    const { code, out, err } = await run(args);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain(told);
    expect(err).toContain("Usage: bun run content");
    expect(await audited()).toEqual([]);
  });

  test("shows on a terminal what was sent, harmless, after the intent was audited", async () => {
    await keep("t1", keys[0], { request: said, response: hostile });
    const { code, out, err } = await run([...decrypt, ...who]);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain(`--- request, ${Buffer.byteLength(said)} bytes ---`);
    expect(out).toContain('what was asked \\u001b[31m and {"a": 1}');
    expect(out).toContain("zoë");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(out).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/);
    const entry = { action: "content.decrypt", actor: "Ada Operator", object: "t1", reason: "ticket 7" };
    expect(await audited()).toEqual([
      { ...entry, result: "done", after: { intent: 1, outcome: { fields: ["request", "response"] } } },
      { ...entry, result: "intent", after: { field: null, to: "terminal" } },
    ]);
  });

  test("refuses a pipe unless that is said, and then gives the bytes that were sent", async () => {
    await keep("t1", keys[0], { request: said, response: hostile });
    const args = [...decrypt, ...who, "--field", "response"];
    expect(await run(args, { isTerminal: false })).toMatchObject({ code: 2, out: "" });
    expect(await audited()).toEqual([]);
    const { code, bytes } = await run([...args, "--stdout"], { isTerminal: false });
    expect([code, new Uint8Array(bytes)]).toEqual([0, hostile]);
  });

  test("writes a new file for the operator's eyes only, and never over another", async () => {
    await keep("t1", keys[0], { response: hostile });
    const out = join(dir, "answer.bin");
    const args = [...decrypt, ...who, "--field", "response", "--out", out];
    expect(await run(args, { isTerminal: false })).toMatchObject({ code: 0, out: "" });
    expect(new Uint8Array(readFileSync(out))).toEqual(hostile);
    expect(statSync(out).mode & 0o777).toBe(0o600);
    const before = (await audited()).length;
    const again = await run(args, { isTerminal: false });
    expect(again).toMatchObject({ code: 1, out: "" });
    expect(again.err).toContain("exists already");
    expect((await audited()).length).toBe(before);
  });

  test("a trace that was kept in the clear, and one that was cut", async () => {
    const contents: TraceContent[] = [{ field: "request", mode: "plaintext", data: "zoë ☕", bytes: 900, isCut: true }];
    await store.recordTraces([traceWith({ id: "t1", ts, contents })]);
    const { code, out, err } = await run([...decrypt, ...who, "--field", "request", "--stdout"], { isTerminal: false });
    expect([code, out]).toEqual([0, "zoë ☕"]);
    expect(err).toContain("cut, 8 of 900 bytes");
  });

  test.each<[string, string, () => Promise<unknown>]>([
    ["an unknown trace", "there is no trace t1", async () => {}],
    ["a trace without content", "without content", () => keep("t1", keys[0], {})],
    ["a field that was not kept", "not kept; kept: response", () => keep("t1", keys[0], { response: "x" })],
    [
      "a shredded one",
      "shredded: nobody can read it any more",
      async () => {
        await keep("t1", keys[0], { request: said });
        await store.shredContents({ trace: "t1" }, Date.now());
      },
    ],
    [
      "another key's",
      `sealed under the key ${createKeyring(keys[1]).keyId}`,
      () => keep("t1", keys[1], { request: said }),
    ],
    [
      "one moved from another trace",
      "was changed, cut or moved",
      async () => {
        const keyring = createKeyring(keys[0]);
        const data = keyring.seal(said, contentPlace({ id: "t2", ts }, "request"));
        const contents: TraceContent[] = [{ field: "request", mode: "encrypted", data, bytes: 9, isCut: false }];
        await store.recordTraces([traceWith({ id: "t1", ts, contents })]);
      },
    ],
  ])("%s is said plainly, leaves no file, and is audited as failed", async (_, told, make) => {
    await make();
    const out = join(dir, "x");
    const { code, err } = await run([...decrypt, ...who, "--field", "request", "--out", out]);
    expect([code, existsSync(out)]).toEqual([1, false]);
    expect(err).toContain(told);
    expect(err).not.toContain("asked");
    expect((await audited()).map(({ result }) => result)).toEqual(["failed", "intent"]);
  });

  test("shows nothing where it cannot be audited", async () => {
    await keep("t1", keys[0], { request: said });
    const db = new Database(join(dir, "anyray.db"));
    db.run("PRAGMA busy_timeout = 5000");
    db.run("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    db.close();
    const { code, out, err } = await run([...decrypt, ...who]);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toContain("disk full");
  });

  test("makes neither a store nor a key where there is none", async () => {
    const empty = mkdtempSync(join(tmpdir(), "anyray-content-"));
    const none = await run([...decrypt, ...who, "--data-dir", empty]);
    expect([none.code, readdirSync(empty)]).toEqual([1, []]);
    expect(none.err).toContain("there is no store in");
    rmSync(empty, { recursive: true });
    await keep("t1", keys[0], { request: said });
    await store.appendAudit({
      id: "1",
      at: 1,
      actor: "a",
      ip: null,
      action: "a",
      object: "o",
      before: null,
      after: null,
      reason: null,
    });
    const keyless = await run([...decrypt, ...who], { env: { ANYRAY_CONTENT_KEY: "" } });
    expect([keyless.code, keyless.out, existsSync(join(dir, "content-key"))]).toEqual([1, "", false]);
    writeFileSync(join(dir, "content-key"), `${keys[0]}\n`, { mode: 0o600 });
    expect((await run([...decrypt, ...who], { env: { ANYRAY_CONTENT_KEY: "" } })).code).toBe(0);
    expect((await run([...decrypt, ...who], { env: { ANYRAY_CONTENT_KEY: "short" } })).code).toBe(78);
  });
});

test("accept-key gives up what is under a lost key, with the operator's name", async () => {
  await checkContentKey(store, createKeyring(keys[1]), "gateway", Date.now);
  expect((await run(["accept-key"])).code).toBe(2);
  const { code, out } = await run(["accept-key", ...who]);
  expect([code, out.includes(`is given up`)]).toEqual([0, true]);
  expect(await checkContentKey(store, createKeyring(keys[0]), "gateway", Date.now)).toMatchObject({ isKeyValid: true });
  expect(await audited()).toMatchObject([
    { action: "content-key.accept", result: "done", actor: "Ada Operator" },
    { action: "content-key.accept", result: "intent", reason: "ticket 7" },
  ]);
});

test("help is no error", async () => {
  for (const args of [["--help"], ["decrypt", "-h"]]) {
    expect(await run(args)).toMatchObject({ code: 0, err: "", out: expect.stringContaining("--operator NAME") });
  }
});

test("nothing but this command reads contents: no route can", () => {
  const root = join(import.meta.dir, "..");
  const readers = readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .filter((name) => /readContents\(|content\/decrypt"|\.\/decrypt"/.test(readFileSync(join(root, name), "utf8")));
  expect(readers.sort()).toEqual(["content/cli.ts", "content/decrypt.ts"]);
  const importers = readdirSync(root, { recursive: true, encoding: "utf8" }).filter(
    (name) => name.endsWith(".ts") && /content\/cli"/.test(readFileSync(join(root, name), "utf8")),
  );
  expect(importers.filter((name) => !name.startsWith("content/"))).toEqual([]);
});
