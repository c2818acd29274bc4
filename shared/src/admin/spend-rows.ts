// Owns spend rows on their way out: parameters, cursor, and the three forms JSON, JSON lines and CSV. Streams
// page by page and holds one page at a time.

import { usdOfNano, usdText } from "../money";
import type { SpendRow } from "../store/spend-row";
import type { RowPage, SpendFilter, Store } from "../store/store";
import { askStore } from "./audit";
import { readChoice, readInteger, readParameters, refuseFaults } from "./request";
import { filterParameters, parseFilter, rangeParameters } from "./spend";

export const rowFormats = ["json", "jsonl", "csv"] as const;
export type RowFormat = (typeof rowFormats)[number];

export interface RowsQuery {
  filter: SpendFilter;
  format: RowFormat;
  after: RowPage["next"];
  /** null = all, for a stream. */
  limit: number | null;
}

export const rowsParameters = [...rangeParameters, ...filterParameters, "format", "limit", "cursor"];
/** JSON is one document and held whole; the other two forms are streams. */
export const jsonRowLimit = { min: 1, max: 10_000, default: 1000 };
const streamRowLimit = { min: 1, max: 1_000_000_000 };
const rowsPerPage = 1000;

/**
 * Reads GET /admin/spend/rows' parameters; `accept` is the header.
 *
 * @throws AnyrayError `invalid_request` naming every fault and what is accepted
 */
export function parseRowsQuery(params: URLSearchParams, accept: string, now: number, timeZone: string): RowsQuery {
  const faults: string[] = [];
  const given = readParameters(params, rowsParameters, faults);
  const format = readChoice(given, "format", rowFormats, acceptedFormat(accept), faults);
  const limit =
    format === "json"
      ? readInteger(given, "limit", jsonRowLimit, jsonRowLimit.default, faults)
      : readInteger(given, "limit", streamRowLimit, null, faults);
  const filter = parseFilter(given, now, timeZone, faults);
  const cursor = given.get("cursor");
  const after = cursor === undefined ? null : readCursor(cursor);
  if (after === undefined) faults.push("cursor: accepted is the nextCursor of an answer");
  refuseFaults(faults);
  return { filter, format, after: after ?? null, limit };
}

const mediaTypes = new Map<string, RowFormat>([
  ["application/json", "json"],
  ["application/x-ndjson", "jsonl"],
  ["application/ndjson", "jsonl"],
  ["application/jsonl", "jsonl"],
  ["application/x-jsonlines", "jsonl"],
  ["text/csv", "csv"],
]);

/** The form a client likes best, JSON when it names none of them. */
function acceptedFormat(accept: string): RowFormat {
  let best: RowFormat = "json";
  let bestQuality = 0;
  for (const entry of accept.split(",")) {
    const [type = "", ...parameters] = entry.split(";").map((part) => part.trim().toLowerCase());
    const format = mediaTypes.get(type);
    const stated = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
    const quality = stated === undefined ? 1 : Number(stated);
    if (format && quality > bestQuality) [best, bestQuality] = [format, quality];
  }
  return best;
}

function writeCursor(next: RowPage["next"]): string | null {
  return next && Buffer.from(`${next.ts}.${next.id}`).toString("base64url");
}

function readCursor(text: string): RowPage["next"] | undefined {
  const [, ts, id] = /^(\d{1,15})\.([0-9a-f-]{36})$/.exec(Buffer.from(text, "base64url").toString("latin1")) ?? [];
  return ts && id ? { ts: Number(ts), id } : undefined;
}

/** A row under the names people know (`ts` in RFC 3339 with milliseconds, US dollars), in the order of the columns. */
export function rowJson(row: SpendRow) {
  return {
    id: row.id,
    ts: new Date(row.ts).toISOString(),
    user: row.user,
    team: row.team,
    session: row.session,
    tool: row.tool,
    labels: row.labels,
    provider: row.provider,
    model: row.model,
    responseModel: row.responseModel,
    endpoint: row.endpoint,
    stream: row.stream,
    status: row.status,
    endReason: row.endReason,
    inputTokens: row.inputTokens,
    cachedInputTokens: row.cachedInputTokens,
    cacheWriteTokens: row.cacheWriteTokens,
    outputTokens: row.outputTokens,
    reasoningTokens: row.reasoningTokens,
    estimated: row.estimated,
    costUsd: row.costNanoUsd === null ? null : usdOfNano(row.costNanoUsd),
    baselineCostUsd: row.baselineCostNanoUsd === null ? null : usdOfNano(row.baselineCostNanoUsd),
    tokensSaved: row.tokensSaved,
    savingsUsd: usdOfNano(row.savingsNanoUsd),
    latencyMs: row.latencyMs,
    ttftMs: row.ttftMs,
    overheadMs: row.overheadMs,
    optimizeMs: row.optimizeMs,
    outcome: row.outcome,
    decisions: row.decisions,
    arm: row.arm,
  };
}

