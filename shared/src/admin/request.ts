// Owns how an admin's parameters and bodies are read: every fault is collected and told in one message.
// Refuses to guess: unknown names, repeated names and unknown fields are faults.

import { AnyrayError } from "../errors";

/** @throws AnyrayError `invalid_request` naming every fault; returns when there are none */
export function refuseFaults(faults: readonly string[]): void {
  if (faults.length === 0) return;
  const [only] = faults;
  throw new AnyrayError(
    "invalid_request",
    faults.length === 1 ? `${only}.` : `${faults.length} faults: ${faults.join("; ")}.`,
  );
}

/** Control characters, and the ones that reorder or hide text on a page. */
const unprintable = /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/u;
const unprintables = new RegExp(unprintable, "gu");

/** A submitted value as it may be shown in a message: JSON, short, with nothing that moves or hides text. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  const short = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return short.toWellFormed().replace(unprintables, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

export const nameCharsMax = 128;
export const nameRule = `1 to ${nameCharsMax} characters without control, direction or zero-width characters`;

/**
 * A name as it is stored and compared (NFC, without blanks around it), or undefined when it breaks `nameRule`:
 * what the gateway makes of a caller's name, so that the same text always means the same user.
 */
export function readName(value: unknown): string | undefined {
  // Far above the limit nothing can become short enough, and normalising is not free.
  if (typeof value !== "string" || value.length > nameCharsMax * 8) return undefined;
  const name = value.normalize("NFC").trim();
  if (name === "" || name.length > nameCharsMax) return undefined;
  return unprintable.test(name) || !name.isWellFormed() ? undefined : name;
}

/** Query parameters by name, each given once. Faults: unknown and repeated names, values with NUL. */
export function readParameters(
  params: URLSearchParams,
  accepted: readonly string[],
  faults: string[],
): Map<string, string> {
  const given = new Map<string, string>();
  const unknown = new Set<string>();
  const repeated = new Set<string>();
  for (const [name, value] of params) {
    if (!accepted.includes(name)) unknown.add(name);
    else if (given.has(name)) repeated.add(name);
    else if (value.includes("\0")) faults.push(`${name}: must not contain U+0000`);
    else given.set(name, value);
  }
  if (unknown.size > 0) {
    const names = [...unknown].map((name) => shown(name)).join(", ");
    faults.push(
      `unknown ${unknown.size === 1 ? "parameter" : "parameters"} ${names}: accepted are ${accepted.join(", ")}`,
    );
  }
  for (const name of repeated) faults.push(`${name}: given more than once`);
  return given;
}

/** A whole number from `min` to `max`; absent → `fallback`; a fault otherwise, and `fallback` again. */
export function readInteger<T>(
  given: ReadonlyMap<string, string>,
  name: string,
  bounds: { min: number; max: number },
  fallback: T,
  faults: string[],
): number | T {
  const text = given.get(name);
  if (text === undefined) return fallback;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= bounds.min && value <= bounds.max) return value;
  faults.push(`${name}=${shown(text)}: accepted is a whole number from ${bounds.min} to ${bounds.max}`);
  return fallback;
}

/** One of `accepted`; absent → `fallback`; a fault otherwise, and `fallback` again. */
export function readChoice<const T extends string, F>(
  given: ReadonlyMap<string, string>,
  name: string,
  accepted: readonly T[],
  fallback: F,
  faults: string[],
): T | F {
  const text = given.get(name);
  if (text === undefined) return fallback;
  const value = accepted.find((candidate) => candidate === text);
  if (value !== undefined) return value;
  faults.push(`${name}=${shown(text)}: accepted is ${accepted.join(" or ")}`);
  return fallback;
}

/**
 * Own fields of a JSON object, safe for any key ("__proto__" too). `where` ("caps[3]") leads each fault, "" for
 * the body itself. Undefined, with a fault, when it is no object.
 */
export function readFields(
  value: unknown,
  accepted: readonly string[],
  where: string,
  faults: string[],
): ReadonlyMap<string, unknown> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    faults.push(`${where || "the body"} must be a JSON object with ${accepted.join(", ")}`);
    return undefined;
  }
  const fields = new Map(Object.entries(value));
  for (const name of fields.keys()) {
    if (accepted.includes(name)) continue;
    const path = where ? ` in ${where}` : "";
    faults.push(`unknown field ${shown(name)}${path}: accepted are ${accepted.join(", ")}`);
  }
  return fields;
}
