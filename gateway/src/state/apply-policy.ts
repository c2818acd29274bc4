// Owns making a policy effective in this process: caps with their users' month so far, prices, providers.

import type { PriceBook } from "@anyray/shared/pricing";
import type { Policy, Store, UserMonth } from "@anyray/shared/store/store";
import type { Directory } from "../providers/directory";
import type { Spool } from "../spool/spool";
import type { Caps } from "./caps";

export interface PolicyTargets {
  caps: Caps;
  priceBook: PriceBook;
  directory: Directory;
  spool: Pick<Spool, "unstoredTokens" | "whileStill">;
  store: Pick<Store, "readMonth">;
  /** "YYYY-MM" now. */
  month(): string;
}

/** Rejects when a newly capped user's month cannot be read, with nothing changed. */
export async function applyPolicy(policy: Policy, targets: PolicyTargets): Promise<void> {
  const newcomers = policy.caps.map(({ user }) => user).filter((user) => !targets.caps.has(user));
  if (newcomers.length === 0) adopt(policy, targets, targets.month(), [], new Map());
  else {
    // Inside, a row is either in what the store says or among the spool's unconfirmed ones, never in both: so the
    // sum is taken before another batch goes out.
    await targets.spool.whileStill(async () => {
      const month = targets.month();
      const stored = await targets.store.readMonth(month, newcomers);
      adopt(policy, targets, month, stored, targets.spool.unstoredTokens(month));
    });
  }
}

function adopt(
  policy: Policy,
  { caps, priceBook, directory }: PolicyTargets,
  month: string,
  stored: readonly UserMonth[],
  unstoredTokens: ReadonlyMap<string, number>,
): void {
  const byUser = new Map(stored.map((entry) => [entry.user, entry]));
  caps.adopt(policy.caps, month, (user) => ({
    usedTokens: (byUser.get(user)?.usedTokens ?? 0) + (unstoredTokens.get(user) ?? 0),
    rejectedRequests: byUser.get(user)?.rejectedRequests ?? 0,
  }));
  priceBook.setOverrides(policy.prices);
  directory.adopt(policy.providers);
}
