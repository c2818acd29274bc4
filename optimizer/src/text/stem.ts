// Owns the stem of an English word, after Porter's suffix stripping of 1980. It takes small ASCII letters only.

/** Suffix → what takes its place, where what stands before holds enough of a word. The longest that fits is taken. */
const second = suffixes(
  `ational ate, tional tion, enci ence, anci ance, izer ize, bli ble, alli al, entli ent, eli e, ousli ous, ization ize,
  ation ate, ator ate, alism al, iveness ive, fulness ful, ousness ous, aliti al, iviti ive, biliti ble, logi log`,
);
const third = suffixes("icate ic, ative , alize al, iciti ic, ical ic, ful , ness ");
const fourth = suffixes(
  "al , ance , ence , er , ic , able , ible , ant , ement , ment , ent , ion , ou , ism , ate , iti , ous , ive , ize ",
);

function suffixes(table: string): readonly (readonly [string, string])[] {
  const pairs = table.split(",").map((pair): [string, string] => {
    const [suffix = "", replacement = ""] = pair.trim().split(" ");
    return [suffix, replacement];
  });
  return pairs.sort(([a], [b]) => b.length - a.length);
}

/** The stem; the word itself where it has fewer than 3 letters. */
export function stem(word: string): string {
  if (word.length < 3) return word;
  let stemmed = endY(stripPastTense(stripPlural(word)));
  stemmed = strip(stemmed, second, 1);
  stemmed = strip(stemmed, third, 1);
  stemmed = strip(stemmed, fourth, 2);
  return stripE(stemmed);
}

function stripPlural(word: string): string {
  if (word.endsWith("sses") || word.endsWith("ies")) return word.slice(0, -2);
  return word.endsWith("s") && !word.endsWith("ss") ? word.slice(0, -1) : word;
}

function stripPastTense(word: string): string {
  if (word.endsWith("eed")) return measure(word.slice(0, -3)) > 0 ? word.slice(0, -1) : word;
  const ending = word.endsWith("ed") ? 2 : word.endsWith("ing") ? 3 : 0;
  if (ending === 0) return word;
  const rest = word.slice(0, -ending);
  if (!hasVowel(rest)) return word;
  if (rest.endsWith("at") || rest.endsWith("bl") || rest.endsWith("iz")) return `${rest}e`;
  const last = rest.charAt(rest.length - 1);
  if (endsInDouble(rest)) return "lsz".includes(last) ? rest : rest.slice(0, -1);
  return measure(rest) === 1 && endsInShortSyllable(rest) ? `${rest}e` : rest;
}

function endY(word: string): string {
  return word.endsWith("y") && hasVowel(word.slice(0, -1)) ? `${word.slice(0, -1)}i` : word;
}

function strip(word: string, table: readonly (readonly [string, string])[], measureMin: number): string {
  for (const [suffix, replacement] of table) {
    if (!word.endsWith(suffix)) continue;
    const rest = word.slice(0, word.length - suffix.length);
    if (suffix === "ion" && !rest.endsWith("s") && !rest.endsWith("t")) return word;
    return measure(rest) >= measureMin ? rest + replacement : word;
  }
  return word;
}

function stripE(word: string): string {
  let stemmed = word;
  if (stemmed.endsWith("e")) {
    const rest = stemmed.slice(0, -1);
    const size = measure(rest);
    if (size > 1 || (size === 1 && !endsInShortSyllable(rest))) stemmed = rest;
  }
  return stemmed.endsWith("ll") && measure(stemmed) > 1 ? stemmed.slice(0, -1) : stemmed;
}

function isVowel(word: string, at: number): boolean {
  const char = word.charAt(at);
  if ("aeiou".includes(char)) return char !== "";
  if (char !== "y" || at === 0) return false;
  return !isVowel(word, at - 1);
}

function hasVowel(word: string): boolean {
  for (let at = 0; at < word.length; at++) if (isVowel(word, at)) return true;
  return false;
}

/** How often vowels are followed by consonants. */
function measure(word: string): number {
  let size = 0;
  let wasVowel = false;
  for (let at = 0; at < word.length; at++) {
    const vowel = isVowel(word, at);
    if (wasVowel && !vowel) size++;
    wasVowel = vowel;
  }
  return size;
}

function endsInDouble(word: string): boolean {
  const last = word.length - 1;
  return last > 0 && word.charAt(last) === word.charAt(last - 1) && !isVowel(word, last);
}

/** Consonant, vowel, consonant other than w, x, y. */
function endsInShortSyllable(word: string): boolean {
  const last = word.length - 1;
  return (
    last >= 2 &&
    !isVowel(word, last) &&
    isVowel(word, last - 1) &&
    !isVowel(word, last - 2) &&
    !"wxy".includes(word.charAt(last))
  );
}
