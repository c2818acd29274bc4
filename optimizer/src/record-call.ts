// Owns reading a finished call that a foreign gateway tells of, and making its spend row. Every field is checked, every
// fault told at once; what was not told is never guessed from what was.

import { nameRule, readFields, readName, refuseFaults, shown } from "@anyray/shared/admin/request";
import { nanoPerUsd } from "@anyray/shared/money";
import { costNanoUsd, type Price, type PriceBook } from "@anyray/shared/pricing";
import { type EndReason, endReasons, type Labels, outcomes, type SpendRow } from "@anyray/shared/store/spend-row";
import { monthOf } from "@anyray/shared/time";
import type { Usage } from "@anyray/shared/usage";
import type { Asker } from "./deps";
import { readMembers } from "./envelope";
import { isObject, readAsker, readTokens } from "./routes/fields";

export interface RecordParts {
  priceBook: PriceBook;
  /** IANA name of the reporting zone. */
  timezone: string;
  /** Epoch milliseconds. */
  now: number;
}

const accepted = [
  ...["id", "at", "metadata", "provider", "model", "responseModel", "endpoint", "stream", "status", "endReason"],
  ...["usage", "costUsd", "latencyMs", "ttftMs", "overheadMs", "optimizeMs", "outcome", "decisions"],
];

const usageNames = [
  ...(["inputTokens", "cachedInputTokens", "cacheWriteTokens", "cacheWriteLongTokens"] as const),
  ...(["outputTokens", "reasoningTokens"] as const),
];

const dayMs = 86_400_000;
const durationMsMax = 7 * dayMs;
const costUsdMax = 100_000;
const decisionsMax = 100;
const labelsMax = 16;

/**
 * The row of the call that `text`, a JSON object, tells of. Its `usage` and `latencyMs` are as Anyray means them, see
 * SpendRow; without `usage` the row says that nobody stated it. `costUsd` is worked out from the prices where missing.
 *
 * @throws AnyrayError invalid_request naming every fault; invalid_json
 */
export function readFinishedCall(text: string, parts: RecordParts): SpendRow {
  const members = readMembers(text, []);
  const faults: string[] = [];
  const fields = readFields(JSON.parse(text), accepted, "", faults) ?? new Map<string, unknown>();
  const asker = readAsker(members, faults);
  const usage = readUsage(fields.get("usage"), faults);
  const decisions = readDecisions(fields.get("decisions"), faults);
  const ts = readInstant(fields.get("at"), parts.now, faults);
  const call = {
    id: readId(fields.get("id"), ts, faults),
    ts,
    ...identityOf(asker, faults),
    provider: readPattern(fields, "provider", /^[a-z0-9]+(-[a-z0-9]+)*$/, 64, "a slug of a-z, 0-9 and -", faults) ?? "",
    model: readModel(fields, "model", faults),
    responseModel: readModel(fields, "responseModel", faults),
    endpoint:
      readPattern(fields, "endpoint", /^\/[\x21-\x7e]*$/, 256, "a path, for example /v1/messages", faults) ?? "",
    stream: readFlag(fields.get("stream"), faults),
    status: readStatus(fields.get("status"), faults),
    endReason: readChoice(fields, "endReason", endReasons, "completed" satisfies EndReason, faults),
    latencyMs: readDuration(fields, "latencyMs", faults) ?? required(fields, "latencyMs", faults),
    ttftMs: readDuration(fields, "ttftMs", faults),
    overheadMs: readDuration(fields, "overheadMs", faults) ?? 0,
    optimizeMs: readDuration(fields, "optimizeMs", faults),
    outcome: readChoice(fields, "outcome", outcomes, "off", faults),
  };
  const stated = readCost(fields.get("costUsd"), faults);
  refuseFaults(faults);
  const price = priceOf(call.provider, call.model, call.responseModel, parts.priceBook);
  const cost = stated ?? (price ? costNanoUsd(usage ?? noTokens, price) : null);
  const tokensSaved = Object.values(decisions ?? {}).reduce((sum, tokens) => sum + tokens, 0);
  const savingsNanoUsd = price ? savedNanoUsd(tokensSaved, usage ?? noTokens, price) : 0;
  return {
    ...call,
    month: monthOf(ts, parts.timezone),
    ...(usage ?? noTokens),
    estimated: usage === null,
    costNanoUsd: cost,
    baselineCostNanoUsd: cost === null ? null : Math.max(0, cost + savingsNanoUsd),
    savingsNanoUsd,
    tokensSaved,
    decisions,
    arm: "treated",
  };
}

