// Owns what was last seen of each provider: for the health page, never for a decision.

import type { ErrorCode } from "@anyray/shared/errors";
import type { Call, Outcome } from "../call";

export interface Seen {
  /** Epoch milliseconds. */
  lastCallAt: number;
  /** Null when the last call got no answer. */
  lastStatus: number | null;
  lastError: ErrorCode | null;
}

/** By slug; as many entries as there are providers. */
export class LastSeen {
  readonly #bySlug = new Map<string, Seen>();

  note(call: Call, outcome: Outcome): void {
    if (outcome.endReason === "client_aborted") return;
    const lastError: ErrorCode | null =
      outcome.endReason === "timed_out"
        ? "upstream_timeout"
        : outcome.endReason === "upstream_failed"
          ? "upstream_unreachable"
          : null;
    const lastStatus = lastError === null || outcome.firstByteAt !== null ? outcome.status : null;
    const { slug } = call.provider;
    // A long call may end after one that arrived later.
    const lastCallAt = Math.max(call.arrivedAt, this.#bySlug.get(slug)?.lastCallAt ?? 0);
    this.#bySlug.set(slug, { lastCallAt, lastStatus, lastError });
  }

  get(slug: string): Seen | null {
    return this.#bySlug.get(slug) ?? null;
  }
}
