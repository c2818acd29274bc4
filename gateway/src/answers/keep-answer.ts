// Owns deciding that a finished answer may serve again: a whole one, that ended by itself with text alone.

import type { Call } from "../call";
import { type AnswerCollector, type AnswerForm, createAnswerCollector } from "./collect";
import { answerShapeOf } from "./registry";
import type { AnswerStore } from "./store-answer";

/** Follows one answer on its way to its caller. Ends in `end` or in `drop`; `drop` after `end` does nothing. */
export interface AnswerKeeper {
  /** Tells how the bytes that follow are to be read. */
  begin(form: AnswerForm): void;
  /** Takes the next bytes as the provider sent them, before anything was taken out. Keeps the chunk itself. */
  push(chunk: Uint8Array): void;
  /**
   * The answer ended well: status 200, nothing cut off. Resolves when it was handed over or found unfit, which no call
   * needs to wait for. Never rejects.
   */
  end(): Promise<void>;
  drop(): void;
}

export function createAnswerKeeper(
  call: Pick<Call, "endpoint" | "identity">,
  cacheKey: string,
  store: AnswerStore,
): AnswerKeeper {
  let collector: AnswerCollector | null = null;
  const take = () => {
    const taken = collector;
    collector = null;
    return taken;
  };
  return {
    begin(form) {
      collector = createAnswerCollector(call, form);
    },
    push(chunk) {
      collector?.push(chunk);
    },
    async end() {
      const answer = await take()?.finish();
      if (!answer || answerShapeOf(call.endpoint)?.isCacheable(answer.json) !== true) return;
      store.put({ cacheKey, text: answer.text, identity: call.identity });
    },
    drop: () => take()?.drop(),
  };
}
