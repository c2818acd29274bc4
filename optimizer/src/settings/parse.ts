// Owns reading a config that was sent or stored: whole, every fault told at once with its place. What is sound of a
// config with faults can still be used; the faulty strategies of it are off.

import { readFields, refuseFaults, shown } from "@anyray/shared/admin/request";
import { isOptimizable, optimizableEndpoints } from "../deps";
import type { Config, EndpointEntry, Registry, Rule, StrategyEntry } from "./config";
import { readMatch } from "./match";
import { mergeEndpoint } from "./merge";
import { orderFaults } from "./order";
import { readParams } from "./params";

const entriesMax = 200;
const rulesMax = 500;
/** More are counted, not told: a message must stay readable. */
const faultsToldMax = 200;

/**
 * The config in `body`: itself, or the `config` of an answer of ours that is sent back.
 *
 * @throws AnyrayError `invalid_request` naming every fault
 */
export function parseConfig(body: unknown, registry: Registry): Config {
  const faults: string[] = [];
  const isWrapped = typeof body === "object" && body !== null && Object.hasOwn(body, "config");
  const sent = isWrapped ? readFields(body, answerFields, "", faults)?.get("config") : body;
  const read = readConfig(sent, registry);
  faults.push(...read.faults);
  const told = faults.slice(0, faultsToldMax);
  if (faults.length > told.length) told.push(`and ${faults.length - told.length} more`);
  refuseFaults(told);
  return read.config;
}

const answerFields = ["config", "optimizerVersion", "revision", "known", "faults"];

/** Never throws. `config` holds what has no fault; a list whose order has one is empty. */
export function readConfig(value: unknown, registry: Registry): { config: Config; faults: string[] } {
  const faults: string[] = [];
  const fields = readFields(value, ["defaultsRevision", "strategies", "overrides"], "", faults);
  const { defaultsRevision } = registry.defaultConfig;
  const config = {
    defaultsRevision: readRevision(fields?.get("defaultsRevision"), defaultsRevision, faults),
    strategies: [] as StrategyEntry[],
    overrides: { byEndpoint: {}, rules: [] } as { byEndpoint: Record<string, EndpointEntry[]>; rules: Rule[] },
  };
  if (!fields) return { config, faults };
  config.strategies = readOrdered(fields.get("strategies"), "strategies", registry, faults);
  const given = fields.get("overrides");
  if (given === undefined) return { config, faults };
  const overrides = readFields(given, ["byEndpoint", "rules"], "overrides", faults);
  config.overrides.byEndpoint = readByEndpoint(overrides?.get("byEndpoint"), config.strategies, registry, faults);
  config.overrides.rules = readRules(overrides?.get("rules"), registry, faults);
  return { config, faults };
}

function readRevision(value: unknown, fallback: string | number, faults: string[]): string | number {
  if (value === undefined) return fallback;
  const isText = typeof value === "string" && /^[\x21-\x7e]{1,64}$/.test(value);
  if (isText || (Number.isSafeInteger(value) && (value as number) >= 0)) return value as string | number;
  faults.push(`defaultsRevision=${shown(value)}: accepted is a whole number or a text of 1 to 64 printable characters`);
  return fallback;
}

/** A list that runs as it stands. */
function readOrdered(value: unknown, where: string, registry: Registry, faults: string[]): StrategyEntry[] {
  const entries: StrategyEntry[] = [];
  readList(value, where, registry, faults, (kind, fields, params, place) => {
    const enabled = fields.get("enabled");
    if (typeof enabled === "boolean") entries.push({ kind, enabled, params: params ?? {} });
    else faults.push(`${place}.enabled=${shown(enabled)}: accepted is true or false`);
  });
  const disorder = orderFaults(entries, where);
  faults.push(...disorder);
  return disorder.length > 0 ? [] : entries;
}

type TakeEntry = (
  kind: string,
  fields: ReadonlyMap<string, unknown>,
  params: StrategyEntry["params"] | undefined,
  place: string,
) => void;

/** Calls `take` for each entry of a known kind, given once, whose parameters are sound. */
function readList(value: unknown, where: string, registry: Registry, faults: string[], take: TakeEntry): void {
  if (!Array.isArray(value) || value.length > entriesMax) {
    faults.push(`${where}: accepted is a list of at most ${entriesMax} objects with kind, enabled, params`);
    return;
  }
  const firstPlace = new Map<string, string>();
  for (const [index, item] of value.entries()) {
    const place = `${where}[${index}]`;
    const before = faults.length;
    const fields = readFields(item, ["kind", "enabled", "params"], place, faults);
    if (!fields) continue;
    const kind = fields.get("kind");
    const strategy = registry.strategies.find((each) => each.kind === kind);
    if (!strategy) {
      const known = registry.strategies.map((each) => each.kind).join(", ");
      faults.push(`${place}.kind=${shown(kind)}: known kinds are ${known}`);
      continue;
    }
    const earlier = firstPlace.get(strategy.kind);
    if (earlier) faults.push(`${place}: ${strategy.kind} is already in ${earlier}`);
    else firstPlace.set(strategy.kind, place);
    const given = fields.get("params");
    const params = given === undefined ? undefined : readParams(given, strategy, `${place}.params`, faults);
    if (faults.length === before) take(strategy.kind, fields, params, place);
  }
}

function readByEndpoint(
  value: unknown,
  base: readonly StrategyEntry[],
  registry: Registry,
  faults: string[],
): Record<string, EndpointEntry[]> {
  const byEndpoint: Record<string, EndpointEntry[]> = {};
  const fields =
    value === undefined ? undefined : readFields(value, optimizableEndpoints, "overrides.byEndpoint", faults);
  for (const [endpoint, list] of fields ?? []) {
    if (!isOptimizable(endpoint)) continue;
    const where = `overrides.byEndpoint[${JSON.stringify(endpoint)}]`;
    const entries: EndpointEntry[] = [];
    readList(list, where, registry, faults, (kind, given, params, place) => {
      const enabled = given.get("enabled");
      if (enabled !== undefined && typeof enabled !== "boolean") {
        faults.push(`${place}.enabled=${shown(enabled)}: accepted is true or false`);
        return;
      }
      entries.push({ kind, ...(enabled !== undefined && { enabled }), ...(params && { params }) });
    });
    const disorder = orderFaults(mergeEndpoint(base, entries, registry), where);
    faults.push(...disorder);
    // Without them the endpoint runs what all others run, which the admin did not want there: better nothing.
    byEndpoint[endpoint] = disorder.length > 0 ? base.map(({ kind }) => ({ kind, enabled: false })) : entries;
  }
  return byEndpoint;
}

function readRules(value: unknown, registry: Registry, faults: string[]): Rule[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > rulesMax) {
    faults.push(`overrides.rules: accepted is a list of at most ${rulesMax} objects with match, strategies`);
    return [];
  }
  const rules: Rule[] = [];
  for (const [index, item] of value.entries()) {
    const where = `overrides.rules[${index}]`;
    const fields = readFields(item, ["match", "strategies"], where, faults);
    if (!fields) continue;
    const match = readMatch(fields.get("match"), `${where}.match`, faults);
    const strategies = readOrdered(fields.get("strategies"), `${where}.strategies`, registry, faults);
    if (match) rules.push({ match, strategies });
  }
  return rules;
}
