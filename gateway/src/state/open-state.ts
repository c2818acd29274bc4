// Owns bringing the gateway's state to life: store, spool, policy and what hangs on it, in an order in which a
// former process's rows are in the store before caps are computed from it.

import type { Log } from "@anyray/shared/log";
import { createPriceBook, type PriceBook } from "@anyray/shared/pricing";
import { openStore } from "@anyray/shared/store/open";
import type { Store } from "@anyray/shared/store/store";
import { monthOf } from "@anyray/shared/time";
import { type Config, providerKeyPlace } from "../config";
import type { Metrics } from "../metrics";
import { createDirectory, type Directory } from "../providers/directory";
import { replaySpool } from "../spool/replay";
import { orphanSlots, type Slot, takeSlot } from "../spool/slot";
import { Spool } from "../spool/spool";
import { applyPolicy } from "./apply-policy";
import { Caps } from "./caps";
import { createInputEstimate, type InputEstimate } from "./input-estimate";
import { PolicyInForce } from "./policy";
import { Upkeep } from "./upkeep";

export interface GatewayState {
  store: Store;
  spool: Spool;
  caps: Caps;
  inputEstimate: InputEstimate;
  priceBook: PriceBook;
  directory: Directory;
  policy: PolicyInForce;
  upkeep: Upkeep;
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
  const store = await openStore({ dataDir: env.ANYRAY_DATA_DIR, timezone });
  const slot = takeSlot(config.spoolRoot);
  await replayLeftovers(config.spoolRoot, slot, store, log);
  const spool = openSpool(config, slot, store, log, metrics);

  const caps = new Caps({ timezone, now: Date.now, waitMsMax: capWaitMsMax });
  const priceBook = createPriceBook({ overrides: [], now: Date.now });
  const directory = openDirectory(config, log);
  const month = () => monthOf(Date.now(), timezone);
  const policy = new PolicyInForce({
    store,
    log,
    followEveryMs: followPolicyEveryMs,
    apply: (next) => applyPolicy(next, { caps, priceBook, directory, spool, store, month }),
  });
  await policy.load();
  warnOfKeysWithoutProvider(config, directory, log);
  policy.follow();
  const upkeep = new Upkeep({ store, caps, log, retentionDays: env.ANYRAY_SPEND_RETENTION_DAYS });
  return {
    store,
    spool,
    caps,
    inputEstimate: createInputEstimate(),
    priceBook,
    directory,
    policy,
    upkeep,
    async close(timeoutMs) {
      policy.stop();
      await upkeep.stop();
      await spool.close(timeoutMs);
      slot.release();
      await store.close();
    },
  };
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
