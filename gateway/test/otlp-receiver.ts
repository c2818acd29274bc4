// Owns a backend that takes OTLP over HTTP, for tests: reads both encodings with the code that protobufjs makes of the
// official definitions, which shares nothing with what wrote them, and answers as it is told.

import root from "otlp-proto/build/src/generated/root.js";

export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  kind: number;
  startNano: bigint;
  endNano: bigint;
  attributes: Record<string, unknown>;
  statusCode: number;
  events: { name: string; attributes: Record<string, unknown> }[];
  resource: Record<string, unknown>;
}

export interface ReceivedExport {
  path: string;
  headers: Headers;
  bytes: number;
  spans: ReceivedSpan[];
}

export interface OtlpReceiver {
  url: string;
  exports: ReceivedExport[];
  /** Everything that came, as it came. */
  raw: Buffer[];
  spans(): ReceivedSpan[];
  /** The next requests are answered by it; null = taken. */
  answer(next: (count: number) => Response | Promise<Response> | null): void;
  stop(): Promise<void>;
}

// biome-ignore lint/suspicious/noExplicitAny: the generated code is typed as the root of any schema
const { ExportTraceServiceRequest, ExportTraceServiceResponse } = (root as any).opentelemetry.proto.collector.trace.v1;

/** A response by which some spans were not taken. */
export function partialSuccess(rejectedSpans: number, type: "json" | "protobuf"): Response {
  const partial = { partialSuccess: { rejectedSpans, errorMessage: "no room" } };
  if (type === "json") return Response.json({ partialSuccess: { rejectedSpans: String(rejectedSpans) } });
  const bytes = ExportTraceServiceResponse.encode(ExportTraceServiceResponse.fromObject(partial)).finish();
  return new Response(Buffer.from(bytes), { headers: { "content-type": "application/x-protobuf" } });
}

export function startOtlpReceiver(): OtlpReceiver {
  const exports: ReceivedExport[] = [];
  const raw: Buffer[] = [];
  let next: (count: number) => Response | Promise<Response> | null = () => null;
  let count = 0;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const body = Buffer.from(await request.arrayBuffer());
      raw.push(body);
      count += 1;
      const told = next(count);
      const type = request.headers.get("content-type");
      if (told) {
        const response = await told;
        if (!response.ok) return response;
        exports.push({ ...about(request, body), spans: decode(body, type) });
        return response;
      }
      exports.push({ ...about(request, body), spans: decode(body, type) });
      if (type === "application/json") return Response.json({});
      return new Response(Buffer.from(ExportTraceServiceResponse.encode({}).finish()));
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    ...{ exports, raw },
    spans: () => exports.flatMap(({ spans }) => spans),
    answer(told) {
      next = told;
    },
    stop: () => server.stop(true),
  };
}

function about(request: Request, body: Buffer) {
  return { path: new URL(request.url).pathname, headers: request.headers, bytes: body.length };
}

interface AnyValue {
  /** Name of the field that is set. */
  value: "stringValue" | "boolValue" | "intValue" | "doubleValue" | "arrayValue";
  intValue?: string;
  arrayValue?: { values: AnyValue[] };
  stringValue?: string;
  boolValue?: boolean;
  doubleValue?: number;
}
type KeyValues = { key: string; value: AnyValue }[];

/** Refuses, by throwing, what is no valid message of the definitions. */
function decode(body: Buffer, type: string | null): ReceivedSpan[] {
  const isJson = type === "application/json";
  if (!isJson && type !== "application/x-protobuf") throw new Error(`not OTLP: ${type}`);
  const message = isJson
    ? ExportTraceServiceRequest.fromObject(withBinaryIds(JSON.parse(body.toString())))
    : ExportTraceServiceRequest.decode(body);
  const plain = ExportTraceServiceRequest.toObject(message, { longs: String, defaults: true, oneofs: true });
  const found: ReceivedSpan[] = [];
  for (const { resource, scopeSpans } of plain["resourceSpans"]) {
    for (const { spans } of scopeSpans) {
      for (const span of spans) {
        found.push({
          traceId: Buffer.from(span.traceId).toString("hex"),
          spanId: Buffer.from(span.spanId).toString("hex"),
          parentSpanId: Buffer.from(span.parentSpanId).toString("hex"),
          ...{ name: span.name, kind: span.kind },
          startNano: BigInt(span.startTimeUnixNano),
          endNano: BigInt(span.endTimeUnixNano),
          attributes: valuesOf(span.attributes),
          statusCode: span.status?.code ?? 0,
          events: span.events.map((event: { name: string; attributes: KeyValues }) => ({
            name: event.name,
            attributes: valuesOf(event.attributes),
          })),
          resource: valuesOf(resource.attributes),
        });
      }
    }
  }
  return found;
}

/** OTLP's JSON has ids in hex, where the generic mapping of protobuf has base64. */
// biome-ignore lint/suspicious/noExplicitAny: what came is checked by the definitions
function withBinaryIds(json: any): any {
  for (const { scopeSpans } of json.resourceSpans) {
    for (const { spans } of scopeSpans) {
      for (const span of spans) {
        for (const name of ["traceId", "spanId", "parentSpanId"]) {
          if (span[name] !== undefined) span[name] = Buffer.from(span[name], "hex");
        }
      }
    }
  }
  return json;
}

function valuesOf(pairs: KeyValues): Record<string, unknown> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, readValue(value)]));
}

function readValue(value: AnyValue): unknown {
  if (value.value === "arrayValue") return value.arrayValue?.values.map(readValue);
  return value.value === "intValue" ? Number(value.intValue) : value[value.value];
}
