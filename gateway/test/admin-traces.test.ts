// Promise: an admin sees what happened to every call and every session, and never what was said.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { contentOf, traceWith } from "@anyray/shared/testing/trace";
import { type AdminWorld, type Json, now, openAdminWorld, refusal } from "./admin-world";
import { checkSchema, type OpenApi } from "./openapi-check";

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

describe("traces", () => {
  test("in pages, as JSON lines and as CSV, after the facts were flushed; never a content", async () => {
    const made = Array.from({ length: 25 }, (_, i) =>
      traceWith({ id: id(i), ts: now - i, user: i ? "ada" : "=cmd()", contents: content }),
    );
    await world.store.recordTraces(made);
    const first = await world.ask("/admin/traces?limit=20");
    expect(world.flushes).toHaveLength(1);
    const second = await world.ask(`/admin/traces?limit=20&cursor=${first.json.nextCursor}`);
    expect(second.json.nextCursor).toBeNull();
    const traces = [...first.json.traces, ...second.json.traces];
    expect(traces.map((trace) => trace.id)).toEqual(made.map((trace) => trace.id));
    expect(traces[0].contents).toEqual([
      { field: "request", mode: "plaintext", bytes: canary.length + 3, isCut: false, isShredded: false },
      { field: "response", mode: "plaintext", bytes: canary.length + 4, isCut: false, isShredded: false },
    ]);
    const csv = await world.call("/admin/traces", { headers: { accept: "text/csv" } });
    expect(csv.headers.get("content-disposition")).toBe(
      'attachment; filename="anyray-traces-2026-10-16-2026-11-15.csv"',
    );
    const lines = (await csv.text()).split("\r\n");
    expect(lines).toHaveLength(27);
    expect(lines[0]).toBe(Object.keys(traces[0]).join(","));
    expect(lines[1]).toContain(",'=cmd(),");
    const jsonl = (await (await world.call("/admin/traces?format=jsonl&user=ada")).text()).trimEnd().split("\n");
    expect(jsonl.map((line) => JSON.parse(line))).toEqual(traces.slice(1));
    const one = await world.ask(`/admin/traces/${id(3).toUpperCase()}`);
    const { cap, decisions, spans } = made[3]!;
    expect(one.json).toEqual({ ...traces[3], ...{ cap, decisions, spans }, link: world.deps.traceLink(traces[3]) });
    for (const text of [JSON.stringify([traces, one.json]), lines.join(), jsonl.join(), world.lines.join()]) {
      expect(text).not.toContain(canary);
    }
    expect(await world.ask(`/admin/traces/${id(99)}`)).toMatchObject({ status: 404, json: refusal("not_found") });
  });

  test("filters find what they say, and faults are told all at once", async () => {
    const made = [
      traceWith({ id: id(1), ts: now - 1, latencyMs: 90_000, costNanoUsd: 2_000_000_000 }),
      traceWith({
        id: id(2),
        ts: now - 2,
        status: 429,
        endReason: "refused",
        errorCode: "user_token_cap_exceeded",
        provider: null,
      }),
      traceWith({ id: id(3), ts: now - 3, status: 502, errorCode: "upstream_unreachable", team: null, outcome: "off" }),
      traceWith({
        id: "0190ffff-0000-7000-8000-000000000000",
        ts: now - 4,
        session: null,
        endReason: "client_aborted",
      }),
    ];
    await world.store.recordTraces(made);
    const expected: [query: string, numbers: number[]][] = [
      ["", [1, 2, 3, 4]],
      ["status=refused", [2]],
      ["status=4xx", [2]],
      ["status=502", [3]],
      ["hasError=true", [2, 3]],
      ["hasError=false", [1, 4]],
      ["minLatencyMs=60000.5", [1]],
      ["minCostUsd=0.01", [1]],
      ["provider=", [2]],
      ["team=", [3]],
      ["session=", [4]],
      ["outcome=off", [3]],
      ["q=0190FFFF", [4]],
      ["user=nobody", []],
    ];
    for (const [query, numbers] of expected) {
      const { json } = await world.ask(`/admin/traces?${query}`);
      const found = json.traces.map((trace: { id: string }) => made.findIndex((one) => one.id === trace.id) + 1);
      expect([query, ...found]).toEqual([query, ...numbers]);
    }
    const faulty =
      "status=9xx&outcome=x&minLatencyMs=-1&minCostUsd=1e3&hasError=yes&q=abc&limit=0&from=x&cursor=x&endpoint=&nope=1";
    const { status, json } = await world.ask(`/admin/traces?${faulty}`);
    expect([status, json]).toEqual([400, refusal("invalid_request")]);
    expect(json.error.message).toStartWith("11 faults: ");
    for (const name of [
      "status",
      "outcome",
      "minLatencyMs",
      "minCostUsd",
      "hasError",
      "q=",
      "limit",
      "from",
      "cursor",
    ]) {
      expect(json.error.message).toContain(name);
    }
  });
});

