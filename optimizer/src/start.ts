// The composition root: everything the service is made of, in the order it comes to life and the reverse order it goes.

import { logAppended } from "@anyray/shared/audit-watch";
import { checkContentKey, dropFormerKeys } from "@anyray/shared/content-key";
import type { Keyring } from "@anyray/shared/crypto";
import { auditKeysOf } from "@anyray/shared/env";
import { createLifecycle, type Lifecycle } from "@anyray/shared/lifecycle";
import type { Log } from "@anyray/shared/log";
import { Metrics } from "@anyray/shared/metrics";
import { PolicyInForce } from "@anyray/shared/policy-in-force";
import { createPriceBook, type PriceBook } from "@anyray/shared/pricing";
import { createPrivacy, type PrivacyInForce } from "@anyray/shared/privacy-in-force";
import { openStore } from "@anyray/shared/store/open";
import type { Store } from "@anyray/shared/store/store";
import type { Server } from "bun";
import { type AppParts, createApp } from "./app";
import type { Config } from "./config";
import type { EnvelopeFacts, OpenOptimizer, Optimizer } from "./deps";
import { createOptimizerMetrics } from "./metrics";
import { createPassOver } from "./routes/route";
import type { Facts, Registry } from "./settings/config";
import { createSettings, type Settings } from "./settings/in-force";
import { version } from "./version";

export interface Wiring {
  registry: Registry;
  openOptimizer: OpenOptimizer;
}

export interface Started {
  server: Server<undefined>;
  lifecycle: Lifecycle;
}

/** Policy changed by another process takes effect within this. */
const followPolicyEveryMs = 500;
/** Longest the runtime allows: a connection the gateway keeps must not be closed just as it sends on it. */
const idleSeconds = 255;

interface State {
  store: Store;
  policy: PolicyInForce;
  priceBook: PriceBook;
  settings: Settings;
  metrics: Metrics;
  optimizer: Optimizer;
  privacy: PrivacyInForce;
}

/** Resolves when the optimizer takes requests. Rejects when the store, its own files or the port cannot be opened. */
export async function startOptimizer(config: Config, log: Log, wiring: Wiring): Promise<Started> {
  const { env } = config;
  const state = await openState(config, log, wiring);
  const lifecycle = createLifecycle({ log, drainMs: env.ANYRAY_SHUTDOWN_DRAIN_MS });
  let server: Server<undefined> | null = null;
  const clientIp = (request: Request) => server?.requestIP(request)?.address ?? null;
  const parts = createParts(config, log, wiring, state, clientIp, () => lifecycle.draining);
  server = listen({
    hostname: env.ANYRAY_OPTIMIZER_HOST,
    port: env.ANYRAY_OPTIMIZER_PORT,
    idleTimeout: idleSeconds,
    // Bodies are bounded where an error of ours can be given.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    development: false,
    fetch: createApp(parts),
  });
  endInOrder(lifecycle, server, state);
  return { server, lifecycle };
}

async function openState(config: Config, log: Log, { registry, openOptimizer }: Wiring): Promise<State> {
  const { env, keyring } = config;
  const settings = createSettings(registry, version, log);
  const metrics = new Metrics();
  const store = await openStore({
    dataDir: env.ANYRAY_DATA_DIR,
    timezone: env.ANYRAY_REPORT_TZ,
    ...auditKeysOf(env),
    onAudit: logAppended(log),
  });
  const priceBook = createPriceBook({ overrides: [], now: Date.now });
  const policy = new PolicyInForce({
    store,
    log,
    followEveryMs: followPolicyEveryMs,
    async apply(next) {
      settings.apply(next);
      priceBook.setOverrides(next.prices);
    },
  });
  await policy.load();
  const key = await checkContentKey(store, keyring, "optimizer", Date.now);
  const privacy = createPrivacy({
    ...{ policy, key, log, metrics, isPlaintextAllowed: env.ANYRAY_ALLOW_PLAINTEXT },
    firstBoot: env.ANYRAY_CONTENT_MODE,
  });
  const optimizer = await openOptimizer({
    dataDir: env.ANYRAY_DATA_DIR,
    ...{ keyring, log, metrics, priceBook, version },
    resolve: (facts) => settings.current().resolve(toFacts(facts)),
    contentMode: privacy.mode,
  });
  metrics.gauge("anyray_optimizer_stash_bytes", "Bytes of stashed originals.", () => optimizer.stashBytes());
  policy.follow();
  if (key.isKeyValid && env.ANYRAY_CONTENT_KEYS_OLD) void rewrap(optimizer, store, keyring, log);
  return { store, policy, priceBook, settings, metrics, optimizer, privacy };
}

/** After a change of content keys: while requests are answered, and again at the next start where it is broken off. */
async function rewrap(optimizer: Optimizer, store: Store, keyring: Keyring, log: Log): Promise<void> {
  try {
    const done = await optimizer.rewrap();
    log.info("what was sealed under earlier content keys is sealed anew", done);
    if (done.unreadable === 0) await dropFormerKeys(store, keyring, "optimizer");
  } catch (error) {
    log.warn("sealing anew was broken off; the next start goes on with it", { error });
  }
}

function toFacts({ endpoint, asker, request, enabledKinds }: EnvelopeFacts): Facts {
  const model = Object.hasOwn(request, "model") ? request["model"] : null;
  return {
    endpoint,
    user: asker.user,
    team: asker.team,
    model: typeof model === "string" ? model : null,
    metadata: asker.labels,
    enabledKinds,
  };
}

function createParts(
  config: Config,
  log: Log,
  { registry }: Wiring,
  { store, policy, priceBook, settings, metrics, optimizer, privacy }: State,
  clientIp: (request: Request) => string | null,
  isDraining: () => boolean,
): AppParts {
  const { env, adminToken, optimizerToken } = config;
  return {
    routes: {
      ...{ optimizer, settings, store, priceBook },
      knownKinds: registry.strategies.map(({ kind }) => kind),
      bodyBytesMax: env.ANYRAY_MAX_BODY_BYTES,
      metrics: createOptimizerMetrics(metrics),
      passOver: createPassOver(log),
      timezone: env.ANYRAY_REPORT_TZ,
      now: Date.now,
    },
    admin: {
      ...{ store, settings, registry, version, optimizerToken, clientIp },
      adopt: (next) => policy.adopt(next),
      now: Date.now,
    },
    ...{ optimizerToken, adminToken, version, metrics, log, isDraining },
    privacy: () => ({ effectiveMode: privacy.mode(), seenRevision: policy.current().revision }),
    isAttached: env.ANYRAY_ATTACH,
    defaultsRevision: registry.defaultConfig.defaultsRevision,
    concurrencyMax: env.ANYRAY_MAX_CONCURRENCY,
  };
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

/** New requests are refused from the first moment; running ones have until the deadline; then what is kept is put away. */
function endInOrder(lifecycle: Lifecycle, server: Server<undefined>, state: State): void {
  lifecycle.onShutdown({
    name: "finish requests",
    async run(deadline) {
      while (server.pendingRequests > 0 && Date.now() < deadline) await Bun.sleep(20);
      await Promise.race([server.stop(true), Bun.sleep(500)]);
    },
  });
  lifecycle.onShutdown({
    name: "put away",
    async run() {
      state.policy.stop();
      await state.optimizer.close();
      await state.store.close();
    },
  });
}
