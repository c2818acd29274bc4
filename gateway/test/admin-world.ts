// Owns a gateway's admin plane for tests: the real store in a directory of its own, real sockets, a clock that
// stands still, and everything written down that must not leak or must not happen.

import { expect } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keyFingerprint, type ProviderInForce } from "@anyray/shared/admin/providers";
import { createKeyring } from "@anyray/shared/crypto";
import { createLog } from "@anyray/shared/log";
import { createPriceBook } from "@anyray/shared/pricing";
import { openStore } from "@anyray/shared/store/open";
import type { Policy } from "@anyray/shared/store/store";
import type { AdminDeps } from "../src/admin/deps";
import { admitAdmin, isAdminUrl } from "../src/admin/gate";
import { createAdminPlane } from "../src/admin/plane";

// biome-ignore lint/suspicious/noExplicitAny: answers are read as the tests expect them, and the document is checked elsewhere
export type Json = any;

export const adminToken = "0123456789abcdef0123456789abcdef-admin";
export const now = Date.UTC(2026, 10, 15, 12);

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
    health: async () => ({
      status: "ok",
      version: "0.0.0",
      uptimeMs: 1,
      store: { kind: store.kind, ok: true, latencyMs: 0.1 },
      spool: { pendingRows: 0, pendingBytes: 0, segments: 1, lastSyncMs: null, quarantined: 0, dropped: 0 },
      providers: [{ slug: "openai", lastCallAt: null, lastStatus: null, lastError: null }],
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
