// Owns a gateway's admin plane for tests: the real store in a directory of its own, real sockets, a clock that
// stands still, and everything written down that must not leak or must not happen.

import { expect } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keyFingerprint, type ProviderInForce } from "@anyray/shared/admin/providers";
import type { ChainReport } from "@anyray/shared/audit-watch";
import { createKeyring } from "@anyray/shared/crypto";
import { createLog } from "@anyray/shared/log";
import { createPriceBook } from "@anyray/shared/pricing";
import { createPrivacy } from "@anyray/shared/privacy-in-force";
import { openStore } from "@anyray/shared/store/open";
import type { Policy } from "@anyray/shared/store/store";
import type { AdminDeps } from "../src/admin/deps";
import { admitAdmin, isAdminUrl } from "../src/admin/gate";
import { createAdminPlane } from "../src/admin/plane";
import { KillSwitch } from "../src/state/kill-switch";

// biome-ignore lint/suspicious/noExplicitAny: answers are read as the tests expect them, and the document is checked elsewhere
export type Json = any;

export const adminToken = "0123456789abcdef0123456789abcdef-admin";
export const now = Date.UTC(2026, 10, 15, 12);

/** As the optimizer answers them. */
export const optimizerSettings = {
  config: {
    defaultsRevision: 1,
    strategies: [{ kind: "context_dedupe", enabled: true, params: { jaccard: 0.8 } }],
    overrides: {
      byEndpoint: { "/v1/messages": [{ kind: "context_dedupe", enabled: false }] },
      rules: [{ match: { user: "ada", metadata: { tier: "gold" } }, strategies: [] }],
    },
  },
  optimizerVersion: "0.1.0",
  revision: "0123456789abcdef",
  faults: [],
  known: [
    {
      kind: "context_dedupe",
      tier: "lossless",
      about: { does: "Points to what stands there already.", risk: "None." },
      params: { jaccard: { type: "number", default: 0.8, min: 0.5, max: 1, help: "How alike." } },
      bodyBytesMin: 4_000,
    },
  ],
};

const chain: ChainReport = {
  state: "ok",
  checkedAt: "2026-11-15T12:00:00Z",
  rows: 3,
  head: { seq: 3, hash: "ab".repeat(32) },
};