const noTokens = Object.fromEntries(usageNames.map((name) => [name, 0])) as Record<(typeof usageNames)[number], number>;

function required(fields: ReadonlyMap<string, unknown>, name: string, faults: string[]): number {
  if (fields.get(name) === undefined || fields.get(name) === null) faults.push(`${name} is missing`);
  return 0;
}

/** A UUID of the caller's makes sending it twice harmless. */
function readId(value: unknown, ts: number, faults: string[]): string {
  if (value === undefined || value === null) return Bun.randomUUIDv7("hex", ts);
  const isUuid = typeof value === "string" && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value);
  if (!isUuid) faults.push(`id=${shown(value)}: accepted is a UUID`);
  return isUuid ? value.toLowerCase() : "";
}

function readInstant(value: unknown, now: number, faults: string[]): number {
  if (value === undefined || value === null) return now;
  const isText = typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value);
  const ts = isText ? Date.parse(value) : Number.isInteger(value) ? (value as number) : Number.NaN;
  if (ts >= Date.UTC(2000, 0, 1) && ts <= now + dayMs) return ts;
  faults.push(`at=${shown(value)}: accepted is RFC 3339 or epoch milliseconds, from 2000 to a day from now`);
  return now;
}

function identityOf(asker: Asker, faults: string[]) {
  const { user, team, sessionId, labels } = asker;
  const given = labels.get("tool");
  const tool = given === undefined ? null : (readName(String(given)) ?? null);
  if (given !== undefined && tool === null) faults.push(`metadata.tool=${shown(given)}: accepted is ${nameRule}`);
  const rest = [...labels].filter(([key]) => key !== "tool");
  if (rest.length > labelsMax) faults.push(`metadata: accepted are at most ${labelsMax} labels, not ${rest.length}`);
  for (const [key, value] of rest) {
    if (!`${key}${value}`.includes("\0")) continue;
    faults.push(`metadata[${shown(key)}]: must not contain U+0000`);
  }
  const kept: Labels | null = rest.length > 0 ? Object.fromEntries(rest) : null;
  return { user, team, session: sessionId, tool, labels: kept };
}

function readPattern(
  fields: ReadonlyMap<string, unknown>,
  name: string,
  pattern: RegExp,
  charsMax: number,
  rule: string,
  faults: string[],
): string | null {
  const value = fields.get(name);
  if (typeof value === "string" && value.length <= charsMax && pattern.test(value)) return value;
  faults.push(`${name}=${shown(value)}: accepted is ${rule}`);
  return null;
}

function readModel(fields: ReadonlyMap<string, unknown>, name: string, faults: string[]): string | null {
  const value = fields.get(name);
  if (value === undefined || value === null) return null;
  const isName = typeof value === "string" && value !== "" && value.length <= 256;
  if (isName && value.isWellFormed() && !/\p{Cc}/u.test(value)) return value;
  faults.push(`${name}=${shown(value)}: accepted is 1 to 256 characters, or null`);
  return null;
}

function readFlag(value: unknown, faults: string[]): boolean {
  if (value !== undefined && typeof value !== "boolean")
    faults.push(`stream=${shown(value)}: accepted is true or false`);
  return value === true;
}

function readStatus(value: unknown, faults: string[]): number {
  if (Number.isInteger(value) && (value as number) >= 100 && (value as number) <= 599) return value as number;
  faults.push(`status=${shown(value)}: accepted is a whole number from 100 to 599`);
  return 0;
}

