// Owns bringing the export to life as the variables have it; without ANYRAY_OTLP_URL there is none, and a link all the
// same where a template is set.

import type { Env } from "@anyray/shared/env";
import type { Log } from "@anyray/shared/log";
import type { Metrics } from "@anyray/shared/metrics";
import type { Outbound } from "@anyray/shared/outbound";
import { createDeliver, tracesUrl } from "./deliver";
import { createEncoder } from "./encoder";
import type { TraceExporter } from "./exporter";
import { createOtlpExporter } from "./otlp-exporter";
import { traceLink } from "./trace-link";

export interface OpenExporterSettings {
  env: Env;
  log: Log;
  metrics: Metrics;
  /** The way to the trace backend. */
  outbound: Outbound;
  /** The effective content mode is `plaintext` at this moment. */
  isPlaintext(): boolean;
}

export function openExporter({ env, log, metrics, outbound, isPlaintext }: OpenExporterSettings): TraceExporter {
  const linkTemplate = env.ANYRAY_TRACE_URL_TEMPLATE;
  if (!env.ANYRAY_OTLP_URL) return noExporter(linkTemplate);
  const protocol = env.ANYRAY_OTLP_PROTOCOL;
  const url = tracesUrl(env.ANYRAY_OTLP_URL);
  const headers = env.ANYRAY_OTLP_HEADERS ?? new Map<string, string>();
  return createOtlpExporter({
    deliver: createDeliver({ outbound, url, headers, protocol }),
    encoder: createEncoder(protocol),
    host: new URL(url).host,
    ...{ linkTemplate, isPlaintext, metrics, log },
  });
}

function noExporter(linkTemplate: string | undefined): TraceExporter {
  const report = { host: null, waiting: 0, waitingBytes: 0, exported: 0, dropped: 0, lastFault: null };
  return {
    exportTrace() {},
    traceLink: (trace) => traceLink(linkTemplate, trace),
    report: () => report,
    close: () => Promise.resolve(),
  };
}
