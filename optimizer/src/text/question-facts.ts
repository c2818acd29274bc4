// Owns what two questions must have in common, word for word, before an answer to one is thought of for the other:
// numbers, names, negations, ids, dates, and words that turn a meaning round. However alike the rest is.

/** Words that decide what is asked: one of them more, or another, and the answer is another. */
const decisive = new Set(
  `not no never none nor without except cannot neither nobody nothing exclude excluding ignore unless only instead rather
  more less most least fewer greater smaller larger bigger higher lower above below over under before after first last next
  previous max min maximum minimum increase decrease up down out off left right north south east west inside outside
  start stop begin end enable disable enabled disabled allow deny add remove create delete open close true false yes true
  best worst fastest slowest cheapest oldest newest longest shortest hot cold odd even import export encode decode
  encrypt decrypt push pull upload download ascending descending male female win lose buy sell today tomorrow yesterday
  monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september
  october november december spring summer autumn winter day week month year hour minute second zero one two three four
  five six seven eight nine ten eleven twelve hundred thousand million billion half third quarter twice double all any
  some every each both either always sometimes often rarely who whom whose what when where why which how`.split(/\s+/),
);

/** Words that begin a question and are no names. */
const beginnings = new Set(
  `a an the is are was were do does did can could should would will may might must have has had please tell give show
  explain describe list find write name define compare summarize summarise translate convert calculate compute i you he she
  it we they this that these those there here if then and or but so for from of to as at by about let help make use using
  suggest provide generate create say get set put take think consider assume suppose given between during hi hello hey
  thanks thank ok okay just now also my your his her its our their me us them in on not what when where who whom whose why
  which how`.split(/\s+/),
);

/** Longer texts are data more than questions. */
const textCharsMax = 8_000;

/**
 * The facts of a question in one line, equal for equal sets of them; null where they cannot be told: in scripts without
 * the capital letters and spaces that mark them.
 */
export function factsOfQuestion(text: string): string | null {
  if (text.length > textCharsMax || /[^\P{L}\p{Script=Latin}]/u.test(text)) return null;
  const facts = new Set<string>();
  for (const quoted of quotedIn(text)) facts.add(`"${quoted}`);
  for (const word of text.normalize("NFC").split(/\s+/)) addFacts(word, facts);
  return JSON.stringify([...facts].sort());
}

function quotedIn(text: string): string[] {
  const found: string[] = [];
  for (const quote of ['"', "`"]) {
    const parts = text.split(quote);
    for (let at = 1; at < parts.length - 1; at += 2) found.push(parts[at] as string);
  }
  for (const [open, close] of [
    ["“", "”"],
    ["‘", "’"],
  ] as const) {
    for (let at = text.indexOf(open); at >= 0; at = text.indexOf(open, at + 1)) {
      const end = text.indexOf(close, at + 1);
      if (end < 0) break;
      found.push(text.slice(at + 1, end));
    }
  }
  return found;
}

function addFacts(word: string, facts: Set<string>): void {
  const bare = trimMarks(word);
  if (bare === "") {
    // Signs alone: an operator, an arrow.
    if (/[^\s.,;:!?]/.test(word)) facts.add(word);
    return;
  }
  const plain = bare.replace(/’/g, "'").replace(/'s$/, "");
  const small = plain.toLowerCase();
  if (/\p{N}/u.test(plain) || /[^\p{L}'-]/u.test(plain)) {
    // Ids, paths, versions, amounts: as they are spelt, with the signs around a number.
    facts.add(/\p{N}/u.test(plain) ? word.replace(/[.,;:!?)\]]+$/, "").replace(/^[([]+/, "") : plain);
    return;
  }
  if (small.endsWith("n't") || small === "cannot") {
    facts.add("not");
    return;
  }
  for (const part of small.split("-")) if (decisive.has(part)) facts.add(part);
  if (isName(plain) && !beginnings.has(small) && !decisive.has(small)) facts.add(small);
}

/** A capital anywhere: at the beginning of a sentence too, since a name may stand there. */
function isName(word: string): boolean {
  return /\p{Lu}/u.test(word);
}

function trimMarks(word: string): string {
  let from = 0;
  let to = word.length;
  while (from < to && !/[\p{L}\p{N}]/u.test(word.charAt(from))) from += 1;
  while (to > from && !/[\p{L}\p{N}]/u.test(word.charAt(to - 1))) to -= 1;
  return word.slice(from, to);
}