describe("sessions", () => {
  test("by their last call; one with its calls in order, its agents, its callers and its figures", async () => {
    await world.store.recordTraces([
      traceWith({ id: id(1), ts: now - 900, session: "a/b é", agent: "main", contents: content }),
      traceWith({ id: id(2), ts: now - 800, session: "a/b é", agent: "reader", parentAgent: "main", user: "bob" }),
      traceWith({ id: id(3), ts: now - 700, session: "a/b é", agent: "main", costNanoUsd: null }),
      traceWith({ id: id(4), ts: now - 100, session: "other", status: 500 }),
    ]);
    const { json } = await world.ask("/admin/sessions?limit=1");
    expect(json.sessions).toMatchObject([{ session: "other", errors: 1, traces: 1 }]);
    const next = await world.ask(`/admin/sessions?limit=1&cursor=${json.nextCursor}`);
    expect(next.json).toMatchObject({ nextCursor: null, sessions: [{ session: "a/b é", traces: 3, durationMs: 200 }] });
    const one = await world.ask(`/admin/sessions/${encodeURIComponent("a/b é")}`);
    expect(one.json).toMatchObject({
      session: "a/b é",
      user: "ann",
      totalTokens: 3_300,
      cacheHitShare: 0.4,
      costUsd: 0.01,
      costPerTraceUsd: 0.005,
      unpricedTraces: 1,
      callers: [
        { user: "ann", team: "red" },
        { user: "bob", team: "red" },
      ],
      contents: { kept: 1, shredded: 0 },
      agents: [
        { agent: "main", parentAgent: null, depth: 0, traces: 2 },
        { agent: "reader", parentAgent: "main", depth: 1, traces: 1 },
      ],
      traces: [{ id: id(1) }, { id: id(2) }, { id: id(3) }],
      earlierCursor: null,
    });
    expect(JSON.stringify(one.json)).not.toContain(canary);
    expect(await world.ask("/admin/sessions/none")).toMatchObject({ status: 404, json: refusal("not_found") });
    const faulty = await world.ask("/admin/sessions?limit=x&hasError=1&minCostUsd=x&cursor=%%%&model=m");
    expect(faulty.json.error.message).toStartWith("5 faults: ");
  });
});

test("real answers are what the document says", async () => {
  await world.store.recordTraces([
    traceWith({ id: id(1), ts: now - 2, contents: content }),
    traceWith({
      ...{
        id: id(2),
        ts: now - 1,
        user: null,
        team: null,
        tool: null,
        provider: null,
        model: null,
        responseModel: null,
      },
      ...{ agent: "a", parentAgent: "b", ttftMs: null, costNanoUsd: null, priceRow: null, cap: null, decisions: [] },
      spans: [
        { name: "relay", startMs: 1, endMs: 2 },
        { name: "x", startMs: 0, endMs: 0, facts: { a: null, b: "c" } },
      ],
    }),
  ]);
  const doc: OpenApi = (await world.ask("/admin/docs/json")).json;
  const reads: [string, string, number][] = [
    ["/admin/traces", "/admin/traces", 200],
    ["/admin/traces", "/admin/traces?x=1", 400],
    ["/admin/traces/{id}", `/admin/traces/${id(1)}`, 200],
    ["/admin/traces/{id}", `/admin/traces/${id(2)}`, 200],
    ["/admin/traces/{id}", "/admin/traces/none", 404],
    ["/admin/sessions", "/admin/sessions", 200],
    ["/admin/sessions/{id}", "/admin/sessions/s1", 200],
    ["/admin/sessions/{id}", "/admin/sessions/none", 404],
  ];
  for (const [path, target, expected] of reads) {
    const { status, json } = await world.ask(target);
    expect([target, status]).toEqual([target, expected]);
    checkSchema(doc, doc.paths[path]!.get!.responses[status]!.content["application/json"]!.schema, json, target);
  }
  for (const [kind, name] of [
    ["users", "ann"],
    ["sessions", "s1"],
    ["traces", id(1)],
  ]) {
    const operation = doc.paths[`/admin/${kind}/{id}/content`]!.delete!;
    const { status, json } = await remove(`/admin/${kind}/${name}/content`);
    checkSchema(doc, operation.responses[status]!.content["application/json"]!.schema, json, `DELETE ${kind}`);
  }
});
