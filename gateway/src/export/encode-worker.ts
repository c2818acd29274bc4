// Owns the thread that the export is encoded on; encoder.ts is its other end.

import { type ExportItem, encode, type OtlpProtocol, rejectedSpansOf } from "./encode";

declare const self: Worker;

export type EncodeCall =
  | { id: number; protocol: OtlpProtocol; items: readonly ExportItem[] }
  | { id: number; protocol: OtlpProtocol; answer: Uint8Array };

export type EncodeResult = { id: number; bytes: Uint8Array<ArrayBuffer> } | { id: number; rejectedSpans: number };
export type EncodeFault = { id: number; error: string };

self.onmessage = ({ data }: MessageEvent<EncodeCall>) => {
  const { id, protocol } = data;
  try {
    if ("answer" in data) {
      self.postMessage({ id, rejectedSpans: rejectedSpansOf(data.answer, protocol) } satisfies EncodeResult);
      return;
    }
    const bytes = encode(data.items, protocol);
    self.postMessage({ id, bytes } satisfies EncodeResult, [bytes.buffer]);
  } catch (error) {
    const { name } = error as Error;
    // The name only: a message may quote what could not be encoded.
    self.postMessage({ id, error: `encoding failed: ${name}` } satisfies EncodeFault);
  }
};
