// Owns the hot counters of capped users: check and reserve in one synchronous block, settle to the truth.
// Uncapped and unattributed callers never come here. The store is never asked while a call waits.
//
// The bound: a user's month ends over its cap by at most (a) what calls use beyond their estimate (the answers of
// those without a token bound of their own, and what guessing input from bytes is off), plus (b) one call, the one
// admitted when nothing else of that user's month was running and some of the cap was left.

import type { AnyrayError } from "@anyray/shared/errors";
import type { CapPolicy, CapRejections } from "@anyray/shared/store/store";
import { cappedTokens } from "@anyray/shared/usage";
import { CallerLeft, type Hold } from "../call";
import { capRefusal } from "./cap-refusal";
import {
  beginUser,
  type CappedMonth,
  type CappedUser,
  type CapRequest,
  emptyMonth,
  estimateTokens,
  fits,
  hasHolds,
  type MonthSoFar,
  monthOf,
  openHold,
  type Waiter,
} from "./capped-user";

export interface CapsSettings {
  timezone: string;
  /** Epoch milliseconds. */
  now(): number;
  /** How long a call near the edge waits for its user's running calls before it is refused. */
  waitMsMax: number;
  /** For tests: runs a callback later, returns its cancellation. */
  after?(delayMs: number, callback: () => void): () => void;
}

/** What a call used, and whether the provider said so. */
export interface Settled {
  user: string | null;
  month: string;
  model: string | null;
  inputTokens: number;
  outputTokens: number;
  isStated: boolean;
}

const waitersMax = 1_000;

const afterReally = (delayMs: number, callback: () => void) => {
  const timer = setTimeout(callback, delayMs);
  return () => clearTimeout(timer);
};

export class Caps {
  readonly #settings: CapsSettings;
  readonly #users = new Map<string, CappedUser>();
  /** Their cap was taken away while calls were running: the holds count again should a new cap come. */
  readonly #lapsed = new Map<string, CappedUser>();
  /** Not yet in the store. */
  #rejections = new Map<string, CapRejections>();

  constructor(settings: CapsSettings) {
    this.#settings = settings;
  }

  /**
   * Sets tokens aside. Null for a caller without a cap; a promise only at the edge of a cap, where a call waits
   * for its user's running calls instead of being refused falsely.
   *
   * @throws AnyrayError user_token_cap_exceeded, CallerLeft (both also as the promise's rejection)
   */
  reserve(request: CapRequest): Hold | null | Promise<Hold> {
    const capped = request.user === null ? undefined : this.#users.get(request.user);
    if (!capped) return null;
    const month = monthOf(capped, request.month);
    const tokens = estimateTokens(capped, request);
    if (month.waiting.length === 0 && fits(capped, month, tokens)) return openHold(capped, request, tokens);
    const isUsedUp = month.usedTokens >= capped.limit;
    if (isUsedUp || month.waiting.length >= waitersMax) throw this.#refuse(capped, request);
    if (request.signal.aborted) throw new CallerLeft();
    return this.#wait(capped, request);
  }

  /** Counts what a call really used, one that began before there was a cap too, and closes its hold. */
  settle(hold: Hold | null, used: Settled): void {
    const capped = used.user === null ? undefined : this.#users.get(used.user);
    if (capped) {
      monthOf(capped, used.month).usedTokens += cappedTokens(used);
      if (used.isStated) capped.forecast.learn(used.model, used.outputTokens);
    }
    if (hold?.isOpen) this.#close(hold);
    if (capped) this.#serveAll(capped);
  }

