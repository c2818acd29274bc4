// Owns making spans of a trace: a root that speaks the GenAI conventions, a child for each step. Content enters by one
// argument and by no other way.

import { createHash } from "node:crypto";
import { usdOfNano } from "@anyray/shared/money";
import type { Trace, TraceSpan } from "@anyray/shared/store/trace";
import type { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import { anyray, langfuse, operationOf, otel, providerNameOf } from "../semconv";
import { version } from "../version";
import type { ContentAttributes } from "./messages";
import type { TraceParent } from "./traceparent";

/** What the serialisers take. */
export type ExportSpan = Parameters<typeof ProtobufTraceSerializer.serializeRequest>[0][number];

type Attributes = Record<string, string | number | boolean | string[]>;

/** As the API numbers them; on the wire each is one more. */
const kinds = { internal: 0, client: 2 } as const;
const errorStatus = 2;
const unsetStatus = 0;

const nothing = Promise.resolve([]);
/** One object for all spans: the serialiser groups by identity. */
const resource = {
  attributes: { [otel.serviceName]: "anyray", [otel.serviceVersion]: version },
  schemaUrl: otel.schemaUrl,
  merge: () => resource,
  getRawAttributes: () => [],
  waitForAsyncAttributes: () => nothing,
} as unknown as ExportSpan["resource"];
const instrumentationScope = { name: "anyray", version, schemaUrl: otel.schemaUrl };

/** The id of the whole trace in the backend: the caller's own where it sent one, else that of the call. */
export function traceIdOf(id: string, parent: TraceParent | null): string {
  return parent?.traceId ?? id.replaceAll("-", "").toLowerCase();
}

/** 16 hex digits, the same for the same call and place. Index 0 is the root. */
export function spanIdOf(id: string, index: number): string {
  return createHash("sha256").update(`anyray/span/${index}/${id}`).digest("hex").slice(0, 16);
}

/** @param content only where the effective content mode is `plaintext` */
export function spansOf(trace: Trace, parent: TraceParent | null, content: ContentAttributes | null): ExportSpan[] {
  const traceId = traceIdOf(trace.id, parent);
  // Sampled, always: an operator who asked for the export wants all of it.
  const contextOf = (spanId: string) => ({ traceId, spanId, traceFlags: 1 });
  const root = contextOf(spanIdOf(trace.id, 0));
  const operation = operationOf(trace.endpoint);
  const isFailed = trace.status >= 400 || trace.endReason === "upstream_failed" || trace.endReason === "timed_out";
  const optimizedMs = trace.spans.find(({ name }) => name === "optimize")?.endMs ?? 0;
  const rootSpan = span({
    name: trace.model === null ? operation : `${operation} ${trace.model}`,
    kind: kinds.client,
    context: root,
    parent: parent && { ...contextOf(parent.spanId), isRemote: true },
    startTime: hrTime(trace.ts),
    endTime: hrTime(trace.ts, trace.latencyMs),
    attributes: { ...rootAttributes(trace, operation, isFailed), ...contentOf(content) },
    isFailed,
    events: trace.decisions.map((decision) => ({
      name: anyray.decision,
      time: hrTime(trace.ts, optimizedMs),
      attributes: {
        [anyray.kind]: decision.kind,
        [anyray.summary]: decision.summary,
        [anyray.tokensBefore]: decision.tokensBefore,
        [anyray.tokensAfter]: decision.tokensAfter,
        [anyray.ms]: decision.ms,
      },
    })),
  });
  const steps = trace.spans.map((step, index) =>
    span({
      name: step.name,
      kind: kinds.internal,
      context: contextOf(spanIdOf(trace.id, index + 1)),
      parent: root,
      startTime: hrTime(trace.ts, step.startMs),
      endTime: hrTime(trace.ts, Math.max(step.startMs, step.endMs)),
      attributes: factsOf(step),
      isFailed: false,
      events: [],
    }),
  );
  return [rootSpan, ...steps];
}

interface SpanParts {
  name: string;
  kind: number;
  context: { traceId: string; spanId: string; traceFlags: number };
  parent: { traceId: string; spanId: string; traceFlags: number; isRemote?: boolean } | null;
  startTime: [number, number];
  endTime: [number, number];
  attributes: Attributes;
  isFailed: boolean;
  events: ExportSpan["events"];
}

function span(parts: SpanParts): ExportSpan {
  const { name, kind, context, parent, startTime, endTime, attributes, isFailed, events } = parts;
  return {
    ...{ name, kind, attributes, events, links: [], ended: true, resource, instrumentationScope },
    spanContext: () => context,
    ...(parent && { parentSpanContext: parent }),
    ...{ startTime, endTime },
    // Not on the wire, where an end is.
    duration: [0, 0],
    status: { code: isFailed ? errorStatus : unsetStatus },
    ...{ droppedAttributesCount: 0, droppedEventsCount: 0, droppedLinksCount: 0 },
  };
}

/**
 * Seconds and nanoseconds of `ms` after `epochMs`, a whole number. Apart, because one double of both would be a quarter of
 * a microsecond wide.
 */
function hrTime(epochMs: number, ms = 0): [number, number] {
  const seconds = Math.floor(epochMs / 1_000);
  const nanos = (epochMs - seconds * 1_000) * 1_000_000 + Math.round(ms * 1_000_000);
  return [seconds + Math.floor(nanos / 1_000_000_000), nanos % 1_000_000_000];
}

function rootAttributes(trace: Trace, operation: string, isFailed: boolean): Attributes {
  const { ttftMs, cap } = trace;
  return withoutNulls({
    [otel.operation]: operation,
    [otel.provider]: trace.provider === null ? null : providerNameOf(trace.provider),
    [otel.requestModel]: trace.model,
    [otel.requestStream]: trace.stream,
    [otel.responseModel]: trace.responseModel,
    [otel.conversation]: trace.session,
    [otel.agent]: trace.agent,
    [otel.inputTokens]: trace.inputTokens,
    [otel.outputTokens]: trace.outputTokens,
    [otel.cacheReadTokens]: trace.cachedInputTokens,
    [otel.cacheWriteTokens]: trace.cacheWriteTokens,
    [otel.reasoningTokens]: trace.reasoningTokens,
    [otel.timeToFirstChunk]: trace.stream && ttftMs !== null ? ttftMs / 1_000 : null,
    [otel.errorType]: isFailed
      ? (trace.errorCode ?? (trace.status >= 400 ? String(trace.status) : trace.endReason))
      : null,
    [otel.route]: trace.endpoint,
    [otel.status]: trace.status,
    [otel.user]: trace.user,
    [otel.session]: trace.session,
    [anyray.id]: trace.id,
    [anyray.team]: trace.team,
    [anyray.tool]: trace.tool,
    [anyray.parentAgent]: trace.parentAgent,
    [anyray.endReason]: trace.endReason,
    [anyray.errorCode]: trace.errorCode,
    [anyray.outcome]: trace.outcome,
    [anyray.tokensSaved]: trace.tokensSaved,
    [anyray.costUsd]: trace.costNanoUsd === null ? null : usdOfNano(trace.costNanoUsd),
    [anyray.priceRow]: trace.priceRow,
    [anyray.isEstimated]: trace.estimated,
    [anyray.overheadMs]: trace.overheadMs,
    [anyray.capTokens]: cap?.monthlyTokens ?? null,
    [anyray.capUsedTokens]: cap?.usedTokens ?? null,
    [anyray.capHeldTokens]: cap?.heldTokens ?? null,
    ...langfuseAttributes(trace, operation),
  });
}

function langfuseAttributes(trace: Trace, operation: string): Record<string, string | string[] | null> {
  const { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, ttftMs } = trace;
  const tags = [["team", trace.team] as const, ["tool", trace.tool] as const, ["outcome", trace.outcome] as const];
  // Kinds that do not overlap: Langfuse adds them up.
  const usage = {
    input: Math.max(0, inputTokens - cachedInputTokens - cacheWriteTokens),
    input_cached_tokens: cachedInputTokens,
    input_cache_creation: cacheWriteTokens,
    output: outputTokens,
    total: inputTokens + outputTokens,
  };
  return {
    [langfuse.user]: trace.user,
    [langfuse.session]: trace.session,
    [langfuse.traceName]: trace.tool ?? operation,
    [langfuse.observationType]: operation === "embeddings" ? "embedding" : "generation",
    [langfuse.usage]: JSON.stringify(usage),
    [langfuse.cost]: trace.costNanoUsd === null ? null : JSON.stringify({ total: usdOfNano(trace.costNanoUsd) }),
    [langfuse.completionStart]:
      trace.stream && ttftMs !== null ? JSON.stringify(new Date(trace.ts + ttftMs).toISOString()) : null,
    [langfuse.tags]: tags.flatMap(([name, value]) => (value === null ? [] : [`${name}:${value}`])),
  };
}

function contentOf(content: ContentAttributes | null): Attributes {
  if (!content) return {};
  const { attributes, finishReasons } = content;
  return { ...attributes, ...(finishReasons.length > 0 && { [otel.finishReasons]: finishReasons }) };
}

function factsOf({ facts }: TraceSpan): Attributes {
  return withoutNulls(
    Object.fromEntries(Object.entries(facts ?? {}).map(([name, value]) => [anyray.fact + name, value])),
  );
}

function withoutNulls(attributes: Record<string, Attributes[string] | null>): Attributes {
  const kept: Attributes = {};
  for (const [name, value] of Object.entries(attributes)) if (value !== null) kept[name] = value;
  return kept;
}
