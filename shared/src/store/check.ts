// Owns what may be stored, the same for every adapter: refuses rows, counters and changes of policy that no store could
// keep as they are. Runs before anything is sent, because NaN and Infinity do not survive JSON.

import { type Arm, endReasons, outcomes, type SpendRow } from "./spend-row";
import type { CapRejections, PolicyChange, PriceOverride } from "./store";

/** Most rows of one `recordSpend`. */
export const rowsPerCallMax = 1_000;
/** Largest figure of one row: a million dollars, 1e15 tokens. Nine thousand of them still add up in 64 bits. */
const figureMax = 1_000_000_000_000_000;
/** 9999-12-31T23:59:59.999Z */
export const instantMax = 253_402_300_799_999;

const arms: Record<Arm, true> = { treated: true, holdback: true, shadow: true, canary: true };
const known = {
  endReason: new Set<string>(endReasons),
  outcome: new Set<string>(outcomes),
  arm: new Set<string>(Object.keys(arms)),
};

const isText = (value: unknown) => typeof value === "string" && !value.includes("\0");
const isWhole = (value: unknown) => Number.isInteger(value) && Math.abs(value as number) <= figureMax;
const isCount = (value: unknown) => isWhole(value) && (value as number) >= 0;
const isInstant = (value: unknown) => isCount(value) && (value as number) <= instantMax;
const isMonth = (value: unknown) => typeof value === "string" && /^\d{4}-(0[1-9]|1[0-2])$/.test(value);
const isAmount = (value: unknown) => typeof value === "number" && value >= 0 && value <= figureMax;
const isFlag = (value: unknown) => typeof value === "boolean";
const orNull = (accepts: (value: unknown) => boolean) => (value: unknown) => value === null || accepts(value);
const isRecord = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);

const accepted: { [field in keyof SpendRow]-?: (value: unknown) => boolean } = {
  id: (value) => isText(value) && value !== "",
  ts: isInstant,
  month: isMonth,
  user: orNull(isText),
  team: orNull(isText),
  session: orNull(isText),
  tool: orNull(isText),
  labels: orNull(isRecord),
  provider: isText,
  model: orNull(isText),
  responseModel: orNull(isText),
  endpoint: isText,
  stream: isFlag,
  status: (value) => isCount(value) && (value as number) <= 999,
  endReason: (value) => known.endReason.has(value as string),
  estimated: isFlag,
  inputTokens: isCount,
  cachedInputTokens: isCount,
  cacheWriteTokens: isCount,
  cacheWriteLongTokens: isCount,
  outputTokens: isCount,
  reasoningTokens: isCount,
  costNanoUsd: orNull(isCount),
  baselineCostNanoUsd: orNull(isCount),
  savingsNanoUsd: isWhole,
  tokensSaved: isWhole,
  latencyMs: isAmount,
  ttftMs: orNull(isAmount),
  overheadMs: isAmount,
  optimizeMs: orNull(isAmount),
  outcome: (value) => known.outcome.has(value as string),
  decisions: orNull((value) => isRecord(value) && Object.entries(value as object).every(isDecision)),
  arm: (value) => known.arm.has(value as string),
};

function isDecision([kind, tokensSaved]: [string, unknown]): boolean {
  return isText(kind) && isWhole(tokensSaved);
}

const checks = Object.entries(accepted) as [keyof SpendRow, (value: unknown) => boolean][];

/** @throws Error naming the first row and field that cannot be stored, without the value */
export function checkRows(rows: readonly SpendRow[]): void {
  if (rows.length > rowsPerCallMax) throw new Error(`at most ${rowsPerCallMax} rows a call, not ${rows.length}`);
  for (const row of rows) {
    for (const [field, accepts] of checks) {
      if (!accepts(row[field])) throw new Error(`row ${JSON.stringify(row.id)} cannot be stored: bad ${field}`);
    }
  }
}

/** @throws Error naming the first field that cannot be stored */
export function checkRejections(rejections: readonly CapRejections[]): void {
  for (const { user, month, rejected, firstAt, lastAt } of rejections) {
    if (!(isText(user) && isMonth(month) && isCount(rejected) && isInstant(firstAt) && isInstant(lastAt)))
      throw new Error("a count of refused calls cannot be stored: bad user, month, count or time");
  }
}

const isPrice = ({ provider, model, ...rates }: PriceOverride) => {
  if (!isText(provider) || !isText(model)) return false;
  const { inputUsdPerMillion, outputUsdPerMillion, longContextAboveTokens, ...optional } = rates;
  return (
    isAmount(inputUsdPerMillion) &&
    isAmount(outputUsdPerMillion) &&
    orNull(isCount)(longContextAboveTokens) &&
    Object.values(optional).every(orNull(isAmount))
  );
};

/** @throws Error when a change of policy cannot be stored as it is */
export function checkChange(change: PolicyChange): void {
  if (!isStorable(change))
    throw new Error(`a change of kind ${JSON.stringify(change.kind)} cannot be stored: bad value`);
}

function isStorable(change: PolicyChange): boolean {
  switch (change.kind) {
    case "caps":
      return change.caps.every(({ user, monthlyTokens }) => isText(user) && orNull(isCount)(monthlyTokens));
    case "prices":
      return change.prices.every((price) =>
        "delete" in price ? isText(price.provider) && isText(price.model) : isPrice(price),
      );
    case "provider":
      return isText(change.slug) && (change.provider === null || change.provider.slug === change.slug);
    case "setting":
      return isText(change.key);
  }
}
