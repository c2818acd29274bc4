// Owns what the admin plane asks of the gateway: the seam between its routes and the running process.

import type { Actor } from "@anyray/shared/admin/audit";
import type { LiveCaps } from "@anyray/shared/admin/caps";
import type { Forgotten } from "@anyray/shared/admin/content-shred";
import type { KillSwitchReport } from "@anyray/shared/admin/kill-switch";
import type { ProviderInForce } from "@anyray/shared/admin/providers";
import type { ChainReport } from "@anyray/shared/audit-watch";
import type { EgressReport } from "@anyray/shared/egress";
import type { Log } from "@anyray/shared/log";
import type { PriceBook } from "@anyray/shared/pricing";
import type { PrivacyReport } from "@anyray/shared/privacy-in-force";
import type { Policy, Store } from "@anyray/shared/store/store";
import type { ContentMode } from "@anyray/shared/store/trace";
import type { ExportReport } from "../export/exporter";
import type { OptimizerRelay } from "./optimizer";

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
  /** The same for traces, at most about half a second: under load there are always some on their way. Never rejects. */
  flushTraces(): Promise<void>;
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
  killSwitch: {
    report(): KillSwitchReport;
    /** In force when it is called; resolves when it is audited, or when the store took too long. */
    engage(reason: string | null, actor: Actor): Promise<KillSwitchReport>;
    /** Rejects with AnyrayError store_unavailable where it cannot be audited; nothing is changed then. */
    release(reason: string | null, actor: Actor): Promise<KillSwitchReport>;
  };
  relayToOptimizer: OptimizerRelay;
  /** False: the optimizer did not say that it is done. Never rejects. */
  forgetInOptimizer(owned: Forgotten): Promise<boolean>;
  /** The optimizer's settings were changed through this gateway: the next call goes by the new ones. */
  refreshOptimizer(): void;
  privacy: {
    report(): PrivacyReport;
    /** What the optimizer goes by, asked now; null where it does not answer. */
    optimizer(): Promise<OptimizerPrivacy | null>;
  };
  auditChain(): ChainReport;
  egress(): EgressReport;
  /** Where a person can look at a trace in the backend that traces are exported to; null = no template is set. */
  traceLink(trace: { id: string; session: string | null }): string | null;
  health(): Promise<HealthReport>;
}

/** GET /admin/health. Nothing is probed over the network but the store; providers show what was last seen of them. */
export interface HealthReport {
  /**
   * "degraded": the store does not take writes, rows were quarantined or dropped, the content key is the wrong one, or the
   * audit log is not as it was written.
   */
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
  optimizer: {
    url: string;
    /** "open": it failed and is not asked; "half-open": a single call tries it. */
    breaker: "closed" | "half-open" | "open";
    openedBy: "timeout" | "unreachable" | "error" | null;
    /** RFC 3339: since when the breaker is in that state. */
    since: string;
    /** Of the settings in force; null = not known. */
    revision: string | null;
    /** Calls whose true usage is still to be told. */
    feedbackWaiting: number;
    feedbackDropped: number;
  };
  killSwitch: KillSwitchReport;
  traceExport: ExportReport;
  privacy: PrivacyReport;
  audit: ChainReport;
  caps: { month: string; cappedUsers: number };
  calls: { active: number; total: number };
}

/** How the optimizer applies the privacy settings. */
export interface OptimizerPrivacy {
  effectiveMode: ContentMode;
  /** Of the policy it goes by. */
  seenRevision: number;
}

/** Who a write is audited under. */
export function adminActor(deps: AdminDeps, request: Request): Actor {
  return { name: "admin", ip: deps.clientIp(request), at: deps.now() };
}
