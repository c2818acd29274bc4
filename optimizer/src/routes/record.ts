// Owns POST /v1/record: a finished call of a foreign gateway, stored as a spend row. Its asker waits for the store: an
// answer of 200 means that the row is kept.

import { askStore } from "@anyray/shared/admin/audit";
import { usdOfNano } from "@anyray/shared/money";
import { readFinishedCall } from "../record-call";
import { readText } from "../request-body";
import { type Reply, type RouteParts, reply, smallBodyBytesMax } from "./route";

export async function answerRecord(request: Request, parts: RouteParts): Promise<Reply> {
  const text = await readText(request, smallBodyBytesMax);
  const { priceBook, timezone } = parts;
  const row = readFinishedCall(text, { priceBook, timezone, now: parts.now() });
  const added = await askStore(parts.store.recordSpend([row]));
  const costUsd = row.costNanoUsd === null ? null : usdOfNano(row.costNanoUsd);
  // Sent again with the same id it changes nothing, and is not stored twice.
  return reply({ id: row.id, recorded: added === 1, costUsd });
}
