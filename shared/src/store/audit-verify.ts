// Owns telling whether the audit log is as it was written: a bounded step of rows at a time, then its end against the
// head and the anchor. Names the first row that does not fit and, as far as it can be told, what was done to it.

import type { Database } from "bun:sqlite";
import { type FoundAnchor, readAnchor } from "./audit-anchor";
import { type AuditHead, type AuditKeys, type ChainedRow, genesis, isSameHash } from "./audit-chain";
import type { AuditFault, AuditStep } from "./audit-step";
import { atOnce } from "./sqlite-file";

type Row = ChainedRow & { prev: string | null; hash: string | null; keyId: string | null };

const columns =
  'seq, id, at, actor, ip, action, object, "before", "after", reason, result, adopted, prev, hash, key_id AS keyId';
const rowsPerStep = 500;
/** How far from its place a row is looked for. */
const movedMax = 64;

export interface Verification {
  db: Database;
  keys: AuditKeys;
  anchorPath: string;
}

/** Checks what comes after `from`; in the last step also the end, against `expected` too where one is given. */
export function verifyStep(
  { db, keys, anchorPath }: Verification,
  from: AuditHead | null,
  expected: AuditHead | null,
): AuditStep {
  return atOnce(db, () => {
    let last = from ?? genesis;
    let rows = 0;
    const anchor = readAnchor(anchorPath, keys);
    const found = db
      .query<Row, [number, number]>(`SELECT ${columns} FROM audit WHERE seq > ? ORDER BY seq LIMIT ?`)
      .all(last.seq, rowsPerStep);
    for (const row of found) {
      const fault = faultOf(db, keys, row, last, anchor);
      if (fault) return { position: last, rows, isDone: true, fault, head: readHead(db) };
      last = { seq: row.seq, hash: row.hash ?? "" };
      rows++;
    }
    const isDone = found.length < rowsPerStep;
    const fault = isDone ? faultAtEnd(db, last, anchor, expected) : null;
    return { position: last, rows, isDone, fault, head: readHead(db) };
  });
}

export function readHead(db: Database): AuditHead {
  return db.query<AuditHead, []>("SELECT seq, hash FROM audit_chain").get() ?? genesis;
}

/** Whether the row that `head` speaks of is still that row. */
export function isInChain(db: Database, { seq, hash }: AuditHead): boolean {
  if (seq === 0) return hash === genesis.hash;
  const found = db.query<{ hash: string | null }, [number]>("SELECT hash FROM audit WHERE seq = ?").get(seq);
  return isSameHash(found?.hash ?? "", hash);
}

function faultOf(db: Database, keys: AuditKeys, row: Row, last: AuditHead, anchor: FoundAnchor): AuditFault | null {
  const { seq, prev, hash, keyId } = row;
  const expected = last.seq + 1;
  if (prev === null || hash === null || keyId === null) {
    return { seq, kind: "inserted", reason: "the row was never chained" };
  }
  if (seq > expected) {
    // The row behind the gap names the one that should stand before it.
    const isElsewhere = seqOfHash(db, prev) !== null && prev !== last.hash;
    const missing = seq - 1 > expected ? `rows ${expected} to ${seq - 1} are` : `row ${expected} is`;
    return { seq: expected, kind: isElsewhere ? "reordered" : "deleted", reason: `${missing} not in its place` };
  }
  const own = keys.hash(keyId, prev, row);
  if (own === undefined) {
    return { seq, kind: "unknown-key", reason: `it was chained under the key ${keyId}, which is not configured` };
  }
  if (isSameHash(own, hash)) {
    if (isSameHash(prev, last.hash)) return null;
    return { seq, kind: "replayed", reason: "it continues another history than the row before it" };
  }
  return whatWasDone(db, keys, row, last, anchor);
}

/** For a row whose hash does not fit what it says. */
function whatWasDone(db: Database, keys: AuditKeys, row: Row, last: AuditHead, anchor: FoundAnchor): AuditFault {
  const { seq } = row;
  const original = originalSeq(db, keys, row);
  if (original !== null) {
    const before = seqOfHash(db, row.prev ?? "");
    const isKept = before !== null || row.prev === genesis.hash;
    return isKept
      ? { seq, kind: "reordered", reason: `it was written as row ${original}` }
      : { seq, kind: "deleted", reason: `it was written as row ${original}, and a row before it is gone` };
  }
  const next = db.query<Row, [number]>(`SELECT ${columns} FROM audit WHERE seq = ?`).get(seq + 1);
  const isPushedIn = next?.prev === last.hash && originalSeq(db, keys, next) === seq;
  const isPutBehind = !next && anchor.state === "found" && seq > anchor.head.seq;
  if (isPushedIn || isPutBehind) return { seq, kind: "inserted", reason: "it was not written by this program" };
  return { seq, kind: "edited", reason: "what it says is not what was written" };
}

/** The number under which the row's hash is right; null where there is none, or it is the one it has. */
function originalSeq(db: Database, keys: AuditKeys, row: Row): number | null {
  const { seq, prev, hash, keyId } = row;
  if (prev === null || hash === null || keyId === null) return null;
  const before = seqOfHash(db, prev);
  const candidates = before === null ? [] : [before + 1];
  for (let away = 1; away <= movedMax; away++) candidates.push(seq + away, seq - away);
  if (prev === genesis.hash) candidates.push(1);
  return candidates.find((one) => one > 0 && keys.hash(keyId, prev, { ...row, seq: one }) === hash) ?? null;
}

function seqOfHash(db: Database, hash: string): number | null {
  return db.query<{ seq: number }, [string]>("SELECT seq FROM audit WHERE hash = ? LIMIT 1").get(hash)?.seq ?? null;
}

function faultAtEnd(db: Database, last: AuditHead, anchor: FoundAnchor, expected: AuditHead | null): AuditFault | null {
  const head = readHead(db);
  if (head.seq > last.seq) {
    return { seq: last.seq + 1, kind: "truncated", reason: `the log ended with row ${head.seq}` };
  }
  if (head.seq < last.seq || head.hash !== last.hash) {
    return { seq: head.seq, kind: "edited", reason: "the head does not name the last row" };
  }
  const kept = anchor.state === "found" ? [{ name: "anchor file", ...anchor.head }] : [];
  for (const { name, ...one } of [...kept, ...(expected ? [{ name: "anchor given", ...expected }] : [])]) {
    if (isInChain(db, one)) continue;
    const reason =
      one.seq > last.seq
        ? `the ${name} knows row ${one.seq}: the log was cut, or is an older copy`
        : `the ${name} knows another row ${one.seq}: the log was written anew, or is another copy`;
    return { seq: Math.min(one.seq, last.seq + 1), kind: "replayed", reason };
  }
  if (anchor.state === "broken") {
    return { seq: last.seq, kind: "unanchored", reason: "the anchor file is not what this program wrote" };
  }
  if (anchor.state === "missing" && last.seq > 0) {
    return {
      seq: last.seq,
      kind: "unanchored",
      reason: "the anchor file is missing: rows cut off at the end would not be seen",
    };
  }
  return null;
}
