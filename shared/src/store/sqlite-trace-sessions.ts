// Owns sessions: the row that adds up the kept traces of one, brought along with every trace that is stored or
// deleted. Opens no transaction: the caller holds one.

import type { Database } from "bun:sqlite";
import type { Value } from "./sqlite-filter";
import { sessionSums, traceSummed, traceTotals } from "./sqlite-trace-sums";
import type { Trace } from "./trace";
import type { AgentSums, SessionDetail, SessionFilter, SessionPage, SessionRow, TraceSums } from "./trace-query";

interface Gathered {
  first: Trace;
  lastAt: number;
  sums: number[];
}

const isBefore = (one: Trace, other: Trace) => one.ts < other.ts || (one.ts === other.ts && one.id < other.id);

/** Sessions of one transaction: added up in memory, written once each. */
export function openSessions(db: Database) {
  const seqs = new Map<string, number>();
  const gathered = new Map<number, Gathered>();
  const find = db.prepare<{ seq: number }, [string]>("SELECT seq FROM trace_session WHERE session = ?");
  const zeros = traceSummed.map(() => "0").join(", ");
  const columns = traceSummed.map(({ column }) => column).join(", ");
  const make = db.prepare<{ seq: number }, Value[]>(
    `INSERT INTO trace_session (session, user, team, first_at, first_id, last_at, ${columns})
     VALUES (?, ?, ?, ?, ?, ?, ${zeros}) RETURNING seq`,
  );
  const isEarlier = "(?1, ?2) < (first_at, first_id)";
  const update = db.prepare<never, Value[]>(
    `UPDATE trace_session SET user = iif(${isEarlier}, ?3, user), team = iif(${isEarlier}, ?4, team),
     first_id = iif(${isEarlier}, ?2, first_id), first_at = iif(${isEarlier}, ?1, first_at),
     last_at = max(last_at, ?5), ${traceSummed.map(({ column }, i) => `${column} = ${column} + ?${i + 7}`).join(", ")}
     WHERE seq = ?6`,
  );
  const discard = () => {
    seqs.clear();
    gathered.clear();
  };
  return {
    /** Of the session's row, made from `trace` if there is none. */
    seqOf(session: string, trace: Trace): number {
      const { user, team, ts, id } = trace;
      const seq = seqs.get(session) ?? (find.get(session) ?? make.get(session, user, team, ts, id, ts))?.seq;
      if (seq === undefined) throw new Error("a session was not given a place");
      seqs.set(session, seq);
      return seq;
    },
    add(seq: number, trace: Trace): void {
      const found = gathered.get(seq) ?? { first: trace, lastAt: trace.ts, sums: traceSummed.map(() => 0) };
      if (isBefore(trace, found.first)) found.first = trace;
      found.lastAt = Math.max(found.lastAt, trace.ts);
      for (const [i, { of }] of traceSummed.entries()) found.sums[i] = (found.sums[i] ?? 0) + of(trace);
      gathered.set(seq, found);
    },
    write(): void {
      for (const [seq, { first, lastAt, sums }] of gathered) {
        update.run(first.ts, first.id, first.user, first.team, lastAt, seq, ...sums);
      }
      // Other processes may delete a session: its place is not remembered beyond the transaction.
      discard();
    },
    discard,
  };
}

/** Brings a session's row to what is left of its traces; one without any goes. `gone` is what its deleted traces came to. */
export function shrinkSession(db: Database, seq: number, gone: TraceSums): void {
  const first = db
    .query<{ ts: number; id: string; user: string | null; team: string | null }, [number]>(
      `SELECT t.ts, t.id, k.user, k.team FROM trace t INDEXED BY trace_session_ts JOIN trace_key k ON k.id = t.key_id
       WHERE t.session_seq = ? ORDER BY t.ts, t.id LIMIT 1`,
    )
    .get(seq);
  if (!first) {
    db.query<never, [number]>("DELETE FROM trace_session WHERE seq = ?").run(seq);
    return;
  }
  const last = db
    .query<{ ts: number }, [number]>(
      "SELECT max(ts) AS ts FROM trace INDEXED BY trace_session_ts WHERE session_seq = ?",
    )
    .get(seq);
  const less = traceSummed.map(({ column }) => `${column} = ${column} - ?`).join(", ");
  db.query<never, Value[]>(
    `UPDATE trace_session SET first_at = ?, first_id = ?, user = ?, team = ?, last_at = ?, ${less} WHERE seq = ?`,
  ).run(
    first.ts,
    first.id,
    first.user,
    first.team,
    last?.ts ?? first.ts,
    ...traceSummed.map(({ name }) => gone[name]),
    seq,
  );
}

