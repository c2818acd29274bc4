// What becomes of traces when things break: the process is killed, the store takes nothing, there is no room.

import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { until } from "./harness";
import { openTraceWorld, type TraceWorld } from "./trace-world";

let world: TraceWorld;
beforeAll(async () => {
  world = await openTraceWorld();
});
afterAll(() => world.stop());

const chat = { model: "gpt-4o-mini", messages: [{ role: "user", content: "Say something." }] };
const ask = () => world.post("/v1/chat/completions", chat);
const metric = async (name: string) => {
  const text = await (await fetch(`${world.gateway.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? "0");
};
const spooled = () =>
  readdirSync(join(world.gateway.dataDir, "trace-spool", "0")).filter((name) => name.endsWith(".log"));

/** Nobody else writes to the database meanwhile. */
async function whileLocked<T>(run: () => Promise<T>): Promise<T> {
  const database = new Database(join(world.gateway.dataDir, "anyray.db"));
  database.run("PRAGMA busy_timeout = 5000");
  database.run("BEGIN IMMEDIATE");
  try {
    return await run();
  } finally {
    database.run("ROLLBACK");
    database.close();
  }
}

describe("traces", () => {
  test("that were in the spool when the process was killed are in the store once, after the next start", async () => {
    const ids = await whileLocked(async () => {
      const posted = await Promise.all(Array.from({ length: 40 }, ask));
      await until(async () => (await metric("anyray_trace_spool_bytes")) > 40_000, 10_000);
      await world.gateway.stop("SIGKILL");
      return posted.map(({ id }) => id);
    });
    expect(spooled().length).toBeGreaterThan(0);
    await world.restart("SIGKILL");
    for (const id of ids) expect((await world.traceOf(id)).contents).toHaveLength(2);
    const all = (await world.traces()).map(({ id }) => id);
    expect(new Set(all).size).toBe(all.length);
    expect((await world.contentsOf(await world.traceOf(ids[0] ?? ""))).request).toBe(JSON.stringify(chat));
  }, 30_000);

  test("wait for a store that takes nothing, while calls are answered and their rows are not lost", async () => {
    const { ids, slowestMs } = await whileLocked(async () => {
      const startedAt = performance.now();
      const posted = [];
      for (let call = 0; call < 50; call++) posted.push(await ask());
      const slowestMs = (performance.now() - startedAt) / 50;
      expect(posted.every(({ status }) => status === 200)).toBe(true);
      return { ids: posted.map(({ id }) => id), slowestMs };
    });
    expect(slowestMs).toBeLessThan(100);
    for (const id of ids) await world.traceOf(id);
    const rows = await until(async () => {
      const found = new Set((await world.gateway.rows()).map(({ id }) => id));
      return ids.every((id) => found.has(id)) ? found : null;
    }, 15_000);
    expect(rows.size).toBeGreaterThanOrEqual(50);
    await until(async () => (await metric("anyray_traces_pending")) === 0, 10_000);
  }, 40_000);

  test("are written out when the process is told to end", async () => {
    const ids = (await Promise.all(Array.from({ length: 30 }, ask))).map(({ id }) => id);
    await world.restart("SIGTERM");
    const stored = new Set((await world.traces()).map(({ id }) => id));
    expect(ids.filter((id) => !stored.has(id))).toEqual([]);
    expect(spooled()).toEqual([]);
  }, 20_000);

  test("of a storm of refusals are counted from a number on, and no others are lost", async () => {
    await world.gateway.admin("PUT", "/admin/user-caps", { user: "storm", monthlyTokens: 0 });
    const headers = { "x-anyray-metadata": JSON.stringify({ user: "storm" }) };
    let sent = 0;
    const storm = async () => {
      while (sent++ < 4_000) await world.post("/v1/chat/completions", chat, headers);
    };
    const [, ...answered] = await Promise.all([Promise.all(Array.from({ length: 32 }, storm)), ask(), ask()]);
    for (const { id } of answered) await world.traceOf(id);
    await until(async () => (await metric("anyray_traces_pending")) === 0, 10_000);
    const kept = (await world.traces()).filter(({ user }) => user === "storm").length;
    const dropped = await metric('anyray_traces_dropped_total\\{what="refusal"\\}');
    expect(kept + dropped).toBe(4_000);
    expect(kept).toBeGreaterThanOrEqual(500);
  }, 40_000);

  test("are not made where they are switched off", async () => {
    await world.restart("SIGTERM", { env: { ANYRAY_TRACES: "false" } });
    const before = (await world.traces()).length;
    const { status, id } = await ask();
    expect(status).toBe(200);
    await until(async () => (await world.gateway.rows()).some((row) => row.id === id));
    await Bun.sleep(500);
    expect((await world.traces()).length).toBe(before);
  }, 20_000);
});
