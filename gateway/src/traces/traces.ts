// Owns the gateway's traces, put together: books for calls, the thread that makes traces of them, the directory they
// wait in, and the content mode that holds.

import type { Log } from "@anyray/shared/log";
import type { Metrics } from "@anyray/shared/metrics";
import type { ContentMode } from "@anyray/shared/store/trace";
import type { TraceExporter } from "../export/exporter";
import { systemDisk } from "../spool/disk";
import { leftSegments } from "../spool/segment";
import { slotDirectories, takeSlot } from "../spool/slot";
import { createContentModes } from "./content-modes";
import { createTraceDesk, type TraceDesk } from "./trace-desk";
import type { TraceWorkerOptions } from "./trace-messages";
import { createTraceThread, type TraceThread } from "./trace-thread";

export interface TracesSettings {
  /** Where the traces' spools are, one directory a process. */
  root: string;
  /** False: no call leaves a trace. */
  isOn: boolean;
  totalBytesMax: number;
  store: TraceWorkerOptions["store"];
  contentKey: string;
  /** What holds at first. */
  mode: ContentMode;
  log: Log;
  logLevel: TraceWorkerOptions["logLevel"];
  metrics: Metrics;
}

export interface Traces extends Pick<TraceDesk, "open" | "close" | "refuse"> {
  /** Holds from now on, for what is still on its way to the store too. */
  setMode(mode: ContentMode): void;
  mode(): ContentMode;
  exportTo(exporter: Pick<TraceExporter, "exportTrace">): void;
  /** Traces that are not in the store yet, as far as is known. */
  pending(): number;
  /** Stores what it can within `timeoutMs`; the rest waits on disk for the next start. */
  stop(timeoutMs: number): Promise<void>;
}

/** @throws Error when every directory under the root is taken */
export function openTraces(settings: TracesSettings): Traces {
  const { root, isOn, log, logLevel, metrics, totalBytesMax, store, contentKey } = settings;
  const modes = createContentModes(settings.mode);
  const slot = takeSlot(root);
  const thread: TraceThread = createTraceThread({
    options: () => ({ dir: slot.dir, root, totalBytesMax, store, contentKey, mode: modes.current(), logLevel }),
    log,
    written: () => desk.again(),
    ready: () => desk.again(),
    made: (traces) => desk.made(traces),
    dropped: (what, count) => desk.dropped(what, count),
  });
  const desk = createTraceDesk({ modes, metrics, isFree: thread.isFree, send: thread.send });
  publish(metrics, thread, desk);
  // Where there is nothing to do yet, the thread's memory is saved.
  if (isOn && hasLeftovers(root)) thread.begin();
  return {
    open: isOn ? desk.open : () => null,
    close: desk.close,
    refuse: desk.refuse,
    setMode(mode) {
      modes.set(mode);
      thread.setMode(mode);
    },
    mode: modes.current,
    exportTo: desk.exportTo,
    pending: () => pendingOf(thread, desk),
    async stop(timeoutMs) {
      const deadline = performance.now() + timeoutMs;
      desk.again();
      while (performance.now() < deadline && desk.waiting() + thread.underWay() > 0) await Bun.sleep(5);
      await thread.close(Math.max(200, deadline - performance.now()));
      slot.release();
    },
  };
}

function hasLeftovers(root: string): boolean {
  return slotDirectories(root).some((dir) => leftSegments(systemDisk, dir).length > 0);
}

function pendingOf(thread: TraceThread, desk: TraceDesk): number {
  return desk.waiting() + thread.underWay() + (thread.state()?.spool.pendingRows ?? 0);
}

function publish(metrics: Metrics, thread: TraceThread, desk: TraceDesk): void {
  const spool = () => thread.state()?.spool;
  metrics.gauge("anyray_traces_pending", "Traces not yet in the store.", () => pendingOf(thread, desk));
  metrics.gauge("anyray_trace_spool_bytes", "Bytes of the trace spool's files.", () => spool()?.pendingBytes ?? 0);
  metrics.total("anyray_traces_quarantined_total", "Traces the store refuses.", () => spool()?.quarantined ?? 0);
}
