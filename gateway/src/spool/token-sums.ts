// Owns sums of rows' tokens by month and user.

import type { SpendRow } from "@anyray/shared/store/spend-row";
import { cappedTokens } from "@anyray/shared/usage";

export class TokenSums {
  readonly #months = new Map<string, Map<string, number>>();

  constructor(from?: TokenSums) {
    if (from) for (const [month, users] of from.#months) this.#months.set(month, new Map(users));
  }

  add(row: SpendRow): void {
    this.#change(row, cappedTokens(row));
  }

  /** Undoes `add`; a user without tokens is forgotten. */
  take(row: SpendRow): void {
    this.#change(row, -cappedTokens(row));
  }

  /** The caller's own from now on. */
  of(month: string): Map<string, number> {
    return this.#months.get(month) ?? new Map();
  }

  #change({ month, user }: SpendRow, tokens: number): void {
    if (user === null || tokens === 0) return;
    let users = this.#months.get(month);
    if (!users) {
      users = new Map();
      this.#months.set(month, users);
    }
    const sum = (users.get(user) ?? 0) + tokens;
    if (sum > 0) users.set(user, sum);
    else users.delete(user);
  }
}
