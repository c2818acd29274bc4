// Owns the chain of the audit log: what each row's hash is made of, and under which key. Knows no database. Without a
// key that is kept outside of the database nobody can make a row that fits.

import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { keyIdOf } from "../crypto";
import { keyBytes } from "../variables";

/** 32 bytes each, as base64 or hex. */
export interface AuditKeyTexts {
  active: string;
  /** Earlier ones: what they chained can be verified. */
  former?: readonly string[];
}

/** A row as its hash sees it: texts and numbers exactly as they are stored. */
export interface ChainedRow {
  seq: number;
  id: string;
  at: number;
  actor: string;
  ip: string | null;
  action: string;
  object: string;
  /** JSON, as stored. */
  before: string;
  /** JSON, as stored. */
  after: string;
  reason: string | null;
  result: string;
  /** 1 for a row from before there was a chain: what it says is vouched for only since it was chained. */
  adopted: number;
}

/** Where the chain stands: the number and the hash of a row. */
export interface AuditHead {
  seq: number;
  /** 64 hex digits. */
  hash: string;
}

/** What the first row's hash continues. */
export const genesis: AuditHead = { seq: 0, hash: "0".repeat(64) };

export interface AuditKeys {
  /** Of the key that chains. */
  readonly keyId: string;
  knows(keyId: string): boolean;
  /** 64 hex digits; undefined for a key that is not configured. */
  hash(keyId: string, prev: string, row: ChainedRow): string | undefined;
  /** 64 hex digits over a text of ours, under the active key. */
  sign(text: string): string;
  isSigned(keyId: string, text: string, signature: string): boolean;
}

const purpose = "anyray/audit/v1";

/** @throws Error for a key that is not 32 bytes */
export function createAuditKeys({ active, former = [] }: AuditKeyTexts): AuditKeys {
  const keys = new Map<string, Uint8Array>();
  let keyId = "";
  for (const text of [...former, active]) {
    const bytes = keyBytes(text);
    if (!bytes) throw new Error("an audit key must be 32 bytes as base64 or hex");
    keyId = keyIdOf(bytes);
    keys.set(keyId, new Uint8Array(hkdfSync("sha256", bytes, "", purpose, 32)));
  }
  const mac = (key: Uint8Array, text: string) => createHmac("sha256", key).update(text, "utf8").digest("hex");
  return {
    keyId,
    knows: (id) => keys.has(id),
    hash(id, prev, row) {
      const key = keys.get(id);
      return key && mac(key, canonical(id, prev, row));
    },
    sign: (text) => mac(keys.get(keyId) as Uint8Array, `sign\n${text}`),
    isSigned(id, text, signature) {
      const key = keys.get(id);
      return key !== undefined && isSameHash(mac(key, `sign\n${text}`), signature);
    },
  };
}

export function isSameHash(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one, "utf8"), Buffer.from(other, "utf8"));
}

/** An array: JSON writes one in one way only, where an object's fields have no order to rely on. */
function canonical(keyId: string, prev: string, row: ChainedRow): string {
  const { seq, id, at, actor, ip, action, object, before, after, reason, result, adopted } = row;
  return JSON.stringify([
    ...[purpose, keyId, seq, prev, id, at],
    ...[actor, ip, action, object, before, after, reason, result, adopted],
  ]);
}
