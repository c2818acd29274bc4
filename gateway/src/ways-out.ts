// Owns the gateway's ways out: to providers, to the optimizer, to the trace backend, each to what the operator set and
// to nothing else, all in one register.

import { createEgress, type Egress, originsOf } from "@anyray/shared/egress";
import type { Env } from "@anyray/shared/env";
import type { Log } from "@anyray/shared/log";
import type { Metrics } from "@anyray/shared/metrics";
import { createOutbound, type Outbound } from "@anyray/shared/outbound";

export interface WaysOut {
  egress: Egress;
  toProviders: Outbound;
  /** Within the house: by no proxy. */
  toOptimizer: Outbound;
  /** Within the operator's boundary: by no proxy. Leads nowhere unless ANYRAY_OTLP_URL is set. */
  toTraceBackend: Outbound;
}

export interface WaysOutSettings {
  env: Env;
  log: Log;
  metrics: Metrics;
  /** Where the providers of the moment are. */
  providerOrigins(): ReadonlySet<string>;
}

export function openWaysOut({ env, log, metrics, providerOrigins }: WaysOutSettings): WaysOut {
  const egress = createEgress({
    metrics,
    onRefused: (host, reason) => log.error("a call to a host that nobody configured was refused", { host, reason }),
  });
  const optimizer = originsOf([env.ANYRAY_OPTIMIZER_URL]);
  const traceBackend = originsOf(env.ANYRAY_OTLP_URL ? [env.ANYRAY_OTLP_URL] : []);
  const withinHouse = { egress, proxy: null, isHttp2: false };
  return {
    egress,
    toProviders: createOutbound({
      ...{ egress, reason: "provider", origins: providerOrigins },
      proxy: env.ANYRAY_HTTP_PROXY ?? null,
      isHttp2: env.ANYRAY_UPSTREAM_HTTP2,
    }),
    toOptimizer: createOutbound({ ...withinHouse, reason: "optimizer", origins: () => optimizer }),
    toTraceBackend: createOutbound({ ...withinHouse, reason: "otlp", origins: () => traceBackend }),
  };
}
