// Owns groups of what a query matched: their figures page by page, and which keys belong to them.

import type { Database } from "bun:sqlite";
import type { Value } from "./sqlite-filter";
import { type Sums, totalsOf } from "./sqlite-matched";
import type { GroupKey, SpendQuery, SpendSummary } from "./store";

export interface Group {
  /** The values of its key as a JSON array, which tells null, "" and "null" apart. */
  id: string;
  key: SpendSummary["groups"][number]["key"];
  sums: Sums;
}

const expressions: Record<GroupKey, string> = {
  user: "k.user",
  team: "k.team",
  model: "k.model",
  provider: "k.provider",
  status: "k.status",
  endpoint: "k.endpoint",
  session: "m.session",
  tool: "k.tool",
  strategy: "s.value",
  outcome: "k.outcome",
};

/** What matched, once for each group it is in: a row of two strategies is in two. */
function sourceOf(groupBy: readonly GroupKey[]): { id: string; from: string } {
  const strategies = `LEFT JOIN json_each(k.strategies) s LEFT JOIN temp.matched_strategy t
    ON t.key_id = m.key_id AND t.strategy = s.value AND t.session IS m.session`;
  return {
    id: `json_array(${groupBy.map((key) => expressions[key]).join(", ")})`,
    from: `temp.matched m CROSS JOIN spend_key k ON k.id = m.key_id ${groupBy.includes("strategy") ? strategies : ""}`,
  };
}

/** One page of groups. Without keys to group by there are none; a cursor of another grouping begins at the first page. */
export function readGroups(db: Database, query: SpendQuery): { groups: Group[]; nextCursor: string | null } {
  const groupBy = [...new Set(query.groupBy)];
  if (groupBy.length === 0) return { groups: [], nextCursor: null };
  const { id, from } = sourceOf(groupBy);
  // Of what a row saved, a strategy's group has what that strategy saved.
  const saved = groupBy.includes("strategy")
    ? "iif(s.value IS NULL, m.tokens_saved, t.tokens_saved)"
    : "m.tokens_saved";
  const list = totalsOf((column) => (column === "tokens_saved" ? saved : `m.${column}`));
  const position = readCursor(query.cursor, groupBy);
  const values: Value[] = position ? [position.cost, position.cost, position.tokens, position.tokens, position.id] : [];
  const after = "WHERE cost < ? OR (cost = ? AND (tokens < ? OR (tokens = ? AND id > ?)))";
  const found = db
    .query<Sums & { id: string; cost: number; tokens: number }, Value[]>(
      `SELECT *, costNanoUsd AS cost, inputTokens + outputTokens AS tokens
       FROM (SELECT ${id} AS id, ${list} FROM ${from} GROUP BY 1) ${position ? after : ""}
       ORDER BY cost DESC, tokens DESC, id LIMIT ?`,
    )
    .all(...values, query.limit + 1);
  const isMore = found.length > query.limit;
  if (isMore) found.pop();
  const last = found.at(-1);
  return {
    groups: found.map(({ id: text, cost: _, tokens: __, ...sums }) => ({ id: text, key: keyOf(text, groupBy), sums })),
    nextCursor: isMore && last ? writeCursor({ cost: last.cost, tokens: last.tokens, id: last.id }, groupBy) : null,
  };
}

function keyOf(id: string, groupBy: readonly GroupKey[]): Group["key"] {
  const values: (string | number | null)[] = JSON.parse(id);
  return Object.fromEntries(groupBy.map((key, i) => [key, values[i] ?? null]));
}

/** The groups among `ids` that each key (and session, where matched by it) belongs to. */
export function readMembers(
  db: Database,
  groupBy: readonly GroupKey[],
  ids: readonly string[],
): Map<number, Map<string | null, string[]>> {
  const members = new Map<number, Map<string | null, string[]>>();
  if (ids.length === 0) return members;
  const { id, from } = sourceOf([...new Set(groupBy)]);
  const found = db
    .query<{ keyId: number; session: string | null; id: string }, [string]>(
      `SELECT m.key_id AS keyId, m.session, ${id} AS id FROM ${from}
       WHERE ${id} IN (SELECT value FROM json_each(?))`,
    )
    .all(JSON.stringify(ids));
  for (const { keyId, session, id: group } of found) {
    const bySession = members.get(keyId) ?? new Map<string | null, string[]>();
    bySession.set(session, [...(bySession.get(session) ?? []), group]);
    members.set(keyId, bySession);
  }
  return members;
}

interface Position {
  cost: number;
  tokens: number;
  id: string;
}

function writeCursor(position: Position, groupBy: readonly GroupKey[]): string {
  const text = JSON.stringify([groupBy.join(), position.cost, position.tokens, position.id]);
  return Buffer.from(text).toString("base64url");
}

function readCursor(cursor: string | null, groupBy: readonly GroupKey[]): Position | null {
  if (cursor === null) return null;
  try {
    const [keys, cost, tokens, id] = JSON.parse(Buffer.from(cursor, "base64url").toString());
    const isOurs =
      keys === groupBy.join() && Number.isFinite(cost) && Number.isFinite(tokens) && typeof id === "string";
    return isOurs ? { cost, tokens, id } : null;
  } catch {
    return null;
  }
}
