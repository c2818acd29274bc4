// Owns the words that tell what kind of answer a question wants. A lexicon, no understanding: it errs towards keeping.

/**
 * - FAILURE: what went wrong, and why
 * - SLOW: what took long
 * - EXTREME: the greatest or least
 * - ENUM: all of something, or how many
 * - TIME: what happened around a moment
 * - CHANGE: what differs
 * - DEFINE: where something is defined
 * - EDIT: something is to be changed or written: code that is to be edited must be seen whole
 */
export type Intent = "FAILURE" | "SLOW" | "EXTREME" | "ENUM" | "TIME" | "CHANGE" | "DEFINE" | "EDIT";

export type IntentLexicon = readonly (readonly [Intent, RegExp])[];

/** Alternatives of fixed words only: nothing in here can backtrack far. */
export const intentLexicon: IntentLexicon = [
  [
    "FAILURE",
    /\b(fail(s|ed|ing|ures?)?|errors?|broken?|breaks?|crash(es|ed|ing)?|why|root cause|exceptions?|bugs?|wrong|incidents?|outages?|panic(s|ked)?|flaky|denied|refused|rejected|unhealthy|not work(ing)?|doesn['’]?t work|went down|5xx|5\d\d)\b/i,
  ],
  [
    "SLOW",
    /\b(slow(er|est|ly|ness)?|latenc(y|ies)|spik(e|es|ed|ing)|p9\d|p99\.\d|time-?outs?|timed out|hangs?|hung|stuck|durations?|too long|so long|bottlenecks?|throughput|lag(s|ging)?)\b/i,
  ],
  [
    "EXTREME",
    /\b(max(imum)?|min(imum)?|highest|lowest|most|least|largest|smallest|biggest|greatest|worst|best|longest|shortest|slowest|fastest|top \d{1,4}|peaks?|outliers?|unusual|anomal(y|ies|ous))\b/i,
  ],
  ["ENUM", /\b(which|list|all|every|each|how many|how often|count|number of|enumerate|distinct|unique)\b/i],
  [
    "TIME",
    /\b(\d{1,2}:\d{2}(:\d{2})?|\d{4}-\d{2}-\d{2}|\d{1,2} ?[ap]\.?m|yesterday|last night|this morning|noon|midnight|o['’]?clock|when did|what time|(jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|june?|july?|aug(ust)?|sep(tember)?|oct(ober)?|nov(ember)?|dec(ember)?|may) \d{1,2}(st|nd|rd|th)?)\b/i,
  ],
  [
    "CHANGE",
    /\b(diff(s|er|ers|erence|erences|erent)?|chang(e|es|ed)|before (and|or|vs) after|before\/after|regress(ed|ion|ions)?|compared? (to|with)|versus|vs)\b/i,
  ],
  ["DEFINE", /\b(defined|declared|definitions?|declarations?|signature|implemented|where is|where are|where does)\b/i],
  [
    "EDIT",
    /\b(fix|implement|refactor|rewrite|re-write|write|edit|modify|rename|replace|add|remove|delete|insert|update|migrate|convert|port|extend|extract|inline|optimi[sz]e|simplify|clean ?up|change (the|this|that|it)|make (the|this|that|it))\b/i,
  ],
];

export function intentsOf(text: string, lexicon: IntentLexicon = intentLexicon): Set<Intent> {
  const intents = new Set<Intent>();
  for (const [intent, pattern] of lexicon) if (pattern.test(text)) intents.add(intent);
  return intents;
}