  /**
   * Takes over a new set of caps. `soFar` gives a newly capped user's `month`; users that keep a cap keep their
   * counters and their running holds.
   */
  adopt(caps: readonly CapPolicy[], month: string, soFar: (user: string) => MonthSoFar): void {
    const kept = new Set<string>();
    for (const { user, monthlyTokens } of caps) {
      kept.add(user);
      const capped = this.#users.get(user) ?? this.#begin(user, month, soFar(user));
      capped.limit = monthlyTokens;
      this.#serveAll(capped);
    }
    for (const [user, capped] of this.#users) if (!kept.has(user)) this.#end(capped);
  }

  has(user: string): boolean {
    return this.#users.has(user);
  }

  /** What a call of this user would be held against now; null for a caller without a cap. */
  look(user: string, month: string): { monthlyTokens: number; usedTokens: number; heldTokens: number } | null {
    const capped = this.#users.get(user);
    if (!capped) return null;
    const { usedTokens, reserved } = monthOf(capped, month);
    return { monthlyTokens: capped.limit, usedTokens, heldTokens: reserved };
  }

  get cappedUsers(): number {
    return this.#users.size;
  }

  /** The month's counters of every capped user. */
  live(month: string): Map<string, MonthSoFar & { reservedTokens: number }> {
    const live = new Map<string, MonthSoFar & { reservedTokens: number }>();
    for (const [user, { months }] of this.#users) {
      const { usedTokens, rejectedRequests, reserved } = months.get(month) ?? emptyMonth(month);
      live.set(user, { usedTokens, rejectedRequests, reservedTokens: reserved });
    }
    return live;
  }

  /** Refusals since the last call, to be added to the store's counters. */
  takeRejections(): CapRejections[] {
    const taken = [...this.#rejections.values()];
    this.#rejections = new Map();
    return taken;
  }

  /** Puts refusals back that could not be stored. */
  returnRejections(taken: readonly CapRejections[]): void {
    for (const each of taken) {
      const entry = this.#rejectionsOf(each.user, each.month, each.firstAt);
      entry.rejected += each.rejected;
      entry.firstAt = Math.min(entry.firstAt, each.firstAt);
      entry.lastAt = Math.max(entry.lastAt, each.lastAt);
    }
  }

  #close(hold: Hold): void {
    hold.isOpen = false;
    const lapsed = this.#lapsed.get(hold.user);
    const holder = this.#users.get(hold.user) ?? lapsed;
    if (holder) monthOf(holder, hold.month).reserved -= hold.tokens;
    if (lapsed && !hasHolds(lapsed)) this.#lapsed.delete(hold.user);
  }

  #begin(user: string, month: string, soFar: MonthSoFar): CappedUser {
    const capped = this.#lapsed.get(user) ?? beginUser(user);
    this.#lapsed.delete(user);
    this.#users.set(user, capped);
    const { usedTokens, rejectedRequests } = soFar;
    Object.assign(monthOf(capped, month), { usedTokens, rejectedRequests });
    return capped;
  }

  #end(capped: CappedUser): void {
    this.#users.delete(capped.user);
    for (const month of capped.months.values()) {
      for (const { request, admit } of [...month.waiting])
        admit(openHold(capped, request, estimateTokens(capped, request)));
    }
    if (hasHolds(capped)) this.#lapsed.set(capped.user, capped);
  }

  #wait(capped: CappedUser, request: CapRequest): Promise<Hold> {
    const month = monthOf(capped, request.month);
    const { waiting } = month;
    const { waitMsMax, after = afterReally } = this.#settings;
    return new Promise((resolve, reject) => {
      const end = () => {
        cancelTimer();
        request.signal.removeEventListener("abort", leave);
        const at = waiting.indexOf(waiter);
        if (at >= 0) waiting.splice(at, 1);
      };
      const waiter: Waiter = {
        request,
        admit(hold) {
          end();
          resolve(hold);
        },
        refuse(error) {
          end();
          reject(error);
        },
      };
      const giveUp = (error: unknown) => {
        waiter.refuse(error);
        // It may have been a large call that kept smaller ones waiting.
        this.#serveWaiting(capped, month);
      };
      const leave = () => giveUp(new CallerLeft());
      const cancelTimer = after(waitMsMax, () => giveUp(this.#refuse(capped, request)));
      request.signal.addEventListener("abort", leave);
      waiting.push(waiter);
    });
  }

  /** A longer or shorter forecast, and another limit, matter to every month's calls. */
  #serveAll(capped: CappedUser): void {
    for (const month of capped.months.values()) if (month.waiting.length > 0) this.#serveWaiting(capped, month);
  }

  /** Lets in who fits now, first come first served; when the cap is used up, nobody has to wait any longer. */
  #serveWaiting(capped: CappedUser, month: CappedMonth): void {
    for (let first = month.waiting[0]; first; first = month.waiting[0]) {
      const tokens = estimateTokens(capped, first.request);
      if (fits(capped, month, tokens)) first.admit(openHold(capped, first.request, tokens));
      else if (month.usedTokens >= capped.limit) first.refuse(this.#refuse(capped, first.request));
      else return;
    }
  }

  #refuse(capped: CappedUser, request: CapRequest): AnyrayError {
    const at = this.#settings.now();
    const entry = this.#rejectionsOf(capped.user, request.month, at);
    entry.rejected += 1;
    entry.lastAt = at;
    const month = monthOf(capped, request.month);
    month.rejectedRequests += 1;
    return capRefusal({
      user: capped.user,
      month: request.month,
      timezone: this.#settings.timezone,
      limitTokens: capped.limit,
      usedTokens: month.usedTokens,
      reservedTokens: month.reserved,
    });
  }

  #rejectionsOf(user: string, month: string, at: number): CapRejections {
    const key = `${month} ${user}`;
    let entry = this.#rejections.get(key);
    if (!entry) {
      entry = { user, month, rejected: 0, firstAt: at, lastAt: at };
      this.#rejections.set(key, entry);
    }
    return entry;
  }
}
