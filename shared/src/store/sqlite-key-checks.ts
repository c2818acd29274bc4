// Owns the sealed words by which a content key is known to be the right one.

import type { Database } from "bun:sqlite";
import type { KeyCheck } from "./sealed-content";
import { exclusively } from "./sqlite-file";

export interface KeyCheckTables {
  readKeyChecks(): KeyCheck[];
  changeKeyChecks(check: KeyCheck | null, seen: readonly string[], drop: readonly string[]): KeyCheck[];
}

export function openKeyChecks(db: Database): KeyCheckTables {
  const readKeyChecks = () =>
    db.query<KeyCheck, []>("SELECT key_id AS keyId, canary AS sealed, at FROM content_key ORDER BY key_id").all();
  return {
    readKeyChecks,
    changeKeyChecks: (check, seen, drop) =>
      exclusively(db, () => {
        const known = readKeyChecks().map(({ keyId }) => keyId);
        // Another process was faster: the caller must look at what it left.
        if (known.join() !== [...seen].sort().join()) return readKeyChecks();
        for (const keyId of drop) db.query("DELETE FROM content_key WHERE key_id = ?").run(keyId);
        if (check) {
          db.query("INSERT OR IGNORE INTO content_key (key_id, canary, at) VALUES (?, ?, ?)").run(
            check.keyId,
            check.sealed,
            check.at,
          );
        }
        return readKeyChecks();
      }),
  };
}
