import { expect, test } from "bun:test";
import { createAuditWatch, logAppended } from "./audit-watch";
import { createLog } from "./log";
import { Metrics } from "./metrics";
import type { AuditStep } from "./store/audit-step";

const head = { seq: 2, hash: "ab".repeat(32) };
const whole: AuditStep = { position: head, rows: 2, isDone: true, fault: null, head };

function open(answer: () => Promise<AuditStep>) {
  const lines: Record<string, unknown>[] = [];
  const log = createLog({ level: "info", service: "test", write: (line) => lines.push(JSON.parse(line)) });
  const metrics = new Metrics();
  const asked: unknown[] = [];
  const store = {
    verifyAudit(from: unknown) {
      asked.push(from);
      return answer();
    },
  };
  const watch = createAuditWatch({ store, log, metrics, now: () => 0, everyMs: 30, anchorEveryMs: 50 });
  return { watch, lines, metrics, asked };
}

const ok = (metrics: Metrics) => /^anyray_audit_chain_ok (\S+)$/m.exec(metrics.text())?.[1];

test("a log is checked at the start and again, and its anchor goes to the process's log", async () => {
  const { watch, lines, metrics, asked } = open(async () => whole);
  expect(watch.report().state).toBe("unverified");
  expect(ok(metrics)).toBe("-1");
  watch.start();
  await Bun.sleep(150);
  watch.stop();
  expect(watch.report()).toEqual({ state: "ok", checkedAt: "1970-01-01T00:00:00Z", rows: 2, head });
  expect(ok(metrics)).toBe("1");
  expect(asked.length).toBeGreaterThan(2);
  const anchors = lines.filter(({ msg }) => msg === "audit anchor");
  expect(anchors.length).toBeGreaterThan(1);
  expect(anchors[0]).toMatchObject({ anchor: `2:${head.hash}` });
});

test("one that is not as it was written is said aloud, with where and what", async () => {
  const fault = { seq: 2, kind: "edited", reason: "what it says is not what was written" } as const;
  const { watch, lines, metrics } = open(async () => ({ ...whole, rows: 1, fault }));
  expect(await watch.verify()).toMatchObject({ state: "broken", firstBadSeq: 2, kind: "edited", rows: 1 });
  expect(lines).toMatchObject([{ level: "error", seq: 2, kind: "edited" }]);
  expect(ok(metrics)).toBe("0");
});

test("a store that fails changes nothing of what is known, and several who ask share one check", async () => {
  let isDown = false;
  const { watch, asked } = open(async () => {
    if (isDown) throw new Error("no");
    return whole;
  });
  await Promise.all([watch.verify(), watch.verify()]);
  expect(asked).toHaveLength(1);
  isDown = true;
  expect((await watch.verify()).state).toBe("ok");
});

test("steps begin where the one before ended", async () => {
  let steps = 0;
  const { watch, asked } = open(async () => ({ ...whole, position: { ...head, seq: ++steps }, isDone: steps === 3 }));
  expect((await watch.verify()).rows).toBe(6);
  expect(asked).toEqual([null, { ...head, seq: 1 }, { ...head, seq: 2 }]);
});

test("a row whose anchor could not be written is an error in the log", () => {
  const lines: string[] = [];
  const log = createLog({ level: "info", service: "test", write: (line) => lines.push(line) });
  logAppended(log)({ ...head, isAnchored: true });
  logAppended(log)({ ...head, isAnchored: false });
  expect(lines.map((line) => JSON.parse(line).level)).toEqual(["info", "info", "error"]);
});
