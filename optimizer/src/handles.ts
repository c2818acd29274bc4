// Owns the names of stashed originals: derived from what they hold and for whom, so that the same original has the
// same name on every turn, and nobody can guess or make up another's.

const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
const lettersInHandle = 16;

/** Whose originals these are. */
export interface Scope {
  /** The team, or "". */
  tenant: string;
  /** The user, or "". */
  user: string;
  session: string;
}

/** "ctx_" and 16 letters (80 bits) of an HMAC over scope and content. `key` is secret. */
export function handleOf(key: Uint8Array, { tenant, user, session }: Scope, content: string): string {
  const hasher = new Bun.CryptoHasher("sha256", key);
  hasher.update(JSON.stringify([tenant, user, session]));
  hasher.update(wellFormed(content));
  return `ctx_${base32(hasher.digest())}`;
}

/** Text with a lone surrogate is no UTF-8: its escaped form stands for it. */
function wellFormed(content: string): string {
  return content.isWellFormed() ? `0${content}` : `1${JSON.stringify(content)}`;
}

function base32(bytes: Uint8Array): string {
  let letters = "";
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      letters += alphabet[(value >> bits) & 31];
      if (letters.length === lettersInHandle) return letters;
    }
    value &= (1 << bits) - 1;
  }
  return letters;
}
