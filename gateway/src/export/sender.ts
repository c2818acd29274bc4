// Owns getting one batch to the backend: tries again while that may help, makes it smaller where it is too large, gives up.
// Asks before each attempt whether content may still leave.

import type { Log } from "@anyray/shared/log";
import type { ExportCounts } from "./counts";
import type { Deliver } from "./deliver";
import type { ExportItem } from "./encode";
import type { Encoder } from "./encoder";
import { createPatience } from "./patience";

export interface SenderSettings {
  deliver: Deliver;
  encoder: Encoder;
  counts: ExportCounts;
  log: Log;
  /** For the log: where it goes. */
  host: string;
  /** The effective content mode is `plaintext` at this moment. */
  isPlaintext(): boolean;
  limits: SendLimits;
  random(): number;
}

export interface SendLimits {
  attemptMs: number;
  /** First wait after a failure; doubles with each further one up to `retryMsMax`. */
  retryMs: number;
  retryMsMax: number;
  /** A batch that has been tried for this long is given up. */
  giveUpMs: number;
}

export interface Sender {
  /** Resolves when the batch was taken, refused or given up, which is counted. Never rejects. */
  send(batch: readonly ExportItem[]): Promise<void>;
  /** From now on nothing takes longer than until `deadline`, epoch milliseconds. */
  endBy(deadline: number): void;
}

export function createSender(settings: SenderSettings): Sender {
  const { deliver, encoder, counts, log, host, isPlaintext, limits } = settings;
  const patience = createPatience({ ...limits, random: settings.random });
  let deadline: number | null = null;

  const encoded = (batch: readonly ExportItem[]) =>
    encoder.encode(batch).catch((error: Error) => {
      counts.failed(error.message);
      return null;
    });

  const send = async (items: readonly ExportItem[]): Promise<void> => {
    const startedAt = performance.now();
    let batch = items;
    for (;;) {
      // Asked for each attempt: the mode may have been tightened while this one waited.
      if (!isPlaintext()) batch = batch.map(withoutContent);
      const body = await encoded(batch);
      if (!body) return counts.lost(batch.length, "failed");
      const leftMs = deadline === null ? limits.attemptMs : deadline - Date.now();
      if (leftMs <= 0) return counts.lost(batch.length, "shutdown");
      const delivery = await deliver(body, Math.min(limits.attemptMs, leftMs));
      if (delivery.result === "taken") return await taken(batch, delivery.answer);
      counts.failed(delivery.fault);
      if (delivery.result === "too_large") return await sendSmaller(batch);
      if (delivery.result === "refused") return refuse(batch, delivery.fault);
      if (performance.now() - startedAt + (delivery.afterMs ?? 0) > limits.giveUpMs)
        return counts.lost(batch.length, "gave_up");
      if (patience.failures() === 0) log.warn("traces cannot be exported for now", { host, fault: delivery.fault });
      await patience.wait(delivery.afterMs);
    }
  };

  const taken = async (batch: readonly ExportItem[], answer: Uint8Array): Promise<void> => {
    if (patience.failures() > 0) log.info("traces are exported again", { host });
    patience.reset();
    counts.exported(batch.length);
    if (answer.length === 0) return;
    const spans = await encoder.rejectedSpans(answer).catch(() => 0);
    if (spans === 0) return;
    counts.rejected(spans);
    log.warn("the trace backend did not take all spans", { host, spans });
  };

  const sendSmaller = async (batch: readonly ExportItem[]): Promise<void> => {
    if (batch.length > 1) {
      const middle = Math.ceil(batch.length / 2);
      await send(batch.slice(0, middle));
      return await send(batch.slice(middle));
    }
    return batch[0]?.contents ? await send(batch.map(withoutContent)) : refuse(batch, "status 413");
  };

  const refuse = (batch: readonly ExportItem[], fault: string): void => {
    counts.lost(batch.length, "refused");
    log.error("the trace backend refuses traces; they are dropped", { host, fault, traces: batch.length });
  };

  return {
    send,
    endBy(at) {
      deadline = Math.min(at, deadline ?? at);
      patience.hurry();
    },
  };
}

export function withoutContent(item: ExportItem): ExportItem {
  return item.contents ? { ...item, contents: null } : item;
}
