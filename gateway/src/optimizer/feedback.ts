// Owns telling the optimizer what a call really cost: what it learns its estimates from. Never in a call's way, never
// kept for long: what cannot be told soon is left untold.

import type { OptimizerClient } from "./client";

/** The body of `POST /v1/feedback`; tokens as the provider stated them. */
export interface Feedback {
  sessionId: string | null;
  /** Who called, as the question named it: what it learns is kept apart by that. */
  metadata: { user: string | null; team: string | null; sessionId: string | null };
  optimizationId: string;
  endpoint: string;
  model: string | null;
  usage: { inputTokens: number; cachedInputTokens: number; cacheWriteTokens: number; outputTokens: number };
}

export interface FeedbackSettings {
  client: Pick<OptimizerClient, "ask">;
  limitMs: number;
  /** False: what waits is dropped instead of told. */
  isWanted(): boolean;
}

const waitingMax = 1_000;
/** Enough to keep pace with any gateway, few enough to leave the optimizer to its calls. */
const atOnceMax = 2;

export type FeedbackQueue = ReturnType<typeof createFeedbackQueue>;

export function createFeedbackQueue({ client, limitMs, isWanted }: FeedbackSettings) {
  let waiting: Feedback[] = [];
  let senders = 0;
  let dropped = 0;

  const send = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      if (!isWanted()) {
        dropped += waiting.length + 1;
        waiting = [];
        break;
      }
      const { failure } = await client.ask("/v1/feedback", {
        body: Buffer.from(JSON.stringify(next)),
        limitMs,
        bytesMax: 65_536,
      });
      if (failure !== null) dropped += 1;
    }
    senders -= 1;
  };

  return {
    tell(feedback: Feedback) {
      if (!isWanted() || waiting.length >= waitingMax) {
        dropped += 1;
        return;
      }
      waiting.push(feedback);
      if (senders >= atOnceMax) return;
      senders += 1;
      // After the call that brings it: its answer is still to be sent.
      setTimeout(send, 0);
    },
    waiting: () => waiting.length,
    /** Never told: too many waited, or the optimizer did not take it. */
    dropped: () => dropped,
  };
}
