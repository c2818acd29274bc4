// Owns writing a JSON document anew with some of its values replaced, in either form: as JSON, or with its lists as
// tables behind it. What is not replaced keeps its own characters.

import { type JsonNode, type ObjectNode, stringOf } from "../../segments/json-tree";
import { estimateTokens } from "../../text/tokens";
import type { Collection } from "./collections";
import { placeholderOf, tableOpening, writeTable } from "./table";

/** What becomes of one collection. */
export interface Plan {
  collection: Collection;
  /** Ascending indexes of the rows that stay; null = all of them. */
  kept: readonly number[] | null;
  /** About all rows, one line per column; [] where none is gone. */
  digest: readonly string[];
  /** Stands where rows are gone; "" where none is. */
  marker: string;
}

export interface Writing {
  source: string;
  root: JsonNode;
  plans: readonly Plan[];
  /** "rows", "entries by key", "lines of JSON". */
  nounOf(collection: Collection): string;
  /** Shortens a string inside a kept row. */
  cutCell(value: string): string;
  /** Shortens a string elsewhere. */
  cutLeaf(value: string): string;
}

/** A table must be shorter than JSON by this share to be worth the change of form. */
const tableSavesMin = 0.25;

export function writeDocument(writing: Writing, encoding: "auto" | "json"): string {
  const json = writeJson(writing);
  if (encoding === "json") return json;
  const tables = writeTables(writing);
  if (tables === null || tables.length >= json.length) return json;
  return estimateTokens(tables) <= (1 - tableSavesMin) * estimateTokens(json) ? tables : json;
}

function writeJson(writing: Writing): string {
  const places = new Map<JsonNode, string>();
  for (const plan of writing.plans) places.set(plan.collection.node, jsonOf(plan, writing));
  return written(writing.source, writing.root, places, writing.cutLeaf);
}

/** Null where no list of the document makes a table. */
export function writeTables(writing: Writing): string | null {
  const { source, root, plans } = writing;
  if (plans.length === 0 || source.includes(tableOpening)) return null;
  const places = new Map<JsonNode, string>();
  const blocks: string[] = [];
  let tables = 0;
  for (const plan of plans) {
    const { collection, kept } = plan;
    const shown = kept ?? collection.rows.map((_, index) => index);
    const noun = writing.nounOf(collection);
    const table = writeTable(source, collection, shown, tables + 1, noun, (_, value) => writing.cutCell(value));
    if (table === null) {
      places.set(collection.node, jsonOf(plan, writing));
      continue;
    }
    tables += 1;
    places.set(collection.node, JSON.stringify(placeholderOf(tables)));
    if (plan.marker !== "") blocks.push(plan.marker);
    if (plan.digest.length > 0) blocks.push(`[all ${collection.rows.length} ${noun}: ${plan.digest.join(" | ")}]`);
    blocks.push(table);
  }
  if (tables === 0) return null;
  const isAll = plans.length === 1 && plans[0]?.collection.node === root;
  if (!isAll) blocks.unshift(written(source, root, places, writing.cutLeaf));
  return blocks.join("\n");
}

/** Under this name stands, inside JSON, what is said of rows that are gone. */
export const elidedName = "_elided";

function jsonOf({ collection, kept, digest, marker }: Plan, { source, cutCell }: Writing): string {
  const { node, rows, keys } = collection;
  const isObject = node.type === "object";
  const shown = kept ?? rows.map((_, index) => index);
  const parts = shown.map((index) => {
    const text = written(source, rows[index] as JsonNode, new Map(), cutCell);
    return isObject ? `${JSON.stringify(keys?.[index])}:${text}` : text;
  });
  if (marker !== "") {
    const said = { rows: `${shown.length} of ${rows.length}`, kept: rangesOf(shown), all: digest, marker };
    parts.push(isObject ? `"${elidedName}":${JSON.stringify(said)}` : JSON.stringify({ [elidedName]: said }));
  }
  return isObject ? `{${parts.join(",")}}` : `[${parts.join(",")}]`;
}

/** The node's own text, with nodes in `places` replaced and strings passed through `cut`. */
function written(
  source: string,
  root: JsonNode,
  places: ReadonlyMap<JsonNode, string>,
  cut: (value: string) => string,
): string {
  const parts: string[] = [];
  let from = root.start;
  const visit = (node: JsonNode): void => {
    const place = places.get(node);
    if (place !== undefined) {
      parts.push(source.slice(from, node.start), place);
      from = node.end;
    } else if (node.type === "object") for (const child of membersOf(node)) visit(child);
    else if (node.type === "array") for (const child of node.items) visit(child);
    else if (node.type === "string" && node.end - node.start > longStringChars) {
      const value = stringOf(source, node) as string;
      const short = cut(value);
      if (short === value) return;
      parts.push(source.slice(from, node.start), JSON.stringify(short));
      from = node.end;
    }
  };
  visit(root);
  parts.push(source.slice(from, root.end));
  return parts.join("");
}

/** In the order they stand: of doubled names the map has the last at the first one's place. */
function membersOf({ entries, members }: ObjectNode): JsonNode[] {
  const nodes = [...entries.values()];
  return entries.size === members.length ? nodes : nodes.sort((a, b) => a.start - b.start);
}

const longStringChars = 256;

/** Ascending indexes as ranges: "0-3,17,20-21". */
export function rangesOf(indexes: readonly number[]): string {
  const ranges: string[] = [];
  for (let at = 0; at < indexes.length; at += 1) {
    const first = indexes[at] as number;
    while (at + 1 < indexes.length && indexes[at + 1] === (indexes[at] as number) + 1) at += 1;
    const last = indexes[at] as number;
    ranges.push(first === last ? `${first}` : `${first}-${last}`);
  }
  return ranges.join(",");
}
