// The composition root: everything the gateway is made of, in the order it comes to life and the reverse order it
// goes. Nothing here decides anything about a call.

import { createLifecycle, type Lifecycle } from "@anyray/shared/lifecycle";
import type { Log } from "@anyray/shared/log";
import { Metrics } from "@anyray/shared/metrics";
import type { Server } from "bun";
import { createAdminPlane } from "./admin/plane";
import { wireAdmin } from "./admin-wiring";
import { type AnswerStore, createAnswerStore } from "./answers/store-answer";
import { createApp } from "./app";
import { createCallMetrics } from "./call-metrics";
import type { Config } from "./config";
import type { TraceExporter } from "./export/exporter";
import { openExporter } from "./export/open-exporter";
import { createMcpDoor } from "./mcp/door";
import { createRetrieve, type Retrieve } from "./mcp/retrieve";
import { createOptimizer, type Optimizer } from "./optimizer/optimizer";
import type { Journey } from "./pipeline";
import { LastSeen } from "./state/last-seen";
import { type GatewayState, openState } from "./state/open-state";
import { createWatches } from "./state/watches";
import { version } from "./version";
import { openWaysOut, type WaysOut } from "./ways-out";

export interface Gateway {
  server: Server<undefined>;
  lifecycle: Lifecycle;
  state: GatewayState;
}

/** Resolves when the gateway takes calls. Rejects when the store, the spool or the port cannot be opened. */
export async function startGateway(config: Config, log: Log): Promise<Gateway> {
  const { env } = config;
  const startedAt = Date.now();
  const metrics = new Metrics();
  const state = await openState(config, log, metrics);
  const ways = openWaysOut({ env, log, metrics, providerOrigins: state.directory.origins });
  const exporter = openExporter({
    ...{ env, log, metrics, outbound: ways.toTraceBackend },
    isPlaintext: () => state.privacy.mode() === "plaintext",
  });
  if (env.ANYRAY_OTLP_URL) state.traces.exportTo(exporter);
  const journey = createJourney(config, log, metrics, state, ways);
  const lifecycle = createLifecycle({ log, drainMs: env.ANYRAY_SHUTDOWN_DRAIN_MS });
  let server: Server<undefined> | null = null;
  const clientIp = (request: Request) => server?.requestIP(request)?.address ?? null;
  const app = createApp({
    journey,
    admin: createAdminPlane(wireAdmin({ config, log, state, journey, startedAt, clientIp, ways, exporter })),
    mcp: createMcpDoor({ retrieve: openRetrieve(config, ways), log, version }),
    adminToken: config.adminToken,
    metrics,
    log,
    version,
    concurrencyMax: env.ANYRAY_MAX_CONCURRENCY,
    idleSeconds: env.ANYRAY_CLIENT_IDLE_SECONDS,
    isDraining: () => lifecycle.draining,
  });
  server = listen({
    hostname: env.ANYRAY_GATEWAY_HOST,
    port: env.ANYRAY_GATEWAY_PORT,
    idleTimeout: env.ANYRAY_CLIENT_IDLE_SECONDS,
    // Bodies are bounded where an error in the caller's protocol can be given.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    development: false,
    fetch: app,
  });
  endInOrder(lifecycle, server, journey, state, exporter);
  return { server, lifecycle, state };
}

type Listening = { hostname: string; port: number } & Bun.Serve.Options<undefined>;

/** @throws Error that names the address, which the runtime's own does not always */
function listen(options: Listening): Server<undefined> {
  try {
    return Bun.serve(options);
  } catch (error) {
    const { message, code } = error as Error & { code?: string };
    throw Object.assign(new Error(`cannot listen on ${options.hostname}:${options.port}: ${message}`), { code });
  }
}

