// Owns the forms that a list of facts leaves in, whatever the facts are: JSON in pages, JSON lines and CSV as streams; and
// the cursor of a list that is newest first.

import { usdText } from "../money";
import { readChoice, readInteger } from "./request";

export const rowFormats = ["json", "jsonl", "csv"] as const;
export type RowFormat = (typeof rowFormats)[number];

/** JSON is one document and held whole; the other two forms are streams. */
export const jsonRowLimit = { min: 1, max: 10_000, default: 1000 };
const streamRowLimit = { min: 1, max: 1_000_000_000 };

export interface RowForm {
  format: RowFormat;
  /** Where to go on: after this one, newest first. */
  after: { ts: number; id: string } | null;
  /** null = all, for a stream. */
  limit: number | null;
}

export const formParameters = ["format", "limit", "cursor"] as const;

/** Reads `formParameters`; `accept` is the header. */
export function readForm(given: ReadonlyMap<string, string>, accept: string, faults: string[]): RowForm {
  const format = readChoice(given, "format", rowFormats, acceptedFormat(accept), faults);
  const limit =
    format === "json"
      ? readInteger(given, "limit", jsonRowLimit, jsonRowLimit.default, faults)
      : readInteger(given, "limit", streamRowLimit, null, faults);
  const cursor = given.get("cursor");
  const after = cursor === undefined ? null : readCursor(cursor);
  if (after === undefined) faults.push("cursor: accepted is the nextCursor of an answer");
  return { format, after: after ?? null, limit };
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

export function writeCursor(next: RowForm["after"]): string | null {
  return next && Buffer.from(`${next.ts}.${next.id}`).toString("base64url");
}

function readCursor(text: string): RowForm["after"] | undefined {
  const [, ts, id] = /^(\d{1,15})\.([0-9a-f-]{36})$/.exec(Buffer.from(text, "base64url").toString("latin1")) ?? [];
  return ts && id ? { ts: Number(ts), id } : undefined;
}

/** Plain decimals: JSON's 1e-9 is not read as a number everywhere. */
export function csvMoney(nanoUsd: number | null): string {
  return nanoUsd === null ? "" : usdText(nanoUsd);
}

/** One cell: text safe to open in a spreadsheet, numbers bare, absent values empty, the rest as JSON. */
export function csvCell(value: unknown): string {
  if (value === null || value === undefined) return "";
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
