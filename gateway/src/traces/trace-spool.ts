// Owns the traces' own spool: the spend rows' discipline in a directory and within a bound of its own. Nothing is
// written or stored in a looser content mode than holds at that moment; where room runs out contents go first.

import type { Log } from "@anyray/shared/log";
import type { ContentMode, Trace } from "@anyray/shared/store/trace";
import { systemDisk } from "../spool/disk";
import type { RowStore } from "../spool/quarantine";
import { type ReplayReport, type RowKind, replayRows } from "../spool/replay";
import { RowSpool, type RowSpoolState } from "../spool/row-spool";
import { isAllowed } from "./content-modes";

export interface TraceSpoolSettings {
  /** A directory this process holds the lock of. */
  dir: string;
  store: RowStore<Trace>;
  log: Log;
  totalBytesMax: number;
  /** What holds now. */
  mode(): ContentMode;
  dropped(what: "content" | "trace", count: number): void;
  /** For tests; 200 traces, 200 ms, 16 Mi characters. */
  batchRows?: number;
  lingerMs?: number;
  queuedWeightMax?: number;
  backoffMs?: readonly number[];
}

export interface TraceSpool {
  /** Number of its first file: those below are a former process's. */
  readonly firstSeq: number;
  append(trace: Trace): void;
  /** Resolves when all so far are in the store, or `timeoutMs` has passed; says which. */
  flush(timeoutMs: number): Promise<boolean>;
  state(): RowSpoolState;
  /** Stores what it can within `timeoutMs`; the rest waits on disk for the next start. */
  close(timeoutMs: number): Promise<void>;
}

/** Characters of a trace without its contents, roughly. */
const factsWeight = 2_000;
const batchWeight = 1_048_576;
/** Three contents of a mebibyte each, should every character of them need an escape. */
const charactersMax = 20 * 1_048_576;
/** Of its bound; from there on traces are kept without contents, and last the longer. */
const crowdedShare = 0.75;
/** How long a trace that is stored may still stand in the spool's current file. */
const retireEveryMs = 1_000;
/** Files that are waiting to be stored, from which on none is retired early. */
const retiredMax = 3;

const weightOf = ({ contents }: Trace) => contents.reduce((weight, { data }) => weight + data.length, factsWeight);

const kind: RowKind<Trace> = {
  ...{ batchRows: 200, batchWeight, weightOf, charactersMax },
  unended: () => {
    throw new Error("traces have no starts");
  },
};

export function openTraceSpool(settings: TraceSpoolSettings): TraceSpool {
  const { dir, log, totalBytesMax, mode, dropped, backoffMs } = settings;
  const spool: RowSpool<Trace> = new RowSpool<Trace>({
    ...{ dir, log, totalBytesMax, charactersMax, batchWeight, weightOf },
    ...(backoffMs && { backoffMs }),
    store: withinMode(settings.store, mode),
    away: (error) => log.warn("the store does not take traces; they wait in their spool", { error: error.message }),
    refused: ({ id }, error) =>
      log.error("the store refuses a trace; it is kept in quarantine.jsonl", { id, error: error.message }),
    lost: () => dropped("trace", 1),
    segmentBytesMax: Math.min(8 * 1_048_576, Math.floor(totalBytesMax / 4)),
    // The last room of a full disk is the spend rows'.
    ballastBytes: 0,
    syncEveryMs: 50,
    batchRows: settings.batchRows ?? kind.batchRows,
    lingerMs: settings.lingerMs ?? 200,
    queuedWeightMax: settings.queuedWeightMax ?? 16 * 1_048_576,
  });
  const retiring = setInterval(() => retireStored(spool), retireEveryMs);
  retiring.unref();
  return {
    firstSeq: spool.writer.segments[0]?.seq ?? 0,
    append(trace) {
      const { contents } = trace;
      const isCrowded = spool.writer.totalBytes + weightOf(trace) > totalBytesMax * crowdedShare;
      if (contents.length > 0 && isCrowded) {
        dropped("content", contents.length);
        spool.append({ ...trace, contents: [] });
      } else spool.append(trace);
    },
    flush: (timeoutMs) => spool.flush(timeoutMs),
    state: () => spool.state(),
    close(timeoutMs) {
      clearInterval(retiring);
      return spool.close(timeoutMs);
    },
  };
}

/**
 * Contents must not lie in a file of the spool any longer than it takes to store them: they may be destroyed there, or their
 * mode may end. While the store is away, files are as large as ever.
 */
function retireStored({ writer }: Pick<RowSpool<Trace>, "writer">): void {
  if (writer.segments.length <= retiredMax) writer.retire();
}

/**
 * Brings what a former process left in `dir` into the store: files with a number below `beforeSeq`. Rejects when the
 * store does, with nothing deleted.
 */
export function replayTraces(
  dir: string,
  store: RowStore<Trace>,
  mode: () => ContentMode,
  beforeSeq?: number,
): Promise<ReplayReport> {
  return replayRows(dir, withinMode(store, mode), kind, systemDisk, beforeSeq);
}

/** The store, which gets no content that was kept in a looser mode than holds when it is given. */
function withinMode(store: RowStore<Trace>, mode: () => ContentMode): RowStore<Trace> {
  return {
    record: (traces) => store.record(traces.map((trace) => strip(trace, mode()))),
    ping: () => store.ping(),
  };
}

export function strip(trace: Trace, mode: ContentMode): Trace {
  const contents = trace.contents.filter((content) => isAllowed(content, mode));
  return contents.length === trace.contents.length ? trace : { ...trace, contents };
}
