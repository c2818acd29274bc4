// Owns the ranking of units of text by the words of a question (BM25): read once, asked often. It ranks; what is kept is
// decided elsewhere.

import { matcherOf, type Question } from "./question";
import { likeness, scanWords, sharedChars, termOf } from "./terms";

export interface Bm25Index {
  /** Per unit, 0 to 1: the best is 1; all 0 where nothing matches. */
  score(question: Question): Float64Array;
  /** Per unit, 0 to 1: the share of the question's weight that stands in it; words that are rare here weigh more. */
  coverage(question: Question): Float64Array;
  /** The unit that scores best, the first of equals, and what it covers; null where nothing matches. */
  best(question: Question): { unit: number; coverage: number } | null;
  /**
   * The question with words that its five best units have in common (RM3): 0.6 of its own weight, 0.4 of theirs. Of use
   * where it covers something but not much; where it covers nothing it would only add noise.
   */
  expand(question: Question): Question;
}

const saturation = 1.2;
const lengthShare = 0.75;
/** Words of headers and labels count three times: once in the unit, twice more here. */
const boostWeight = 2;

/** Everything the units say, as numbers. */
interface Corpus {
  /** Term ids of all units, one behind the other; unit u has [starts[u], starts[u + 1]). */
  ids: Int32Array;
  weights: Uint8Array;
  starts: Int32Array;
  /** Per unit, the sum of its weights. */
  lengths: Float64Array;
  meanLength: number;
  terms: readonly string[];
}

/** `boosts`: per unit, that part of its text whose words count three times (headers, labels); "" for none. */
export function createIndex(units: readonly string[], boosts?: readonly string[]): Bm25Index {
  const corpus = readCorpus(units, boosts);
  let last: { question: Question; ranking: Ranking } | null = null;
  const rankingOf = (question: Question) => {
    // Score and coverage are mostly asked one behind the other, for one question.
    if (last?.question !== question) last = { question, ranking: rank(corpus, question) };
    return last.ranking;
  };
  return {
    score: (question) => rankingOf(question).scores.slice(),
    coverage: (question) => rankingOf(question).coverage.slice(),
    best(question) {
      const { scores, coverage } = rankingOf(question);
      const unit = scores.indexOf(1);
      return unit < 0 ? null : { unit, coverage: coverage[unit] as number };
    },
    expand: (question) => expandQuestion(corpus, question, rankingOf(question)),
  };
}

function readCorpus(units: readonly string[], boosts: readonly string[] | undefined): Corpus {
  const ids: number[] = [];
  const weights: number[] = [];
  const starts = new Int32Array(units.length + 1);
  const lengths = new Float64Array(units.length);
  const terms: string[] = [];
  const idOfTerm = new Map<string, number>();
  /** As words are spelt: most come again, and need not be stemmed again. -1 for stop words. */
  const idOfWord = new Map<string, number>();
  let weight = 1;
  const visit = (word: string, isWhole: boolean) => {
    let id = idOfWord.get(word);
    if (id === undefined) {
      const term = termOf(word, isWhole);
      id = term === null ? -1 : (idOfTerm.get(term) ?? terms.push(term) - 1);
      if (term !== null) idOfTerm.set(term, id);
      idOfWord.set(word, id);
    }
    if (id < 0) return;
    ids.push(id);
    weights.push(weight);
  };
  let total = 0;
  units.forEach((unit, index) => {
    weight = 1;
    scanWords(unit, visit);
    const plain = ids.length - (starts[index] as number);
    weight = boostWeight;
    const boost = boosts?.[index];
    if (boost) scanWords(boost, visit);
    starts[index + 1] = ids.length;
    lengths[index] = plain + boostWeight * (ids.length - (starts[index] as number) - plain);
    total += lengths[index] as number;
  });
  const meanLength = Math.max(1, total / Math.max(1, units.length));
  return { ids: Int32Array.from(ids), weights: Uint8Array.from(weights), starts, lengths, meanLength, terms };
}

interface Ranking {
  scores: Float64Array;
  coverage: Float64Array;
  /** Units that score, the best first, at most five. */
  top: readonly number[];
}

interface Hit {
  /** Index of the question's term. */
  index: number;
  worth: number;
}

function rank(corpus: Corpus, question: Question): Ranking {
  const { weights } = matcherOf(question);
  const unitCount = corpus.lengths.length;
  const hits = hitsByTerm(corpus, question);
  const inUnits = new Float64Array(weights.length);
  eachHitUnit(corpus, hits, weights.length, (_, counts) => {
    for (let index = 0; index < counts.length; index++) if (counts[index]) inUnits[index] = (inUnits[index] ?? 0) + 1;
  });
  const rarity = inUnits.map((count) => Math.log(1 + (unitCount - count + 0.5) / (count + 0.5)));
  const wanted = weights.reduce((sum, weight, index) => sum + Math.max(0, weight) * (rarity[index] ?? 0), 0);
  const scores = new Float64Array(unitCount);
  const coverage = new Float64Array(unitCount);
  eachHitUnit(corpus, hits, weights.length, (unit, counts, worths) => {
    const relativeLength = (corpus.lengths[unit] ?? 0) / corpus.meanLength;
    const damping = saturation * (1 - lengthShare + lengthShare * relativeLength);
    let score = 0;
    let covered = 0;
    for (let index = 0; index < counts.length; index++) {
      const count = counts[index] ?? 0;
      if (count === 0) continue;
      const told = (weights[index] ?? 0) * (rarity[index] ?? 0);
      score += (told * count * (saturation + 1)) / (count + damping);
      covered += Math.max(0, told) * (worths[index] ?? 0);
    }
    scores[unit] = Math.max(0, score);
    coverage[unit] = wanted > 0 ? Math.min(1, covered / wanted) : 0;
  });
  const top = topOf(scores);
  const most = scores[top[0] ?? -1] ?? 0;
  return { scores: most > 0 ? scores.map((score) => score / most) : scores, coverage, top };
}

