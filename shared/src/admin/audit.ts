// Owns how a change of policy gets its audit row, how a failing store is told to the admin, and the audit
// log as it is read. A change that cannot be audited is refused by the store: both are one transaction.

import { AnyrayError } from "../errors";
import type { AuditEntry, Policy, PolicyChange, Store } from "../store/store";
import { rfc3339 } from "../time";
import { readInteger, readParameters, refuseFaults } from "./request";

/** Who asks for a change, and when. */
export interface Actor {
  /** "admin" */
  name: string;
  /** Network address, or null when it is not known. */
  ip: string | null;
  /** Epoch milliseconds. */
  at: number;
}

/**
 * Awaits the store.
 *
 * @throws AnyrayError `store_unavailable` for any failure of it, with the failure as `cause`
 */
export async function askStore<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    if (cause instanceof AnyrayError) throw cause;
    const error = new AnyrayError("store_unavailable", "The store does not answer. Nothing was changed.");
    error.cause = cause;
    throw error;
  }
}

/** Applies a change together with its audit row. `entry.after` must hold no secret. */
export function changeAudited(
  store: Store,
  change: PolicyChange,
  actor: Actor,
  entry: Pick<AuditEntry, "action" | "object" | "after"> & { reason?: string },
): Promise<Policy> {
  const audit = {
    id: Bun.randomUUIDv7("hex", actor.at),
    at: actor.at,
    actor: actor.name,
    ip: actor.ip,
    action: entry.action,
    object: entry.object,
    after: entry.after,
    reason: entry.reason ?? null,
  };
  return askStore(store.changePolicy(change, audit));
}

export interface AuditPage {
  entries: {
    seq: number;
    id: string;
    /** RFC 3339 */
    at: string;
    actor: string;
    ip: string | null;
    action: string;
    object: string;
    before: unknown;
    after: unknown;
    reason: string | null;
  }[];
  /** `before` of the next page, or null at the end. */
  nextBefore: number | null;
}

export const auditLimit = { min: 1, max: 1000, default: 100 };

/** @throws AnyrayError `invalid_request` naming every fault */
export function parseAuditQuery(params: URLSearchParams): { before: number | null; limit: number } {
  const faults: string[] = [];
  const given = readParameters(params, ["limit", "before"], faults);
  const limit = readInteger(given, "limit", auditLimit, auditLimit.default, faults);
  const before = readInteger(given, "before", { min: 1, max: Number.MAX_SAFE_INTEGER }, null, faults);
  refuseFaults(faults);
  return { before, limit };
}

/** One page of the audit log, newest first. */
export async function readAudit(store: Store, query: { before: number | null; limit: number }): Promise<AuditPage> {
  const rows = await askStore(store.readAudit(query.before, query.limit));
  const entries = rows.map(({ seq, id, at, actor, ip, action, object, before, after, reason }) => ({
    seq,
    id,
    at: rfc3339(at),
    actor,
    ip,
    action,
    object,
    before,
    after,
    reason,
  }));
  const last = entries.at(-1);
  // Numbers have no gaps, so there is more exactly when the page did not end at 1.
  return { entries, nextBefore: last && last.seq > 1 ? last.seq : null };
}
