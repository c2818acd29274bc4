// Owns paragraphs that are one text with other words in a few places: "Dear Ann, your order A1 …" again and again.
// Only where the words can be told so that replacing them gives back the copy exactly.

export interface RepeatLimits {
  /** Shorter blocks stay. */
  minBlockChars: number;
  /** A block that stands in the text fewer times stays. */
  minRepeats: number;
}

/** `now` stands wherever the first copy has `word`. */
export interface Slot {
  word: string;
  now: string;
}

interface Candidate {
  index: number;
  words: readonly string[];
}

interface NearCopy {
  from: number;
  to: number;
  first: { from: number; to: number };
  slots: readonly Slot[];
}

const differingShare = 0.1;
/** Of each number of words, so many different texts are compared with. */
const anchorsMax = 8;
const lineCharsMax = 20_000;

/** Long lines that are, but for a tenth of their words, an earlier one. */
export function findTemplates(lines: readonly string[], guarded: Uint8Array, limits: RepeatLimits): NearCopy[] {
  const byCount = new Map<number, { anchor: Candidate; copies: { index: number; slots: Slot[] }[] }[]>();
  const seen = new Set<string>();
  for (const [index, line] of lines.entries()) {
    if (guarded[index] === 1 || line.length < limits.minBlockChars || line.length > lineCharsMax) continue;
    if (seen.has(line)) continue;
    seen.add(line);
    const words = line.split(" ");
    const groups = byCount.get(words.length) ?? [];
    byCount.set(words.length, groups);
    const candidate = { index, words };
    const isPlaced = groups.some(({ anchor, copies }) => {
      const slots = slotsBetween(anchor.words, words);
      if (slots) copies.push({ index, slots });
      return slots !== null;
    });
    if (!isPlaced && groups.length < anchorsMax) groups.push({ anchor: candidate, copies: [] });
  }
  const found: NearCopy[] = [];
  for (const groups of byCount.values()) {
    for (const { anchor, copies } of groups) {
      if (copies.length + 1 < limits.minRepeats) continue;
      const first = { from: anchor.index, to: anchor.index + 1 };
      for (const { index, slots } of copies) found.push({ from: index, to: index + 1, first, slots });
    }
  }
  return found;
}

/** null where more than a tenth differs, or one word would have to become two. */
function slotsBetween(words: readonly string[], others: readonly string[]): Slot[] | null {
  const limit = Math.max(1, Math.floor(words.length * differingShare));
  const slots = new Map<string, string>();
  let differing = 0;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] as string;
    const other = others[at] as string;
    if (word === other) continue;
    differing += 1;
    if (differing > limit || !isTellable(word) || !isTellable(other)) return null;
    if ((slots.get(word) ?? other) !== other) return null;
    slots.set(word, other);
  }
  const list = [...slots].map(([word, now]) => ({ word, now }));
  return list.length > 0 && substitute(words.join(" "), list) === others.join(" ") ? list : null;
}

/** Can stand in a marker between quotation marks as it is. */
function isTellable(word: string): boolean {
  return word.length > 0 && word.length <= 60 && /^[!#-Z\\^-~]+$/.test(word);
}

export function substitute(line: string, slots: readonly Slot[]): string {
  const now = new Map(slots.map((slot) => [slot.word, slot.now]));
  return line
    .split(" ")
    .map((word) => now.get(word) ?? word)
    .join(" ");
}
