// Owns the words and headers of a cap's refusal: who, how much, of what, and when it resets.

import { AnyrayError } from "@anyray/shared/errors";
import { monthEnd, rfc3339 } from "@anyray/shared/time";

export interface CapState {
  user: string;
  /** "YYYY-MM" */
  month: string;
  timezone: string;
  limitTokens: number;
  usedTokens: number;
  reservedTokens: number;
}

const grouped = new Intl.NumberFormat("en-US");

export function capRefusal(state: CapState): AnyrayError {
  const resetsAt = rfc3339(monthEnd(state.month, state.timezone));
  const running =
    state.usedTokens < state.limitTokens
      ? ` and ${grouped.format(state.reservedTokens)} are set aside for calls still running`
      : "";
  const used = `${grouped.format(state.usedTokens)} of ${grouped.format(state.limitTokens)} tokens`;
  return new AnyrayError(
    "user_token_cap_exceeded",
    `User ${JSON.stringify(state.user)} has used ${used} in ${state.month}${running}. The cap resets at ${resetsAt}; an administrator can raise it before.`,
    {
      "x-anyray-cap-limit": String(state.limitTokens),
      "x-anyray-cap-used": String(state.usedTokens),
      "x-anyray-cap-resets-at": resetsAt,
    },
  );
}
