// Owns what the admin plane asks of the gateway: the seam between its routes and the running process.

import type { Actor } from "@anyray/shared/admin/audit";
import type { LiveCaps } from "@anyray/shared/admin/caps";
import type { ProviderInForce } from "@anyray/shared/admin/providers";
import type { Log } from "@anyray/shared/log";
import type { PriceBook } from "@anyray/shared/pricing";
import type { Policy, Store } from "@anyray/shared/store/store";

export interface AdminDeps {
  store: Store;
  /** IANA name: days, months and dates without a time are of this zone. */
  timezone: string;
  /** Epoch milliseconds. */
  now(): number;
  /** Never logged, never answered. Empty: nobody is let in. */
  adminToken: string;
  log: Log;
  /** Network address the request came from, for the audit log; null when it is not known. */
  clientIp(request: Request): string | null;
  /** Makes every finished call visible to the store's queries; at most about 2 s, then goes on. Never rejects. */
  flushFacts(): Promise<void>;
  policy: {
    /** The policy in force here. */
    current(): Policy;
    /** Resolves when the policy holds for the next request of this process; one older than that in force is passed over. */
    adopt(policy: Policy): void | Promise<void>;
  };
  /** Counters of capped users, what is not yet in the store included. */
  liveCaps(): LiveCaps;
  priceBook: PriceBook;
  /** Seals a provider key with the content key, bound to its slug. */
  sealKey(plain: string, slug: string): string;
  /** Every provider a call can go to now. */
  providers(): readonly ProviderInForce[];
  health(): Promise<HealthReport>;
}

/** GET /admin/health. Nothing is probed over the network but the store; providers show what was last seen of them. */
export interface HealthReport {
  /** "degraded": the store does not take writes, or rows were quarantined or dropped. */
  status: "ok" | "degraded";
  version: string;
  uptimeMs: number;
  store: {
    kind: "sqlite" | "postgres";
    ok: boolean;
    /** Why not, where `ok` is false. */
    error?: string;
    /** Of the ping just made. */
    latencyMs: number;
  };
  spool: {
    pendingRows: number;
    pendingBytes: number;
    segments: number;
    /** Since the last sync to disk; null before the first. */
    lastSyncMs: number | null;
    /** Rows the store refused, kept on disk. */
    quarantined: number;
    /** Rows lost for lack of room. */
    dropped: number;
  };
  providers: {
    slug: string;
    /** RFC 3339; null when no call went there since the start. */
    lastCallAt: string | null;
    /** HTTP status of the last answer; null when there was none. */
    lastStatus: number | null;
    /** Anyray's error code of the last call that got no answer, or null. */
    lastError: string | null;
  }[];
  caps: { month: string; cappedUsers: number };
  calls: { active: number; total: number };
}

/** Who a write is audited under. */
export function adminActor(deps: AdminDeps, request: Request): Actor {
  return { name: "admin", ip: deps.clientIp(request), at: deps.now() };
}
