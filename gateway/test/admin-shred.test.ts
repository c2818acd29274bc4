// Promise: what was said can be destroyed, in the store and in the optimizer, and never without a word in the audit log.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { contentOf, traceWith } from "@anyray/shared/testing/trace";
import { type AdminWorld, type Json, now, openAdminWorld, refusal } from "./admin-world";

let world: AdminWorld;
beforeEach(async () => {
  world = await openAdminWorld();
});
afterEach(() => world.close());

const id = (number: number) => `01900000-0000-7000-8000-${String(number).padStart(12, "0")}`;
const canary = "CANARY-what-was-said";
const content = [contentOf("request", `${canary} in`), contentOf("response", `${canary} out`)];

async function remove(path: string): Promise<{ status: number; json: Json }> {
  const response = await world.call(path, { method: "DELETE" });
  return { status: response.status, json: await response.json() };
}

describe("destroying what was said", () => {
  const record = () =>
    world.store.recordTraces([
      traceWith({ id: id(1), ts: now - 3, user: "ada", session: "s1", contents: content }),
      traceWith({ id: id(2), ts: now - 2, user: "bob", team: null, session: "s1", contents: content }),
      traceWith({ id: id(3), ts: now - 1, user: "ada", session: "s2", contents: content }),
    ]);
  const kept = async () => {
    const all = await Promise.all([1, 2, 3].map((number) => world.store.readContents(id(number))));
    return all.map((contents) => contents.length);
  };

  test("of a trace, a session, a user: intent and outcome audited, the optimizer told", async () => {
    const told: unknown[] = [];
    world.deps.forgetInOptimizer = async (owned) => told.push(owned) > 0;
    await record();
    expect(await remove(`/admin/traces/${id(3)}/content?reason=asked%20for`)).toEqual({
      status: 200,
      json: { trace: id(3), shreddedTraces: 1, optimizer: "not_asked" },
    });
    expect(await kept()).toEqual([2, 2, 0]);
    expect((await remove("/admin/sessions/s1/content")).json).toEqual({
      ...{ session: "s1", shreddedTraces: 2, optimizer: "forgotten" },
    });
    expect(await kept()).toEqual([0, 0, 0]);
    expect((await remove("/admin/users/ada/content")).json).toMatchObject({
      shreddedTraces: 0,
      optimizer: "forgotten",
    });
    expect(told).toEqual([
      { session: "s1", user: "ada", team: "red" },
      { session: "s1", user: "bob", team: null },
      { user: "ada" },
    ]);
    const { json } = await world.ask("/admin/audit");
    const entries = json.entries.filter(({ action }: { action: string }) => action === "content.shred").reverse();
    expect(entries).toMatchObject([
      { object: `trace ${id(3)}`, result: "intent", reason: "asked for" },
      { object: `trace ${id(3)}`, result: "done", after: { outcome: { shreddedTraces: 1 } } },
      { object: "session s1", result: "intent" },
      { object: "session s1", result: "done", after: { outcome: { shreddedTraces: 2, optimizer: "forgotten" } } },
      { object: "user ada", result: "intent" },
      { object: "user ada", result: "done" },
    ]);
    const shown = await world.ask("/admin/traces");
    expect(JSON.stringify(shown.json)).not.toContain(canary);
    expect(
      shown.json.traces.every((trace: { contents: { isShredded: boolean }[] }) => trace.contents[0]?.isShredded),
    ).toBe(true);
  });

  test("is not done when it cannot be audited", async () => {
    await record();
    const told: unknown[] = [];
    world.deps.forgetInOptimizer = async (owned) => told.push(owned) > 0;
    world.store.appendAudit = async () => {
      throw new Error("the audit log is locked");
    };
    for (const path of [`/admin/traces/${id(1)}`, "/admin/sessions/s1", "/admin/users/ada"]) {
      expect(await remove(`${path}/content`)).toEqual({ status: 503, json: refusal("store_unavailable") });
    }
    expect(await kept()).toEqual([2, 2, 2]);
    expect(told).toEqual([]);
  });

  test("an optimizer that is away is told of, with the stored contents gone", async () => {
    await record();
    world.deps.forgetInOptimizer = async () => false;
    const { status, json } = await remove("/admin/users/ada/content");
    expect([status, json]).toEqual([502, refusal("upstream_unreachable")]);
    expect(json.error.message).toContain("of 2 traces");
    expect(await kept()).toEqual([0, 2, 0]);
  });

  test("a store that fails is no success", async () => {
    await record();
    world.store.shredContents = async () => {
      throw new Error("the log stays in use");
    };
    expect(await remove("/admin/users/ada/content")).toEqual({ status: 503, json: refusal("store_unavailable") });
    const { json } = await world.ask("/admin/audit");
    expect(json.entries[0]).toMatchObject({ action: "content.shred", result: "failed" });
  });

  test("bad names and reasons are refused, unknown traces are not found, others have nothing", async () => {
    expect((await remove("/admin/users/%00/content")).status).toBe(400);
    expect((await remove(`/admin/users/ada/content?reason=${"x".repeat(501)}&why=1`)).json.error.message).toStartWith(
      "2 faults",
    );
    expect((await remove(`/admin/traces/${id(9)}/content`)).status).toBe(404);
    expect((await remove("/admin/sessions/none/content")).json).toEqual({
      ...{ session: "none", shreddedTraces: 0, optimizer: "not_asked" },
    });
    const stranger = await fetch(`${world.url}/admin/users/ada/content`, { method: "DELETE" });
    expect(stranger.status).toBe(401);
  });
});
