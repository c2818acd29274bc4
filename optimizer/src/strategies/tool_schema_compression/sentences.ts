// Owns a description's sentences: where they end, which of them bind the caller of a tool, and which say only what the
// schema says beside them. It takes whole sentences and known openers away and changes no word of the rest.

import { scanWords, termOf } from "../../text/terms";
import { isFenceLine } from "./tidy";

/** Sentences with the white space behind each: joined they are the text. A fenced block is one of them. */
export function sentencesOf(text: string): string[] {
  const sentences: string[] = [];
  let block = "";
  let isCode = false;
  for (const line of linesOf(text)) {
    const isFence = isFenceLine(line);
    if (isCode || isFence) block += line;
    if (isFence && isCode) {
      sentences.push(block);
      block = "";
    }
    if (isFence) isCode = !isCode;
    else if (!isCode) splitLine(line, sentences);
  }
  if (block !== "") sentences.push(block);
  return sentences;
}

/** Lines with their ends. */
function linesOf(text: string): string[] {
  const lines = text.split("\n");
  return lines.map((line, index) => (index < lines.length - 1 ? `${line}\n` : line)).filter((line) => line !== "");
}

const shortened = /(?:\b(?:e\.g|i\.e|etc|vs|cf|approx|incl|no|fig|st|dr|mr|ms)|^\s*\d+|\b\p{Lu})\.$/iu;

function splitLine(line: string, sentences: string[]): void {
  let from = 0;
  let quote = "";
  for (let at = 0; at < line.length; at += 1) {
    const char = line.charAt(at);
    if (quote !== "") {
      if (char === quote) quote = "";
      continue;
    }
    if (char === "`" || char === '"') quote = char;
    if (!".!?".includes(char)) continue;
    const next = /\S/.exec(line.slice(at + 1, at + 8));
    if (!next || next.index === 0 || !/[\p{Lu}"`*(]/u.test(next[0])) continue;
    if (shortened.test(line.slice(Math.max(from, at - 8), at + 1))) continue;
    sentences.push(line.slice(from, at + 1 + next.index));
    from = at + 1 + next.index;
  }
  if (from < line.length) sentences.push(line.slice(from));
}

const cues = new Set(
  `must only never always not cannot can't don't doesn't won't shouldn't isn't aren't no none without require requires
  required requirement format formatted unit units default defaults defaulting iso max maximum min minimum least most up
  limit limits limited range between before after first last if when unless instead except otherwise deprecated empty
  optional absolute relative case-sensitive case-insensitive regex regexp glob utc seconds milliseconds minutes hours days
  bytes kb mb gb percent e.g example examples valid invalid allowed accepts accepted supported unique exactly one two
  three same both either or warning caution important danger destructive irreversible confirm should`
    .split(/\s+/)
    .filter((word) => word !== ""),
);

/** Whether a sentence binds: it has numbers, quotes, code, units, or a word that limits. Such a sentence stays. */
export function hasCue(sentence: string): boolean {
  if (/[\d`"'“”‘’<>{}[\]()=|/\\%$€#@*_~^&+]/.test(sentence)) return true;
  if (/^\s*[-•]/.test(sentence)) return true;
  // Words of other scripts are not known to bind or not.
  if (/[^\p{ASCII}\u2010-\u2026\u00a0]/u.test(sentence)) return true;
  const words = sentence.toLowerCase().split(/[^a-z.-]+/);
  return words.some((word) => cues.has(word) || cues.has(word.replace(/\.+$/, "")));
}

const openers = [
  "use this tool to ",
  "use this function to ",
  "this tool is used to ",
  "this tool can be used to ",
  "this tool allows you to ",
  "this tool lets you ",
  "this function is used to ",
  "this function allows you to ",
  "this function lets you ",
  "this field is used to ",
  "this parameter is used to ",
  "this argument is used to ",
  "this option is used to ",
  "it is used to ",
  "it allows you to ",
  "it lets you ",
  "used to ",
  "allows you to ",
  "lets you ",
  "please note that ",
  "please be aware that ",
  "note that ",
  "please ",
];

/** The sentence without openers that say nothing; its first letter large where the opener's was. */
export function withoutOpener(sentence: string): string {
  let rest = sentence;
  for (;;) {
    const start = rest.length - rest.trimStart().length;
    const small = rest.slice(start, start + 40).toLowerCase();
    const opener = openers.find((each) => small.startsWith(each));
    if (!opener) return rest;
    const first = rest.charAt(start + opener.length);
    if (!/\p{L}/u.test(first)) return rest;
    const isLarge = /\p{Lu}/u.test(rest.charAt(start));
    const body = rest.slice(start + opener.length);
    rest = rest.slice(0, start) + (isLarge ? first.toUpperCase() + body.slice(first.length) : body);
  }
}

const restatedShare = 0.8;

/** Words that a schema says with its own keywords. */
const schemaWords = `string number integer boolean array object list value values field parameter argument param input
  option name type given specified provided this that here which used`;

/** Whether nearly all that a sentence says is said by these words already, and nothing in it binds. */
export function restates(sentence: string, said: string): boolean {
  if (hasCue(sentence)) return false;
  const known = termsIn(`${said} ${schemaWords}`);
  const own = termsIn(sentence);
  if (own.size === 0) return false;
  let restated = 0;
  for (const term of own) if (known.has(term)) restated += 1;
  return restated / own.size >= restatedShare;
}

function termsIn(text: string): Set<string> {
  const terms = new Set<string>();
  scanWords(text, (word, isWhole) => {
    const term = isWhole ? null : termOf(word, false);
    if (term !== null) terms.add(term);
  });
  return terms;
}