export async function openAdminWorld(given: { timezone?: string; dataDir?: string; withGate?: boolean } = {}) {
  const timezone = given.timezone ?? "UTC";
  const dataDir = given.dataDir ?? (await mkdtemp(join(tmpdir(), "anyray-admin-")));
  const store = await openStore({ dataDir, timezone });
  const keyring = createKeyring("ab".repeat(32));
  const lines: string[] = [];
  const flushes: number[] = [];
  let policy: Policy = await store.readPolicy();
  const live = { month: "2026-11", users: new Map<string, LiveUser>() };
  const variables = new Map<string, { url?: string; key?: string }>();
  const deps: AdminDeps = {
    store,
    timezone,
    now: () => now,
    adminToken,
    log: createLog({ level: "debug", service: "test", write: (line) => lines.push(line) }),
    clientIp: (request) => server.requestIP(request)?.address ?? null,
    flushFacts: async () => void flushes.push(flushes.length),
    flushTraces: async () => void flushes.push(flushes.length),
    policy: {
      current: () => policy,
      async adopt(next) {
        if (next.revision > policy.revision) policy = next;
      },
    },
    liveCaps: () => live,
    priceBook: createPriceBook({ overrides: [], now: () => now }),
    sealKey: (plain, slug) => keyring.seal(plain, `provider-key/${slug}`),
    providers: () => providersOf(policy, variables, (sealed, slug) => open(keyring, sealed, slug)),
    killSwitch: new KillSwitch({
      path: join(dataDir, "kill-switch"),
      isVariableSet: false,
      store,
      policy: { current: () => policy, adopt: async (next) => deps.policy.adopt(next) },
      log: createLog({ level: "debug", service: "test", write: (line) => lines.push(line) }),
      storeMsMax: 200,
    }),
    relayToOptimizer: async (to) => Response.json(to.endsWith("savings") ? { pairs: [] } : optimizerSettings),
    forgetInOptimizer: async () => true,
    refreshOptimizer: () => {},
    privacy: {
      report: createPrivacy({
        policy: { current: () => policy },
        key: { keyId: keyring.keyId, isKeyValid: true, missing: [], former: [] },
        ...{ isPlaintextAllowed: false, firstBoot: "encrypted" },
        log: createLog({ level: "debug", service: "test", write: (line) => lines.push(line) }),
      }).report,
      optimizer: async () => null,
    },
    auditChain: () => chain,
    traceLink: ({ id }) => `https://traces.test/${id}`,
    egress: () => ({
      since: "2026-11-15T12:00:00Z",
      hosts: [
        {
          ...{ host: "api.openai.test", reason: "provider", isAllowed: true, calls: 2, refused: 0 },
          ...{ firstAt: "2026-11-15T12:00:00Z", lastAt: null },
        },
      ],
    }),
    health: async () => ({
      status: "ok",
      version: "0.0.0",
      uptimeMs: 1,
      store: { kind: store.kind, ok: true, latencyMs: 0.1 },
      spool: { pendingRows: 0, pendingBytes: 0, segments: 1, lastSyncMs: null, quarantined: 0, dropped: 0 },
      providers: [{ slug: "openai", lastCallAt: null, lastStatus: null, lastError: null }],
      optimizer: {
        ...{ url: "http://optimizer.test", breaker: "closed", openedBy: null, since: "2026-11-15T12:00:00Z" },
        ...{ revision: null, feedbackWaiting: 0, feedbackDropped: 0 },
      },
      traceExport: { host: null, waiting: 0, waitingBytes: 0, exported: 0, dropped: 0, lastFault: null },
      privacy: deps.privacy.report(),
      audit: chain,
      killSwitch: { engaged: false, heldBy: [], reason: null, decidedAt: null, audited: true, kept: true },
      caps: { month: "2026-11", cappedUsers: 0 },
      calls: { active: 0, total: 0 },
    }),
  };
  const plane = createAdminPlane(deps);
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      const refusal = given.withGate !== false && isAdminUrl(request.url) ? admitAdmin(request, adminToken) : null;
      return refusal ?? plane.fetch(request);
    },
  });
  const url = `http://127.0.0.1:${server.port}`;
  const call = (path: string, init: RequestInit = {}) =>
    fetch(url + path, { ...init, headers: { authorization: `Bearer ${adminToken}`, ...init.headers } });
  return {
    ...{ deps, store, plane, server, url, lines, flushes, live, variables, dataDir, call },
    policy: () => policy,
    /** GET, or a PUT of `body` as JSON; the answer's status and JSON. */
    async ask(path: string, body?: unknown): Promise<{ status: number; json: Json; headers: Headers }> {
      const init = body === undefined ? {} : { method: "PUT", body: JSON.stringify(body) };
      const response = await call(path, init);
      return { status: response.status, json: await response.json(), headers: response.headers };
    },
    async close() {
      await server.stop(true);
      await store.close().catch(() => {});
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export type AdminWorld = Awaited<ReturnType<typeof openAdminWorld>>;

interface LiveUser {
  usedTokens: number;
  reservedTokens: number;
  rejectedRequests: number;
}

function open(keyring: ReturnType<typeof createKeyring>, sealed: string, slug: string): string {
  return Buffer.from(keyring.open(sealed, `provider-key/${slug}`)).toString();
}

/** Variables, then what is stored, then one that is built in: the order a gateway looks in. */
function providersOf(
  policy: Policy,
  variables: ReadonlyMap<string, { url?: string; key?: string }>,
  openKey: (sealed: string, slug: string) => string,
): ProviderInForce[] {
  const stored = new Map(policy.providers.map((provider) => [provider.slug, provider]));
  const slugs = new Set(["openai", ...variables.keys(), ...stored.keys()]);
  return [...slugs].map((slug) => {
    const entry = stored.get(slug);
    const variable = variables.get(slug);
    const key = variable?.key ?? (entry?.sealedKey ? openKey(entry.sealedKey, slug) : null);
    return {
      slug,
      kind: entry?.kind ?? "openai",
      baseUrl: variable?.url ?? entry?.baseUrl ?? "https://api.openai.test",
      keySource: variable?.key ? "env" : key === null ? "none" : "store",
      keyFingerprint: key === null ? null : keyFingerprint(key),
      onAbort: entry?.onAbort ?? "cancel",
      source: variable?.url ? "env" : entry ? "store" : "built-in",
    };
  });
}

/** The body of a refusal, whatever its words. */
export const refusal = (code: string) => ({
  error: { message: expect.any(String), type: expect.any(String), param: null, code },
});

/** One request as bytes on a socket, for what no client library would send; the whole answer as text. */
export function sendRaw(port: number, head: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    void Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        open: (socket) => void socket.write(head),
        data: (_, bytes) => {
          answer += bytes.toString("latin1");
        },
        close: () => resolve(answer),
        error: (_, error) => reject(error),
      },
    });
  });
}
