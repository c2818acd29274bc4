// Owns whether an answer given to one question may stand for a similar one, within a bound on errors (vCache, arXiv
// 2502.03771). Each kept answer learns from what was observed of it; until it has learnt enough, the model is asked.
// Pure: the coin comes from outside.

/** What was seen of one kept answer, by how similar the question was: how often the answers agreed, and differed. */
export interface Observations {
  /** Slot of similarity → [agreed, differed]. */
  bySlot: Readonly<Record<number, readonly [agreed: number, differed: number]>>;
  count: number;
}

export const noObservations: Observations = { bySlot: {}, count: 0 };

/** With fewer observations nothing is served. */
export const observationsMin = 6;
/** The bound on errors alone would let answers through, now and then, that are known to be wrong. */
const agreeMin = 0.9;
/** More teach nothing new; what is full stays as it is. */
const observationsMax = 2_000;

const slots = 64;
/** Similarities below this count as this one. */
const similarityMin = 0.36;
const slotWidth = (1 - similarityMin) / slots;

/** 0 to 63; the last one ends with 1. */
export function slotOf(similarity: number): number {
  if (!(similarity > similarityMin)) return 0;
  return Math.min(slots - 1, Math.floor((Math.min(1, similarity) - similarityMin) / slotWidth));
}

export function observe(before: Observations, similarity: number, hasAgreed: boolean): Observations {
  if (before.count >= observationsMax) return before;
  const slot = slotOf(similarity);
  const [agreed, differed] = before.bySlot[slot] ?? [0, 0];
  const seen: [number, number] = hasAgreed ? [agreed + 1, differed] : [agreed, differed + 1];
  return { bySlot: { ...before.bySlot, [slot]: seen }, count: before.count + 1 };
}

/**
 * The chance with which the model must be asked all the same, in [0, 1], so that no more than `errorRateMax` of the
 * questions get an answer that the model would not have given; 1 for a kept answer of which too little is known.
 *
 * P(agree | s) = 1 / (1 + e^(-g (s - t))). With confidence 1 - e the true (t, g) is among those whose likelihood is at
 * least e times the best one's, and P is at least the least that any of these gives. That bound, times 1 - e, is what
 * can be relied on; the e that asks the model least is taken.
 */
export function exploreChance(observations: Observations, similarity: number, errorRateMax: number): number {
  if (observations.count < observationsMin) return 1;
  const likely = likelihoods(observations);
  const best = likely.reduce((most, each) => Math.max(most, each), Number.NEGATIVE_INFINITY);
  const agreeing = tables().agree[slotOf(similarity)] as Float64Array;
  // By doubt: the least that any (t, g) gives which is still thought of under it.
  const least = new Float64Array(doubts.length).fill(1);
  for (let at = 0; at < likely.length; at += 1) {
    const behind = best - (likely[at] as number);
    const chance = agreeing[at] as number;
    for (let each = 0; each < doubts.length; each += 1) {
      if (behind > (limits[each] as number)) break;
      if (!(chance >= (least[each] as number))) least[each] = chance;
    }
  }
  let explore = 1;
  for (const [at, doubt] of doubts.entries()) {
    const reliable = (1 - doubt) * (least[at] as number);
    if (reliable < agreeMin) continue;
    const needed = Math.max(0, (1 - errorRateMax - reliable) / (1 - reliable));
    if (needed < explore) explore = needed;
  }
  return explore;
}

/** `coin`: uniform in [0, 1). */
export function mayServe(observations: Observations, similarity: number, errorRateMax: number, coin: number): boolean {
  return coin >= exploreChance(observations, similarity, errorRateMax);
}

/** What is thought of under a greater doubt is thought of under a smaller one too. */
const doubts = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1];
const limits = doubts.map((doubt) => -Math.log(doubt));

const steepnesses = [1, 2, 4, 8, 14, 24, 40, 70, 120, 200];

/** Fine where similarities of kept questions lie; beyond 1 for answers that never agree, below 0 for those that do. */
function thresholds(): number[] {
  const steps = (from: number, to: number, width: number) =>
    Array.from({ length: Math.round((to - from) / width) }, (_, at) => from + at * width);
  return [...steps(-4, 0, 0.5), ...steps(0, 0.4, 0.05), ...steps(0.4, 1.05, 0.025), ...steps(1.05, 2, 0.05)];
}

interface Tables {
  /** By slot: P(agree) under each (t, g), at the slot's lower end. */
  agree: Float64Array[];
  /** By slot: its logarithm, and that of its opposite, at the slot's middle. */
  logAgree: Float64Array[];
  logDiffer: Float64Array[];
}

let made: Tables | null = null;

function tables(): Tables {
  made ??= makeTables();
  return made;
}

function makeTables(): Tables {
  const models = thresholds().flatMap((t) => steepnesses.map((g) => ({ t, g })));
  const bySlot = (value: (t: number, g: number, slot: number) => number) =>
    Array.from({ length: slots }, (_, slot) => Float64Array.from(models, ({ t, g }) => value(t, g, slot)));
  const lower = (slot: number) => similarityMin + slot * slotWidth;
  // Where the power would overflow, the logarithm is x itself.
  const logChance = (x: number) => (x < -30 ? x : -Math.log1p(Math.exp(-x)));
  return {
    agree: bySlot((t, g, slot) => Math.exp(logChance(g * (lower(slot) - t)))),
    logAgree: bySlot((t, g, slot) => logChance(g * (lower(slot) + slotWidth / 2 - t))),
    logDiffer: bySlot((t, g, slot) => logChance(-g * (lower(slot) + slotWidth / 2 - t))),
  };
}

/** Logarithm of the likelihood of the observations under each (t, g). */
function likelihoods({ bySlot }: Observations): Float64Array {
  const { logAgree, logDiffer } = tables();
  const sums = new Float64Array(logAgree[0]?.length ?? 0);
  for (const [slot, [agreed, differed]] of Object.entries(bySlot)) {
    const yes = logAgree[Number(slot)] as Float64Array;
    const no = logDiffer[Number(slot)] as Float64Array;
    for (let at = 0; at < sums.length; at += 1) {
      sums[at] = (sums[at] as number) + agreed * (yes[at] as number) + differed * (no[at] as number);
    }
  }
  return sums;
}
