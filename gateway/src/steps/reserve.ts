// Step 2: sets the call's tokens aside under its user's cap. No I/O; a promise only at the edge of a cap.

import type { Call, Hold } from "../call";
import type { Caps } from "../state/caps";
import type { InputEstimate } from "../state/input-estimate";

export interface ReserveSettings {
  caps: Caps;
  inputEstimate: InputEstimate;
}

/**
 * @throws AnyrayError user_token_cap_exceeded; CallerLeft while waiting
 */
export function reserve(call: Call, { caps, inputEstimate }: ReserveSettings): Hold | null | Promise<Hold> {
  const { user } = call.identity;
  if (user === null || !call.isBillable || !caps.has(user)) return null;
  return caps.reserve({
    user,
    month: call.month,
    model: call.model,
    inputTokens: inputEstimate.tokens(call.model, call.bodyBytes),
    maxOutputTokens: call.maxOutputTokens,
    signal: call.request.signal,
  });
}