function readChoice<const T extends string>(
  fields: ReadonlyMap<string, unknown>,
  name: string,
  choices: readonly T[],
  fallback: NoInfer<T>,
  faults: string[],
): T {
  const value = fields.get(name);
  const choice = value === undefined ? fallback : choices.find((each) => each === value);
  if (choice === undefined) faults.push(`${name}=${shown(value)}: accepted is ${choices.join(" or ")}`);
  return choice ?? fallback;
}

function readDuration(fields: ReadonlyMap<string, unknown>, name: string, faults: string[]): number | null {
  const value = fields.get(name);
  if (value === undefined || value === null) return null;
  if (typeof value === "number" && value >= 0 && value <= durationMsMax) return value;
  faults.push(`${name}=${shown(value)}: accepted are milliseconds from 0 to ${durationMsMax}`);
  return 0;
}

/** Nano-dollars; null where it is to be worked out. */
function readCost(value: unknown, faults: string[]): number | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "number" && value >= 0 && value <= costUsdMax) return Math.round(value * nanoPerUsd);
  faults.push(`costUsd=${shown(value)}: accepted is a number from 0 to ${costUsdMax}, or null`);
  return null;
}

/** Null where the call's usage is not known. */
function readUsage(value: unknown, faults: string[]): Usage | null {
  if (value === undefined || value === null) return null;
  const usage = readTokens(value, usageNames, faults);
  for (const name of isObject(value) ? Object.keys(value) : []) {
    if (Object.hasOwn(usage, name)) continue;
    faults.push(`usage: unknown field ${shown(name)}: accepted are ${usageNames.join(", ")}`);
  }
  const parts: [whole: number, part: number, rule: string][] = [
    [
      usage.inputTokens,
      usage.cachedInputTokens + usage.cacheWriteTokens,
      "inputTokens includes cache reads and writes",
    ],
    [usage.cacheWriteTokens, usage.cacheWriteLongTokens, "cacheWriteTokens includes cacheWriteLongTokens"],
    [usage.outputTokens, usage.reasoningTokens, "outputTokens includes reasoningTokens"],
  ];
  for (const [whole, part, rule] of parts) if (part > whole) faults.push(`usage: ${rule}, and is smaller`);
  return usage;
}

/** As /v1/optimize answered them → kind and tokens saved. */
function readDecisions(value: unknown, faults: string[]): Record<string, number> | null {
  if (value === undefined || value === null) return null;
  const rule = "a list of objects with kind, tokensBefore, tokensAfter";
  if (!Array.isArray(value) || value.length > decisionsMax) {
    faults.push(`decisions: accepted is ${rule}, at most ${decisionsMax}`);
    return null;
  }
  const saved: Record<string, number> = {};
  for (const [index, decision] of value.entries()) {
    const { kind, tokensBefore, tokensAfter } = isObject(decision) ? decision : {};
    const isKind = typeof kind === "string" && /^[a-z][a-z0-9_]{0,63}$/.test(kind);
    if (isKind && isCount(tokensBefore) && isCount(tokensAfter)) {
      saved[kind] = (saved[kind] ?? 0) + tokensBefore - tokensAfter;
    } else faults.push(`decisions[${index}]=${shown(decision)}: accepted is ${rule}`);
  }
  return value.length > 0 ? saved : null;
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 10_000_000;
}

/** As for calls of the gateway: the answering model's, unless the admin set a price for the one asked for. */
function priceOf(provider: string, model: string | null, responseModel: string | null, book: PriceBook): Price | null {
  const asked = model === null ? null : book.priceOf(provider, model);
  if (asked?.origin === "override") return asked;
  return (responseModel === null ? null : book.priceOf(provider, responseModel)) ?? asked;
}

/** What was left out would have cost the cached rate where most of the input was read from the cache. */
function savedNanoUsd(tokens: number, usage: Pick<Usage, "inputTokens" | "cachedInputTokens">, price: Price): number {
  const rate = usage.cachedInputTokens * 2 > usage.inputTokens ? price.cachedInput : price.input;
  return Math.round((tokens * rate) / 1_000);
}
