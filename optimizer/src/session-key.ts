// Owns which conversation a request belongs to, and whose originals are whose. Several conversations may run under one
// session id (an agent and its helpers): each begins with words of its own.

import type { Asker } from "./deps";
import type { Scope } from "./handles";

/** `request` is the parsed body. `key` is secret: a conversation's name tells nothing about it. */
export function scopeOf(
  key: Uint8Array,
  asker: Asker,
  endpoint: string,
  request: Readonly<Record<string, unknown>>,
): Scope {
  const tenant = asker.team ?? "";
  const user = asker.user ?? "";
  const beginning = firstUserWords(request);
  // Without a session id the instructions tell conversations with the same first words apart.
  const setting = asker.sessionId === null ? JSON.stringify([request["system"], request["instructions"]]) : "";
  const hasher = new Bun.CryptoHasher("sha256", key);
  hasher.update(JSON.stringify([tenant, user, asker.sessionId, endpoint, setting, beginning]));
  return { tenant, user, session: hasher.digest("base64url").slice(0, 22) };
}

function firstUserWords(request: Readonly<Record<string, unknown>>): string {
  const list = request["messages"] ?? request["input"];
  if (typeof list === "string") return list;
  if (!Array.isArray(list)) return "";
  const first: unknown = list.find((each) => isObject(each) && (each["role"] === "user" || each["role"] === undefined));
  // The end of a first message may be renewed by the client on every turn; its beginning is what was said.
  return JSON.stringify(isObject(first) ? withoutMarks(first["content"]) : "").slice(0, 4_096);
}

/** Cache breakpoints wander along a conversation. */
function withoutMarks(content: unknown): unknown {
  if (!Array.isArray(content)) return content;
  return content.map((block: unknown) => {
    if (!isObject(block)) return block;
    const { cache_control: _, ...rest } = block;
    return rest;
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
