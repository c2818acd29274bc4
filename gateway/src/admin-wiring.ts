// Owns the seam between the running gateway and its admin plane: what the routes may see of it, and may do to it.

import type { Forgotten } from "@anyray/shared/admin/content-shred";
import { keyFingerprint } from "@anyray/shared/admin/providers";
import type { Log } from "@anyray/shared/log";
import { monthOf, rfc3339 } from "@anyray/shared/time";
import type { AdminDeps, HealthReport, OptimizerPrivacy } from "./admin/deps";
import { createOptimizerRelay } from "./admin/optimizer";
import { readOptimizerPrivacy } from "./admin/privacy";
import { type Config, providerKeyPlace } from "./config";
import type { TraceExporter } from "./export/exporter";
import type { Journey } from "./pipeline";
import type { GatewayState } from "./state/open-state";
import { version } from "./version";
import type { WaysOut } from "./ways-out";

export interface Wiring {
  config: Config;
  log: Log;
  state: GatewayState;
  journey: Journey;
  ways: WaysOut;
  exporter: TraceExporter;
  startedAt: number;
  clientIp(request: Request): string | null;
}

export function wireAdmin(wiring: Wiring): AdminDeps {
  const { config, state, log } = wiring;
  const { store, policy, caps, priceBook, directory, spool } = state;
  const timezone = config.env.ANYRAY_REPORT_TZ;
  return {
    store,
    timezone,
    now: Date.now,
    adminToken: config.adminToken,
    log,
    clientIp: wiring.clientIp,
    async flushFacts() {
      await Promise.all([spool.flush(2_000), state.upkeep.storeRejections()]);
    },
    async flushTraces() {
      const deadline = performance.now() + 500;
      while (state.traces.pending() > 0 && performance.now() < deadline) await Bun.sleep(10);
    },
    policy: { current: () => policy.current(), adopt: (next) => policy.adopt(next) },
    liveCaps() {
      const month = monthOf(Date.now(), timezone);
      return { month, users: caps.live(month) };
    },
    priceBook,
    sealKey: (plain, slug) => config.keyring.seal(plain, providerKeyPlace(slug)),
    providers: () => {
      const stored = new Map(directory.stored().map((each) => [each.slug, each]));
      return directory.list().map(({ slug, provider, baseUrl, serverKey, onAbort }) => {
        const keyFrom = config.env.providerKeys.has(slug) ? "env" : "store";
        return {
          slug,
          kind: provider.kind,
          baseUrl,
          keySource: serverKey === null ? "none" : keyFrom,
          keyFingerprint: serverKey === null ? null : keyFingerprint(serverKey),
          onAbort,
          source: config.env.providerUrls.has(slug) ? "env" : stored.has(slug) ? "store" : "built-in",
        };
      });
    },
    killSwitch: state.killSwitch,
    relayToOptimizer: createOptimizerRelay({
      url: config.env.ANYRAY_OPTIMIZER_URL,
      adminToken: config.adminToken,
      optimizerToken: config.optimizerToken,
      outbound: wiring.ways.toOptimizer,
    }),
    forgetInOptimizer: (owned) => forgetInOptimizer(wiring, owned),
    refreshOptimizer: () => wiring.journey.optimizer.refresh(),
    privacy: { report: state.privacy.report, optimizer: () => askOptimizerPrivacy(wiring) },
    auditChain: state.auditWatch.report,
    egress: () => wiring.ways.egress.report(),
    traceLink: wiring.exporter.traceLink,
    health: () => readHealth(wiring),
  };
}

const forgetMsMax = 10_000;

async function forgetInOptimizer({ journey }: Wiring, owned: Forgotten): Promise<boolean> {
  const body = new TextEncoder().encode(JSON.stringify(owned));
  const asking = { body, limitMs: forgetMsMax, bytesMax: 65_536 };
  return (await journey.optimizer.client.ask("/v1/forget", asking)).bytes !== null;
}

const privacyMsMax = 500;

async function askOptimizerPrivacy({ journey }: Wiring): Promise<OptimizerPrivacy | null> {
  const asking = { body: null, limitMs: privacyMsMax, bytesMax: 65_536 };
  const { bytes } = await journey.optimizer.client.ask("/health", asking);
  return bytes && readOptimizerPrivacy(bytes);
}

async function readHealth({ config, state, journey, exporter, startedAt }: Wiring): Promise<HealthReport> {
  const { store, spool, caps, directory } = state;
  const { since, ...optimizer } = journey.optimizer.report();
  const askedAt = performance.now();
  const fault = await store.ping().then(
    () => null,
    (error: Error) => error.message,
  );
  const spoolState = spool.state();
  const privacy = state.privacy.report();
  const audit = state.auditWatch.report();
  const isWhole = spoolState.isDiskHealthy && spoolState.dropped + spoolState.quarantined === 0;
  const isWell = fault === null && isWhole && privacy.isKeyValid && !audit.kind;
  return {
    status: isWell ? "ok" : "degraded",
    version,
    uptimeMs: Date.now() - startedAt,
    store: {
      kind: store.kind,
      ok: fault === null,
      ...(fault === null ? {} : { error: fault }),
      latencyMs: performance.now() - askedAt,
    },
    spool: {
      pendingRows: spoolState.pendingRows,
      pendingBytes: spoolState.pendingBytes,
      segments: spoolState.segments,
      lastSyncMs: spoolState.lastSyncMs,
      quarantined: spoolState.quarantined,
      dropped: spoolState.dropped,
    },
    providers: directory.list().map(({ slug }) => {
      const seen = journey.lastSeen.get(slug);
      return {
        slug,
        lastCallAt: seen && rfc3339(seen.lastCallAt),
        lastStatus: seen?.lastStatus ?? null,
        lastError: seen?.lastError ?? null,
      };
    }),
    optimizer: { ...optimizer, since: rfc3339(since) },
    traceExport: exporter.report(),
    killSwitch: state.killSwitch.report(),
    ...{ privacy, audit },
    caps: { month: monthOf(Date.now(), config.env.ANYRAY_REPORT_TZ), cappedUsers: caps.cappedUsers },
    calls: { active: journey.metrics.active(), total: journey.metrics.count() },
  };
}
