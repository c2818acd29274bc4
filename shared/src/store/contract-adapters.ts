// Owns the list of stores that the contract is tested on (an adapter is one line in it), and how they are asked.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SpendRow } from "./spend-row";
import { openSqlite, openSqliteInline } from "./sqlite";
import type { SqliteFile } from "./sqlite-file";
import type { RowPage, SpendFilter, Store } from "./store";

export interface Adapter {
  name: string;
  /** Opens a store that holds nothing, in a report time zone, and returns what `use` returns when all is removed. */
  withStore<T>(timezone: string, use: (store: Store) => Promise<T>): Promise<T>;
}

export const adapters: Adapter[] = [
  { name: "sqlite", withStore: inFile(openSqlite) },
  { name: "sqlite inline", withStore: inFile(async (file) => openSqliteInline(file)) },
];

function inFile(open: (file: SqliteFile) => Promise<Store>): Adapter["withStore"] {
  return async (timezone, use) => {
    const directory = mkdtempSync(join(tmpdir(), "anyray-store-"));
    try {
      const store = await open({ path: join(directory, "anyray.db"), timezone });
      try {
        return await use(store);
      } finally {
        await store.close();
      }
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  };
}

/**
 * The error a call ends with. For a call that a worker answers: bun's `expect(…).rejects` waits without letting the
 * worker's message in when the test itself runs on from an earlier one.
 */
export async function failureOf(call: Promise<unknown>): Promise<Error> {
  const failure = await call.then(
    () => null,
    (error: Error) => error,
  );
  if (failure === null) throw new Error("the call did not fail");
  return failure;
}

/** Every row that matches, read in pages of `limit`. */
export async function readAll(store: Store, filter: SpendFilter, limit: number): Promise<SpendRow[]> {
  const found: SpendRow[] = [];
  for (let after: RowPage["next"] = null; ; ) {
    const page: RowPage = await store.readRows(filter, after, limit);
    const isWhole = page.next === null ? page.rows.length <= limit : page.rows.length === limit;
    if (!isWhole) throw new Error(`a page of ${limit} rows has ${page.rows.length}`);
    found.push(...page.rows);
    if (page.next === null) return found;
    after = page.next;
  }
}
