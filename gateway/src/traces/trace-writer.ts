// Owns making traces of drafts, one after the other: contents read and sealed, the whole written to the spool. Runs on a
// thread of its own, where its work holds up no call.

import { isUtf8 } from "node:buffer";
import type { Keyring } from "@anyray/shared/crypto";
import type { ContentMode, Trace, TraceContent } from "@anyray/shared/store/trace";
import type { ExportContents } from "../export/exporter";
import { stricter } from "./content-modes";
import { type ReadContent, readContent, sealContent } from "./keep-content";
import { makeTrace } from "./make-trace";
import type { TraceDraft } from "./trace-draft";
import type { TraceSpool } from "./trace-spool";

export interface TraceWriterSettings {
  spool: Pick<TraceSpool, "append">;
  keyring: Keyring;
  /** What holds now. */
  mode(): ContentMode;
  /** A content could not be made. */
  failed(what: "content" | "trace", error: unknown): void;
}

/** A trace as exporters get it. */
export interface MadeTrace {
  /** Without contents. */
  trace: Trace;
  /** Only where content is kept in the clear. */
  contents: ExportContents | null;
  /** The caller's header as it came. */
  traceparent: string | null;
}

export interface TraceWriter {
  /** Resolves when the last one is in the spool. Never rejects. `made` is told of each. */
  write(drafts: readonly TraceDraft[], bytes: Uint8Array, made?: (made: MadeTrace) => void): Promise<void>;
}

/** Work done between two looks at what else there is, a change of mode first of all. */
const sliceBytes = 262_144;

export function createTraceWriter({ spool, keyring, mode, failed }: TraceWriterSettings): TraceWriter {
  const seal = (draft: TraceDraft, read: readonly ReadContent[], holds: ContentMode): TraceContent[] => {
    if (holds === "off") return [];
    return read.flatMap((content) => {
      try {
        return [sealContent(draft, content, holds, keyring)];
      } catch (error) {
        failed("content", error);
        return [];
      }
    });
  };

  const writeOne = async (draft: TraceDraft, bytes: Uint8Array, made?: (made: MadeTrace) => void) => {
    const read: ReadContent[] = [];
    for (const content of draft.contents) {
      read.push(await readContent(draft.api, content, bytes.subarray(content.offset, content.offset + content.length)));
    }
    // From here to the spool nothing is waited for: the mode cannot change in between.
    const holds = stricter(draft.mode, mode());
    const trace = makeTrace(draft);
    spool.append({ ...trace, contents: seal(draft, read, holds) });
    const { traceparent = null } = draft;
    made?.({ trace, contents: holds === "plaintext" ? textsOf(read) : null, traceparent });
  };

  return {
    async write(drafts, bytes, made) {
      let work = 0;
      for (const draft of drafts) {
        try {
          await writeOne(draft, bytes, made);
        } catch (error) {
          failed("trace", error);
        }
        work += 2_000 + draft.contents.reduce((sum, { length }) => sum + length, 0);
        if (work < sliceBytes) continue;
        work = 0;
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

function textsOf(read: readonly ReadContent[]): ExportContents {
  const texts: ExportContents = {};
  for (const { field, kept } of read) if (isUtf8(kept)) texts[field] = new TextDecoder().decode(kept);
  return texts;
}
