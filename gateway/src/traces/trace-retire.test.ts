import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog } from "@anyray/shared/log";
import type { Trace } from "@anyray/shared/store/trace";
import { contentOf, traceWith } from "@anyray/shared/testing/trace";
import { openTraceSpool, replayTraces, type TraceSpool } from "./trace-spool";

let dir: string;
let spool: TraceSpool;
let stored: Trace[];
let isAway: boolean;
const store = {
  async record(traces: readonly Trace[]) {
    if (isAway) throw new Error("away");
    stored.push(...traces);
    return traces.length;
  },
  async ping() {
    if (isAway) throw new Error("away");
  },
};

beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), "anyray-retire-")), "0");
  mkdirSync(dir);
  stored = [];
  isAway = false;
  spool = openTraceSpool({
    ...{ dir, store, totalBytesMax: 64 * 1_048_576, mode: () => "plaintext", dropped: () => {}, lingerMs: 10 },
    log: createLog({ level: "error", service: "test", write: () => {} }),
    backoffMs: [50],
  });
});
afterEach(async () => {
  await spool.close(1_000);
  rmSync(join(dir, ".."), { recursive: true, force: true });
});

const logs = () => readdirSync(dir).filter((name) => name.endsWith(".log"));
const isOnDisk = (text: string) => logs().some((name) => readFileSync(join(dir, name), "latin1").includes(text));
const trace = (canary: string) => traceWith({ contents: [contentOf("request", canary)] });

async function until(check: () => boolean): Promise<void> {
  for (let waitedMs = 0; !check(); waitedMs += 20) {
    if (waitedMs > 5_000) throw new Error("it did not come to pass");
    await Bun.sleep(20);
  }
}

test("what is stored stands in no file of the spool soon after, and the spool goes on", async () => {
  for (const canary of ["CANARY-1", "CANARY-2"]) {
    spool.append(trace(canary));
    expect(isOnDisk(canary)).toBe(true);
    await until(() => stored.some(({ contents }) => contents[0]?.data === canary));
    await until(() => !isOnDisk(canary));
  }
  expect(logs()).toHaveLength(1);
});

test("while the store is away nothing is deleted, and there are not more and more files", async () => {
  isAway = true;
  for (let i = 0; i < 45; i++) {
    spool.append(trace(`CANARY-${i}-`));
    await Bun.sleep(100);
  }
  expect(logs().length).toBeLessThanOrEqual(5);
  for (let i = 0; i < 45; i++) expect(isOnDisk(`CANARY-${i}-`)).toBe(true);
  isAway = false;
  await until(() => stored.length >= 45);
  await until(() => !isOnDisk("CANARY"));
}, 20_000);

test("retired files of a process that was killed are replayed with the rest", async () => {
  isAway = true;
  spool.append(trace("CANARY-a"));
  await until(() => logs().length > 1);
  spool.append(trace("CANARY-b"));
  await Bun.sleep(100);
  const kept: Trace[] = [];
  const other = { ...store, record: async (traces: readonly Trace[]) => kept.push(...traces) };
  await replayTraces(dir, { ...other, ping: async () => {} }, () => "plaintext");
  expect(kept.map(({ contents }) => contents[0]?.data)).toEqual(["CANARY-a", "CANARY-b"]);
});
