// Owns whom a rule is for: reading it, and telling whether it holds for a request.

import { nameRule, readFields, readName, shown } from "@anyray/shared/admin/request";
import { isOptimizable, optimizableEndpoints } from "../deps";
import type { Facts, Match } from "./config";

const labelsMax = 16;
const modelCharsMax = 256;

type Scalar = string | number | boolean;

/** Undefined, with faults, where not all of it can be understood: a rule must never hold for more than was meant. */
export function readMatch(value: unknown, where: string, faults: string[]): Match | undefined {
  const before = faults.length;
  const fields = readFields(value, ["user", "team", "endpoint", "model", "metadata"], where, faults);
  const match: Match = {};
  for (const key of ["user", "team"] as const) {
    const given = fields?.get(key);
    if (given === undefined) continue;
    const name = readName(given);
    if (name === undefined) faults.push(`${where}.${key}=${shown(given)}: accepted is ${nameRule}`);
    else match[key] = name;
  }
  const endpoint = fields?.get("endpoint");
  if (typeof endpoint === "string" && isOptimizable(endpoint)) match.endpoint = endpoint;
  else if (endpoint !== undefined) {
    faults.push(`${where}.endpoint=${shown(endpoint)}: accepted is ${optimizableEndpoints.join(" or ")}`);
  }
  const model = fields?.get("model");
  if (isModelPattern(model)) match.model = model;
  else if (model !== undefined) {
    faults.push(`${where}.model=${shown(model)}: accepted is a model's name, or its beginning and one * at the end`);
  }
  const metadata = fields?.get("metadata");
  if (metadata !== undefined) match.metadata = readLabels(metadata, `${where}.metadata`, faults);
  return fields && faults.length === before ? match : undefined;
}

function isModelPattern(value: unknown): value is string {
  return typeof value === "string" && value.length <= modelCharsMax && /^[^*]+\*?$|^\*$/.test(value);
}

function readLabels(value: unknown, where: string, faults: string[]): Record<string, Scalar> {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  const labels = isObject ? Object.entries(value) : [];
  if (!isObject || labels.length > labelsMax) {
    faults.push(`${where}=${shown(value)}: accepted is a JSON object of at most ${labelsMax} labels`);
  }
  for (const [key, label] of labels.slice(0, labelsMax)) {
    const isScalar = ["string", "number", "boolean"].includes(typeof label);
    if (!isScalar) faults.push(`${where}[${shown(key)}]=${shown(label)}: accepted is a text, a number, true or false`);
  }
  // Defines own properties, whatever the key ("__proto__").
  return Object.fromEntries(labels);
}

export function holdsFor(match: Match, facts: Facts): boolean {
  if (match.user !== undefined && match.user !== facts.user) return false;
  if (match.team !== undefined && match.team !== facts.team) return false;
  if (match.endpoint !== undefined && match.endpoint !== facts.endpoint) return false;
  if (match.model !== undefined && !isModel(match.model, facts.model)) return false;
  return Object.entries(match.metadata ?? {}).every(([key, value]) => facts.metadata.get(key) === value);
}

/** Models are asked for with and without their provider's slug before them. */
function isModel(pattern: string, model: string | null): boolean {
  if (model === null) return false;
  const wanted = pattern.toLowerCase();
  const asked = model.toLowerCase();
  const names = [asked, asked.slice(asked.indexOf("/") + 1)];
  return names.some((name) => (wanted.endsWith("*") ? name.startsWith(wanted.slice(0, -1)) : name === wanted));
}
