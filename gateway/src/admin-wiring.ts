// Owns the seam between the running gateway and its admin plane: what the routes may see of it, and may do to it.

import { keyFingerprint } from "@anyray/shared/admin/providers";
import type { Log } from "@anyray/shared/log";
import { monthOf, rfc3339 } from "@anyray/shared/time";
import type { AdminDeps, HealthReport } from "./admin/deps";
import { type Config, providerKeyPlace } from "./config";
import type { Journey } from "./pipeline";
import type { GatewayState } from "./state/open-state";
import { version } from "./version";

export interface Wiring {
  config: Config;
  log: Log;
  state: GatewayState;
  journey: Journey;
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
    health: () => readHealth(wiring),
  };
}

async function readHealth({ config, state, journey, startedAt }: Wiring): Promise<HealthReport> {
  const { store, spool, caps, directory } = state;
  const askedAt = performance.now();
  const fault = await store.ping().then(
    () => null,
    (error: Error) => error.message,
  );
  const spoolState = spool.state();
  const isWell = fault === null && spoolState.isDiskHealthy && spoolState.dropped + spoolState.quarantined === 0;
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
    caps: { month: monthOf(Date.now(), config.env.ANYRAY_REPORT_TZ), cappedUsers: caps.cappedUsers },
    calls: { active: journey.metrics.active(), total: journey.metrics.count() },
  };
}
