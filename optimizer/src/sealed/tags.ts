// Owns the keyed hashes that stand in the clear for names: who owns a row, what it is called. Only who has the content
// key can make one, so that nobody can try names against a stolen file.

import type { Database } from "bun:sqlite";
import { randomBytes } from "node:crypto";
import { EnvelopeError, type Keyring } from "@anyray/shared/crypto";
import { exclusively } from "@anyray/shared/store/sqlite-file";

export interface Tags {
  /** 24 characters for a list of parts; another list, however cut, has another tag. */
  tag(...parts: readonly string[]): string;
  /** The same under every tag key that can be read: for deletion, which must find all. */
  tagsEver(...parts: readonly string[]): string[];
  /** Seals the tag keys under the active content key. */
  rewrap(): void;
}

interface KeyRow {
  id: number;
  sealed: string;
}

const place = "optimizer/tag-key";
const letters = 24;

/**
 * Reads the file's tag keys, or makes the first one. A tag key sealed under a content key that is not configured is left
 * alone, and a new one made beside it.
 */
export function openTags(db: Database, keyring: Keyring): Tags {
  const keys = exclusively(db, () => {
    db.run("CREATE TABLE IF NOT EXISTS tag_keys (id INTEGER PRIMARY KEY, sealed TEXT NOT NULL)");
    const readable = readKeys(db, keyring);
    if (readable.length > 0) return readable;
    const made = new Uint8Array(randomBytes(32));
    db.query("INSERT INTO tag_keys (sealed) VALUES (?)").run(keyring.seal(made, place));
    return [made];
  });
  // The oldest, so that all processes on one file agree.
  const active = keys[0] as Uint8Array;
  return {
    tag: (...parts) => tagUnder(active, parts),
    tagsEver: (...parts) => keys.map((key) => tagUnder(key, parts)),
    rewrap() {
      exclusively(db, () => {
        for (const { id, sealed } of rowsOf(db)) {
          const key = openOrNull(keyring, sealed);
          if (key) db.query("UPDATE tag_keys SET sealed = ? WHERE id = ?").run(keyring.seal(key, place), id);
        }
      });
    },
  };
}

function rowsOf(db: Database): KeyRow[] {
  return db.query<KeyRow, []>("SELECT id, sealed FROM tag_keys ORDER BY id").all();
}

function readKeys(db: Database, keyring: Keyring): Uint8Array[] {
  return rowsOf(db).flatMap(({ sealed }) => openOrNull(keyring, sealed) ?? []);
}

function openOrNull(keyring: Keyring, sealed: string): Uint8Array | null {
  try {
    return keyring.open(sealed, place);
  } catch (error) {
    if (error instanceof EnvelopeError) return null;
    throw error;
  }
}

function tagUnder(key: Uint8Array, parts: readonly string[]): string {
  // JSON, because it keeps the borders between parts and lone surrogates apart.
  return new Bun.CryptoHasher("sha256", key).update(JSON.stringify(parts)).digest("base64url").slice(0, letters);
}
