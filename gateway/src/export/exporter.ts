// Owns what the gateway asks of a trace export: hand over what is finished, and go on. Knows no protocol.

import type { Trace } from "@anyray/shared/store/trace";
import type { Linked } from "./trace-link";

/** Content in the clear, by what it is. JSON text, or the bytes of an event stream as the caller got them. */
export interface ExportContents {
  request?: string;
  sentRequest?: string;
  response?: string;
}

export interface ExportOptions {
  /** Given only where the effective content mode is `plaintext`; whatever else calls for caution leaves it out. */
  contents?: ExportContents;
  /** The caller's `traceparent` header as it came; one that is not well formed is passed over. */
  traceparent?: string | null;
}

export interface ExportReport {
  /** Host and port; null = nothing is exported. */
  host: string | null;
  waiting: number;
  waitingBytes: number;
  exported: number;
  dropped: number;
  /** Of the last attempt that failed, content-free; null = none since the last that went well. */
  lastFault: string | null;
}

export interface TraceExporter {
  /** Takes a finished trace. Never throws, never waits: what does not fit is dropped and counted. */
  exportTrace(trace: Trace, options?: ExportOptions): void;
  /** Where a person can look at a trace in the backend; null = no template is set. */
  traceLink(trace: Linked): string | null;
  report(): ExportReport;
  /** Sends what waits until `deadline` (epoch milliseconds); what is left then is dropped and counted. */
  close(deadline: number): Promise<void>;
}
