// Owns asking the encoding worker: one question at a time, each with a deadline. A worker that dies or stalls is made
// anew by the next question.

import type { ExportItem, OtlpProtocol } from "./encode";
import type { EncodeCall, EncodeFault, EncodeResult } from "./encode-worker";

export interface Encoder {
  /** Rejects when the traces cannot be encoded. */
  encode(items: readonly ExportItem[]): Promise<Uint8Array<ArrayBuffer>>;
  /** Spans of a partial success that were not taken. Rejects as `encode` does. */
  rejectedSpans(answer: Uint8Array): Promise<number>;
  close(): void;
}

const answerMsMax = 10_000;

type Question = { items: readonly ExportItem[] } | { answer: Uint8Array };

export function createEncoder(
  protocol: OtlpProtocol,
  create = () => new Worker(new URL("./encode-worker.ts", import.meta.url)),
): Encoder {
  let worker: Worker | null = null;
  let lastId = 0;
  let turn: Promise<unknown> = Promise.resolve();

  const drop = () => {
    worker?.terminate();
    worker = null;
  };

  const ask = (question: Question): Promise<EncodeResult> => {
    const { promise, resolve, reject } = Promise.withResolvers<EncodeResult>();
    const id = ++lastId;
    worker ??= create();
    // An export that is under way does not keep a process alive that wants to end.
    worker.unref();
    const fail = (what: string) => {
      drop();
      reject(new Error(what));
    };
    const timer = setTimeout(fail, answerMsMax, "the encoder did not answer in time");
    worker.onmessage = ({ data }: MessageEvent<EncodeResult | EncodeFault>) => {
      if (data.id !== id) return;
      if ("error" in data) reject(new Error(data.error));
      else resolve(data);
    };
    worker.onerror = () => fail("the encoder failed");
    worker.postMessage({ id, protocol, ...question } satisfies EncodeCall);
    return promise.finally(() => clearTimeout(timer));
  };

  const inTurn = (question: Question): Promise<EncodeResult> => {
    const asked = turn.then(() => ask(question));
    turn = asked.catch(() => {});
    return asked;
  };

  return {
    async encode(items) {
      const result = await inTurn({ items });
      if (!("bytes" in result)) throw new Error("the encoder answered something else");
      return result.bytes;
    },
    async rejectedSpans(answer) {
      const result = await inTurn({ answer });
      return "rejectedSpans" in result ? result.rejectedSpans : 0;
    },
    close: drop,
  };
}
