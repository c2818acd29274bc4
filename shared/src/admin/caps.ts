// Owns monthly token caps as an admin sees and sets them. Counting and refusing are the gateway's; here only
// what was decided, and how far each user is.

import { usdOfNano } from "../money";
import type { CapPolicy, Policy, Store, UserMonth } from "../store/store";
import { monthEnd, monthOf, rfc3339 } from "../time";
import { type Actor, askStore, changeAudited } from "./audit";
import { nameRule, readFields, readName, refuseFaults, shown } from "./request";

/** Counters of this process for capped users. */
export interface LiveCaps {
  /** "YYYY-MM"; counters of another month than the one asked for are not used. */
  month: string;
  users: ReadonlyMap<string, LiveCap>;
}

export interface LiveCap {
  /** All of the month, what is not in the store yet included. */
  usedTokens: number;
  reservedTokens: number;
  /** All of the month too. */
  rejectedRequests: number;
}

/** What a report of caps is made from. */
export interface CapSource {
  store: Store;
  live: LiveCaps;
  timeZone: string;
  /** Epoch milliseconds. */
  now: number;
}

export interface CapReport {
  user: string;
  monthlyTokens: number;
  usedTokens: number;
  /** Set aside for calls in progress. */
  reservedTokens: number;
  /** What a new call may still use: never below 0. */
  remainingTokens: number;
  state: CapState;
  rejectedRequests: number;
}

export type CapState = "ok" | "near" | "over";

export interface CapsReport {
  /** "YYYY-MM" in the reporting zone. */
  month: string;
  timezone: string;
  /** RFC 3339: when the month ends. */
  resetsAt: string;
  /** By user, in code unit order. */
  caps: CapReport[];
}

export interface UsageReport {
  user: string;
  month: string;
  timezone: string;
  resetsAt: string;
  usedTokens: number;
  reservedTokens: number;
  requests: number;
  costUsd: number;
  rejectedRequests: number;
  /** null, as the two below, for a user without a cap. */
  monthlyTokens: number | null;
  remainingTokens: number | null;
  state: CapState | null;
}

export interface CapChange {
  user: string;
  /** null removes the cap. */
  monthlyTokens: number | null;
}

export const monthlyTokensMax = 1e15;
export const capsPerChangeMax = 10_000;
/** From this share of the cap on a user is "near" it. */
const nearShare = 0.8;
/** Users per question to the store: an answer stays small whatever the number of caps. */
const usersPerRead = 500;

/**
 * Reads `{user, monthlyTokens}` or `{caps: [{user, monthlyTokens}, …]}`.
 *
 * @throws AnyrayError `invalid_request` naming every fault
 */
export function parseCaps(body: unknown): CapChange[] {
  const faults: string[] = [];
  const changes: CapChange[] = [];
  const isList = typeof body === "object" && body !== null && Object.hasOwn(body, "caps");
  if (!isList) {
    const change = parseCap(body, "", faults);
    if (change) changes.push(change);
  } else {
    const list = readFields(body, ["caps"], "", faults)?.get("caps");
    if (!Array.isArray(list) || list.length === 0 || list.length > capsPerChangeMax) {
      faults.push(`caps: accepted is a list of 1 to ${capsPerChangeMax} objects with user, monthlyTokens`);
    } else {
      parseList(list, changes, faults);
    }
  }
  refuseFaults(faults);
  return changes;
}

function parseList(list: unknown[], changes: CapChange[], faults: string[]): void {
  const firstPlace = new Map<string, number>();
  for (const [index, item] of list.entries()) {
    const change = parseCap(item, `caps[${index}]`, faults);
    if (!change) continue;
    const earlier = firstPlace.get(change.user);
    if (earlier === undefined) firstPlace.set(change.user, index);
    else faults.push(`caps[${index}].user: ${shown(change.user)} is already in caps[${earlier}]`);
    changes.push(change);
  }
}

