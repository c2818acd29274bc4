// Owns what becomes of JSON: without loss, its whitespace goes and its lists become tables; else ordinary rows of long
// lists go, and the middle of long strings. What is no JSON, or a specification, is left alone.

import { elisionMarker, hasMarker } from "../../markers";
import { type JsonNode, readTree } from "../../segments/json-tree";
import { type Collection, findCollections, isSpecification, nodeAt } from "./collections";
import { cutString, isBlob } from "./cut-text";
import { type Cut, countGone, type Limits } from "./elide";
import { elidedName, type Plan, type Writing, writeDocument } from "./json-document";
import { type SelectedRows, selectRows } from "./select-rows";
import { collapseJson, minifyJson } from "./squeeze";

/** Shorter lists gain nothing by becoming tables. */
const tableCharsMin = 400;
/** Shorter lists keep all their rows. */
const selectCharsMin = 1_500;
/** Longer strings inside kept rows lose their middle. */
const rowStringChars = 600;
const nestedMax = 3;

/** The same value, shorter; the text itself where it cannot be read. `isUserText`: every value keeps its spelling. */
export function shortenJson(json: string, encoding: Limits["encoding"], isUserText: boolean): string {
  if (isUserText) return collapseJson(json);
  const source = minifyJson(json);
  if (encoding === "json") return source;
  const root = readOrNull(source);
  if (root === null) return json;
  // Parts of a specification are alike by chance.
  if (isSpecification(root)) return source;
  const plans = findCollections(root, tableCharsMin).map(wholePlan);
  return writeDocument({ source, root, plans, nounOf, cutCell: same, cutLeaf: same }, encoding);
}

function wholePlan(collection: Collection): Plan {
  return { collection, kept: null, digest: [], marker: "" };
}

function same(value: string): string {
  return value;
}

/** What the rows of a collection are called. */
export function nounOf({ kind }: Collection): string {
  return kind === "keyed" ? "entries" : kind === "scalars" ? "values" : "rows";
}

/** The JSON with ordinary rows and the middle of long strings left out; null where nothing is. */
export function cutJson(json: string, cut: Cut, isUserText: boolean, depth = 0): string | null {
  if (hasMarker(json) || json.includes(`"${elidedName}"`)) return null;
  const source = isUserText ? json : minifyJson(json);
  const root = readOrNull(source);
  if (root === null || isSpecification(root)) return null;
  const before = total(cut.gone);
  const plans = findCollections(root, selectCharsMin).map((collection) => planFor(source, collection, cut));
  const cutLeaf = isUserText ? same : (value: string) => cutLeafString(value, cut, depth);
  const cutCell = isUserText ? same : (value: string) => cutCellString(value, cut);
  const writing: Writing = { source, root, plans, nounOf, cutCell, cutLeaf };
  const text = writeDocument(writing, isUserText || depth > 0 ? "json" : cut.limits.encoding);
  return total(cut.gone) > before ? text : null;
}

export function readOrNull(source: string): JsonNode | null {
  try {
    return readTree(source);
  } catch {
    return null;
  }
}

function total(gone: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const count of gone.values()) sum += count;
  return sum;
}

/** What stays of a collection. */
export function planFor(source: string, collection: Collection, cut: Cut, noun = nounOf(collection)): Plan {
  const texts = collection.rows.map(({ start, end }) => source.slice(start, end));
  const values = texts.map((text): unknown => JSON.parse(text));
  const selected = selectRows(texts, values, cut.question, cut.limits, cut.check);
  if (!selected) return wholePlan(collection);
  return planOf(collection, selected, cut, noun);
}

function planOf(collection: Collection, { kept, digest, facts }: SelectedRows, cut: Cut, noun: string): Plan {
  const all = collection.rows.length;
  countGone(cut, noun, all - kept.length);
  const gone = `${all - kept.length} of ${all} ${noun}`;
  const marker = elisionMarker({ gone, facts, handle: cut.handle() });
  return { collection, kept, digest, marker };
}

function cutCellString(value: string, cut: Cut): string {
  return value.length > rowStringChars || isBlob(value) ? cutString(value, rowStringChars, cut) : value;
}

/** A string outside of any list: JSON in it is cut as JSON, any other text like a text of its own. */
function cutLeafString(value: string, cut: Cut, depth: number): string {
  const first = value.trimStart()[0];
  if ((first === "{" || first === "[") && depth < nestedMax && readOrNull(value)) {
    return cutJson(value, cut, false, depth + 1) ?? value;
  }
  const cap = cut.limits.textCapChars;
  return value.length > cap || isBlob(value) ? cutString(value, cap, cut) : value;
}

/** Where the rows of the largest list begin, in the JSON as it came; null where it has none. */
export function rowStarts(json: string): number[] | null {
  const root = readOrNull(json);
  if (root === null) return null;
  let largest: Collection | null = null;
  for (const collection of findCollections(root, selectCharsMin)) {
    if (!largest || sizeOf(collection) > sizeOf(largest)) largest = collection;
  }
  if (!largest) return null;
  const { path, keys, rows } = largest;
  const node = nodeAt(root, path);
  // A row of an object begins at its name.
  if (keys && node?.type === "object") return node.members.map(({ start }) => start);
  return rows.map(({ start }) => start);
}

function sizeOf({ node }: Collection): number {
  return node.end - node.start;
}
