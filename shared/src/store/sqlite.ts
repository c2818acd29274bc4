// Owns the embedded store: Store on top of the synchronous calls of sqlite-verbs.ts, in a worker or inline.

import type { AuditAppended } from "./audit-step";
import { checkChange, checkRejections, checkRows } from "./check";
import type { SqliteFile } from "./sqlite-file";
import { traceStoreOf } from "./sqlite-traces";
import { openVerbs, type SqliteVerbs } from "./sqlite-verbs";
import type { Store } from "./store";
import { openWorkerCalls } from "./worker-calls";

/** One call, wherever it runs. */
type Run = <V extends Exclude<keyof SqliteVerbs, "close">>(
  verb: V,
  ...args: Parameters<SqliteVerbs[V]>
) => Promise<ReturnType<SqliteVerbs[V]>>;

export interface SqliteOptions extends SqliteFile {
  /** After so long a call is rejected, though it may still be carried out. */
  deadlineMs?: number;
  /** Told after every row that this store added to the audit log. */
  onAudit?: (appended: AuditAppended) => void;
}

/**
 * Opens the store with its file in a worker, so that no call holds up the event loop.
 *
 * @throws Error when the file cannot be opened
 */
export async function openSqlite({ deadlineMs = 10_000, onAudit, ...file }: SqliteOptions): Promise<Store> {
  const calls = await openWorkerCalls({
    create: () => new Worker(new URL("./sqlite-worker.ts", import.meta.url)),
    greeting: [file],
    deadlineMs,
  });
  const run = (verb: string, ...args: unknown[]) => calls.call(verb, args);
  return storeOf(run as Run, () => calls.close(), onAudit);
}

/**
 * Opens the store on the caller's own thread, for programs that serve nobody meanwhile.
 *
 * @throws Error when the file cannot be opened
 */
export function openSqliteInline({ onAudit, ...file }: Omit<SqliteOptions, "deadlineMs">): Store {
  let verbs: SqliteVerbs | null = openVerbs(file);
  const run: Run = async (verb, ...args) => {
    if (!verbs) throw new Error("the store is closed");
    const call = verbs[verb] as (...given: typeof args) => ReturnType<SqliteVerbs[typeof verb]>;
    return call(...args);
  };
  const close = async () => {
    const open = verbs;
    verbs = null;
    open?.close();
  };
  return storeOf(run, close, onAudit);
}

function storeOf(run: Run, close: () => Promise<void>, onAudit: SqliteOptions["onAudit"] = () => {}): Store {
  return {
    kind: "sqlite",
    async recordSpend(rows) {
      checkRows(rows);
      return run("recordSpend", rows);
    },
    async recordRejections(rejections) {
      checkRejections(rejections);
      await run("recordRejections", rejections);
    },
    readPolicy: () => run("readPolicy"),
    readRevision: () => run("readRevision"),
    async changePolicy(change, audit) {
      checkChange(change);
      const { policy, appended } = await run("changePolicy", change, audit);
      onAudit(appended);
      return policy;
    },
    readMonth: (month, users) => run("readMonth", month, users ?? null),
    async summarize(query) {
      const summary = await run("summarize", query);
      return { ...summary, outcomes: new Map(summary.outcomes) };
    },
    readRows: (filter, after, limit) => run("readRows", filter, after, limit),
    readAudit: (beforeSeq, limit) => run("readAudit", beforeSeq, limit),
    ...traceStoreOf(run),
    async appendAudit(entry) {
      const { row, appended } = await run("appendAudit", entry);
      onAudit(appended);
      return row;
    },
    verifyAudit: (from, expected) => run("verifyAudit", from, expected ?? null),
    async acceptAudit(entry) {
      const { row, appended } = await run("acceptAudit", entry);
      onAudit(appended);
      return row;
    },
    readKeyChecks: () => run("readKeyChecks"),
    changeKeyChecks: (check, seen, drop) => run("changeKeyChecks", check, seen, drop),
    readSealedElsewhere: (keyId, position) => run("readSealedElsewhere", keyId, position),
    resealContents: (contents) => run("resealContents", contents),
    async resealProviderKey(slug, former, sealed, audit) {
      const { policy, appended } = await run("resealProviderKey", slug, former, sealed, audit);
      if (appended) onAudit(appended);
      return policy;
    },
    async prune(before) {
      let deleted = 0;
      // One call a step, so that what others send meanwhile is not kept waiting.
      for (;;) {
        const step = await run("pruneStep", before);
        deleted += step.deleted;
        if (step.isDone) return deleted;
      }
    },
    async ping() {
      await run("ping");
    },
    close,
  };
}
