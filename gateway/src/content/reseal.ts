// Owns the change of content keys while the gateway runs: as long as earlier keys are configured, what is under them is
// sealed anew in the background, and the log says when they are needed no more.

import { appendAudited } from "@anyray/shared/admin/audit";
import type { Log } from "@anyray/shared/log";
import type { Metrics } from "@anyray/shared/metrics";
import type { PolicyInForce } from "@anyray/shared/policy-in-force";
import type { Store } from "@anyray/shared/store/store";
import type { Config } from "../config";
import { type RewrapReport, rewrapStore } from "./rewrap";

export interface ResealSettings {
  config: Pick<Config, "env" | "keyring">;
  log: Log;
  metrics: Metrics;
  store: Store;
  policy: Pick<PolicyInForce, "adopt">;
  /** Between two steps. */
  pauseMs?: number;
}

export interface Reseal {
  /** Begins no further step; resolves when the one under way is over. */
  stop(): Promise<void>;
}

const tellEveryMs = 10_000;
const actor = { name: "system", ip: null };
const reason = "the content key was changed";

/** Null where no earlier key is configured. */
export function startReseal({ config, log, metrics, store, policy, pauseMs = 100 }: ResealSettings): Reseal | null {
  if (!config.env.ANYRAY_CONTENT_KEYS_OLD?.length) return null;
  let isStopped = false;
  let soFar: RewrapReport = { scanned: 0, resealed: 0, providerKeys: 0, unreadable: 0 };
  let toldAt = Date.now();
  metrics.total("anyray_content_resealed_total", "Contents sealed anew since the start.", () => soFar.resealed);
  metrics.gauge("anyray_content_unreadable", "Sealed contents that no configured key opens.", () => soFar.unreadable);
  const run = async () => {
    const done = await rewrapStore({
      ...{ store, actor, reason, pauseMs, keyring: config.keyring },
      isStopped: () => isStopped,
      onPolicy: (next) => policy.adopt(next),
      onProgress(report) {
        soFar = { ...report };
        if (Date.now() - toldAt < tellEveryMs) return;
        toldAt = Date.now();
        log.info("contents are being sealed anew", { ...soFar });
      },
    });
    if (!done.isWhole) return;
    if (done.unreadable > 0) {
      log.error("contents or provider keys cannot be opened with any configured key; they stay as they are", {
        unreadable: done.unreadable,
      });
    } else
      log.info("all is sealed under the active content key; the gateway needs no earlier one any more", { ...soFar });
    if (done.resealed === 0) return;
    const { keyId } = config.keyring;
    const after = { keyId, contents: done.resealed, unreadable: done.unreadable };
    await appendAudited(
      store,
      { ...actor, at: Date.now() },
      { action: "content.rewrap", object: keyId, after, reason },
    );
  };
  const running = run().catch((error) => log.warn("sealing anew was broken off; the next start goes on", { error }));
  return {
    async stop() {
      isStopped = true;
      await running;
    },
  };
}
