// Owns the choice of the store.

import { join } from "node:path";
import type { AuditKeyTexts } from "./audit-chain";
import type { AuditAppended } from "./audit-step";
import { openSqlite } from "./sqlite";
import type { Store } from "./store";

export interface StoreOptions {
  /** Everything the embedded mode writes; made, for its owner only, where it is missing. */
  dataDir: string;
  /** IANA zone of hours, days and months in reports. A change of it makes the roll-ups anew. */
  timezone: string;
  /** Of a database server. */
  dbUrl?: string;
  /** What the audit log is chained under; default: a key of its own in the data directory. */
  auditKeys?: AuditKeyTexts;
  /** Told after every row that this store added to the audit log. */
  onAudit?: (appended: AuditAppended) => void;
}

/** @throws Error when the store cannot be opened, or a server is asked for */
export async function openStore({ dataDir, dbUrl, ...options }: StoreOptions): Promise<Store> {
  // Quietly keeping the facts elsewhere than asked would be worse than not to start.
  if (dbUrl !== undefined) throw new Error("a database server was asked for, but only the embedded store is available");
  return openSqlite({ path: join(dataDir, "anyray.db"), ...options });
}
