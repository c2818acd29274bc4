// Owns what the tests of the audit log share: a log in a directory of its own, and somebody who has the file and no key.

import { Database } from "bun:sqlite";
import { afterEach, beforeEach } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AuditFault, AuditStep } from "./audit-step";
import { openSqliteInline } from "./sqlite";
import type { Store } from "./store";

export let dir: string;
export const open = new Set<Store>();
export const path = () => join(dir, "anyray.db");
export const anchorPath = () => join(dir, "audit-anchor");
export const entry = (n: number) => ({
  id: `id ${n}`,
  at: n,
  actor: "admin",
  ip: null,
  action: "test.set",
  object: `thing ${n}`,
  before: { n: n - 1 },
  after: { n },
  reason: n % 2 ? "odd" : null,
});

/** To be called once in each test file: hooks belong to the file that makes them. */
export function useAuditWorld(): void {
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "anyray-chain-"));
  });
  afterEach(async () => {
    for (const store of open) await store.close();
    open.clear();
    rmSync(dir, { recursive: true, force: true });
  });
}

export function openHere(more: Partial<Parameters<typeof openSqliteInline>[0]> = {}): Store {
  const store = openSqliteInline({ path: path(), timezone: "UTC", ...more });
  open.add(store);
  return store;
}

export async function leave(store: Store): Promise<void> {
  open.delete(store);
  await store.close();
}

/** A log of `rows` rows, closed. */
export async function write(rows: number): Promise<void> {
  const store = openHere();
  for (let n = 1; n <= rows; n++) await store.appendAudit(entry(n));
  await leave(store);
}

/** As somebody would who has the file and no key. */
export function tamper(...statements: string[]): void {
  const db = new Database(path());
  db.run("PRAGMA busy_timeout = 5000");
  for (const name of ["audit_is_chained", "audit_is_not_updated", "audit_is_not_deleted"])
    db.run(`DROP TRIGGER IF EXISTS ${name}`);
  for (const statement of statements) db.run(statement);
  db.close();
}

/** What a version without a chain left. */
export async function writeOld(rows: number): Promise<void> {
  await write(0);
  tamper(
    "UPDATE audit_chain SET adopted_until = NULL",
    `WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ${rows})
     INSERT INTO audit SELECT n, 'old ' || n, n, 'admin', NULL, 'caps.set', 'ann', 'null', '{}', NULL, 'done', 0, NULL, NULL, NULL FROM n`,
  );
}

export async function verifyAll(store: Store): Promise<{ fault: AuditFault | null; rows: number; steps: AuditStep[] }> {
  const steps: AuditStep[] = [];
  for (;;) {
    const step = await store.verifyAudit(steps.at(-1)?.position ?? null);
    steps.push(step);
    if (step.isDone) return { fault: step.fault, rows: steps.reduce((sum, { rows }) => sum + rows, 0), steps };
  }
}

export async function faultNow(): Promise<Pick<AuditFault, "seq" | "kind"> | null> {
  const store = openHere();
  const { fault } = await verifyAll(store);
  await leave(store);
  return fault && { seq: fault.seq, kind: fault.kind };
}
