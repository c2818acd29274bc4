// Owns how a change of policy gets its audit row, how a failing store is told to the admin, and the audit
// log as it is read. A change that cannot be audited is refused by the store: both are one transaction.

import type { ChainReport } from "../audit-watch";
import { AnyrayError } from "../errors";
import type { AuditResult } from "../store/audit-step";
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
  return askStore(store.changePolicy(change, entryOf(actor, entry)));
}

/** What is audited beside changes of policy. Nothing of it may hold a secret. */
export interface Audited {
  /** For example "content.shred". */
  action: string;
  object: string;
  before?: unknown;
  after?: unknown;
  reason?: string | null;
}

function entryOf(actor: Actor, { action, object, after, reason }: Audited): Omit<AuditEntry, "before"> {
  const { name, ip, at } = actor;
  const id = Bun.randomUUIDv7("hex", at);
  return { id, at, actor: name, ip, action, object, after: after ?? null, reason: reason ?? null };
}

/** Adds a row for what is no change of policy. @throws AnyrayError `store_unavailable` */
export async function appendAudited(store: Pick<Store, "appendAudit">, actor: Actor, audited: Audited): Promise<void> {
  await askStore(store.appendAudit({ ...entryOf(actor, audited), before: audited.before ?? null }));
}

/**
 * Runs an effect outside of the transaction of its audit row: the intent is on the disk before it begins, what became of
 * it is added behind. An effect that throws is audited as failed, and throws on.
 *
 * @param tell what of the result goes into the audit log
 * @throws AnyrayError `store_unavailable` when the intent cannot be audited; nothing was done then
 */
export async function runAudited<T>(
  store: Pick<Store, "appendAudit">,
  actor: Actor,
  audited: Audited,
  run: () => Promise<T>,
  tell: (value: T) => unknown = () => null,
): Promise<T> {
  const before = audited.before ?? null;
  const intent = await askStore(store.appendAudit({ ...entryOf(actor, audited), before, result: "intent" }));
  const close = async (result: AuditResult, outcome: unknown) => {
    const after = { intent: intent.seq, outcome };
    await askStore(
      store.appendAudit({ ...entryOf({ ...actor, at: Date.now() }, { ...audited, after }), before: null, result }),
    );
  };
  let value: T;
  try {
    value = await run();
  } catch (error) {
    // The intent stands alone then, which says as much: the effect's own error is the one to tell.
    await close("failed", error instanceof Error ? error.name : "error").catch(() => {});
    throw error;
  }
  await close("done", tell(value));
  return value;
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
    /** "intent": a row with the outcome follows. */
    result: AuditResult;
  }[];
  /** `before` of the next page, or null at the end. */
  nextBefore: number | null;
  /** The same as a text, for `cursor`. */
  nextCursor: string | null;
  /** Whether the log is as it was written. */
  chain: ChainReport;
}

export const auditLimit = { min: 1, max: 1000, default: 100 };

/** @throws AnyrayError `invalid_request` naming every fault */
export function parseAuditQuery(params: URLSearchParams): { before: number | null; limit: number } {
  const faults: string[] = [];
  const given = readParameters(params, ["limit", "before", "cursor"], faults);
  const limit = readInteger(given, "limit", auditLimit, auditLimit.default, faults);
  const seqs = { min: 1, max: Number.MAX_SAFE_INTEGER };
  const before = readInteger(given, "before", seqs, readInteger(given, "cursor", seqs, null, faults), faults);
  if (given.has("before") && given.has("cursor")) faults.push("before and cursor: give one of them");
  refuseFaults(faults);
  return { before, limit };
}

/** One page of the audit log, newest first. */
export async function readAudit(
  store: Pick<Store, "readAudit">,
  query: { before: number | null; limit: number },
  chain: ChainReport,
): Promise<AuditPage> {
  const rows = await askStore(store.readAudit(query.before, query.limit));
  const entries = rows.map(({ seq, id, at, actor, ip, action, object, before, after, reason, result }) => ({
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
    result,
  }));
  const last = entries.at(-1);
  // Numbers have no gaps, so there is more exactly when the page did not end at 1.
  const nextBefore = last && last.seq > 1 ? last.seq : null;
  return { entries, nextBefore, nextCursor: nextBefore === null ? null : String(nextBefore), chain };
}