export type RowReport = ReturnType<typeof rowJson>;

export const rowColumns = [
  "id",
  "ts",
  "user",
  "team",
  "session",
  "tool",
  "labels",
  "provider",
  "model",
  "responseModel",
  "endpoint",
  "stream",
  "status",
  "endReason",
  "inputTokens",
  "cachedInputTokens",
  "cacheWriteTokens",
  "outputTokens",
  "reasoningTokens",
  "estimated",
  "costUsd",
  "baselineCostUsd",
  "tokensSaved",
  "savingsUsd",
  "latencyMs",
  "ttftMs",
  "overheadMs",
  "optimizeMs",
  "outcome",
  "decisions",
  "arm",
] as const satisfies (keyof RowReport)[];

/** The header line of the CSV form. */
export const csvHeader = `${rowColumns.join(",")}\r\n`;

/** One RFC 4180 line: text safe to open in a spreadsheet, numbers bare, absent values empty. */
export function csvLine(row: SpendRow): string {
  const report = rowJson(row);
  const cells = rowColumns.map((column) => {
    // Plain decimals: JSON's 1e-9 is not read as a number everywhere.
    if (column === "costUsd") return csvMoney(row.costNanoUsd);
    if (column === "baselineCostUsd") return csvMoney(row.baselineCostNanoUsd);
    if (column === "savingsUsd") return csvMoney(row.savingsNanoUsd);
    return csvCell(report[column]);
  });
  return `${cells.join(",")}\r\n`;
}

function csvMoney(nanoUsd: number | null): string {
  return nanoUsd === null ? "" : usdText(nanoUsd);
}

function csvCell(value: RowReport[keyof RowReport]): string {
  if (value === null) return "";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return csvText(typeof value === "string" ? value : JSON.stringify(value));
}

/**
 * What a spreadsheet takes for a formula, also behind blanks. An apostrophe before it counts as part of it, so
 * that one more can be taken away again without loss.
 */
const formulaStart = /^['\s\p{Cf}]*[=+\-@\0\uff1d\uff0b\uff0d\uff20]|^'*[\t\r\n]/u;

/** Text as one CSV cell: a formula gets a leading apostrophe, and quotes go wherever some program would split. */
export function csvText(text: string): string {
  const safe = formulaStart.test(text) ? `'${text}` : text;
  return safe === "" || /[",;\t\r\n]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Takes back the apostrophe that `csvText` put before a formula, from a cell already unquoted. */
export function plainText(cell: string): string {
  return cell.startsWith("'") && formulaStart.test(cell.slice(1)) ? cell.slice(1) : cell;
}

/** Rows newest first, page by page; asks for the next page only when the one before was taken. */
async function* pageRows(store: Store, query: RowsQuery): AsyncGenerator<RowPage> {
  let { after } = query;
  let left = query.limit ?? Number.POSITIVE_INFINITY;
  do {
    const page = await askStore(store.readRows(query.filter, after, Math.min(left, rowsPerPage)));
    yield page;
    left -= page.rows.length;
    after = page.next;
  } while (after !== null && left > 0);
}

/** The JSON form: at most `jsonRowLimit.max` rows, and where to go on. */
export async function reportRows(store: Store, query: RowsQuery) {
  const rows: RowReport[] = [];
  let next: RowPage["next"] = null;
  for await (const page of pageRows(store, { ...query, limit: query.limit ?? jsonRowLimit.default })) {
    for (const row of page.rows) rows.push(rowJson(row));
    next = page.next;
  }
  return { rows, nextCursor: writeCursor(next) };
}

/** The JSON lines and CSV forms, in pieces of one page; CSV begins with its header, also without rows. */
export async function* streamRows(store: Store, query: RowsQuery): AsyncGenerator<string> {
  const writeLine = query.format === "csv" ? csvLine : jsonLine;
  let header = query.format === "csv" ? csvHeader : "";
  for await (const page of pageRows(store, query)) {
    yield header + page.rows.map((row) => writeLine(row)).join("");
    header = "";
  }
}

function jsonLine(row: SpendRow): string {
  return `${JSON.stringify(rowJson(row))}\n`;
}
