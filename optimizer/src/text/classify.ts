// Owns what kind of text a text is. It looks at bytes and names, in linear time, at samples of what is long; it changes
// nothing, and where it is not sure it says prose.

import { recognise } from "../test-signatures";
import { embeddedJson, isJson, isNdjson } from "./json-spans";
import { isMarkupLanguage, languageOf, languageOfArgs, looksLikeCode, markupOf } from "./languages";
import {
  csvDelimiter,
  isBase64,
  isDiff,
  isLog,
  isSearch,
  isSearchCall,
  isStackTrace,
  sampleLines,
  withoutLineNumbers,
} from "./looks";

export type TextClass =
  | "base64"
  | "json"
  | "json_in_text"
  | "ndjson"
  | "diff"
  | "search"
  | "test_output"
  | "stack_trace"
  | "lines"
  | "code"
  | "markup"
  | "csv"
  | "prose";

/** UTF-16 units, end exclusive. */
export interface Span {
  start: number;
  end: number;
}

export interface Classified {
  class: TextClass;
  /**
   * For "code" a language ("ts", "py", …), for "markup" "md" or "html", for "csv" the delimiter, for
   * "test_output" the tool as test-signatures.ts names it; else null.
   */
  language: string | null;
  /** Where the values of "json_in_text" stand; each parses. */
  spans?: readonly Span[];
}

/** What is known of where the text came from. */
export interface ClassifyHint {
  toolName: string | null;
  /** JSON, or a line. */
  toolArgs: string | null;
}

/** Values of JSON make a text theirs where they are this much of it. */
const embeddedShareMin = 0.4;

export function classify(text: string, hint: ClassifyHint): Classified {
  const whole = classOfWhole(text);
  if (whole !== null) return whole;
  const named = languageOfArgs(hint.toolArgs);
  const shown = sampleLines(text);
  const lines = withoutLineNumbers(shown);
  if (isNdjson(sampleLines(text, true))) return { class: "ndjson", language: null };
  if (isDiff(lines)) return { class: "diff", language: null };
  if (isSearch(shown, isSearchCall(hint.toolName, hint.toolArgs))) return { class: "search", language: null };
  const tool = recognise(text, hint.toolArgs);
  if (tool !== null) return { class: "test_output", language: tool };
  if (isStackTrace(lines)) return { class: "stack_trace", language: null };
  if (named !== null && isMarkupLanguage(named)) return { class: "markup", language: named };
  // A file's own name says more than its lines do, unless these are no code at all.
  if (named !== null && looksLikeCode(lines)) return { class: "code", language: named };
  const spans = embeddedJson(text);
  const embedded = spans.reduce((sum, { start, end }) => sum + end - start, 0);
  if (embedded >= embeddedShareMin * text.length && embedded > 0)
    return { class: "json_in_text", language: null, spans };
  return classOfLines(lines, shown);
}

function classOfWhole(text: string): Classified | null {
  if (isBase64(text)) return { class: "base64", language: null };
  return isJson(text) ? { class: "json", language: null } : null;
}

function classOfLines(lines: readonly string[], shown: readonly string[]): Classified {
  // Rows of a table have few shapes too: a header that names the columns tells them from a log.
  const delimiter = csvDelimiter(shown);
  if (delimiter !== null) return { class: "csv", language: delimiter };
  const markup = markupOf(lines);
  if (markup === "html") return { class: "markup", language: markup };
  const language = languageOf(lines);
  if (language === null && isLog(lines)) return { class: "lines", language: null };
  if (markup !== null) return { class: "markup", language: markup };
  if (language !== null) return { class: "code", language };
  return { class: "prose", language: null };
}
