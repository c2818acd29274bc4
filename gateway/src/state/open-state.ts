// Owns bringing the gateway's state to life: store, spool, policy and what hangs on it, in an order in which a
// former process's rows are in the store before caps are computed from it.

import { join } from "node:path";
import { seedPrivacy } from "@anyray/shared/admin/privacy";
import { type AuditWatch, createAuditWatch, logAppended } from "@anyray/shared/audit-watch";
import { checkContentKey } from "@anyray/shared/content-key";
import { auditKeysOf } from "@anyray/shared/env";
import type { Log } from "@anyray/shared/log";
import type { Metrics } from "@anyray/shared/metrics";
import { PolicyInForce } from "@anyray/shared/policy-in-force";
import { createPriceBook, type PriceBook } from "@anyray/shared/pricing";
import { createPrivacy, type PrivacyInForce } from "@anyray/shared/privacy-in-force";
import { openStore } from "@anyray/shared/store/open";
import type { Store } from "@anyray/shared/store/store";
import { monthOf } from "@anyray/shared/time";
import { type Config, providerKeyPlace } from "../config";
import { startReseal } from "../content/reseal";
import { createDirectory, type Directory } from "../providers/directory";
import { replaySpool } from "../spool/replay";
import { orphanSlots, type Slot, takeSlot } from "../spool/slot";
import { Spool } from "../spool/spool";
import { openTraces, type Traces } from "../traces/traces";
import { applyPolicy } from "./apply-policy";
import { Caps } from "./caps";
import { createInputEstimate, type InputEstimate } from "./input-estimate";
import { KillSwitch } from "./kill-switch";
import { Upkeep } from "./upkeep";

export interface GatewayState {
  store: Store;
  spool: Spool;
  caps: Caps;
  inputEstimate: InputEstimate;
  priceBook: PriceBook;
  directory: Directory;
  policy: PolicyInForce;
  killSwitch: KillSwitch;
  /** Which content mode holds. */
  privacy: PrivacyInForce;
  auditWatch: AuditWatch;
  upkeep: Upkeep;
  traces: Traces;
  /** Writes down what is left and lets everything go, within `timeoutMs`. */
  close(timeoutMs: number): Promise<void>;
}

/** How long a call at the edge of its user's cap waits for that user's running calls. */
const capWaitMsMax = 2_000;
/** Policy changed by another process takes effect within this. */
const followPolicyEveryMs = 500;

/** Rejects when the store or the spool cannot be opened. */
export async function openState(config: Config, log: Log, metrics: Metrics): Promise<GatewayState> {
  const { env } = config;
  const timezone = env.ANYRAY_REPORT_TZ;
  const store = await openStore({
    dataDir: env.ANYRAY_DATA_DIR,
    timezone,
    ...auditKeysOf(env),
    onAudit: logAppended(log),
  });
  const slot = takeSlot(config.spoolRoot);
  await replayLeftovers(config.spoolRoot, slot, store, log);
  const spool = openSpool(config, slot, store, log, metrics);

  const caps = new Caps({ timezone, now: Date.now, waitMsMax: capWaitMsMax });
  const priceBook = createPriceBook({ overrides: [], now: Date.now });
  const directory = openDirectory(config, log);
  const month = () => monthOf(Date.now(), timezone);
  let privacy: PrivacyInForce | null = null;
  let traces: Traces | null = null;
  const policy = new PolicyInForce({
    store,
    log,
    followEveryMs: followPolicyEveryMs,
    apply(next) {
      // First, because the rest may have to wait for the store.
      if (privacy) traces?.setMode(privacy.modeUnder(next));
      return applyPolicy(next, { caps, priceBook, directory, spool, store, month });
    },
  });
  await policy.load();
  privacy = await openPrivacy(config, log, metrics, store, policy);
  const reseal = privacy.report().isKeyValid ? startReseal({ config, log, metrics, store, policy }) : null;
  traces = openTracesOf(config, privacy, log, metrics);
  const auditWatch = createAuditWatch({ store, log, metrics });
  auditWatch.start();
  warnOfKeysWithoutProvider(config, directory, log);
  policy.follow();
  const killSwitch = new KillSwitch({
    path: join(env.ANYRAY_DATA_DIR, "kill-switch"),
    isVariableSet: env.ANYRAY_KILL_SWITCH,
    ...{ store, policy, log },
  });
  await killSwitch.start();
  const upkeep = new Upkeep({
    ...{ store, caps, log },
    retentionDays: env.ANYRAY_SPEND_RETENTION_DAYS,
    traceRetentionDays: env.ANYRAY_TRACE_RETENTION_DAYS,
    traceBytesMax: env.ANYRAY_TRACE_MAX_BYTES,
  });
  return {
    store,
    spool,
    caps,
    inputEstimate: createInputEstimate(),
    priceBook,
    directory,
    policy,
    killSwitch,
    privacy,
    auditWatch,
    upkeep,
    traces,
    async close(timeoutMs) {
      policy.stop();
      await reseal?.stop();
      auditWatch.stop();
      killSwitch.stop();
      await upkeep.stop();
      await Promise.all([spool.close(timeoutMs), traces?.stop(timeoutMs)]);
      slot.release();
      await store.close();
    },
  };
}

