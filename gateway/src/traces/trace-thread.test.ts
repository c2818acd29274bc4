import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog } from "@anyray/shared/log";
import { openSqliteInline } from "@anyray/shared/store/sqlite";
import { draftOf } from "./testing/draft";
import { createTraceThread, type TraceThread } from "./trace-thread";

let dir: string;
let thread: TraceThread;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "anyray-thread-"));
});
afterEach(async () => {
  await thread.close(2_000);
  rmSync(dir, { recursive: true, force: true });
});

test("a thread that dies is begun anew, what it had under way is counted, and what follows is stored", async () => {
  const workers: Worker[] = [];
  const lost: number[] = [];
  const logged: string[] = [];
  thread = createTraceThread({
    options: () => ({
      ...{ dir: join(dir), root: dir, totalBytesMax: 1e8, contentKey: "00".repeat(32), mode: "encrypted" as const },
      store: { dataDir: dir, timezone: "UTC" },
      logLevel: "error",
    }),
    log: createLog({ level: "error", service: "test", write: (line) => logged.push(line) }),
    ...{ written() {}, made() {}, ready() {}, pauseMs: 10 },
    dropped: (what, count) => void (what === "trace" && count > 0 && lost.push(count)),
    create() {
      const worker = new Worker(new URL("./trace-worker.ts", import.meta.url));
      workers.push(worker);
      return worker;
    },
  });
  const isFree = async () => {
    while (!thread.isFree()) await Bun.sleep(5);
  };
  const send = (id: string) =>
    thread.send({ drafts: JSON.stringify([draftOf({ id })]), count: 1, bytes: new Uint8Array(0), wantsMade: false });
  await isFree();
  send("01a20098-b974-75fd-81f4-c7ad5dda0001");
  workers[0]?.dispatchEvent(new ErrorEvent("error", { message: "out of memory" }));
  expect(lost).toEqual([1]);
  expect(logged.join()).toContain("the traces' thread ended");
  await isFree();
  expect(workers).toHaveLength(2);
  send("01a20098-b974-75fd-81f4-c7ad5dda0002");
  while (thread.underWay() > 0) await Bun.sleep(5);
  await thread.close(5_000);
  const store = openSqliteInline({ path: join(dir, "anyray.db"), timezone: "UTC" });
  expect((await store.readTrace("01a20098-b974-75fd-81f4-c7ad5dda0002"))?.user).toBe("ada");
  await store.close();
});
