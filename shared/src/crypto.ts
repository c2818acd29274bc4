// Owns the envelope around everything that is encrypted at rest: AES-256-GCM under a key derived for this one
// envelope, bound to where it belongs. Refuses to open what was moved, cut or sealed under another key.

import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";
import { keyBytes } from "./variables";

/**
 * Text form: `v1.<key id>.<salt>.<nonce>.<ciphertext and tag>`, each part but the first two base64url. The key id
 * is 8 hex digits of SHA-256("kid" + key); the salt makes a key of its own for each envelope, so that random
 * nonces never meet under one key.
 */
const version = "v1";
const saltBytes = 16;
const nonceBytes = 12;
const tagBytes = 16;
const purpose = "anyray/envelope/v1";

export class EnvelopeError extends Error {
  override name = "EnvelopeError";
}

export interface Keyring {
  /** Id of the key that seals. */
  readonly keyId: string;
  /** Whether a key of that id is configured, to seal or only to open. */
  knows(keyId: string): boolean;
  /** Seals `plain`; `place` says what it is and where it belongs (for example "provider-key/openai"). */
  seal(plain: Uint8Array | string, place: string): string;
  /**
   * @throws EnvelopeError for an unknown key, another place, or anything changed
   */
  open(sealed: string, place: string): Uint8Array;
}

/**
 * @param active 32 bytes as base64 or hex: seals and opens
 * @param former earlier keys: open only
 * @throws EnvelopeError for a key that is not 32 bytes
 */
export function createKeyring(active: string, former: readonly string[] = []): Keyring {
  const keys = new Map<string, Uint8Array>();
  const add = (text: string): string => {
    const key = keyBytes(text);
    if (!key) throw new EnvelopeError("a content key must be 32 bytes as base64 or hex");
    const id = keyIdOf(key);
    keys.set(id, key);
    return id;
  };
  for (const text of former) add(text);
  const keyId = add(active);

  return {
    keyId,
    knows: (id) => keys.has(id),
    seal(plain, place) {
      const salt = randomBytes(saltBytes);
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv("aes-256-gcm", derive(keys.get(keyId) as Uint8Array, salt), nonce);
      cipher.setAAD(boundTo(keyId, place));
      const sealed = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
      return [version, keyId, ...[salt, nonce, sealed].map((part) => part.toString("base64url"))].join(".");
    },
    open(sealed, place) {
      const [form, id = "", ...parts] = sealed.split(".");
      const [salt, nonce, body] = parts.map((part) => Buffer.from(part, "base64url"));
      const key = keys.get(id);
      if (form !== version || !salt || !nonce || !body || parts.length !== 3)
        throw new EnvelopeError("not an envelope");
      if (!key) throw new EnvelopeError("sealed under a key that is not configured");
      if (nonce.length !== nonceBytes || body.length < tagBytes) throw new EnvelopeError("the envelope is cut");
      const decipher = createDecipheriv("aes-256-gcm", derive(key, salt), nonce, { authTagLength: tagBytes });
      decipher.setAAD(boundTo(id, place));
      decipher.setAuthTag(body.subarray(-tagBytes));
      try {
        return new Uint8Array(Buffer.concat([decipher.update(body.subarray(0, -tagBytes)), decipher.final()]));
      } catch {
        throw new EnvelopeError("the envelope was changed, or belongs somewhere else");
      }
    },
  };
}

/** Id of the key that an envelope was sealed under, which need not be configured; null for what is no envelope. */
export function sealedUnder(sealed: string): string | null {
  return /^v1\.([0-9a-f]{8})\./.exec(sealed)?.[1] ?? null;
}

/** 8 hex digits that name a key without telling it. */
export function keyIdOf(key: Uint8Array): string {
  return createHash("sha256").update("kid").update(key).digest("hex").slice(0, 8);
}

function derive(key: Uint8Array, salt: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", key, salt, purpose, 32));
}

function boundTo(keyId: string, place: string): Buffer {
  return Buffer.from(`${version}\n${keyId}\n${place}`, "utf8");
}
