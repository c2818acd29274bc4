// Owns what a haystack is: a text of a made-up world with one fact in it, and how to tell that the fact is still there.

export interface Haystack {
  /** "json/outlier": the kind of text, the kind of fact. */
  class: string;
  text: string;
  question: string;
  /** The fact is there when each of these stands in what is left. */
  needles: string[];
  /** None of these ways to say it is needed, but one of them: a row, or a count in the digest. */
  oneOf?: string[];
}

export function survives({ needles, oneOf }: Haystack, text: string): boolean {
  return needles.every((needle) => text.includes(needle)) && (!oneOf || oneOf.some((needle) => text.includes(needle)));
}
