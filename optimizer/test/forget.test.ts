// Promise: what is kept of a user, or of one session, is gone when it was said to be: from memory and from the files, and
// nothing of anybody else with it.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKeyring } from "@anyray/shared/crypto";
import { createLog } from "@anyray/shared/log";
import { Metrics } from "@anyray/shared/metrics";
import { createPriceBook } from "@anyray/shared/pricing";
import type { Asker, Optimizer } from "../src/deps";
import { handlesIn } from "../src/markers";
import { openOptimizer } from "../src/optimizer";
import { registry } from "../src/registry";
import { startOptimizer, type TestOptimizer } from "./harness";
import { paramsOf } from "./run-stand";
import { type Conversation, requestOf } from "./talks";

setDefaultTimeout(30_000);

describe("what is kept", () => {
  const endpoint = "/v1/chat/completions";
  let dataDir: string;
  let optimizer: Optimizer;
  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), "anyray-forget-"));
    optimizer = await open();
  });
  afterAll(async () => {
    await optimizer.close();
    rmSync(dataDir, { recursive: true, force: true });
  });

  function open(): Promise<Optimizer> {
    const strategies = registry.strategies
      .filter(({ kind }) => kind === "context_compression")
      .map((strategy) => ({ strategy, params: paramsOf(strategy) }));
    return openOptimizer({
      dataDir,
      keyring: createKeyring("ab".repeat(32)),
      log: createLog({ level: "error", service: "optimizer", write: () => {} }),
      metrics: new Metrics(),
      priceBook: createPriceBook({ overrides: [], now: Date.now }),
      version: "0.0.0",
      resolve: () => ({ revision: "1", strategies }),
      contentMode: () => "encrypted",
    } as Parameters<typeof openOptimizer>[0]);
  }

  const rows = (seed: string) =>
    JSON.stringify(
      Array.from({ length: 300 }, (_, id) => ({ id, state: id === 77 ? "lost" : "held", region: `${seed}${id % 3}` })),
      null,
      2,
    );

  /** Elides a long output of one conversation; the handle it can be had back by. */
  async function elide(user: string | null, team: string | null, sessionId: string | null, seed: string) {
    const talk: Conversation = {
      system: "You are on call.",
      tools: [{ name: "run", description: "Runs a command.", schema: { type: "object" } }],
      turns: [
        { is: "user", text: `Which lease of ${seed} was lost?` },
        { is: "call", tool: "run", args: { cmd: "leases" }, output: rows(seed), isError: false, thinking: null },
        { is: "answer", text: "Number 77." },
        { is: "user", text: "And its region?" },
      ],
    };
    const text = requestOf(talk, endpoint);
    const asker: Asker = { user, team, sessionId, labels: new Map() };
    const { requestText } = await optimizer.optimize(text, {
      endpoint,
      request: JSON.parse(text),
      asker,
      capabilities: { canShortCircuit: false, canRetrieve: false },
      enabledKinds: null,
    });
    const [handle = ""] = handlesIn(requestText);
    const isThere = async () =>
      (await optimizer.retrieve({ handle, offset: 0, maxChars: 200_000 }, asker))?.content === rows(seed);
    return { handle, isThere };
  }

  const rowsIn = async (name: string) => {
    const { Database } = await import("bun:sqlite");
    const db = new Database(join(dataDir, "optimizer.db"), { readonly: true });
    const { count } = db.query<{ count: number }, []>(`SELECT count(*) AS count FROM ${name}`).get() ?? { count: -1 };
    db.close();
    return count;
  };

  test("of a session goes with all of its conversations, and of nothing else", async () => {
    const mine = [await elide("ann", "red", "s1", "a"), await elide("ann", "red", "s1", "b")];
    const others = [
      await elide("ann", "red", "s2", "a"),
      await elide("bob", "red", "s1", "a"),
      await elide("ann", "blue", "s1", "a"),
      await elide("ann", "red", null, "c"),
    ];
    for (const one of [...mine, ...others]) expect(await one.isThere()).toBe(true);
    expect(await optimizer.forget({ session: "s1", user: "ann", team: "red" })).toBeGreaterThanOrEqual(2);
    for (const one of mine) expect(await one.isThere()).toBe(false);
    for (const one of others) expect(await one.isThere()).toBe(true);
    expect(await optimizer.forget({ session: "s1", user: "ann", team: "red" })).toBe(0);
    expect(await optimizer.forget({ session: "nobody's", user: null, team: null })).toBe(0);
    // What goes on afterwards is kept anew.
    expect(await (await elide("ann", "red", "s1", "a")).isThere()).toBe(true);
  });

  test("of a session is found after a restart", async () => {
    const one = await elide("eve", null, "s3", "e");
    const other = await elide(null, null, "s3", "e");
    await optimizer.close();
    optimizer = await open();
    expect(await one.isThere()).toBe(true);
    expect(await optimizer.forget({ session: "s3", user: "eve", team: null })).toBeGreaterThan(0);
    expect(await one.isThere()).toBe(false);
    expect(await other.isThere()).toBe(true);
    expect(await optimizer.forget({ session: "s3", user: null, team: null })).toBeGreaterThan(0);
    expect(await other.isThere()).toBe(false);
  });

  test("of a user goes in every team and session, with every row that names it", async () => {
    const mine = [await elide("zoe", "red", "z1", "z"), await elide("zoe", null, null, "y")];
    const kept = await elide("ann", "red", "z1", "z");
    const before = await rowsIn("conversations");
    expect(await optimizer.forget({ user: "zoe" })).toBeGreaterThanOrEqual(2);
    for (const one of mine) expect(await one.isThere()).toBe(false);
    expect(await kept.isThere()).toBe(true);
    expect(await rowsIn("conversations")).toBe(before - 1);
    // The names of sessions and users stand nowhere in the clear.
    for (const name of readdirSync(dataDir)) {
      const bytes = readFileSync(join(dataDir, name), "latin1");
      for (const canary of ["Which lease of", "You are on call"]) expect(bytes.includes(canary)).toBe(false);
    }
  });
});

describe("POST /v1/forget", () => {
  let service: TestOptimizer;
  beforeAll(async () => {
    service = await startOptimizer();
  });
  const lastAsked = async () =>
    JSON.parse((await service.ask("/v1/retrieve", { handle: "ctx_asked" })).json.content as string);

  test("takes a user, or a session with its caller", async () => {
    const { status, json } = await service.ask("/v1/forget", { user: " Zoe\u0308 " });
    expect([status, json]).toEqual([200, { forgotten: 3 }]);
    expect(await lastAsked()).toEqual({ user: "Zoë" });
    expect((await service.ask("/v1/forget", { session: "s", user: "u", team: null })).status).toBe(200);
    expect(await lastAsked()).toEqual({ session: "s", user: "u", team: null });
  });

  test.each([
    {},
    { user: null },
    { team: "t", user: "u" },
    { user: "a\u0000b" },
    { session: 7 },
    { user: "x".repeat(200) },
  ])("%j is refused", async (body) => {
    const { status, json } = await service.ask("/v1/forget", body);
    expect([status, json.error.code]).toEqual([400, "invalid_request"]);
  });

  test("wants the token, and says when it could not", async () => {
    expect((await service.ask("/v1/forget", { user: "u" }, { headers: { authorization: "Bearer x" } })).status).toBe(
      401,
    );
    const { status, text } = await service.ask("/v1/forget", { user: "throw" });
    expect(status).toBe(500);
    expect(text).not.toContain("canary");
  });
});
