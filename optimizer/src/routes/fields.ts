// Owns reading the fields of what the protocol carries besides requests and answers. Names it does not know are passed
// over, so that a newer asker is understood; values it does not understand are faults, all told at once.

import { nameRule, readName, shown } from "@anyray/shared/admin/request";
import { tokenCount, tokensMax } from "@anyray/shared/usage";
import type { Asker } from "../deps";
import { type Members, parsed } from "../envelope";

const labelsMax = 64;
const labelCharsMax = 128;
const capabilityNames = ["canShortCircuit", "canRetrieve"] as const;

/** A member's value; undefined where it is missing, null counts as missing. */
export function memberValue(members: Members, name: string): unknown {
  const text = members.get(name);
  const value = text === undefined ? undefined : parsed(text);
  return value === null ? undefined : value;
}

/** A text of at most `charsMax` characters, not empty; null where it is missing or faulty. */
export function readWord(members: Members, name: string, charsMax: number, faults: string[]): string | null {
  const value = memberValue(members, name);
  if (value === undefined) return null;
  const isWord = typeof value === "string" && value !== "" && value.length <= charsMax && isPlain(value);
  if (isWord) return value;
  faults.push(`${name}=${shown(value)}: accepted is a text of 1 to ${charsMax} characters`);
  return null;
}

function isPlain(text: string): boolean {
  return text.isWellFormed() && !/\p{Cc}/u.test(text);
}

const nobody: Asker = { user: null, team: null, sessionId: null, labels: new Map() };

const meanings = new Map<string, "user" | "team" | "sessionId">([
  ["user", "user"],
  ["userId", "user"],
  ["team", "team"],
  ["teamId", "team"],
  ["session", "sessionId"],
  ["sessionId", "sessionId"],
]);

/** Who asks: `metadata`, or nobody where there is none. */
export function readAsker(members: Members, faults: string[]): Asker {
  const value = memberValue(members, "metadata");
  if (value === undefined) return nobody;
  if (!isObject(value)) {
    faults.push(`metadata=${shown(value)}: accepted is a JSON object with user, team, sessionId and labels`);
    return nobody;
  }
  const names: { user: string | null; team: string | null; sessionId: string | null } = { ...nobody };
  const labels = new Map<string, string | number | boolean>();
  for (const [key, given] of Object.entries(value)) {
    const meaning = meanings.get(key);
    if (!meaning) {
      if (isLabel(key, given) && labels.size < labelsMax) labels.set(key, given);
      continue;
    }
    if (given === null || given === "" || names[meaning] !== null) continue;
    const name = readName(Number.isSafeInteger(given) ? String(given) : given);
    if (name === undefined) faults.push(`metadata.${key}=${shown(given)}: accepted is ${nameRule}, or null`);
    else names[meaning] = name;
  }
  return { ...names, labels };
}

function isLabel(key: string, value: unknown): value is string | number | boolean {
  if (key.length > labelCharsMax) return false;
  if (typeof value === "string") return value.length <= labelCharsMax;
  return typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value));
}

/** Both false where they are missing: nothing that needs them is done then. */
export function readCapabilities(members: Members, faults: string[]) {
  const capabilities = { canShortCircuit: false, canRetrieve: false };
  const value = memberValue(members, "capabilities");
  if (value === undefined) return capabilities;
  if (!isObject(value)) {
    faults.push(`capabilities=${shown(value)}: accepted is a JSON object with ${capabilityNames.join(", ")}`);
    return capabilities;
  }
  for (const name of capabilityNames) {
    const given = Object.hasOwn(value, name) ? value[name] : undefined;
    if (typeof given === "boolean") capabilities[name] = given;
    else if (given !== undefined && given !== null) {
      faults.push(`capabilities.${name}=${shown(given)}: accepted is true or false`);
    }
  }
  return capabilities;
}

/** Null where the run is not narrowed. */
export function readKinds(members: Members, known: readonly string[], faults: string[]): ReadonlySet<string> | null {
  const value = memberValue(members, "enabledKinds");
  if (value === undefined) return null;
  if (!Array.isArray(value)) {
    faults.push(`enabledKinds=${shown(value)}: accepted is a list of kinds of ${known.join(", ")}`);
    return null;
  }
  const unknown = [...new Set(value.filter((kind) => !known.includes(kind)))];
  if (unknown.length > 0) {
    const names = unknown.slice(0, 20).map((kind) => shown(kind));
    faults.push(`enabledKinds: unknown ${names.join(", ")}: known kinds are ${known.join(", ")}`);
  }
  return new Set(value);
}

/** A member that must be a JSON object; `{}` and a fault where it is not. @throws AnyrayError invalid_json */
export function readObject(members: Members, name: string, faults: string[]): Record<string, unknown> {
  const text = members.get(name);
  const value = text === undefined ? undefined : parsed(text);
  if (isObject(value)) return value;
  faults.push(text === undefined ? `${name} is missing: it must be a JSON object` : `${name} must be a JSON object`);
  return {};
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Token counts of a usage object; a missing one is 0, one that is no count is a fault. */
export function readTokens<const N extends string>(
  usage: unknown,
  names: readonly N[],
  faults: string[],
): Record<N, number> {
  const counts = Object.fromEntries(names.map((name) => [name, 0])) as Record<N, number>;
  if (!isObject(usage)) {
    faults.push(`usage=${shown(usage)}: accepted is a JSON object with ${names.join(", ")}`);
    return counts;
  }
  for (const name of names) {
    const given = Object.hasOwn(usage, name) ? usage[name] : undefined;
    if (given === undefined || given === null) continue;
    const count = tokenCount(given);
    if (count === undefined) {
      faults.push(`usage.${name}=${shown(given)}: accepted is a whole number from 0 to ${tokensMax}`);
    } else counts[name] = count;
  }
  return counts;
}
