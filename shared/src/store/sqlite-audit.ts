// Owns the audit log in the embedded store: rows that are only ever added, each chained to the one before it, and the
// anchor that is kept outside of the database.

import type { Database } from "bun:sqlite";
import { dirname, join } from "node:path";
import { acceptsKey, auditKeyFile, ensureSecret, makeKey } from "../secrets";
import { anchorFile, readAnchor, writeAnchor } from "./audit-anchor";
import { type AuditHead, type AuditKeys, type ChainedRow, createAuditKeys, genesis } from "./audit-chain";
import type { AuditAppended, AuditStep } from "./audit-step";
import { isInChain, readHead, verifyStep } from "./audit-verify";
import { exclusively, type SqliteFile } from "./sqlite-file";
import type { AuditEntry, AuditRow } from "./store";

export interface AuditTables {
  /** For a transaction that others open: the row is part of it. */
  add(entry: AuditEntry): AuditRow;
  /** Runs in a transaction that is on the disk when it returns, then brings the anchor up to what it added. */
  durably<T>(run: () => T): { value: T; appended: AuditAppended };
  appendAudit(entry: AuditEntry): { row: AuditRow; appended: AuditAppended };
  /** Appends, and anchors the log as it is now, whatever the anchor said. */
  acceptAudit(entry: AuditEntry): { row: AuditRow; appended: AuditAppended };
  readAudit(beforeSeq: number | null, limit: number): AuditRow[];
  verifyAudit(from: AuditHead | null, expected: AuditHead | null): AuditStep;
}

type Stored = Omit<ChainedRow, "adopted">;

interface Place {
  db: Database;
  /** Made, or read, when it is first needed: who only counts rows needs no key. */
  keys(): AuditKeys;
  anchorPath: string;
}

/** Rows from before there was a chain are chained now, and marked. */
export function openAudit(db: Database, file: SqliteFile): AuditTables {
  const dataDir = dirname(file.path);
  let made: AuditKeys | null = null;
  const keys = () => {
    made ??= createAuditKeys(
      file.auditKeys ?? { active: ensureSecret(dataDir, auditKeyFile, makeKey, { accepts: acceptsKey }).value },
    );
    return made;
  };
  const place: Place = { db, keys, anchorPath: join(dataDir, anchorFile) };
  if (adoptRows(place)) anchor(place, Date.now());
  const add = (entry: AuditEntry) => addRow(place, entry);
  const durably: AuditTables["durably"] = (run) => {
    const value = onDisk(db, () => exclusively(db, run));
    const isAnchored = anchor(place, Date.now());
    return { value, appended: { ...readHead(db), isAnchored } };
  };
  const append = (entry: AuditEntry) => {
    const { value: row, appended } = durably(() => add(entry));
    return { row, appended };
  };
  return {
    add,
    durably,
    appendAudit: append,
    acceptAudit(entry) {
      const { row, appended } = append(entry);
      const isAnchored = exclusively(db, () => tryToWrite(place, readHead(db), entry.at));
      return { row, appended: { ...appended, isAnchored } };
    },
    readAudit: (beforeSeq, limit) =>
      db
        .query<Stored, [number, number]>(
          'SELECT seq, id, at, actor, ip, action, object, "before", "after", reason, result FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?',
        )
        .all(beforeSeq ?? Number.MAX_SAFE_INTEGER, limit)
        .map(toRow),
    verifyAudit: (from, expected) => verifyStep({ db, keys: keys(), anchorPath: place.anchorPath }, from, expected),
  };
}

function toRow({ before, after, result, ...row }: Stored): AuditRow {
  return { ...row, before: JSON.parse(before), after: JSON.parse(after), result: result as AuditRow["result"] };
}

/** A row that the database forgets with the power would make the anchor, which it does not forget, look like a fraud. */
function onDisk<T>(db: Database, run: () => T): T {
  db.run("PRAGMA synchronous = FULL");
  try {
    return run();
  } finally {
    db.run("PRAGMA synchronous = NORMAL");
  }
}