async function openPrivacy(
  { env, keyring }: Config,
  log: Log,
  metrics: Metrics,
  store: Store,
  policy: PolicyInForce,
): Promise<PrivacyInForce> {
  const { ANYRAY_CONTENT_MODE: firstBoot, ANYRAY_ALLOW_PLAINTEXT: isPlaintextAllowed } = env;
  await policy.adopt(await seedPrivacy(store, policy.current(), firstBoot, Date.now()));
  const key = await checkContentKey(store, keyring, "gateway", Date.now);
  return createPrivacy({ policy, key, log, metrics, isPlaintextAllowed, firstBoot });
}

/** Rows of processes that are gone: of the slot this one took, and of every other that nobody holds. */
async function replayLeftovers(root: string, own: Slot, store: Store, log: Log): Promise<void> {
  const replay = async (dir: string) => {
    const report = await replaySpool(dir, store);
    if (report.segments > 0) log.info("a former process's spool is stored", { ...report });
    if (report.quarantined > 0) log.error("the store refuses rows of the spool; they are kept apart", { ...report });
    if (report.damagedRecords > 0) log.error("the spool has damaged records; its file is kept", { ...report });
  };
  await replay(own.dir);
  for (const slot of orphanSlots(root)) {
    try {
      await replay(slot.dir);
    } finally {
      slot.release();
    }
  }
}

function openSpool(config: Config, slot: Slot, store: Store, log: Log, metrics: Metrics): Spool {
  const sync = metrics.histogram("anyray_spool_sync_seconds", "Time to bring the spool to the disk.");
  const spool = new Spool({
    dir: slot.dir,
    store,
    log,
    fsync: config.env.ANYRAY_SPEND_FSYNC,
    totalBytesMax: config.env.ANYRAY_SPOOL_MAX_BYTES,
    synced: (durationMs) => sync.observeMs(durationMs),
  });
  metrics.gauge("anyray_spool_pending_rows", "Rows not yet in the store.", () => spool.state().pendingRows);
  metrics.gauge("anyray_spool_bytes", "Bytes of the spool's files.", () => spool.state().pendingBytes);
  metrics.total("anyray_spool_dropped_rows_total", "Rows lost for lack of room.", () => spool.state().dropped);
  metrics.total("anyray_spool_quarantined_rows_total", "Rows the store refuses.", () => spool.state().quarantined);
  return spool;
}

function openTracesOf(config: Config, privacy: PrivacyInForce, log: Log, metrics: Metrics): Traces {
  const { env, contentKey } = config;
  return openTraces({
    root: config.traceSpoolRoot,
    isOn: env.ANYRAY_TRACES,
    totalBytesMax: env.ANYRAY_TRACE_SPOOL_MAX_BYTES,
    store: { dataDir: env.ANYRAY_DATA_DIR, timezone: env.ANYRAY_REPORT_TZ },
    mode: privacy.mode(),
    ...{ contentKey, log, logLevel: env.ANYRAY_LOG_LEVEL, metrics },
  });
}

function openDirectory(config: Config, log: Log): Directory {
  const { env, keyring } = config;
  const settings = {
    urls: env.providerUrls,
    keys: env.providerKeys,
    onAbort: env.providerOnAbort,
    defaultOnAbort: env.ANYRAY_ON_ABORT,
    defaults: { openai: env.ANYRAY_PROVIDER_DEFAULT_OPENAI, anthropic: env.ANYRAY_PROVIDER_DEFAULT_ANTHROPIC },
  };
  return createDirectory(settings, (sealed, slug) => {
    try {
      return new TextDecoder().decode(keyring.open(sealed, providerKeyPlace(slug)));
    } catch (error) {
      log.error("a stored provider key cannot be opened; the provider is off", { provider: slug, error });
      return null;
    }
  });
}

/** A key alone makes no provider where there is no public address to assume. */
function warnOfKeysWithoutProvider(config: Config, directory: Directory, log: Log): void {
  const known = new Set(directory.list().map(({ slug }) => slug));
  for (const slug of config.env.providerKeys.keys()) {
    if (!known.has(slug)) log.warn("a provider has a key and no address: set its URL too", { provider: slug });
  }
}
