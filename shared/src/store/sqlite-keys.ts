// Owns spend_key: one id for every combination of names that rows came with. Ids are never deleted, so that any process
// may remember them; refuses to remember those of a transaction that was rolled back.

import type { Database } from "bun:sqlite";
import type { SpendRow } from "./spend-row";

const rememberedMax = 50_000;

export interface Keys {
  /** The id of the row's combination, made if there is none. */
  idOf(row: SpendRow): number;
  /** To be called after a rollback. */
  forget(): void;
}

export function openKeys(db: Database): Keys {
  const ids = new Map<string, number>();
  const find = db.prepare<{ id: number }, [string]>("SELECT id FROM spend_key WHERE key = ?");
  const add = db.prepare<{ id: number }, (string | number | null)[]>(
    `INSERT INTO spend_key (key, user, team, provider, model, endpoint, tool, status, outcome, strategies)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
  );
  return {
    idOf(row) {
      const { user, team, provider, model, endpoint, tool, status, outcome, decisions } = row;
      const strategies = decisions === null ? null : strategiesText(decisions);
      const names = [user, team, provider, model, endpoint, tool, status, outcome, strategies];
      const key = JSON.stringify(names);
      let id = ids.get(key);
      if (id === undefined) {
        id = (find.get(key) ?? add.get(key, ...names))?.id;
        if (id === undefined) throw new Error("no id for the names of a row");
        if (ids.size >= rememberedMax) ids.clear();
        ids.set(key, id);
      }
      return id;
    },
    forget: () => ids.clear(),
  };
}

function strategiesText(decisions: Readonly<Record<string, number>>): string | null {
  const kinds = Object.keys(decisions);
  return kinds.length === 0 ? null : JSON.stringify(kinds.sort());
}
