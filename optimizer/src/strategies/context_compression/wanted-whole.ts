// Owns whether the live turn needs a text as it is: to give it back, to turn it into another form, to edit it. Then
// nothing may be left out of it, whatever else was asked.

import type { Segment } from "../../segments/draft";
import type { Question } from "../../text/question";
import { callFacts } from "../../tool-call";

const set = (words: string) => new Set(words.split(" "));
const always = set("verbatim unabridged convert reformat translate transcribe transform prettify");
const whole = set("full entire whole complete everything all every");
const giving = set("give show print return output list paste write display send quote repeat copy dump include");
const things = set(
  "list output json file text log logs data table document response content contents result results array object " +
    "config diff row rows line lines entry entries record records item items",
);
const wordsMax = 2_000;
const reach = 4;
const dataEnding = /\.(?:json|jsonl|ndjson|ya?ml|toml|xml|csv|tsv|md|txt|ini|conf|cfg|env|lock|properties)\b/i;

export function isWantedWhole({ role, toolArgs }: Segment, question: Question): boolean {
  if (asksForAll(question.text)) return true;
  if (!question.intents.has("EDIT")) return false;
  // What is to be edited is what the user gave, or a file.
  if (role === "user") return true;
  const { path, about } = callFacts(toolArgs);
  return path !== null || dataEnding.test(about);
}

/** "Give me all rows", "the full output", "convert it"; not "is the disk full". */
function asksForAll(text: string): boolean {
  const words = text
    .slice(0, 8_000)
    .toLowerCase()
    .split(/[^a-z]+/, wordsMax);
  return words.some((word, at) => {
    if (always.has(word)) return true;
    if (!whole.has(word)) return false;
    const isGiven = words.slice(Math.max(0, at - reach), at).some((before) => giving.has(before));
    const isOfIt = words.slice(at + 1, at + 1 + reach).some((after) => things.has(after));
    return word === "all" || word === "every" ? isGiven && isOfIt : isGiven || isOfIt;
  });
}
