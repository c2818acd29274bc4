// Owns GET /admin/optimizer/savings: what leaving things out was worth, and where it was not.

import { rfc3339 } from "@anyray/shared/time";
import type { Optimizer } from "../deps";
import { type Reply, reply } from "../routes/route";

/** Times in RFC 3339; tokens at the price of uncached input. */
export async function readSavings(optimizer: Pick<Optimizer, "savings">): Promise<Reply> {
  const time = (at: number | null) => (at === null ? null : rfc3339(at));
  const pairs = optimizer
    .savings()
    .map((pair) => ({ ...pair, offSince: time(pair.offSince), retryAt: time(pair.retryAt) }));
  return reply({ pairs });
}
