// Owns reading who the caller says it is: `x-anyray-metadata`, and the session header of agents that send one.
// A claim it cannot understand leaves the call unattributed; it never refuses a call.

import type { Labels } from "@anyray/shared/store/spend-row";
import type { Identity } from "../call";

const metadataBytesMax = 8_192;
const nameCharactersMax = 128;
const labelsMax = 16;

const nobody: Identity = Object.freeze({
  user: null,
  team: null,
  session: null,
  tool: null,
  labels: null,
  isMetadataInvalid: false,
});

/** Control characters, and the ones that reorder or hide text on a page. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0]/u;

class Unreadable extends Error {}

export function readIdentity(headers: Headers): Identity {
  const header = headers.get("x-anyray-metadata");
  const fallback = sessionOf(headers);
  if (header === null) return fallback === null ? nobody : { ...nobody, session: fallback };
  try {
    const identity = readMetadata(header);
    return identity.session === null ? { ...identity, session: fallback } : identity;
  } catch (error) {
    if (!(error instanceof Unreadable || error instanceof SyntaxError)) throw error;
    return { ...nobody, session: fallback, isMetadataInvalid: true };
  }
}

function readMetadata(header: string): Identity {
  if (header.length > metadataBytesMax) throw new Unreadable();
  const metadata: unknown = JSON.parse(fromHeaderBytes(header));
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata)) throw new Unreadable();
  const named = new Map<string, string>();
  // A map first, because a caller's key may be "__proto__".
  const labels = new Map<string, string | number | boolean>();
  for (const [key, value] of Object.entries(metadata)) {
    const meaning = meanings.get(key);
    if (meaning) {
      const name = readName(value);
      if (name !== null && !named.has(meaning)) named.set(meaning, name);
    } else {
      const label = readLabel(key, value);
      if (label !== null) labels.set(key, label);
    }
  }
  if (labels.size > labelsMax) throw new Unreadable();
  return {
    user: named.get("user") ?? null,
    team: named.get("team") ?? null,
    session: named.get("session") ?? null,
    tool: named.get("tool") ?? null,
    labels: labels.size > 0 ? toLabels(labels) : null,
    isMetadataInvalid: false,
  };
}

const meanings = new Map([
  ["user", "user"],
  ["userId", "user"],
  ["team", "team"],
  ["teamId", "team"],
  ["session", "session"],
  ["sessionId", "session"],
  ["tool", "tool"],
]);

/** A name as stored: NFC, without unprintable characters; numbers as their digits; null for none. */
function readName(value: unknown): string | null {
  if (value === null || value === undefined || value === "") return null;
  if (typeof value === "number" && Number.isSafeInteger(value)) return String(value);
  if (typeof value !== "string") throw new Unreadable();
  const name = value.normalize("NFC").trim();
  if (name.length > nameCharactersMax || unprintable.test(name) || !name.isWellFormed()) throw new Unreadable();
  return name || null;
}

function readLabel(key: string, value: unknown): string | number | boolean | null {
  if (key.length > nameCharactersMax || unprintable.test(key) || !key.isWellFormed()) throw new Unreadable();
  if (value === null) return null;
  if (typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value))) return value;
  if (typeof value !== "string" || value.length > nameCharactersMax) throw new Unreadable();
  if (unprintable.test(value) || !value.isWellFormed()) throw new Unreadable();
  return value;
}

function toLabels(labels: Map<string, string | number | boolean>): Labels {
  const object: Record<string, string | number | boolean> = Object.create(null);
  for (const [key, value] of labels) object[key] = value;
  return object;
}

function sessionOf(headers: Headers): string | null {
  return readHeaderName(headers, "x-claude-code-session-id");
}

/** A name that stands in a header of its own; null for none, and for one that cannot be understood. */
export function readHeaderName(headers: Headers, name: string): string | null {
  const header = headers.get(name);
  if (header === null) return null;
  try {
    return readName(fromHeaderBytes(header));
  } catch {
    return null;
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Header values arrive as Latin-1; clients send UTF-8. Bytes that are not valid UTF-8 stay as they came. */
function fromHeaderBytes(value: string): string {
  let isAscii = true;
  for (let at = 0; at < value.length && isAscii; at++) isAscii = value.charCodeAt(at) < 0x80;
  if (isAscii) return value;
  try {
    return utf8.decode(Buffer.from(value, "latin1"));
  } catch {
    return value;
  }
}