const rowList = `session, user, team, first_at AS firstAt, last_at AS lastAt, ${sessionSums}`;

/** By their last trace, newest first. */
export function readSessions(
  db: Database,
  filter: SessionFilter,
  after: { lastAt: number; session: string } | null,
  limit: number,
): SessionPage {
  if (!Number.isInteger(limit) || limit < 1) throw new Error(`limit must be a whole number from 1, not ${limit}`);
  const to = Math.ceil(filter.to) - 1;
  const terms = ["last_at >= ?", "last_at <= ?"];
  const values: Value[] = [Math.ceil(filter.from), after === null ? to : Math.min(to, after.lastAt)];
  const where = (sql: string, ...given: Value[]) => {
    terms.push(sql);
    values.push(...given);
  };
  if (after !== null) where("(last_at < ? OR session < ?)", after.lastAt, after.session);
  const { user, team, prefix, minCostNanoUsd, hasError } = filter;
  if (user !== undefined) where("user IS ?", user);
  if (team !== undefined) where("team IS ?", team);
  if (prefix !== undefined) where("substr(session, 1, length(?)) = ?", prefix, prefix);
  if (minCostNanoUsd !== undefined) where("cost_nano_usd >= ?", minCostNanoUsd);
  if (hasError !== undefined) where(hasError ? "errors > 0" : "errors = 0");
  const index = user !== undefined ? "user" : team !== undefined ? "team" : "last";
  const sessions = db
    .query<SessionRow, Value[]>(
      `SELECT ${rowList} FROM trace_session INDEXED BY trace_session_${index} WHERE ${terms.join(" AND ")}
       ORDER BY last_at DESC, session DESC LIMIT ?`,
    )
    .all(...values, limit + 1);
  const isMore = sessions.length > limit;
  if (isMore) sessions.pop();
  const last = sessions.at(-1);
  return { sessions, next: isMore && last ? { lastAt: last.lastAt, session: last.session } : null };
}

export function readSession(db: Database, name: string): SessionDetail | null {
  const found = db
    .query<SessionRow & { seq: number }, [string]>(`SELECT seq, ${rowList} FROM trace_session WHERE session = ?`)
    .get(name);
  if (!found) return null;
  const { seq, ...session } = found;
  const from = "FROM trace t INDEXED BY trace_session_ts JOIN trace_key k ON k.id = t.key_id WHERE t.session_seq = ?";
  const agents = db
    .query<AgentSums, [number]>(
      `SELECT agent, parent_agent AS parentAgent, min(ts) AS firstAt, ${traceTotals} ${from}
       GROUP BY agent, parent_agent ORDER BY firstAt, agent, parent_agent`,
    )
    .all(seq);
  const callers = db
    .query<{ user: string | null; team: string | null }, [number]>(
      `SELECT DISTINCT k.user AS user, k.team AS team ${from} ORDER BY 1, 2`,
    )
    .all(seq);
  const counts = db
    .query<{ withContent: number; shredded: number }, [number]>(
      `SELECT count(*) FILTER (WHERE contents <> '[]' AND shredded_at IS NULL) AS withContent,
       count(shredded_at) AS shredded ${from}`,
    )
    .get(seq);
  return { session, agents, callers, withContent: counts?.withContent ?? 0, shredded: counts?.shredded ?? 0 };
}
