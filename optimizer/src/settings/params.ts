// Owns reading one strategy's parameters against its specs. Refuses what the specs do not name, and tells what they do.

import { shown } from "@anyray/shared/admin/request";
import type { ParamSpec, Params, Strategy } from "../strategy";

const listItemsMax = 200;
const itemCharsMax = 256;

/**
 * The parameters given, in the order of the specs; those with faults are left out. `where` leads each fault
 * ("strategies[2].params").
 */
export function readParams(value: unknown, strategy: Strategy, where: string, faults: string[]): Params {
  const names = Object.keys(strategy.params);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    faults.push(`${where}=${shown(value)}: accepted is a JSON object with ${namesOf(names)}`);
    return {};
  }
  for (const name of Object.keys(value)) {
    if (names.includes(name)) continue;
    faults.push(`${where}: unknown parameter ${shown(name)} of ${strategy.kind}: accepted are ${namesOf(names)}`);
  }
  const params: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(strategy.params)) {
    if (!Object.hasOwn(value, name)) continue;
    const given = (value as Record<string, unknown>)[name];
    if (isAccepted(given, spec)) params[name] = given === 0 ? 0 : given;
    else faults.push(`${where}.${name}=${shown(given)}: accepted is ${acceptedBy(spec)}`);
  }
  return params;
}

function namesOf(names: readonly string[]): string {
  return names.length === 0 ? "none" : names.join(", ");
}

function isAccepted(value: unknown, spec: ParamSpec): boolean {
  switch (spec.type) {
    case "boolean":
      return typeof value === "boolean";
    case "integer":
    case "number": {
      if (value === null) return spec.default === null;
      if (typeof value !== "number" || !Number.isFinite(value)) return false;
      return (spec.type === "number" || Number.isInteger(value)) && value >= spec.min && value <= spec.max;
    }
    case "choice":
      return typeof value === "string" && spec.choices.includes(value);
    case "list":
      return Array.isArray(value) && value.length <= listItemsMax && isList(value, spec.choices);
  }
}

function isList(items: readonly unknown[], choices: readonly string[] | null): boolean {
  if (new Set(items).size !== items.length) return false;
  return items.every((item) => {
    if (typeof item !== "string") return false;
    return choices ? choices.includes(item) : item !== "" && item.length <= itemCharsMax && item.isWellFormed();
  });
}

/** For the message about a value that is not. */
function acceptedBy(spec: ParamSpec): string {
  switch (spec.type) {
    case "boolean":
      return "true or false";
    case "integer":
    case "number": {
      const kind = spec.type === "integer" ? "a whole number" : "a number";
      return `${kind} from ${spec.min} to ${spec.max}${spec.default === null ? ", or null" : ""}`;
    }
    case "choice":
      return spec.choices.map((choice) => JSON.stringify(choice)).join(" or ");
    case "list": {
      const items = spec.choices?.map((choice) => JSON.stringify(choice)).join(", ");
      return `a list of ${items ?? `at most ${listItemsMax} texts of 1 to ${itemCharsMax} characters`}, each once`;
    }
  }
}

/** `given` over the defaults: what the strategy is run with. */
export function withDefaults(strategy: Strategy, given: Params): Params {
  const params: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(strategy.params)) {
    params[name] = Object.hasOwn(given, name) ? given[name] : spec.default;
  }
  return Object.freeze(params);
}
