// Owns what is counted of the export, and the names it is published under.

import type { Metrics } from "@anyray/shared/metrics";

/** Why traces were not exported. */
export type Loss = "queue_full" | "refused" | "gave_up" | "failed" | "shutdown";

export type ExportCounts = ReturnType<typeof createExportCounts>;

export function createExportCounts(metrics: Metrics) {
  const results = metrics.counters(
    "anyray_export_traces_total",
    "Traces that were to be exported, by result.",
    "result",
  );
  const rejectedSpans = metrics.counter(
    "anyray_export_rejected_spans_total",
    "Spans a backend did not take of a batch.",
  );
  const strippedTraces = metrics.counter(
    "anyray_export_stripped_traces_total",
    "Traces exported without their content for lack of room.",
  );
  let exported = 0;
  let dropped = 0;
  let lastFault: string | null = null;
  return {
    exported(traces: number) {
      exported += traces;
      results("exported").add(traces);
      lastFault = null;
    },
    lost(traces: number, loss: Loss) {
      if (traces === 0) return;
      dropped += traces;
      results(loss).add(traces);
    },
    /** @param fault content-free */
    failed(fault: string) {
      lastFault = fault;
    },
    rejected: (spans: number) => rejectedSpans.add(spans),
    stripped: () => strippedTraces.add(),
    report: () => ({ exported, dropped, lastFault }),
  };
}