function createJourney(config: Config, log: Log, metrics: Metrics, state: GatewayState, ways: WaysOut): Journey {
  const { env } = config;
  const patience = Math.min(env.ANYRAY_UPSTREAM_TTFB_MS, env.ANYRAY_UPSTREAM_IDLE_MS, env.ANYRAY_DRAIN_MAX_MS);
  const optimizer = openOptimizer(config, log, metrics, state, ways);
  return {
    ...state,
    timezone: env.ANYRAY_REPORT_TZ,
    bodyBytesMax: env.ANYRAY_MAX_BODY_BYTES,
    headerBytesMax: env.ANYRAY_MAX_HEADER_BYTES,
    outbound: ways.toProviders,
    // A limit is noticed at most a tenth of itself late.
    watches: createWatches(Math.min(1_000, Math.max(10, patience / 10))),
    firstByteMsMax: env.ANYRAY_UPSTREAM_TTFB_MS,
    silenceMsMax: env.ANYRAY_UPSTREAM_IDLE_MS,
    drainMsMax: env.ANYRAY_DRAIN_MAX_MS,
    drains: { active: 0, max: 256 },
    optimizer,
    answerStore: openAnswerStore(optimizer, metrics),
    metrics: createCallMetrics(metrics),
    lastSeen: new LastSeen(),
    log,
  };
}

function openOptimizer(
  { env, optimizerToken }: Config,
  log: Log,
  metrics: Metrics,
  state: GatewayState,
  ways: WaysOut,
): Optimizer {
  const optimizer = createOptimizer({
    url: env.ANYRAY_OPTIMIZER_URL,
    token: optimizerToken,
    limitMs: env.ANYRAY_OPTIMIZER_TIMEOUT_MS,
    capabilities: { canShortCircuit: true, canRetrieve: false },
    outbound: ways.toOptimizer,
    isWanted: () => !state.killSwitch.isEngaged,
    log,
    metrics,
  });
  metrics.gauge("anyray_kill_switch_engaged", "1 while the optimizer is switched off.", () =>
    Number(state.killSwitch.isEngaged),
  );
  optimizer.start();
  return optimizer;
}

function openAnswerStore({ client }: Optimizer, metrics: Metrics): AnswerStore {
  const stored = metrics.counters(
    "anyray_answers_cached_total",
    "Answers handed to the optimizer's cache, by what became of them.",
    "result",
  );
  return createAnswerStore({ client, onEnd: (result) => stored(result).add() });
}

function openRetrieve({ env, optimizerToken }: Config, ways: WaysOut): Retrieve {
  return createRetrieve({ outbound: ways.toOptimizer, url: env.ANYRAY_OPTIMIZER_URL, token: optimizerToken });
}

/** Callers on kept connections are told with their next answer; one cut just as it asks would get none. */
const farewellMs = 250;
/** How long the trace backend has for what still waits; a shutdown step has 3 s. */
const exportMsMax = 2_500;

/** New calls are refused from the first moment; running ones have until the deadline; then every row is put away. */
function endInOrder(
  lifecycle: Lifecycle,
  server: Server<undefined>,
  journey: Journey,
  state: GatewayState,
  exporter: TraceExporter,
): void {
  lifecycle.onShutdown({
    name: "finish calls",
    async run(deadline) {
      journey.optimizer.stop();
      await Bun.sleep(Math.max(0, Math.min(farewellMs, deadline - Date.now())));
      // A call's books are closed before its last bytes are sent: the server knows when those are out.
      const isRunning = () => journey.metrics.active() > 0 || server.pendingRequests > 0;
      while (isRunning() && Date.now() < deadline) await Bun.sleep(20);
      // What is still running is cut; each cut call ends in its own close and leaves its row.
      await Promise.race([server.stop(true), Bun.sleep(500)]);
      for (let waited = 0; journey.metrics.active() > 0 && waited < 500; waited += 20) await Bun.sleep(20);
    },
  });
  lifecycle.onShutdown({ name: "store rows", run: () => state.close(2_500) });
  // Last, because traces are made until the end.
  lifecycle.onShutdown({ name: "export traces", run: () => exporter.close(Date.now() + exportMsMax) });
}
