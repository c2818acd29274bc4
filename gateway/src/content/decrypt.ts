// Owns reading the content of one trace in the clear, for an operator who says who they are and why. The one place that
// opens contents; nothing that answers HTTP may import it.

import { runAudited } from "@anyray/shared/admin/audit";
import { EnvelopeError, type Keyring, sealedUnder } from "@anyray/shared/crypto";
import type { Store } from "@anyray/shared/store/store";
import type { TraceContent } from "@anyray/shared/store/trace";
import type { StoredTrace } from "@anyray/shared/store/trace-query";
import { contentPlace } from "../traces/keep-content";

export interface Plain {
  field: TraceContent["field"];
  bytes: Uint8Array;
  /** Of the content as it was sent; more than `bytes` where it was cut. */
  bytesSent: number;
  isCut: boolean;
}

/** Why there is nothing to show, for the operator to read. */
export class NoContent extends Error {
  override name = "NoContent";
}

export interface Wish {
  trace: string;
  /** Null = all there are. */
  field: TraceContent["field"] | null;
  operator: string;
  reason: string;
  /** Where it goes, for the audit log. */
  to: "terminal" | "file" | "stdout";
}

/**
 * Audits the intent, then opens the contents and hands them over, then audits what came of it. Nothing is opened where
 * that cannot be audited.
 *
 * @throws NoContent, AnyrayError store_unavailable, whatever `show` throws
 */
export async function decryptTrace(
  store: Store,
  keyring: () => Keyring,
  wish: Wish,
  show: (contents: readonly Plain[]) => Promise<void>,
): Promise<void> {
  const { trace, field, operator, reason, to } = wish;
  const actor = { name: operator, ip: null, at: Date.now() };
  const audited = { action: "content.decrypt", object: trace, after: { field, to }, reason };
  const read = async (): Promise<string[]> => {
    const found = await store.readTrace(trace);
    if (!found) throw new NoContent(`there is no trace ${trace} in this store`);
    const contents = await store.readContents(trace);
    const wanted = contents.filter((content) => field === null || content.field === field);
    if (wanted.length === 0) throw new NoContent(whyNone(found, field));
    const ring = keyring();
    await show(wanted.map((content) => openContent(ring, found, content)));
    return wanted.map((content) => content.field);
  };
  await runAudited(store, actor, audited, read, (fields) => ({ fields }));
}

function whyNone({ id, contents }: StoredTrace, field: TraceContent["field"] | null): string {
  if (contents.length === 0) return `trace ${id} was recorded without content`;
  const marks = contents.filter((mark) => field === null || mark.field === field);
  const what = `the ${field ?? "content"} of trace ${id}`;
  if (marks.some(({ isShredded }) => isShredded)) return `${what} was shredded: nobody can read it any more`;
  return `${what} was not kept; kept: ${contents.map((mark) => mark.field).join(", ")}`;
}

function openContent(keyring: Keyring, trace: StoredTrace, content: TraceContent): Plain {
  const { field, mode, data, bytes: bytesSent, isCut } = content;
  if (mode === "plaintext") return { field, bytes: new TextEncoder().encode(data), bytesSent, isCut };
  try {
    return { field, bytes: keyring.open(data, contentPlace(trace, field)), bytesSent, isCut };
  } catch (error) {
    if (!(error instanceof EnvelopeError)) throw error;
    const keyId = sealedUnder(data);
    if (keyId !== null && !keyring.knows(keyId)) {
      throw new NoContent(
        `the ${field} of trace ${trace.id} is sealed under the key ${keyId}, and the keys that are configured do not include it: put it into ANYRAY_CONTENT_KEY or ANYRAY_CONTENT_KEYS_OLD`,
      );
    }
    throw new NoContent(`the ${field} of trace ${trace.id} was changed, cut or moved since it was sealed`);
  }
}
