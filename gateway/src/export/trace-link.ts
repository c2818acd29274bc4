// Owns the link from a trace to the page of the operator's own backend.

import { traceIdOf } from "./spans";
import { parseTraceparent } from "./traceparent";

export interface Linked {
  id: string;
  session: string | null;
  /** The caller's `traceparent`, where it sent one: the backend then has the call in the caller's own trace. */
  traceparent?: string | null;
}

/**
 * Null without a template. `{traceId}` is the id in the backend, `{id}` that of the call, `{session}` its session, empty
 * for none; each as one piece of a URL, whatever it holds.
 */
export function traceLink(template: string | undefined, { id, session, traceparent }: Linked): string | null {
  if (template === undefined) return null;
  const values: Record<string, string> = {
    traceId: traceIdOf(id, parseTraceparent(traceparent)),
    id,
    session: session ?? "",
  };
  return template.replace(/\{(traceId|id|session)\}/g, (_, name: string) => piece(values[name] ?? ""));
}

/** Dots alone would lead a level up, and so would the same percent-encoded once. */
function piece(value: string): string {
  const safe = value.toWellFormed();
  return /^\.+$/.test(safe) ? safe.replaceAll(".", "%252E") : encodeURIComponent(safe);
}
