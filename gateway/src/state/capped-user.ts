// Owns what is counted of one capped user, by month, and the rule that lets a call in. Knows of no other user, and
// nothing of how calls wait.

import type { Hold } from "../call";
import { OutputForecast } from "./output-forecast";

/** What a call asks for. */
export interface CapRequest {
  user: string | null;
  month: string;
  model: string | null;
  inputTokens: number;
  /** The caller's own bound on the answer, or null. */
  maxOutputTokens: number | null;
  signal: AbortSignal;
}

/** A user's month so far, from the store and from what has not reached it yet. */
export interface MonthSoFar {
  usedTokens: number;
  rejectedRequests: number;
}

/** A call that waits for running ones of its user to end. */
export interface Waiter {
  request: CapRequest;
  admit(hold: Hold): void;
  refuse(error: unknown): void;
}

/** Calls of one month neither use up another month's cap nor wait for its calls. */
export interface CappedMonth extends MonthSoFar {
  /** "YYYY-MM" */
  month: string;
  /** Sum of the open holds. */
  reserved: number;
  waiting: Waiter[];
}

export interface CappedUser {
  user: string;
  limit: number;
  /** By month: clocks may disagree about which it is, calls never change theirs. */
  months: Map<string, CappedMonth>;
  /** The one of them that was asked for last: nearly always the next one too. */
  latest: CappedMonth | null;
  forecast: OutputForecast;
}

const monthsMax = 3;

/** A user whose cap is still to be set. */
export function beginUser(user: string): CappedUser {
  return { user, limit: 0, months: new Map(), latest: null, forecast: new OutputForecast() };
}

export function emptyMonth(month: string): CappedMonth {
  return { month, usedTokens: 0, rejectedRequests: 0, reserved: 0, waiting: [] };
}

/** The month's counters, begun when this is the first call in it. */
export function monthOf(capped: CappedUser, month: string): CappedMonth {
  if (capped.latest?.month === month) return capped.latest;
  let found = capped.months.get(month);
  if (!found) {
    found = emptyMonth(month);
    capped.months.set(month, found);
    if (capped.months.size > monthsMax) forgetOld(capped, month);
  }
  capped.latest = found;
  return found;
}

/** The newest months stay, and those with calls in them. */
function forgetOld({ months }: CappedUser, asked: string): void {
  for (const name of [...months.keys()].sort().slice(0, -monthsMax)) {
    if (name !== asked && months.get(name)?.reserved === 0) months.delete(name);
  }
}

/** Whether any call of this user is running. */
export function hasHolds({ months }: CappedUser): boolean {
  for (const { reserved } of months.values()) if (reserved > 0) return true;
  return false;
}

/** Tokens a call will most likely use: its input, and its own bound on the answer or else what such answers take. */
export function estimateTokens(capped: CappedUser, request: CapRequest): number {
  return request.inputTokens + (request.maxOutputTokens ?? capped.forecast.outputTokens(request.model));
}

/** Whoever has some of the cap left and nothing running is let in, however much is asked for. */
export function fits({ limit }: CappedUser, { usedTokens, reserved }: CappedMonth, tokens: number): boolean {
  if (usedTokens >= limit) return false;
  return reserved === 0 || usedTokens + reserved + tokens <= limit;
}

/** Sets `tokens` aside in the month of the call. */
export function openHold(capped: CappedUser, request: CapRequest, tokens: number): Hold {
  // At least one token, so that "nothing is running" can be told from the sum.
  const held = Math.max(1, tokens);
  monthOf(capped, request.month).reserved += held;
  return { user: capped.user, month: request.month, tokens: held, isOpen: true };
}