function parseCap(value: unknown, where: string, faults: string[]): CapChange | undefined {
  const fields = readFields(value, ["user", "monthlyTokens"], where, faults);
  if (!fields) return undefined;
  const path = where ? `${where}.` : "";
  const user = readName(fields.get("user"));
  if (user === undefined) faults.push(`${path}user=${shown(fields.get("user"))}: accepted is ${nameRule}`);
  const tokens = fields.get("monthlyTokens");
  const isCount = typeof tokens === "number" && Number.isInteger(tokens) && tokens >= 0 && tokens <= monthlyTokensMax;
  if (!isCount && tokens !== null) {
    faults.push(
      `${path}monthlyTokens=${shown(tokens)}: accepted is a whole number from 0 to 10^15, or null for no cap`,
    );
    return undefined;
  }
  // JSON knows -0, which is 0.
  return user === undefined ? undefined : { user, monthlyTokens: tokens === null ? null : tokens || 0 };
}

/** Merges the changes into the caps by user, audited as "caps.set". Resolves with the new policy. */
export function setCaps(store: Store, caps: CapChange[], actor: Actor): Promise<Policy> {
  const [first] = caps;
  const object = caps.length === 1 && first ? first.user : `${caps.length} users`;
  return changeAudited(store, { kind: "caps", caps }, actor, { action: "caps.set", object, after: caps });
}

/** Every cap with this month's use. `caps` from a policy just read or changed. */
export async function reportCaps(source: CapSource, caps: readonly CapPolicy[]): Promise<CapsReport> {
  const month = monthOf(source.now, source.timeZone);
  const stored = new Map<string, UserMonth>();
  for (let start = 0; start < caps.length; start += usersPerRead) {
    const users = caps.slice(start, start + usersPerRead).map(({ user }) => user);
    for (const row of await askStore(source.store.readMonth(month, users))) stored.set(row.user, row);
  }
  const reports = caps.map(({ user, monthlyTokens }): CapReport => {
    const counters = countersOf(source.live, month, user, stored.get(user));
    const { usedTokens, reservedTokens, rejectedRequests } = counters;
    const { remainingTokens, state } = standing(monthlyTokens, counters);
    return { user, monthlyTokens, usedTokens, reservedTokens, remainingTokens, state, rejectedRequests };
  });
  reports.sort((one, other) => (one.user < other.user ? -1 : 1));
  return { ...period(source, month), caps: reports };
}

/** One user's month, with or without a cap; a user never seen has used nothing. */
export async function reportUsage(source: CapSource, caps: readonly CapPolicy[], user: string): Promise<UsageReport> {
  const month = monthOf(source.now, source.timeZone);
  const [stored] = await askStore(source.store.readMonth(month, [user]));
  const cap = caps.find((candidate) => candidate.user === user);
  const counters = countersOf(source.live, month, user, stored);
  return {
    user,
    ...period(source, month),
    ...counters,
    requests: stored?.requests ?? 0,
    costUsd: usdOfNano(stored?.costNanoUsd ?? 0),
    monthlyTokens: cap?.monthlyTokens ?? null,
    ...(cap ? standing(cap.monthlyTokens, counters) : { remainingTokens: null, state: null }),
  };
}

function countersOf(live: LiveCaps, month: string, user: string, stored: UserMonth | undefined): LiveCap {
  const counters = live.month === month ? live.users.get(user) : undefined;
  return {
    usedTokens: counters?.usedTokens ?? stored?.usedTokens ?? 0,
    reservedTokens: counters?.reservedTokens ?? 0,
    rejectedRequests: counters?.rejectedRequests ?? stored?.rejectedRequests ?? 0,
  };
}

/** A user's name from a path. @throws AnyrayError `invalid_request` when it can be nobody's name */
export function parseUser(value: unknown): string {
  const user = readName(value);
  if (user === undefined) refuseFaults([`the user in the path is not a name: accepted is ${nameRule}`]);
  return user ?? "";
}

function period(source: CapSource, month: string) {
  const resetsAt = rfc3339(monthEnd(month, source.timeZone));
  return { month, timezone: source.timeZone, resetsAt };
}

function standing(monthlyTokens: number, { usedTokens, reservedTokens }: LiveCap) {
  const isOver = usedTokens >= monthlyTokens;
  const state: CapState = isOver ? "over" : usedTokens >= monthlyTokens * nearShare ? "near" : "ok";
  return { remainingTokens: Math.max(0, monthlyTokens - usedTokens - reservedTokens), state };
}
