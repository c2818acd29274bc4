// Owns the choice of the store.

import { join } from "node:path";
import { openSqlite } from "./sqlite";
import type { Store } from "./store";

export interface StoreOptions {
  /** Everything the embedded mode writes; made, for its owner only, where it is missing. */
  dataDir: string;
  /** IANA zone of hours, days and months in reports. A change of it makes the roll-ups anew. */
  timezone: string;
  /** Of a database server. */
  dbUrl?: string;
}

/** @throws Error when the store cannot be opened, or a server is asked for */
export async function openStore({ dataDir, timezone, dbUrl }: StoreOptions): Promise<Store> {
  // Quietly keeping the facts elsewhere than asked would be worse than not to start.
  if (dbUrl !== undefined) throw new Error("a database server was asked for, but only the embedded store is available");
  return openSqlite({ path: join(dataDir, "anyray.db"), timezone });
}
