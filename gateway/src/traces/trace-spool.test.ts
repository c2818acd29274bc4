import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKeyring } from "@anyray/shared/crypto";
import { createLog } from "@anyray/shared/log";
import type { ContentMode, Trace, TraceContent } from "@anyray/shared/store/trace";
import { makeTrace } from "./make-trace";
import { draftOf } from "./testing/draft";
import { openTraceSpool, replayTraces, type TraceSpoolSettings } from "./trace-spool";
import { createTraceWriter } from "./trace-writer";

let dir: string;
let mode: ContentMode;
let isDown: boolean;
let stored: Map<string, Trace>;
let dropped: { content: number; trace: number };
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "anyray-traces-"));
  mode = "plaintext";
  isDown = false;
  stored = new Map();
  dropped = { content: 0, trace: 0 };
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const log = createLog({ level: "error", service: "test", write: () => {} });
const store = {
  async record(traces: readonly Trace[]) {
    if (isDown) throw new Error("away");
    const before = stored.size;
    for (const trace of traces) if (!stored.has(trace.id)) stored.set(trace.id, trace);
    return stored.size - before;
  },
  async ping() {
    if (isDown) throw new Error("away");
  },
};
const open = (given: Partial<TraceSpoolSettings> = {}) =>
  openTraceSpool({
    ...{ dir, store, log, totalBytesMax: 1e9, mode: () => mode, lingerMs: 1, backoffMs: [1] },
    dropped: (what, count) => {
      dropped[what] += count;
    },
    ...given,
  });
const content = (mode: TraceContent["mode"], data: string): TraceContent => {
  return { field: "request", mode, data, bytes: data.length, isCut: false };
};
const traceOf = (id: string, ...contents: TraceContent[]): Trace => ({ ...makeTrace(draftOf({ id })), contents });

describe("traces on their way to the store", () => {
  test("lose what was kept in a looser mode when the mode tightens before they are there", async () => {
    const spool = open();
    isDown = true;
    spool.append(traceOf("a", content("plaintext", "words"), content("encrypted", "v1.x")));
    mode = "encrypted";
    isDown = false;
    expect(await spool.flush(5_000)).toBe(true);
    expect(stored.get("a")?.contents.map((each) => each.mode)).toEqual(["encrypted"]);
    mode = "off";
    spool.append(traceOf("b", content("encrypted", "v1.x")));
    await spool.flush(5_000);
    expect(stored.get("b")?.contents).toEqual([]);
    await spool.close(1_000);
  });

  test("wait on disk beyond what memory holds, and come back whole and in order", async () => {
    const spool = open({ queuedWeightMax: 20_000 });
    isDown = true;
    const ids = Array.from({ length: 60 }, (_, n) => `t${String(n).padStart(2, "0")}`);
    for (const id of ids) spool.append(traceOf(id, content("encrypted", "x".repeat(5_000))));
    isDown = false;
    expect(await spool.flush(10_000)).toBe(true);
    expect([...stored.keys()]).toEqual(ids);
    expect([...stored.values()].every(({ contents }) => contents[0]?.data.length === 5_000)).toBe(true);
    await spool.close(1_000);
    expect(readdirSync(dir).filter((name) => name.endsWith(".log"))).toEqual([]);
  });

  test("give up contents before themselves where the spool is full, each loss counted", async () => {
    const spool = open({ totalBytesMax: 4 * 262_144, queuedWeightMax: 1 });
    isDown = true;
    for (let n = 0; n < 1_000; n++) spool.append(traceOf(`t${n}`, content("encrypted", "x".repeat(10_000))));
    expect(dropped.content).toBeGreaterThan(800);
    expect(spool.state().pendingBytes).toBeLessThanOrEqual(4 * 262_144);
    isDown = false;
    expect(await spool.flush(10_000)).toBe(true);
    const kept = [...stored.values()].filter(({ contents }) => contents.length === 1).length;
    expect([stored.size + dropped.trace, kept + dropped.content]).toEqual([1_000, 1_000]);
    expect(kept).toBeGreaterThan(50);
    await spool.close(1_000);
  });

  test("are brought in by the next process under the mode that holds then, each once, its own left alone", async () => {
    const first = open();
    isDown = true;
    for (const id of ["a", "b"]) first.append(traceOf(id, content("plaintext", "words")));
    await first.close(50);
    isDown = false;
    mode = "encrypted";
    const second = open();
    second.append(traceOf("c"));
    const report = await replayTraces(dir, store, () => mode, second.firstSeq);
    expect(report).toMatchObject({ rows: 2, newRows: 2, damagedRecords: 0 });
    await second.close(5_000);
    expect([...stored.keys()].sort()).toEqual(["a", "b", "c"]);
    expect(stored.get("a")?.contents).toEqual([]);
  });
});

describe("a writer", () => {
  const bytes = new TextEncoder().encode("some words");
  const request = { field: "request", isEvents: false, encoding: "identity", isCut: false } as const;
  const draft = (mode: ContentMode) =>
    draftOf({ mode, contents: [{ ...request, offset: 0, length: bytes.length, bytes: bytes.length }] });
  const write = async (asked: ContentMode) => {
    const traces: Trace[] = [];
    const made: unknown[] = [];
    const keyring = createKeyring("00".repeat(32));
    const spool = { append: (trace: Trace) => void traces.push(trace) };
    const failed = (_: string, error: unknown) => {
      throw error;
    };
    const writer = createTraceWriter({ spool, keyring, mode: () => mode, failed });
    await writer.write([draft(asked)], bytes, ({ contents }) => made.push(contents));
    return { modes: traces[0]?.contents.map((each) => each.mode), made: made[0] };
  };

  test("keeps no content looser than its call's mode, nor than the one that holds now", async () => {
    const found: Record<string, unknown> = {};
    for (const holds of ["off", "encrypted", "plaintext"] as const) {
      for (const asked of ["off", "encrypted", "plaintext"] as const) {
        mode = holds;
        found[`${asked} under ${holds}`] = (await write(asked)).modes?.[0] ?? "off";
      }
    }
    expect(found).toEqual({
      ...{ "off under off": "off", "encrypted under off": "off", "plaintext under off": "off" },
      ...{ "off under encrypted": "off", "encrypted under encrypted": "encrypted" },
      ...{ "plaintext under encrypted": "encrypted", "off under plaintext": "off" },
      ...{ "encrypted under plaintext": "encrypted", "plaintext under plaintext": "plaintext" },
    });
  });

  test("gives words to an exporter only where they are kept in the clear", async () => {
    mode = "plaintext";
    expect((await write("plaintext")).made).toEqual({ request: "some words" });
    expect((await write("encrypted")).made).toBeNull();
    mode = "encrypted";
    expect((await write("plaintext")).made).toBeNull();
  });
});
