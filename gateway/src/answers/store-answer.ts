// Owns handing new answers to the optimizer's cache, behind the calls' backs: a few at a time, a bounded number waiting,
// each tried once. What does not fit or does not arrive is forgotten, and counted.

import type { Identity } from "../call";
import type { OptimizerClient } from "../optimizer/client";

export interface AnswerStoreSettings {
  client: OptimizerClient;
  timeoutMs?: number;
  atOnceMax?: number;
  waitingMax?: number;
  waitingCharactersMax?: number;
  /** What became of each answer. */
  onEnd?: (result: "stored" | "refused" | "failed" | "dropped") => void;
}

export interface AnswerToStore {
  /** As `/v1/optimize` gave it. */
  cacheKey: string;
  /** The whole answer as JSON text; reaches the optimizer byte for byte. */
  text: string;
  identity: Pick<Identity, "user" | "team" | "session">;
}

export interface AnswerStore {
  /** Returns at once, and never throws. */
  put(answer: AnswerToStore): void;
  /** Answers waiting or on their way. */
  pending(): number;
}

export function createAnswerStore(settings: AnswerStoreSettings): AnswerStore {
  const { atOnceMax = 2, waitingMax = 64, waitingCharactersMax = 16 * 1_048_576, onEnd = () => {} } = settings;
  const waiting: AnswerToStore[] = [];
  let waitingCharacters = 0;
  let running = 0;

  const runNext = () => {
    while (running < atOnceMax) {
      const next = waiting.shift();
      if (!next) return;
      waitingCharacters -= next.text.length;
      running += 1;
      void send(settings, next).then((result) => {
        running -= 1;
        onEnd(result);
        runNext();
      });
    }
  };

  return {
    put(answer) {
      const isFull = waiting.length >= waitingMax || waitingCharacters + answer.text.length > waitingCharactersMax;
      if (isFull) return onEnd("dropped");
      waiting.push(answer);
      waitingCharacters += answer.text.length;
      runNext();
    },
    pending: () => waiting.length + running,
  };
}

/** Its answer is two words. */
const replyBytesMax = 4_096;

/** Never rejects: a cache that does not answer is a cache without this answer. */
async function send(
  { client, timeoutMs = 2_000 }: AnswerStoreSettings,
  { cacheKey, text, identity }: AnswerToStore,
): Promise<"stored" | "refused" | "failed"> {
  const { user, team, session } = identity;
  const rest = JSON.stringify({ cacheKey, metadata: { user, team, sessionId: session } });
  const body = new TextEncoder().encode(`${rest.slice(0, -1)},"response":${text}}`);
  const reply = await client.ask("/v1/cache", { body, limitMs: timeoutMs, bytesMax: replyBytesMax });
  if (reply.failure === null) return "stored";
  return reply.hasAnswered ? "refused" : "failed";
}
