// Owns spend rows on their way out: parameters, cursor, and the three forms JSON, JSON lines and CSV. Streams
// page by page and holds one page at a time.

import { usdOfNano } from "../money";
import type { SpendRow } from "../store/spend-row";
import type { RowPage, SpendFilter, Store } from "../store/store";
import { askStore } from "./audit";
import { readParameters, refuseFaults } from "./request";
import { csvCell, csvMoney, formParameters, jsonRowLimit, type RowForm, readForm, writeCursor } from "./row-forms";
import { filterParameters, parseFilter, rangeParameters } from "./spend";

export interface RowsQuery extends RowForm {
  filter: SpendFilter;
}

export const rowsParameters = [...rangeParameters, ...filterParameters, ...formParameters];
const rowsPerPage = 1000;

/**
 * Reads GET /admin/spend/rows' parameters; `accept` is the header.
 *
 * @throws AnyrayError `invalid_request` naming every fault and what is accepted
 */
export function parseRowsQuery(params: URLSearchParams, accept: string, now: number, timeZone: string): RowsQuery {
  const faults: string[] = [];
  const given = readParameters(params, rowsParameters, faults);
  const form = readForm(given, accept, faults);
  const filter = parseFilter(given, now, timeZone, faults);
  refuseFaults(faults);
  return { filter, ...form };
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
