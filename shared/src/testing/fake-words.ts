// Owns what the fake provider says: text, arguments and identifiers, all a function of a seed, so that the same
// request gets the same answer. Refuses chance and the time of day.

/** A number from 0 to 2^32 - 1, the same for the same text. */
export function seedOf(text: string): number {
  return Bun.hash.xxHash32(text);
}

export type Random = () => number;

/** An endless series of numbers in [0, 1), the same for the same seed (mulberry32). */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * Tokens of a text: a quarter of its UTF-8 bytes, rounded up. No provider counts so, and none must: what matters is
 * that the figure depends on the text alone.
 */
export function countTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / 4);
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const hex = "0123456789abcdef";
const base64 = `${base62}+/`;

const letters = { base62, hex, base64 } as const;

/** `length` letters of an alphabet, the same for the same seed and `purpose`. */
export function nameOf(
  seed: number,
  purpose: string,
  length: number,
  alphabet: keyof typeof letters = "base62",
): string {
  const random = createRandom(seed ^ seedOf(purpose));
  const from = letters[alphabet];
  let name = "";
  for (let index = 0; index < length; index++) name += from[Math.floor(random() * from.length)];
  return name;
}

const sentences = [
  "The short answer is that it depends on how often the prefix changes.",
  "Start with the part that is read most, and leave the rest where it is.",
  "Measure before and after, with the same load, and keep both results.",
  "A queue hides the problem until it is full, so give it a limit and count what is turned away.",
  "The second request is faster because the connection is already open.",
  "Retry only what is safe to repeat; for everything else, ask first.",
  "Each field has one owner, which makes the question of who may change it an easy one.",
  "In that case the index is not used, and the whole table is read.",
  "It helps to write the expected number down before running the query.",
  "The café’s menu – naïve as it sounds – is a fair model of a cache: what sold yesterday is ready today.",
  "Use one transaction for the row and its sum, or they will differ one day.",
  "The time zone belongs to the report, not to the record.",
  "“Good enough” has a number; here it is 50 ms at the 99th percentile.",
  "Tokyo (東京) and São Paulo share the schema, not the database.",
  "Three steps remain: migrate, verify, remove the old column.",
  "If the total is off by a little each day, look for rounding; if by a lot once, look for a retry.",
  "All checks pass ✅ and the rollout may go on.",
  "Two causes fit the log: a full disk, or a clock that jumped backwards.",
  "Keep the original bytes until nobody needs to prove what was sent.",
  "The limit is ≤ 4 MB per message, attachments included.",
  "Where the two documents disagree, the newer one is right about the names and the older one about the units.",
  "A timeout without a reason in the log costs more than the timeout.",
  "First collect the identifiers, then fetch the records in one call.",
  "That is a cost of roughly three cents per thousand documents.",
] as const;

const sentenceWords = sentences.map((sentence) => sentence.split(" "));

/** `count` words of prose, each with the space before it, so that their joining is the text. */
export function proseWords(random: Random, count: number): string[] {
  const words: string[] = [];
  while (words.length < count) {
    const sentence = sentenceWords[Math.floor(random() * sentenceWords.length)] ?? [];
    for (const word of sentence) {
      if (words.length < count) words.push(words.length === 0 ? word : ` ${word}`);
    }
  }
  return words;
}

/** Cuts a text into pieces as a model emits them: a few characters each, never within a character. */
export function fragmentsOf(text: string, count?: number): string[] {
  const characters = Array.from(text);
  const size = Math.max(1, Math.ceil(characters.length / (count ?? Math.ceil(characters.length / 6))));
  const fragments: string[] = [];
  for (let start = 0; start < characters.length; start += size) {
    fragments.push(characters.slice(start, start + size).join(""));
  }
  return fragments;
}

type Schema = { readonly [key: string]: unknown };

const isSchema = (value: unknown): value is Schema => typeof value === "object" && value !== null;

/** A value that fits a JSON Schema as far as its types, enums, required and items say. */
export function valueForSchema(schema: unknown, random: Random, depth = 0): unknown {
  if (!isSchema(schema) || depth > 8) return null;
  const { type, properties, items } = schema;
  const choices = schema["enum"];
  if (Array.isArray(choices)) return choices[Math.floor(random() * choices.length)] ?? null;
  if ("const" in schema) return schema["const"];
  const variants = schema["anyOf"] ?? schema["oneOf"];
  if (Array.isArray(variants)) return valueForSchema(variants[0], random, depth + 1);
  switch (Array.isArray(type) ? type[0] : (type ?? (isSchema(properties) ? "object" : "string"))) {
    case "object": {
      const members = isSchema(properties) ? Object.entries(properties) : [];
      return Object.fromEntries(members.map(([name, member]) => [name, valueForSchema(member, random, depth + 1)]));
    }
    case "array":
      return [valueForSchema(items, random, depth + 1)];
    case "integer":
      return Math.floor(random() * 100);
    case "number":
      return Math.round(random() * 1_000) / 10;
    case "boolean":
      return random() < 0.5;
    case "null":
      return null;
    default:
      return proseWords(random, 3)
        .join("")
        .replace(/[.,;]$/, "");
  }
}
