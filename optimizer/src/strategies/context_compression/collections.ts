// Owns finding what in a JSON document is a list of many things of one kind. It reads places and kinds of values; what
// is worth keeping of them is told elsewhere.

import type { ArrayNode, JsonNode, ObjectNode } from "../../segments/json-tree";

/**
 * - `objects`: a list of objects
 * - `arrays`: a list of short lists of one length, [time, value] for example
 * - `scalars`: a list of strings, numbers, booleans, nulls
 * - `keyed`: an object whose members are objects of one kind, by id
 */
export type CollectionKind = "objects" | "arrays" | "scalars" | "keyed";

export interface Collection {
  kind: CollectionKind;
  node: ArrayNode | ObjectNode;
  /** Names and indexes that lead there from the root. */
  path: readonly (string | number)[];
  rows: readonly JsonNode[];
  /** The rows' names, where they have some. */
  keys: readonly string[] | null;
}

const rowsMin = 8;
const sameKindShare = 0.9;
/** Rows longer than this on average are looked into: a series may be in each of them. */
const longRowChars = 2_000;
const fewRows = 50;
const rowCellsMax = 12;

/** Lists of at least 8 rows and `charsMin` characters, in order, none inside another. */
export function findCollections(root: JsonNode, charsMin: number): Collection[] {
  return collect(root, [], charsMin);
}

function collect(node: JsonNode, path: readonly (string | number)[], charsMin: number): Collection[] {
  if (node.type !== "array" && node.type !== "object") return [];
  if (node.end - node.start < charsMin) return [];
  const found = collectionAt(node, path);
  const chars = node.end - node.start;
  if (found && (found.rows.length > fewRows || chars / found.rows.length < longRowChars)) return [found];
  const inner = childrenOf(node).flatMap(([name, child]) => collect(child, [...path, name], charsMin));
  if (!found) return inner;
  const covered = inner.reduce((sum, { node: { start, end } }) => sum + end - start, 0);
  return covered >= 0.6 * chars ? inner : [found];
}

function childrenOf(node: ArrayNode | ObjectNode): [string | number, JsonNode][] {
  return node.type === "array" ? node.items.map((item, index) => [index, item]) : [...node.entries];
}

function collectionAt(node: ArrayNode | ObjectNode, path: readonly (string | number)[]): Collection | null {
  if (node.type === "object") return keyedAt(node, path);
  const rows = node.items;
  if (rows.length < rowsMin) return null;
  const isMost = (test: (row: JsonNode) => boolean) => rows.filter(test).length >= sameKindShare * rows.length;
  if (isMost(({ type }) => type === "object")) return { kind: "objects", node, path, rows, keys: null };
  if (isMost(({ type }) => type === "string" || type === "scalar")) {
    return { kind: "scalars", node, path, rows, keys: null };
  }
  const cells = cellsOf(rows.find(({ type }) => type === "array"));
  if (cells < 1 || cells > rowCellsMax) return null;
  return isMost((row) => cellsOf(row) === cells) ? { kind: "arrays", node, path, rows, keys: null } : null;
}

function cellsOf(row: JsonNode | undefined): number {
  if (row?.type !== "array") return -1;
  return row.items.every(({ type }) => type === "string" || type === "scalar") ? row.items.length : -1;
}

function keyedAt(node: ObjectNode, path: readonly (string | number)[]): Collection | null {
  const { members, entries } = node;
  if (members.length < rowsMin || entries.size !== members.length) return null;
  const rows = [...entries.values()];
  const objects = rows.filter((row) => row.type === "object");
  if (objects.length < sameKindShare * rows.length || !isOneKind(objects)) return null;
  return { kind: "keyed", node, path, rows, keys: [...entries.keys()] };
}

/** Members of a config are named, too; what tells records apart is that they have the same fields. */
function isOneKind(objects: readonly ObjectNode[]): boolean {
  const counts = new Map<string, number>();
  for (const { entries } of objects) for (const name of entries.keys()) counts.set(name, (counts.get(name) ?? 0) + 1);
  let fields = 0;
  let shared = 0;
  for (const { entries } of objects) {
    for (const name of entries.keys()) {
      fields += 1;
      if ((counts.get(name) ?? 0) * 2 >= objects.length) shared += 1;
    }
  }
  const specs = objects.filter(({ entries }) => specFields.some((name) => entries.has(name))).length;
  return fields > 0 && shared >= 0.7 * fields && specs * 2 < objects.length;
}

const specFields = ["$ref", "properties", "schema", "responses", "parameters", "anyOf", "oneOf", "allOf"];
const specRoots = ["$schema", "openapi", "swagger", "$defs", "definitions", "jsonschema"];

/** A schema, an API description, a config: every part of it says something of its own. */
export function isSpecification(root: JsonNode): boolean {
  if (root.type !== "object") return false;
  const { entries } = root;
  return specRoots.some((name) => entries.has(name)) || (entries.has("properties") && entries.has("type"));
}

/** The node at the end of `path`. */
export function nodeAt(root: JsonNode, path: readonly (string | number)[]): JsonNode | undefined {
  let node: JsonNode | undefined = root;
  for (const step of path) {
    if (node?.type === "object") node = node.entries.get(String(step));
    else if (node?.type === "array") node = node.items[Number(step)];
    else return undefined;
  }
  return node;
}
