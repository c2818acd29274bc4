// Owns the change of keys: rows under former keys are sealed anew under the active one. What is done stays done, so that
// it can be broken off at any time and begun again.

import type { Database } from "bun:sqlite";
import type { Keyring } from "@anyray/shared/crypto";
import { exclusively } from "@anyray/shared/store/sqlite-file";
import { openRow, placeOf, rowBytes, type SealedRow } from "./rows";

const rowsPerStep = 16;

/** Rows that no configured key opens stay as they are and are counted. */
export async function rewrapRows(
  db: Database,
  name: string,
  keyring: Keyring,
): Promise<{ rewrapped: number; unreadable: number }> {
  const next = db.prepare<SealedRow & { position: number }, [number, string]>(
    `SELECT rowid AS position, id, access, tenant, user, session, key_id, sealed FROM ${name}
     WHERE rowid > ? AND key_id <> ? ORDER BY rowid LIMIT ${rowsPerStep}`,
  );
  // Only where nobody has written it since.
  const update = db.prepare<null, [string, string, number, string, string]>(
    `UPDATE ${name} SET sealed = ?, key_id = ?, bytes = ? WHERE id = ? AND sealed = ?`,
  );
  const done = { rewrapped: 0, unreadable: 0 };
  let position = 0;
  for (;;) {
    const rows = next.all(position, keyring.keyId);
    if (rows.length === 0) return done;
    const fresh = rows.map((row) => [row, sealAnew(row, name, keyring)] as const);
    exclusively(db, () => {
      for (const [row, sealed] of fresh) {
        if (sealed === null) done.unreadable++;
        else done.rewrapped += update.run(sealed, keyring.keyId, sealed.length + rowBytes, row.id, row.sealed).changes;
      }
    });
    position = rows.at(-1)?.position ?? position;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** One after the other; added up. */
export async function rewrapEach(
  kept: readonly { rewrapAll(): Promise<{ rewrapped: number; unreadable: number }> }[],
): Promise<{ rewrapped: number; unreadable: number }> {
  const done = { rewrapped: 0, unreadable: 0 };
  for (const each of kept) {
    const { rewrapped, unreadable } = await each.rewrapAll();
    done.rewrapped += rewrapped;
    done.unreadable += unreadable;
  }
  return done;
}

function sealAnew(row: SealedRow, name: string, keyring: Keyring): string | null {
  const content = openRow(keyring, name, row);
  return content && keyring.seal(content, placeOf(name, row));
}
