// Owns traces as an admin asks for them and as they are answered: parameters in, reports out. Never a content: only what
// was kept of it.

import { AnyrayError } from "../errors";
import { nanoPerUsd, usdOfNano } from "../money";
import { outcomes } from "../store/spend-row";
import type { Store } from "../store/store";
import type { ContentMark, StoredTrace, TraceFilter, TracePage } from "../store/trace-query";
import { askStore } from "./audit";
import { readChoice, readParameters, refuseFaults, shown } from "./request";
import { csvCell, csvMoney, formParameters, jsonRowLimit, type RowForm, readForm, writeCursor } from "./row-forms";
import { parseFilter, rangeParameters } from "./spend";

export interface TracesQuery extends RowForm {
  filter: TraceFilter;
}

/** What parseFilter reads the same for traces as for spend. */
const plainNames = ["user", "team", "session", "tool", "model", "endpoint"] as const;
export const traceParameters = [
  ...rangeParameters,
  ...plainNames,
  "provider",
  "status",
  "outcome",
  "minLatencyMs",
  "minCostUsd",
  "hasError",
  "q",
  ...formParameters,
];

/** Shorter beginnings of an id are whole hours of traces. */
export const idPrefixChars = { min: 8, max: 36 };
const tracesPerPage = 500;

/**
 * Reads GET /admin/traces' parameters; `accept` is the header.
 *
 * @throws AnyrayError `invalid_request` naming every fault and what is accepted
 */
export function parseTracesQuery(params: URLSearchParams, accept: string, now: number, timeZone: string): TracesQuery {
  const faults: string[] = [];
  const given = readParameters(params, traceParameters, faults);
  const form = readForm(given, accept, faults);
  const plain = new Map([...given].filter(([name]) => [...rangeParameters, ...plainNames].includes(name as "user")));
  const { status: _, provider: __, ...range } = parseFilter(plain, now, timeZone, faults);
  const filter: TraceFilter = range;
  const provider = given.get("provider");
  if (provider !== undefined) filter.provider = provider === "" ? null : provider;
  const status = readStatus(given.get("status"), faults);
  if (status !== undefined) filter.status = status;
  const outcome = readChoice(given, "outcome", outcomes, undefined, faults);
  if (outcome !== undefined) filter.outcome = outcome;
  const minLatencyMs = readAmount(given, "minLatencyMs", 1e12, faults);
  if (minLatencyMs !== undefined) filter.minLatencyMs = minLatencyMs;
  const minCostUsd = readAmount(given, "minCostUsd", 1e6, faults);
  if (minCostUsd !== undefined) filter.minCostNanoUsd = Math.round(minCostUsd * nanoPerUsd);
  const hasError = readFlag(given, "hasError", faults);
  if (hasError !== undefined) filter.hasError = hasError;
  const idPrefix = readIdPrefix(given.get("q"), faults);
  if (idPrefix !== undefined) filter.idPrefix = idPrefix;
  refuseFaults(faults);
  return { filter, ...form };
}

function readStatus(text: string | undefined, faults: string[]): TraceFilter["status"] | undefined {
  if (text === undefined) return undefined;
  if (/^[1-5]\d\d$/.test(text)) return Number(text);
  const shape = (["1xx", "2xx", "3xx", "4xx", "5xx", "refused"] as const).find((candidate) => candidate === text);
  if (shape === undefined) {
    faults.push(`status=${shown(text)}: accepted is a status, 100 to 599, a class such as 4xx, or refused`);
  }
  return shape;
}

function readIdPrefix(text: string | undefined, faults: string[]): string | undefined {
  if (text === undefined) return undefined;
  const prefix = text.trim().toLowerCase();
  const { min, max } = idPrefixChars;
  if (/^[0-9a-f-]+$/.test(prefix) && prefix.length >= min && prefix.length <= max) return prefix;
  faults.push(`q=${shown(text)}: accepted is the beginning of a trace's id, ${min} to ${max} characters`);
  return undefined;
}

/** A number from 0 to `max`, not in powers of ten; absent or faulty → undefined. */
export function readAmount(
  given: ReadonlyMap<string, string>,
  name: string,
  max: number,
  faults: string[],
): number | undefined {
  const text = given.get(name);
  if (text === undefined) return undefined;
  const value = /^\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : Number.NaN;
  if (value <= max) return value;
  faults.push(`${name}=${shown(text)}: accepted is a number from 0 to ${max}`);
  return undefined;
}

export function readFlag(given: ReadonlyMap<string, string>, name: string, faults: string[]): boolean | undefined {
  const value = readChoice(given, name, ["true", "false"], undefined, faults);
  return value === undefined ? undefined : value === "true";
}

