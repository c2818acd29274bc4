// Owns sessions as an admin asks for them and as they are answered: what one came to, who took part in it, and how its
// agents called each other.

import { AnyrayError } from "../errors";
import { nanoPerUsd, usdOfNano } from "../money";
import type { Store } from "../store/store";
import type { SessionFilter, SessionPage, SessionRow, TraceSums } from "../store/trace-query";
import { rfc3339 } from "../time";
import { type AgentNode, agentTree } from "./agent-tree";
import { askStore } from "./audit";
import { nameRule, readInteger, readName, readParameters, refuseFaults, shown } from "./request";
import { writeCursor } from "./row-forms";
import { parseFilter, rangeParameters } from "./spend";
import { readAmount, readFlag, type TraceReport, traceJson } from "./traces";

export interface SessionsQuery {
  filter: SessionFilter;
  after: SessionPage["next"];
  limit: number;
}

export const sessionLimit = { min: 1, max: 1000, default: 100 };
export const sessionParameters = [
  ...rangeParameters,
  "user",
  "team",
  "q",
  "minCostUsd",
  "hasError",
  "limit",
  "cursor",
] as const;
/** Traces of one session's page, its newest. */
export const sessionTracesMax = 1000;
/** Agents of one session's page. */
const agentsMax = 1000;

/**
 * Reads GET /admin/sessions' parameters.
 *
 * @throws AnyrayError `invalid_request` naming every fault and what is accepted
 */
export function parseSessionsQuery(params: URLSearchParams, now: number, timeZone: string): SessionsQuery {
  const faults: string[] = [];
  const given = readParameters(params, sessionParameters, faults);
  const limit = readInteger(given, "limit", sessionLimit, sessionLimit.default, faults);
  const { from, to, user, team } = parseFilter(given, now, timeZone, faults);
  const filter: SessionFilter = { from, to };
  if (user !== undefined) filter.user = user;
  if (team !== undefined) filter.team = team;
  const prefix = given.get("q");
  if (prefix) filter.prefix = prefix.normalize("NFC");
  const minCostUsd = readAmount(given, "minCostUsd", 1e6, faults);
  if (minCostUsd !== undefined) filter.minCostNanoUsd = Math.round(minCostUsd * nanoPerUsd);
  const hasError = readFlag(given, "hasError", faults);
  if (hasError !== undefined) filter.hasError = hasError;
  const cursor = given.get("cursor");
  const after = cursor === undefined ? null : readPlace(cursor);
  if (after === undefined) faults.push("cursor: accepted is the nextCursor of an answer");
  refuseFaults(faults);
  return { filter, after: after ?? null, limit };
}

function writePlace(next: SessionPage["next"]): string | null {
  return next && Buffer.from(JSON.stringify([next.lastAt, next.session])).toString("base64url");
}

function readPlace(text: string): SessionPage["next"] | undefined {
  try {
    const [lastAt, session] = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
    return Number.isSafeInteger(lastAt) && typeof session === "string" ? { lastAt, session } : undefined;
  } catch {
    return undefined;
  }
}

function sumsJson(sums: TraceSums) {
  const { traces, errors, inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens } = sums;
  return {
    traces,
    errors,
    inputTokens,
    cachedInputTokens,
    cacheWriteTokens,
    outputTokens,
    reasoningTokens,
    totalTokens: inputTokens + outputTokens,
    tokensSaved: sums.tokensSaved,
    costUsd: usdOfNano(sums.costNanoUsd),
    unpricedTraces: sums.unpriced,
    estimatedTraces: sums.estimated,
    cacheHitShare: inputTokens === 0 ? null : cachedInputTokens / inputTokens,
    costPerTraceUsd: traces === sums.unpriced ? null : usdOfNano(sums.costNanoUsd) / (traces - sums.unpriced),
  };
}

export function sessionJson(row: SessionRow) {
  return {
    session: row.session,
    user: row.user,
    team: row.team,
    firstAt: rfc3339(row.firstAt),
    lastAt: rfc3339(row.lastAt),
    durationMs: row.lastAt - row.firstAt,
    ...sumsJson(row),
  };
}

/** One page of sessions, by their last trace. @throws AnyrayError `store_unavailable` */
export async function reportSessions(store: Store, { filter, after, limit }: SessionsQuery) {
  const page = await askStore(store.readSessions(filter, after, limit));
  return { sessions: page.sessions.map(sessionJson), nextCursor: writePlace(page.next) };
}

function agentJson({ agent, parentAgent, depth, sums }: AgentNode) {
  return { agent, parentAgent, depth, ...sumsJson(sums) };
}

/** One session with its agents and its newest traces, oldest of them first. @throws AnyrayError `not_found`, `store_unavailable` */
export async function reportSession(store: Store, name: string) {
  const found = await askStore(store.readSession(name));
  if (!found) throw new AnyrayError("not_found", `There is no session ${shown(name)}. Old ones are deleted.`);
  const filter = { from: 0, to: Number.MAX_SAFE_INTEGER, session: name };
  const page = await askStore(store.readTraces(filter, null, sessionTracesMax));
  const tree = agentTree(found.agents);
  const traces: TraceReport[] = page.traces.map(traceJson).reverse();
  return {
    ...sessionJson(found.session),
    callers: found.callers,
    contents: { kept: found.withContent, shredded: found.shredded },
    agents: tree.slice(0, agentsMax).map(agentJson),
    agentsOmitted: Math.max(0, tree.length - agentsMax),
    traces,
    /** Of earlier traces: `cursor` of GET /admin/traces with this session. Null: these are all. */
    earlierCursor: writeCursor(page.next),
  };
}

/** A session's name from a path. @throws AnyrayError `invalid_request` when it can be no session's name */
export function parseSession(value: unknown): string {
  const session = readName(value);
  if (session === undefined) refuseFaults([`the session in the path is not a name: accepted is ${nameRule}`]);
  return session ?? "";
}
