// Owns the change of content keys in the embedded store: finding what is sealed under a former key, and putting the newly
// sealed in its place. Holds no key and opens nothing.

import type { Database } from "bun:sqlite";
import { sealedUnder } from "../crypto";
import type { AuditAppended } from "./audit-step";
import type { Resealed, SealedContent, SealedStep } from "./sealed-content";
import type { AuditTables } from "./sqlite-audit";
import { atOnce, exclusively } from "./sqlite-file";
import { readPolicy } from "./sqlite-policy";
import { openContentBlobs, unpackContent } from "./sqlite-trace-blob";
import type { StoredMark } from "./sqlite-trace-record";
import type { AuditEntry, Policy } from "./store";

export interface ResealVerbs {
  readSealedElsewhere(keyId: string, position: number): SealedStep;
  resealContents(contents: readonly Resealed[]): number;
  resealProviderKey(
    slug: string,
    former: string,
    sealed: string,
    audit: AuditEntry,
  ): { policy: Policy | null; appended: AuditAppended | null };
}

const rowsPerStep = 64;
const bytesPerStep = 4 * 1_048_576;

interface Found {
  seq: number;
  trace: string;
  ts: number;
  field: SealedContent["field"];
  data: Uint8Array;
  contents: string;
}

export function openReseal(db: Database, audit: AuditTables): ResealVerbs {
  const blobs = openContentBlobs(db);
  return {
    readSealedElsewhere: (keyId, position) => atOnce(db, () => readStep(db, keyId, position)),
    resealContents: (contents) =>
      exclusively(db, () => {
        // A place may have been given to another content since: it is that of this trace and field, or left alone.
        const update = db.query<never, [Uint8Array, number, string, string]>(
          `UPDATE trace_content SET data = ?
           WHERE seq = ? AND trace_seq = (SELECT seq FROM trace WHERE id = ?) AND field = ?`,
        );
        let done = 0;
        for (const { position, trace, field, data } of contents) {
          done += update.run(blobs.pack(data), position, trace, field).changes > 0 ? 1 : 0;
        }
        return done;
      }),
    resealProviderKey(slug, former, sealed, entry) {
      const isThere = () =>
        db.query("SELECT 1 FROM provider WHERE slug = ? AND sealed_key = ?").get(slug, former) !== null;
      if (!isThere()) return { policy: null, appended: null };
      const { value: policy, appended } = audit.durably(() => {
        if (!isThere()) return null;
        db.query("UPDATE provider SET sealed_key = ? WHERE slug = ?").run(sealed, slug);
        db.run("UPDATE store_state SET revision = revision + 1");
        audit.add(entry);
        return readPolicy(db);
      });
      return { policy, appended: policy && appended };
    },
  };
}

function readStep(db: Database, keyId: string, position: number): SealedStep {
  const step: SealedStep = { contents: [], position, scanned: 0, isDone: true };
  let bytes = 0;
  const rows = db.query<Found, [number, number]>(
    `SELECT c.seq, t.id AS trace, t.ts, c.field, c.data, t.contents
     FROM trace_content c JOIN trace t ON t.seq = c.trace_seq WHERE c.seq > ? ORDER BY c.seq LIMIT ?`,
  );
  for (const { seq, trace, ts, field, data: blob, contents } of rows.iterate(position, rowsPerStep)) {
    step.position = seq;
    step.scanned++;
    bytes += blob.length;
    const data = unpackContent(blob);
    const isSealed = (JSON.parse(contents) as StoredMark[]).some(
      ([one, mode]) => one === field && mode === "encrypted",
    );
    if (isSealed && sealedUnder(data) !== keyId) step.contents.push({ position: seq, trace, ts, field, data });
    if (bytes > bytesPerStep) break;
  }
  return { ...step, isDone: bytes <= bytesPerStep && step.scanned < rowsPerStep };
}