/** Per term of the corpus, which of the question's terms it is alike to. */
function hitsByTerm(corpus: Corpus, question: Question): (readonly Hit[] | undefined)[] {
  const { byStart } = matcherOf(question);
  return corpus.terms.map((term) => {
    const hits = byStart.get(term.slice(0, sharedChars))?.flatMap(({ term: wanted, index }) => {
      const worth = likeness(wanted, term);
      return worth > 0 ? [{ index, worth }] : [];
    });
    return hits?.length ? hits : undefined;
  });
}

/**
 * Calls `visit` with each unit that has any of the question's terms: per term how often (prefix matches count less) and
 * the worth of its best match. The arrays are used again for the next unit.
 */
function eachHitUnit(
  corpus: Corpus,
  hits: readonly (readonly Hit[] | undefined)[],
  size: number,
  visit: (unit: number, counts: Float64Array, worths: Float64Array) => void,
): void {
  const { ids, weights, starts } = corpus;
  const counts = new Float64Array(size);
  const worths = new Float64Array(size);
  for (let unit = 0; unit + 1 < starts.length; unit++) {
    let isHit = false;
    const end = starts[unit + 1] ?? 0;
    for (let at = starts[unit] ?? 0; at < end; at++) {
      const found = hits[ids[at] as number];
      if (found === undefined) continue;
      isHit = true;
      for (const { index, worth } of found) {
        counts[index] = (counts[index] ?? 0) + worth * (weights[at] ?? 0);
        worths[index] = Math.max(worths[index] ?? 0, worth);
      }
    }
    if (!isHit) continue;
    visit(unit, counts, worths);
    counts.fill(0);
    worths.fill(0);
  }
}

const feedbackUnits = 5;
const feedbackTerms = 10;
const feedbackShare = 0.4;

/** The first of equals wins: no sort decides. */
function topOf(scores: Float64Array): number[] {
  const top: number[] = [];
  for (let unit = 0; unit < scores.length; unit++) {
    const score = scores[unit] ?? 0;
    if (score <= 0) continue;
    let place = top.length;
    while (place > 0 && (scores[top[place - 1] ?? -1] ?? 0) < score) place--;
    if (place < feedbackUnits) top.splice(place, 0, unit);
    if (top.length > feedbackUnits) top.pop();
  }
  return top;
}

function expandQuestion(corpus: Corpus, question: Question, { scores, top }: Ranking): Question {
  if (top.length === 0) return question;
  const shares = top.map((unit) => Math.exp(scores[unit] ?? 0));
  const shareSum = shares.reduce((sum, share) => sum + share, 0);
  const likely = new Map<number, number>();
  top.forEach((unit, place) => {
    for (let at = corpus.starts[unit] ?? 0; at < (corpus.starts[unit + 1] ?? 0); at++) {
      const id = corpus.ids[at] as number;
      const gain = ((shares[place] ?? 0) / shareSum) * ((corpus.weights[at] ?? 0) / (corpus.lengths[unit] ?? 1));
      likely.set(id, (likely.get(id) ?? 0) + gain);
    }
  });
  const unitCount = corpus.lengths.length;
  const inUnits = countUnits(corpus, likely);
  const told = [...likely].map(([id, gain]) => {
    const count = inUnits.get(id) ?? 0;
    return { term: corpus.terms[id] ?? "", gain, rank: gain * Math.log(1 + (unitCount - count + 0.5) / (count + 0.5)) };
  });
  told.sort((a, b) => b.rank - a.rank || (a.term < b.term ? -1 : 1));
  const chosen = told.slice(0, feedbackTerms);
  const chosenSum = chosen.reduce((sum, { gain }) => sum + gain, 0);
  const { wanted } = matcherOf(question);
  const terms = new Map(question.terms);
  // In the question's own scale: its weights stay what they are, those of the found words add up to 0.4 / 0.6 of them.
  const scale = (wanted * feedbackShare) / (1 - feedbackShare) / chosenSum;
  for (const { term, gain } of chosen) terms.set(term, (terms.get(term) ?? 0) + gain * scale);
  return { ...question, terms };
}

/** In how many units each of some terms stands. */
function countUnits(corpus: Corpus, wanted: ReadonlyMap<number, number>): Map<number, number> {
  const counts = new Map<number, number>();
  const lastUnit = new Map<number, number>();
  for (let unit = 0; unit + 1 < corpus.starts.length; unit++) {
    for (let at = corpus.starts[unit] ?? 0; at < (corpus.starts[unit + 1] ?? 0); at++) {
      const id = corpus.ids[at] as number;
      if (!wanted.has(id) || lastUnit.get(id) === unit) continue;
      lastUnit.set(id, unit);
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
  }
  return counts;
}