/** What the columns of a list are made of; a trace's own page adds to it. */
export function traceJson(trace: StoredTrace) {
  return {
    id: trace.id,
    ts: new Date(trace.ts).toISOString(),
    user: trace.user,
    team: trace.team,
    session: trace.session,
    agent: trace.agent,
    parentAgent: trace.parentAgent,
    tool: trace.tool,
    provider: trace.provider,
    model: trace.model,
    responseModel: trace.responseModel,
    endpoint: trace.endpoint,
    stream: trace.stream,
    status: trace.status,
    endReason: trace.endReason,
    errorCode: trace.errorCode,
    latencyMs: trace.latencyMs,
    ttftMs: trace.ttftMs,
    overheadMs: trace.overheadMs,
    inputTokens: trace.inputTokens,
    cachedInputTokens: trace.cachedInputTokens,
    cacheWriteTokens: trace.cacheWriteTokens,
    outputTokens: trace.outputTokens,
    reasoningTokens: trace.reasoningTokens,
    estimated: trace.estimated,
    costUsd: trace.costNanoUsd === null ? null : usdOfNano(trace.costNanoUsd),
    priceRow: trace.priceRow,
    outcome: trace.outcome,
    tokensSaved: trace.tokensSaved,
    contents: trace.contents.map(markJson),
  };
}

/** Field by field: whatever else a store may hand over, a content cannot come along. */
function markJson({ field, mode, bytes, isCut, isShredded }: ContentMark) {
  return { field, mode, bytes, isCut, isShredded };
}

export type TraceReport = ReturnType<typeof traceJson>;

export function traceDetailJson(trace: StoredTrace) {
  const { cap, decisions, spans } = trace;
  return { ...traceJson(trace), cap, decisions, spans };
}

export const traceColumns = [
  "id",
  "ts",
  "user",
  "team",
  "session",
  "agent",
  "parentAgent",
  "tool",
  "provider",
  "model",
  "responseModel",
  "endpoint",
  "stream",
  "status",
  "endReason",
  "errorCode",
  "latencyMs",
  "ttftMs",
  "overheadMs",
  "inputTokens",
  "cachedInputTokens",
  "cacheWriteTokens",
  "outputTokens",
  "reasoningTokens",
  "estimated",
  "costUsd",
  "priceRow",
  "outcome",
  "tokensSaved",
  "contents",
] as const satisfies (keyof TraceReport)[];

/** The header line of the CSV form. */
export const traceCsvHeader = `${traceColumns.join(",")}\r\n`;

/** One RFC 4180 line: text safe to open in a spreadsheet, numbers bare, absent values empty. */
export function traceCsvLine(trace: StoredTrace): string {
  const report = traceJson(trace);
  const cells = traceColumns.map((column) =>
    column === "costUsd" ? csvMoney(trace.costNanoUsd) : csvCell(report[column]),
  );
  return `${cells.join(",")}\r\n`;
}

/** Newest first, page by page; asks for the next page only when the one before was taken. */
async function* pageTraces(store: Store, query: TracesQuery): AsyncGenerator<TracePage> {
  let { after } = query;
  let left = query.limit ?? Number.POSITIVE_INFINITY;
  do {
    const page = await askStore(store.readTraces(query.filter, after, Math.min(left, tracesPerPage)));
    yield page;
    left -= page.traces.length;
    after = page.next;
  } while (after !== null && left > 0);
}

/** The JSON form, and where to go on. @throws AnyrayError `store_unavailable` */
export async function reportTraces(store: Store, query: TracesQuery) {
  const traces: TraceReport[] = [];
  let next: TracePage["next"] = null;
  for await (const page of pageTraces(store, { ...query, limit: query.limit ?? jsonRowLimit.default })) {
    for (const trace of page.traces) traces.push(traceJson(trace));
    next = page.next;
  }
  return { traces, nextCursor: writeCursor(next) };
}

/** The JSON lines and CSV forms, in pieces of one page; CSV begins with its header, also without traces. */
export async function* streamTraces(store: Store, query: TracesQuery): AsyncGenerator<string> {
  const isCsv = query.format === "csv";
  let header = isCsv ? traceCsvHeader : "";
  for await (const { traces } of pageTraces(store, query)) {
    const lines = traces.map((trace) => (isCsv ? traceCsvLine(trace) : `${JSON.stringify(traceJson(trace))}\n`));
    yield header + lines.join("");
    header = "";
  }
}

/** One trace with its spans. @throws AnyrayError `not_found`, `store_unavailable` */
export async function reportTrace(store: Store, id: string) {
  const trace = await askStore(store.readTrace(id.toLowerCase()));
  if (!trace) throw new AnyrayError("not_found", `There is no trace ${shown(id)}. Old ones are deleted.`);
  return traceDetailJson(trace);
}
