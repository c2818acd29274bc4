// Owns the export of traces over OTLP: takes them, lets them gather, has them sent in batches. Nothing of it happens while
// a call waits; content is taken in only in effective mode `plaintext`.

import type { Log } from "@anyray/shared/log";
import type { Metrics } from "@anyray/shared/metrics";
import { createExportCounts } from "./counts";
import type { Deliver } from "./deliver";
import type { Encoder } from "./encoder";
import type { TraceExporter } from "./exporter";
import { createSender, type SendLimits } from "./sender";
import { traceLink } from "./trace-link";
import { Waiting, type WaitingLimits } from "./waiting";

export interface OtlpExporterSettings {
  deliver: Deliver;
  encoder: Encoder;
  /** For the report: where it goes. */
  host: string;
  linkTemplate: string | undefined;
  /** The effective content mode is `plaintext` at this moment. */
  isPlaintext(): boolean;
  metrics: Metrics;
  log: Log;
  limits?: Partial<ExportLimits>;
  random?: () => number;
}

export interface ExportLimits extends WaitingLimits, SendLimits {
  /** How long a trace waits at most for others to go with it. */
  gatherMs: number;
}

const defaults: ExportLimits = {
  itemsMax: 20_000,
  bytesMax: 67_108_864,
  batchItemsMax: 200,
  batchBytesMax: 2_097_152,
  gatherMs: 1_000,
  attemptMs: 10_000,
  retryMs: 1_000,
  retryMsMax: 30_000,
  giveUpMs: 300_000,
};

export function createOtlpExporter(settings: OtlpExporterSettings): TraceExporter {
  const { encoder, host, isPlaintext, metrics } = settings;
  const limits = { ...defaults, ...settings.limits };
  const waiting = new Waiting(limits);
  const counts = createExportCounts(metrics);
  const sender = createSender({ ...settings, limits, counts, random: settings.random ?? Math.random });
  let underWay = 0;
  let isClosed = false;
  let running: Promise<void> | null = null;
  let gathering: Timer | null = null;
  metrics.gauge("anyray_export_waiting", "Traces that wait for their export.", () => waiting.count + underWay);
  metrics.gauge("anyray_export_waiting_bytes", "What they hold in memory, estimated.", () => waiting.bytes);

  const isFull = () => waiting.count >= limits.batchItemsMax || waiting.bytes >= limits.batchBytesMax;
  const gather = () => {
    gathering ??= setTimeout(start, limits.gatherMs);
  };

  const run = async (): Promise<void> => {
    // Not in the turn of the call that filled the batch.
    await new Promise(setImmediate);
    do {
      const batch = waiting.take();
      underWay = batch.length;
      if (batch.length > 0) await sender.send(batch);
      underWay = 0;
    } while (waiting.count > 0 && (isClosed || isFull()));
    running = null;
    if (waiting.count > 0) gather();
  };

  const start = () => {
    if (gathering) clearTimeout(gathering);
    gathering = null;
    running ??= run();
  };

  return {
    exportTrace(trace, options = {}) {
      if (isClosed) return counts.lost(1, "shutdown");
      const contents = isPlaintext() ? (options.contents ?? null) : null;
      // Sealed contents stay where they are kept.
      const item = { trace: { ...trace, contents: [] }, traceparent: options.traceparent ?? null, contents };
      const kept = waiting.add(item);
      if (kept === "nothing") return counts.lost(1, "queue_full");
      if (kept === "without_content") counts.stripped();
      if (running) return;
      if (isFull()) start();
      else gather();
    },
    traceLink: (trace) => traceLink(settings.linkTemplate, trace),
    report: () => ({ host, waiting: waiting.count + underWay, waitingBytes: waiting.bytes, ...counts.report() }),
    async close(deadline) {
      isClosed = true;
      sender.endBy(deadline);
      start();
      await running;
      if (gathering) clearTimeout(gathering);
      encoder.close();
    },
  };
}
