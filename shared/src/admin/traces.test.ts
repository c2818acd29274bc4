import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { openSqliteInline } from "../store/sqlite";
import type { Store } from "../store/store";
import { stored, traces } from "../store/trace-samples";
import { contentOf, traceWith } from "../testing/trace";
import { parseSession, parseSessionsQuery, reportSession, reportSessions, sessionTracesMax } from "./sessions";
import { parseTracesQuery, reportTraces, streamTraces, traceColumns, traceCsvLine, traceJson } from "./traces";

const now = Date.UTC(2026, 10, 15, 12);
const parse = (query: string, accept = "") => parseTracesQuery(new URLSearchParams(query), accept, now, "UTC");
const parseSessions = (query: string) => parseSessionsQuery(new URLSearchParams(query), now, "UTC");

let directory: string;
let store: Store;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "anyray-admin-traces-"));
  store = openSqliteInline({ path: join(directory, "anyray.db"), timezone: "UTC" });
});
afterAll(async () => {
  await store.close();
  rmSync(directory, { recursive: true, force: true });
});

describe("parameters", () => {
  test("become a filter; empty names are traces without one", () => {
    const { filter, format, limit } = parse(
      "from=2026-11-01&to=2026-11-02&user=&team=red&provider=&status=4xx&outcome=off&minLatencyMs=1.5&minCostUsd=0.25&hasError=true&q=01900000-0000&format=csv&limit=7",
    );
    expect(filter).toEqual({
      from: Date.UTC(2026, 10, 1),
      to: Date.UTC(2026, 10, 2),
      user: null,
      team: "red",
      provider: null,
      status: "4xx",
      outcome: "off",
      minLatencyMs: 1.5,
      minCostNanoUsd: 250_000_000,
      hasError: true,
      idPrefix: "01900000-0000",
    });
    expect([format, limit]).toEqual(["csv", 7]);
    expect(parse("status=refused").filter.status).toBe("refused");
    expect(parse("status=503").filter.status).toBe(503);
    expect(parse("").filter).toEqual({ from: now + 1 - 30 * 86_400_000, to: now + 1 });
  });

  test("of sessions too, with a cursor for any name", () => {
    expect(parseSessions("user=&q=%25_&minCostUsd=1&hasError=false&limit=1000").filter).toMatchObject({
      ...{ user: null, prefix: "%_", minCostNanoUsd: 1_000_000_000, hasError: false },
    });
    for (const cursor of ["", "x", "W10", Buffer.from('["1","a"]').toString("base64url")]) {
      expect(() => parseSessions(`cursor=${cursor}`)).toThrow("cursor");
    }
    expect(parseSession(" s1 ")).toBe("s1");
    expect(() => parseSession("a\u0000")).toThrow("session");
  });
});

describe("reports", () => {
  test("a trace has the fields of the columns, and nothing of a content but what was kept", () => {
    fc.assert(
      fc.property(traces, (trace) => {
        // A store that hands over too much must not make it visible.
        const leaky = { ...stored(trace), contents: trace.contents.map((one) => ({ ...one, isShredded: false })) };
        const report = traceJson(leaky);
        expect(Object.keys(report)).toEqual([...traceColumns]);
        for (const mark of report.contents) {
          expect(Object.keys(mark)).toEqual(["field", "mode", "bytes", "isCut", "isShredded"]);
        }
      }),
    );
  });

  test("a CSV line shows money in plain decimals and no formula", () => {
    const line = traceCsvLine(
      stored(traceWith({ costNanoUsd: 1, user: "=1+1", contents: [contentOf("request", "x")] })),
    );
    expect(line).toContain(",0.000000001,");
    expect(line).toContain(",'=1+1,");
    expect(line).toEndWith("\r\n");
  });

  test("pages and streams hold every trace once, in order", async () => {
    const made = Array.from({ length: 1_200 }, (_, i) =>
      traceWith({ id: `01900000-0000-7000-8000-${String(i).padStart(12, "0")}`, ts: now - i, session: `s${i % 2}` }),
    );
    await store.recordTraces(made.slice(0, 1_000));
    await store.recordTraces(made.slice(1_000));
    const ids = made.map(({ id }) => id);
    const first = await reportTraces(store, parse("limit=1100"));
    const rest = await reportTraces(store, parse(`limit=1100&cursor=${first.nextCursor}`));
    expect([...first.traces, ...rest.traces].map(({ id }) => id)).toEqual(ids);
    expect(rest.nextCursor).toBeNull();
    const pieces: string[] = [];
    for await (const piece of streamTraces(store, parse("format=csv"))) pieces.push(piece);
    expect(pieces).toHaveLength(3);
    expect(
      pieces
        .join("")
        .split("\r\n")
        .slice(1, -1)
        .map((line) => line.slice(0, 36)),
    ).toEqual(ids);
  });

  test("a long session shows its newest traces, and where the earlier ones are", async () => {
    const made = Array.from({ length: sessionTracesMax + 5 }, (_, i) =>
      traceWith({ id: `01900000-0000-7000-9000-${String(i).padStart(12, "0")}`, ts: now - 9_000 + i, session: "long" }),
    );
    await store.recordTraces(made.slice(0, 1_000));
    await store.recordTraces(made.slice(1_000));
    const report = await reportSession(store, "long");
    expect(report.traces.map(({ id }) => id)).toEqual(made.slice(5).map(({ id }) => id));
    const earlier = await reportTraces(store, parse(`session=long&cursor=${report.earlierCursor}`));
    expect(earlier.traces.map(({ id }) => id)).toEqual(
      made
        .slice(0, 5)
        .reverse()
        .map(({ id }) => id),
    );
    expect(report).toMatchObject({ traces: { length: sessionTracesMax }, agentsOmitted: 0, agents: [{ agent: null }] });
  });

  test("sessions of any name can be paged through", async () => {
    const names = ["", "💥", '"]', "a/b", "\u202e"];
    await store.recordTraces(names.map((session, i) => traceWith({ session, user: "zed", ts: now - 5_000 - (i % 2) })));
    const found: string[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const page = await reportSessions(store, parseSessions(`user=zed&limit=1${cursor && `&cursor=${cursor}`}`));
      found.push(...page.sessions.map(({ session }) => session));
      cursor = page.nextCursor;
    }
    expect(found.toSorted()).toEqual(names.toSorted());
  });

  test("what has no figure to divide by has none", async () => {
    await store.recordTraces([traceWith({ session: "bare", inputTokens: 0, cachedInputTokens: 0, costNanoUsd: null })]);
    expect(await reportSession(store, "bare")).toMatchObject({
      cacheHitShare: null,
      costPerTraceUsd: null,
      costUsd: 0,
    });
  });
});
