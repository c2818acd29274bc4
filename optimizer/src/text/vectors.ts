// Owns texts as vectors whose closeness means likeness. The one at hand knows spelling only; whoever brings a model that
// knows meaning puts it behind the same interface.

export interface Embed {
  /** Vectors of different names are not to be compared. */
  name: string;
  /** Of length 1, or all zero for a text without letters. */
  embed(text: string): Float32Array;
}

const dimensions = 384;
const gramCharsMin = 3;
const gramCharsMax = 5;
/** What a longer text says further behind does not count. */
const textCharsMax = 8_000;

/**
 * Runs of 3 to 5 characters, hashed. `seed` is secret: without it nobody can make up a text that lies close to another.
 */
export function createSpellingEmbed(seed: number): Embed {
  return {
    name: "spelling-1",
    embed(text) {
      const vector = new Float32Array(dimensions);
      const small = ` ${text
        .slice(0, textCharsMax)
        .normalize("NFC")
        .toLowerCase()
        .replace(/[^\p{L}\p{N}]+/gu, " ")
        .trim()} `;
      for (let at = 0; at < small.length; at += 1) {
        let hash = (seed ^ 0x811c9dc5) >>> 0;
        for (let size = 1; size <= gramCharsMax && at + size <= small.length; size += 1) {
          hash = Math.imul(hash ^ small.charCodeAt(at + size - 1), 0x01000193) >>> 0;
          if (size >= gramCharsMin) add(vector, mixed(hash));
        }
      }
      return scaled(vector);
    },
  };
}

/** FNV's low bits are poor; the last steps of murmur spread them. */
function mixed(hash: number): number {
  let value = hash;
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

function add(vector: Float32Array, hash: number): void {
  const at = (hash >>> 1) % dimensions;
  vector[at] = (vector[at] ?? 0) + (hash & 1 ? 1 : -1);
}

function scaled(vector: Float32Array): Float32Array {
  let sum = 0;
  for (const value of vector) sum += value * value;
  if (sum === 0) return vector;
  const scale = 1 / Math.sqrt(sum);
  return vector.map((value) => value * scale);
}

/** Cosine, not below 0. */
export function similarityOf(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return 0;
  let sum = 0;
  for (let at = 0; at < a.length; at += 1) sum += (a[at] as number) * (b[at] as number);
  return Math.min(1, Math.max(0, sum));
}

/** A byte a dimension, as base64. */
export function packVector(vector: Float32Array): string {
  return Buffer.from(Int8Array.from(vector, (value) => Math.round(value * 127)).buffer).toString("base64");
}

export function unpackVector(packed: string): Float32Array {
  const bytes = Buffer.from(packed, "base64");
  return scaled(Float32Array.from(new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length)));
}
