// Step 7: writes the call down. Before the provider sees a byte, and before the caller sees the last one.

import type { SpendRow } from "@anyray/shared/store/spend-row";
import type { Call } from "../call";
import type { Spool } from "../spool/spool";
import type { InputEstimate } from "../state/input-estimate";

export interface RecordSettings {
  spool: Spool;
  inputEstimate: InputEstimate;
}

export function recordStart(call: Call, { spool, inputEstimate }: RecordSettings): void {
  if (!call.isBillable) return;
  const { user, team, session, tool, labels } = call.identity;
  spool.start({
    id: call.id,
    ts: call.arrivedAt,
    month: call.month,
    user,
    team,
    session,
    tool,
    labels,
    provider: call.provider.slug,
    model: call.model,
    endpoint: call.path,
    stream: call.isStream,
    inputTokens: inputEstimate.tokens(call.model, call.bodyBytes),
  });
}

/** A promise only where rows must be on the disk before an answer's end. */
export function recordEnd(call: Call, row: SpendRow | null, { spool }: RecordSettings): Promise<void> | undefined {
  if (row) return spool.end(row);
  if (call.isBillable) spool.drop(call.id);
  return undefined;
}
