// Owns what may be asked of an original: which part, how much of it. Names every fault of a question at once.

import { AnyrayError } from "@anyray/shared/errors";
import { parseJsonPath } from "./json-path";

/** One part of the original, or all of it; `grep` looks through that part. All counts are from 1, both ends included. */
export interface RetrieveQuery {
  handle: string;
  lines?: Range;
  /** Of a text kept with its units: rows, hunks or messages. Else elements of a JSON array, else lines. */
  rows?: Range;
  /** RE2 syntax; what is none is looked for as it stands. */
  grep?: string;
  /** For example `$.items[3].name`, `$.items[*]['id']`, `$[0:10]`. */
  jsonPath?: string;
  symbol?: string;
  /** Characters (UTF-16 units) of the part to pass over: goes on where an answer was cut. */
  offset: number;
  /** The most characters to answer with. */
  maxChars: number;
}

export type Range = readonly [first: number, last: number];

export const maxCharsDefault = 8_000;
export const maxCharsCap = 200_000;
const numberMax = 1_000_000_000;

type Read<T> = { accepts: string; parse(value: unknown): T | undefined };

const text = (charsMax: number): Read<string> => ({
  accepts: `a string of 1 to ${charsMax} characters`,
  parse: (value) => (typeof value === "string" && value !== "" && value.length <= charsMax ? value : undefined),
});

const integer = (min: number, max: number): Read<number> => ({
  accepts: `a whole number from ${min} to ${max}`,
  parse: (value) => (isWhole(value) && value >= min && value <= max ? value : undefined),
});

const range: Read<Range> = {
  accepts: "[first, last], whole numbers from 1 on, first not after last",
  parse(value) {
    if (!Array.isArray(value) || value.length !== 2) return undefined;
    const [first, last] = value;
    return isWhole(first) && isWhole(last) && first >= 1 && first <= last && last <= numberMax
      ? [first, last]
      : undefined;
  },
};

const jsonPath: Read<string> = {
  accepts: "$ and up to 16 steps: .name ['name'] [3] [-1] [0:10] [*]",
  parse: (value) => (typeof value === "string" && value.length <= 1_000 && parseJsonPath(value) ? value : undefined),
};

const fields = {
  handle: text(200),
  lines: range,
  rows: range,
  grep: text(1_000),
  jsonPath,
  symbol: text(500),
  offset: integer(0, numberMax),
  maxChars: integer(1, maxCharsCap),
} satisfies Record<string, Read<unknown>>;

/** Said beside the question, and read elsewhere. */
const ignored = new Set(["metadata"]);
const parts = ["lines", "rows", "jsonPath", "symbol"];

/**
 * A field that is null counts as missing.
 *
 * @throws AnyrayError `invalid_request`, naming every fault
 */
export function parseRetrieveQuery(body: unknown): RetrieveQuery {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new AnyrayError("invalid_request", `accepted is a JSON object of ${Object.keys(fields).join(", ")}`);
  }
  const faults: string[] = [];
  const query: Record<string, unknown> = { offset: 0, maxChars: maxCharsDefault };
  for (const [name, value] of Object.entries(body)) {
    if (value === null || ignored.has(name)) continue;
    const field = Object.hasOwn(fields, name) ? fields[name as keyof typeof fields] : undefined;
    const parsed = field?.parse(value);
    if (!field) faults.push(`${JSON.stringify(name.slice(0, 60))}: no such field`);
    else if (parsed === undefined) faults.push(`${name}: accepted is ${field.accepts}`);
    else query[name] = parsed;
  }
  const given = parts.filter((name) => name in query);
  if (given.length > 1) faults.push(`${given.join(", ")}: accepted is one of them`);
  if (!("handle" in query) && !faults.some((fault) => fault.startsWith("handle:"))) faults.push("handle: missing");
  if (faults.length > 0) throw new AnyrayError("invalid_request", faults.join("; "));
  return query as unknown as RetrieveQuery;
}

function isWhole(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value);
}
