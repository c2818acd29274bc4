// Owns making a noted content what is stored: inflated, a stream put together to the answer it was, cut at a bound,
// sealed. Runs off the thread that relays.

import { isUtf8 } from "node:buffer";
import type { Keyring } from "@anyray/shared/crypto";
import type { ContentMode, TraceContent } from "@anyray/shared/store/trace";
import { assembleAnswer } from "../answers/collect";
import { endpoints } from "../endpoints/registry";
import { inflaters } from "../request/body";
import type { ContentDraft, TraceDraft } from "./trace-draft";

/** Longer contents are kept up to here. */
export const contentBytesMax = 1_048_576;
/** A stream takes up many times what it says. */
export const tapedBytesMax = 8 * 1_048_576;

export interface ReadContent {
  field: TraceContent["field"];
  /** At most `contentBytesMax`. */
  kept: Uint8Array;
  bytes: number;
  isCut: boolean;
}

const encoder = new TextEncoder();

/** Never rejects: what cannot be read is kept as the bytes that came. */
export async function readContent(api: string, draft: ContentDraft, taped: Uint8Array): Promise<ReadContent> {
  const { field } = draft;
  const plain = await inflate(draft, taped);
  const answer = plain && draft.isEvents && !draft.isCut ? await assemble(api, plain) : null;
  const whole = answer ?? plain ?? taped;
  const kept = head(whole, contentBytesMax);
  // What a cut tape did not take is unknown but for its length, and that only where nothing was inflated.
  const bytes = draft.isCut && plain === taped ? Math.max(draft.bytes, whole.length) : whole.length;
  return { field, kept, bytes, isCut: draft.isCut || kept.length < whole.length };
}

async function inflate({ encoding, isCut }: ContentDraft, taped: Uint8Array): Promise<Uint8Array | null> {
  if (encoding === "identity") return taped;
  if (isCut) return null;
  const plain = await inflaters
    .get(encoding)?.(taped, { maxOutputLength: tapedBytesMax })
    .catch(() => null);
  return plain ?? null;
}

async function assemble(api: string, events: Uint8Array): Promise<Uint8Array | null> {
  const endpoint = endpoints.find(({ path }) => path === api);
  const answer = endpoint && (await assembleAnswer({ endpoint }, events));
  return answer ? encoder.encode(answer.text) : null;
}

/** The first bytes, none of them part of a character that is not whole. */
function head(bytes: Uint8Array, bytesMax: number): Uint8Array {
  if (bytes.length <= bytesMax) return bytes;
  let end = bytesMax;
  // A character has at most four bytes, all but its first of the form 10xxxxxx.
  while (end > bytesMax - 4 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end);
}

/** What a sealed content is bound to: it opens for no other trace, field or time. */
export function contentPlace({ id, ts }: Pick<TraceDraft, "id" | "ts">, field: TraceContent["field"]): string {
  return `trace/${id}/${field}/${ts}`;
}

/** Synchronous: the mode that is given is the one that holds when it is written. */
export function sealContent(
  trace: Pick<TraceDraft, "id" | "ts">,
  { field, kept, bytes, isCut }: ReadContent,
  mode: Exclude<ContentMode, "off">,
  keyring: Keyring,
): TraceContent {
  // What is no text has no plain form that gives its bytes back.
  if (mode === "plaintext" && isUtf8(kept)) {
    return { field, mode, data: new TextDecoder("utf-8", { ignoreBOM: true }).decode(kept), bytes, isCut };
  }
  return { field, mode: "encrypted", data: keyring.seal(kept, contentPlace(trace, field)), bytes, isCut };
}
