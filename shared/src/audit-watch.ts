// Owns watching over the audit log: verifies it at the start and again and again, in small steps, says aloud when it is
// not as it was written, and writes where it stands to the process's log, which nobody can take back.

import type { Log } from "./log";
import type { Metrics } from "./metrics";
import type { AuditHead } from "./store/audit-chain";
import type { AuditAppended, AuditFault } from "./store/audit-step";
import type { Store } from "./store/store";
import { rfc3339 } from "./time";

export interface ChainReport {
  /** "unverified": not checked yet, or not to be checked to the end. */
  state: "ok" | "broken" | "unverified";
  /** RFC 3339: when it was last checked; null = never. */
  checkedAt: string | null;
  /** Rows that are as they were written, from the first on. */
  rows: number;
  head: AuditHead;
  firstBadSeq?: number;
  kind?: AuditFault["kind"];
  reason?: string;
}

export interface AuditWatch {
  report(): ChainReport;
  /** Checks the whole log now. Never rejects. */
  verify(): Promise<ChainReport>;
  start(): void;
  stop(): void;
}

export interface AuditWatchSettings {
  store: Pick<Store, "verifyAudit">;
  log: Log;
  metrics?: Metrics;
  now?: () => number;
  /** Between two checks; default: 10 minutes. */
  everyMs?: number;
  /** Between two anchors of a log that nothing is added to; default: an hour. */
  anchorEveryMs?: number;
}

/** Between two steps: others wait for the same store. */
const pauseMs = 20;
const nowhere: AuditHead = { seq: 0, hash: "0".repeat(64) };

/** Checks the whole log. Rejects when the store does. */
export async function verifyAudit(
  store: Pick<Store, "verifyAudit">,
  { expected = null, now = Date.now }: { expected?: AuditHead | null; now?: () => number } = {},
): Promise<ChainReport> {
  let position: AuditHead | null = null;
  let rows = 0;
  for (;;) {
    const step = await store.verifyAudit(position, expected);
    position = step.position;
    rows += step.rows;
    if (step.isDone) return { ...told(step.fault), checkedAt: rfc3339(now()), rows, head: step.head };
    await Bun.sleep(pauseMs);
  }
}

function told(fault: AuditFault | null): Pick<ChainReport, "state" | "firstBadSeq" | "kind" | "reason"> {
  if (!fault) return { state: "ok" };
  const { seq, kind, reason } = fault;
  return { state: kind === "unanchored" ? "unverified" : "broken", firstBadSeq: seq, kind, reason };
}

export function createAuditWatch(settings: AuditWatchSettings): AuditWatch {
  const { store, log, metrics, now = Date.now, everyMs = 600_000, anchorEveryMs = 3_600_000 } = settings;
  let report: ChainReport = { state: "unverified", checkedAt: null, rows: 0, head: nowhere };
  let running: Promise<ChainReport> | null = null;
  const timers: Timer[] = [];
  metrics?.gauge(
    "anyray_audit_chain_ok",
    "1 while the audit log is as it was written, 0 when it is not, -1 while that is not known.",
    () => ({ ok: 1, broken: 0, unverified: -1 })[report.state],
  );
  metrics?.gauge("anyray_audit_rows", "Rows of the audit log when it was last verified.", () => report.rows);

  const check = async (): Promise<ChainReport> => {
    try {
      const found = await verifyAudit(store, { now });
      if (found.state !== "ok") {
        log.error("the audit log is not as it was written; `bun run audit verify` tells more", {
          ...{ state: found.state, seq: found.firstBadSeq, kind: found.kind, reason: found.reason },
        });
      } else if (report.state !== "ok") {
        log.info("the audit log is as it was written", { rows: found.rows, seq: found.head.seq });
      }
      report = found;
    } catch (error) {
      log.warn("the audit log cannot be verified; the last result stands", { error });
    }
    return report;
  };
  const verify = (): Promise<ChainReport> => {
    running ??= check().finally(() => {
      running = null;
    });
    return running;
  };
  return {
    report: () => report,
    verify,
    start() {
      const sayAnchor = () => logAnchor(log, report.head);
      void verify().then(() => report.checkedAt !== null && sayAnchor());
      timers.push(
        setInterval(() => void verify(), everyMs),
        setInterval(sayAnchor, anchorEveryMs),
      );
      for (const timer of timers) timer.unref();
    },
    stop() {
      for (const timer of timers.splice(0)) clearInterval(timer);
    },
  };
}

/** What `bun run audit verify --anchor` takes. */
export function logAnchor(log: Log, { seq, hash }: AuditHead): void {
  log.info("audit anchor", { anchor: `${seq}:${hash}` });
}

/** For `onAudit` of the store. */
export function logAppended(log: Log): (appended: AuditAppended) => void {
  return (appended) => {
    logAnchor(log, appended);
    if (!appended.isAnchored) {
      log.error("the audit log was added to, and its anchor file does not agree with it or cannot be written", {
        seq: appended.seq,
      });
    }
  };
}
