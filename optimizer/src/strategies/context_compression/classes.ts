// Owns which treatment a text gets by its class: what shortens it without loss, and what cuts it.

import { elisionMarker } from "../../markers";
import type { StashIndex } from "../../strategy";
import { classify, type Span, type TextClass } from "../../text/classify";
import { foldSameShape, shapeOf } from "../../text/line-shapes";
import { lineStarts } from "../../text/lines";
import { cutDelimited } from "./cut-delimited";
import { cutDiff, hunkStarts } from "./cut-diff";
import { cutString, cutText } from "./cut-text";
import { type Cut, countGone, type Limits } from "./elide";
import { cutJson, rowStarts, shortenJson } from "./json";
import { cutNdjson, rowLineStarts, shortenNdjson } from "./ndjson";
import { dropRedrawn, squeezeBlanks, stripAnsi } from "./terminal";

export interface Matter {
  text: string;
  class: TextClass;
  /** Pasted by a user: values keep their spelling and their form. */
  isUserText: boolean;
}

/** The same content, shorter; the text itself where nothing is to be gained. */
export function shorten({ text, class: textClass, isUserText }: Matter, encoding: Limits["encoding"]): string {
  switch (textClass) {
    case "json":
      return shortenJson(text, encoding, isUserText);
    case "ndjson":
      return shortenNdjson(text, isUserText ? "json" : encoding, isUserText);
    case "json_in_text":
      return overSpans(text, (json) => shortenJson(json, "json", isUserText)) ?? text;
    case "lines":
    case "search":
    case "test_output":
    case "stack_trace":
      return folded(squeezeBlanks(stripAnsi(text)));
    case "prose":
      return squeezeBlanks(stripAnsi(text));
    case "diff":
    case "code":
    case "markup":
      // Blanks at the end of a line mean something here.
      return stripAnsi(text);
    case "csv":
    case "base64":
      return text;
  }
}

function folded(text: string): string {
  const fold = foldSameShape(text.split("\n"));
  return fold && fold.text.length < text.length ? fold.text : text;
}

/** What stays of the text; null where nothing of it is to go. */
export function cutMatter({ text, class: textClass, isUserText }: Matter, cut: Cut): string | null {
  switch (textClass) {
    case "json":
      return cutJson(text, cut, isUserText);
    case "ndjson":
      return cutNdjson(text, cut, isUserText);
    case "json_in_text":
      return cutJsonInText(text, cut, isUserText);
    case "diff":
      return cutDiff(stripAnsi(text), cut);
    case "base64":
      return cutString(text, 0, cut);
    case "code":
      return null;
    case "csv":
      return cutDelimited(text, cut) ?? cutText(text, cut.limits.textCapChars, cut);
    case "markup":
      return cutText(text, cut.limits.textCapChars, cut);
    case "lines":
    case "search":
    case "test_output":
    case "stack_trace":
    case "prose":
      return cutLines({ text, class: textClass, isUserText }, cut);
  }
}

function cutJsonInText(text: string, cut: Cut, isUserText: boolean): string | null {
  const inside: Cut = { ...cut, limits: { ...cut.limits, encoding: "json" } };
  let isCut = false;
  const result = overSpans(text, (json) => {
    const short = cutJson(json, inside, isUserText);
    if (short !== null) isCut = true;
    return short ?? json;
  });
  return isCut ? result : null;
}

/** Each JSON value inside a text replaced; null where the text holds none. */
function overSpans(text: string, replace: (json: string) => string): string | null {
  const spans: readonly Span[] = classify(text, { toolName: null, toolArgs: null }).spans ?? [];
  if (spans.length === 0) return null;
  const parts: string[] = [];
  let from = 0;
  for (const { start, end } of spans) {
    if (start < from) continue;
    parts.push(text.slice(from, start), replace(text.slice(start, end)));
    from = end;
  }
  parts.push(text.slice(from));
  return parts.join("");
}

function cutLines(matter: Matter, cut: Cut): string | null {
  const plain = stripAnsi(matter.text);
  const last = dropRedrawn(plain, shapeOf);
  const squeezed = squeezeBlanks(last);
  const isRedrawn = last.length < plain.length;
  if (!isRedrawn && shorten(matter, cut.limits.encoding).length <= cut.limits.textCapChars) return null;
  const short = cutText(squeezed, cut.limits.textCapChars, cut);
  if (short !== null) return matter.class === "prose" ? short : folded(short);
  if (!isRedrawn) return null;
  const gone = plain.length - last.length;
  countGone(cut, "redrawn char", gone);
  const marker = { gone: `${gone} redrawn chars`, facts: "progress, last state kept", handle: cut.handle() };
  return `${squeezed}\n${elisionMarker(marker)}`;
}

/** By which units parts of the original can be asked for. */
export function indexOf({ text, class: textClass }: Matter): StashIndex {
  if (textClass === "json") {
    const starts = rowStarts(text);
    if (starts) return { starts, unit: "row" };
  } else if (textClass === "ndjson") return { starts: rowLineStarts(text), unit: "row" };
  else if (textClass === "diff") {
    const starts = hunkStarts(text);
    if (starts) return { starts, unit: "hunk" };
  }
  return { starts: lineStarts(text), unit: "line" };
}
