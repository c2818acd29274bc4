// Owns a sealed table for tests, on a clock that stands still.

import { createKeyring } from "@anyray/shared/crypto";
import { createManualClock } from "@anyray/shared/testing/clock";
import type { Scope } from "../handles";
import { openSealedFile } from "../sealed/file";
import { type Entry, openSealedTable, type SealedTableOptions } from "../sealed/table";
import { openTags } from "../sealed/tags";
import { randomKey } from "./kept";

/** Of every table that is given no keyring. */
export const tableKey = randomKey();
export const hourMs = 3_600_000;

type Given = Partial<Omit<SealedTableOptions, "db">> & { path: string; fileBytesMax?: number };

export function openTable({ path, fileBytesMax, ...options }: Given) {
  const db = openSealedFile({ path, sync: "normal", ...(fileBytesMax ? { fileBytesMax } : {}) });
  const keyring = options.keyring ?? createKeyring(tableKey);
  const tags = openTags(db, keyring);
  const clock = createManualClock();
  const limits = { bytesMax: 1e9, tenantBytesMax: 1e9 };
  const table = openSealedTable({ db, name: "things", keyring, tags, now: clock.now, ...limits, ...options });
  const entry = (id: string, given: Partial<Entry> & { owner?: Scope; size?: number; text?: string } = {}): Entry => ({
    id,
    access: tags.tag(id),
    owner: { tenant: "t", user: "u", session: "s" },
    expiresAt: (options.now ?? clock.now)() + hourMs,
    isReplacing: true,
    // Random, so that it takes its size on disk.
    content: () => (given.size ? crypto.getRandomValues(new Uint8Array(given.size)) : Buffer.from(given.text ?? id)),
    ...given,
  });
  return { db, table, tags, clock, entry, [Symbol.dispose]: () => db.close() };
}

export function textOf(content: Uint8Array | null): string | null {
  return content && Buffer.from(content).toString("utf8");
}
