// Owns reading the caller's place in a trace of its own: the `traceparent` header of W3C Trace Context.

export interface TraceParent {
  /** 32 hex digits, not all zero. */
  traceId: string;
  /** 16 hex digits, not all zero. */
  spanId: string;
  flags: number;
}

const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Null for a header that is missing or not well formed: the call then begins a trace. */
export function parseTraceparent(header: string | null | undefined): TraceParent | null {
  const [, version = "", traceId = "", spanId = "", flags = "", more] = form.exec(header?.trim() ?? "") ?? [];
  if (version === "" || version === "ff" || (version === "00" && more !== undefined)) return null;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return null;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) };
}