function addRow(place: Place, entry: AuditEntry): AuditRow {
  const { db } = place;
  const keys = place.keys();
  const last = lastOf(db);
  const row: ChainedRow = {
    seq: last.seq + 1,
    // The database keeps text as UTF-8: half a character would be another text when it is read.
    id: entry.id.toWellFormed(),
    at: entry.at,
    actor: wellFormed(entry.actor),
    ip: entry.ip === null ? null : wellFormed(entry.ip),
    action: wellFormed(entry.action),
    object: wellFormed(entry.object),
    before: JSON.stringify(entry.before) ?? "null",
    after: JSON.stringify(entry.after) ?? "null",
    reason: entry.reason === null ? null : wellFormed(entry.reason),
    result: entry.result ?? "done",
    adopted: 0,
  };
  const hash = keys.hash(keys.keyId, last.hash, row) as string;
  db.query(
    `INSERT INTO audit (seq, id, at, actor, ip, action, object, "before", "after", reason, result, adopted, prev, hash, key_id)
     VALUES ($seq, $id, $at, $actor, $ip, $action, $object, $before, $after, $reason, $result, $adopted, $prev, $hash, $keyId)`,
  ).run({ ...row, prev: last.hash, hash, keyId: keys.keyId });
  setHead(db, { seq: row.seq, hash });
  return toRow(row);
}

/** Not a text: left for the database to refuse. */
function wellFormed(text: string): string {
  return typeof text === "string" ? text.toWellFormed() : text;
}

/** Where head and rows disagree, the longer one is gone on with: what is missing stays missing for all to see. */
function lastOf(db: Database): AuditHead {
  const head = readHead(db);
  const last = db
    .query<{ seq: number; hash: string | null }, []>("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
    .get();
  return last && last.seq > head.seq ? { seq: last.seq, hash: last.hash ?? genesis.hash } : head;
}

function setHead(db: Database, { seq, hash }: AuditHead): void {
  db.query("UPDATE audit_chain SET seq = ?, hash = ?, adopted_until = coalesce(adopted_until, 0)").run(seq, hash);
}

/** True where there were any. Once in the life of a database: later ones without a hash are nobody's. */
function adoptRows(place: Place): boolean {
  const { db } = place;
  const isDue = () =>
    db.query<{ adopted_until: number | null }, []>("SELECT adopted_until FROM audit_chain").get()?.adopted_until ===
    null;
  if (!isDue()) return false;
  return onDisk(db, () =>
    exclusively(db, () => {
      if (!isDue()) return false;
      let last = genesis;
      const rows = db
        .query<Stored, []>(
          'SELECT seq, id, at, actor, ip, action, object, "before", "after", reason, result FROM audit ORDER BY seq',
        )
        .all();
      const update = db.prepare("UPDATE audit SET adopted = 1, prev = ?, hash = ?, key_id = ? WHERE seq = ?");
      for (const row of rows) {
        const { keyId } = place.keys();
        const hash = place.keys().hash(keyId, last.hash, { ...row, adopted: 1 }) as string;
        update.run(last.hash, hash, keyId, row.seq);
        last = { seq: row.seq, hash };
      }
      setHead(db, last);
      db.query("UPDATE audit_chain SET adopted_until = ?").run(last.seq);
      return rows.length > 0;
    }),
  );
}

/**
 * Moves the anchor to the head, unless it says something that the log does not bear out: then it stays, as evidence.
 * Under the write lock, so that of several processes none puts an older head over a newer one.
 */
function anchor(place: Place, at: number): boolean {
  const { db } = place;
  return exclusively(db, () => {
    const head = readHead(db);
    const found = readAnchor(place.anchorPath, place.keys());
    const isFirst = found.state === "missing" && head.seq <= adoptedUntil(db) + 1;
    const isContinued = found.state === "found" && found.head.seq <= head.seq && isInChain(db, found.head);
    return (isFirst || isContinued) && tryToWrite(place, head, at);
  });
}

function adoptedUntil(db: Database): number {
  return db.query<{ seq: number | null }, []>("SELECT adopted_until AS seq FROM audit_chain").get()?.seq ?? 0;
}

/** What was audited stays so when the anchor cannot follow: the next one will. */
function tryToWrite(place: Place, head: AuditHead, at: number): boolean {
  try {
    writeAnchor(place.anchorPath, place.keys(), head, at);
    return true;
  } catch {
    return false;
  }
}
