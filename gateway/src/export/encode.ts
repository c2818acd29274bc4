// Owns the bytes of the export: traces to OTLP as protobuf or JSON, and what a backend answers. Runs in a worker, because
// this is more work than relaying the call was.

import type { Trace } from "@anyray/shared/store/trace";
import { JsonTraceSerializer, ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import type { ExportContents } from "./exporter";
import { type ContentAttributes, contentAttributes } from "./messages";
import { spansOf } from "./spans";
import { parseTraceparent } from "./traceparent";

export type OtlpProtocol = "http/protobuf" | "http/json";

/** One trace to be exported. */
export interface ExportItem {
  trace: Trace;
  traceparent: string | null;
  contents: ExportContents | null;
}

const serializers = { "http/protobuf": ProtobufTraceSerializer, "http/json": JsonTraceSerializer };

/** The body of one request. @throws Error when a trace makes no span */
export function encode(items: readonly ExportItem[], protocol: OtlpProtocol): Uint8Array<ArrayBuffer> {
  const spans = items.flatMap(({ trace, traceparent, contents }) =>
    spansOf(trace, parseTraceparent(traceparent), contents && readable(contents)),
  );
  const bytes = serializers[protocol].serializeRequest(spans);
  if (!bytes) throw new Error("the serialiser made nothing of the traces");
  return new Uint8Array(bytes);
}

/** What the model got and gave, which is not always what its caller sent. */
function readable({ request, sentRequest, response }: ExportContents): ContentAttributes | null {
  try {
    return contentAttributes(sentRequest ?? request, response);
  } catch {
    // Nested deeper than can be walked: the trace goes without its content.
    return null;
  }
}

/** Spans that a backend that said yes did not take after all. What cannot be read says nothing. */
export function rejectedSpansOf(answer: Uint8Array, protocol: OtlpProtocol): number {
  try {
    const { partialSuccess } = serializers[protocol].deserializeResponse(answer);
    const rejected = Number(partialSuccess?.rejectedSpans ?? 0);
    return Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0;
  } catch {
    return 0;
  }
}
