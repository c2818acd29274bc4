// Owns what becomes of lines of JSON, one value each: the rules are those of a JSON list. Lines that are no JSON stay
// as they are.

import { elisionMarker, hasMarker } from "../../markers";
import type { ArrayNode, JsonNode } from "../../segments/json-tree";
import { estimateTokens } from "../../text/tokens";
import type { Collection } from "./collections";
import { cutString, isBlob } from "./cut-text";
import { type Cut, countGone, type Limits } from "./elide";
import { readOrNull } from "./json";
import { elidedName, type Plan, rangesOf, writeTables } from "./json-document";
import { selectRows } from "./select-rows";
import { collapseJson, minifyJson } from "./squeeze";

const noun = "lines of JSON";
const tableSavesMin = 0.25;
const rowStringChars = 600;

/** The same lines, shorter. */
export function shortenNdjson(text: string, encoding: Limits["encoding"], isUserText: boolean): string {
  const lines = linesOf(text);
  const squeeze = isUserText ? collapseJson : minifyJson;
  const short = lines.map((line) => (readOrNull(line) ? squeeze(line) : line)).join("\n");
  if (encoding === "json") return short;
  const list = listOf(lines);
  if (!list) return short;
  return shorter(
    tableOf(list, null, [], "", (value) => value),
    short,
  );
}

/** Lines with ordinary ones left out; null where none is. */
export function cutNdjson(text: string, cut: Cut, isUserText: boolean): string | null {
  if (hasMarker(text) || text.includes(`"${elidedName}"`)) return null;
  const lines = linesOf(text);
  const values = lines.map(parsed);
  const selected = selectRows(
    lines,
    values.map((value) => value ?? {}),
    cut.question,
    cut.limits,
    cut.check,
  );
  if (!selected) return null;
  const keep = new Set(selected.kept);
  // A line that is no JSON says something else than all the others.
  for (const [row, value] of values.entries()) if (value === undefined) keep.add(row);
  const kept = [...keep].sort((a, b) => a - b);
  const gone = lines.length - kept.length;
  if (gone === 0) return null;
  countGone(cut, "row", gone);
  const marker = elisionMarker({
    gone: `${gone} of ${lines.length} ${noun}`,
    facts: selected.facts,
    handle: cut.handle(),
  });
  const cutCell = (value: string) =>
    value.length > rowStringChars || isBlob(value) ? cutString(value, rowStringChars, cut) : value;
  const said = { rows: `${kept.length} of ${lines.length}`, kept: rangesOf(kept), all: selected.digest, marker };
  const rows = kept.map((row) => {
    const line = lines[row] as string;
    return isUserText || values[row] === undefined ? line : minifyJson(line);
  });
  const short = [...rows, JSON.stringify({ [elidedName]: said })].join("\n");
  if (isUserText || cut.limits.encoding === "json") return short;
  const list = listOf(lines);
  return list ? shorter(tableOf(list, kept, selected.digest, marker, cutCell), short) : short;
}

function shorter(table: string | null, lines: string): string {
  if (table === null || table.length >= lines.length) return lines;
  return estimateTokens(table) <= (1 - tableSavesMin) * estimateTokens(lines) ? table : lines;
}

function linesOf(text: string): string[] {
  const lines = text.split("\n").map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
  return lines.filter((line) => line.trim() !== "");
}

/** Undefined: no JSON. */
function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}

/** All lines as one list; null where some are no JSON. */
function listOf(lines: readonly string[]): { source: string; root: ArrayNode } | null {
  if (!lines.every((line) => readOrNull(line))) return null;
  const source = `[${lines.map(minifyJson).join(",")}]`;
  const root: JsonNode | null = readOrNull(source);
  return root?.type === "array" && root.items.length === lines.length ? { source, root } : null;
}

function tableOf(
  { source, root }: { source: string; root: ArrayNode },
  kept: readonly number[] | null,
  digest: readonly string[],
  marker: string,
  cutCell: (value: string) => string,
): string | null {
  const collection: Collection = { kind: "objects", node: root, path: [], rows: root.items, keys: null };
  const plan: Plan = { collection, kept, digest, marker };
  return writeTables({ source, root, plans: [plan], nounOf: () => noun, cutCell, cutLeaf: cutCell });
}

/** Where each line that holds something begins. */
export function rowLineStarts(text: string): number[] {
  const starts: number[] = [];
  for (let start = 0; start <= text.length; ) {
    const end = text.indexOf("\n", start);
    const line = text.slice(start, end < 0 ? text.length : end);
    if (line.trim() !== "") starts.push(start);
    start = end < 0 ? text.length + 1 : end + 1;
  }
  return starts;
}
