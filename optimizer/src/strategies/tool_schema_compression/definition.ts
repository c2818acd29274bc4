// Owns a tool's definition as places that may be changed: its descriptions, and members of its schema that no caller of
// the tool is bound by. Names, types, limits, choices and references are never touched.

import { itemsOf, type JsonNode, memberOf, type ObjectNode, readTree, stringOf } from "../../segments/json-tree";

export interface Edit {
  start: number;
  end: number;
  text: string;
}

/** A description, and what stands beside it. */
export interface Described {
  text: string;
  /** Of the property or tool; "" where it has none. */
  name: string;
  /** Type and choices as the schema tells them, as words. */
  said: string;
  isRoot: boolean;
}

/** What takes a description's place; "" takes it out. */
export type Rewrite = (described: Described) => string;

export interface Definition {
  source: string;
  /** The object that holds name and description. */
  spec: ObjectNode;
  name: string;
  schema: ObjectNode | null;
  isStrict: boolean;
}

/** Null for what is no definition of a function: hosted tools have nothing to be compressed. */
export function readDefinition(source: string): Definition | null {
  const root = readTree(source);
  if (root.type !== "object") return null;
  const inner = memberOf(root, "function");
  const spec = inner?.type === "object" ? inner : root;
  const schema = memberOf(spec, "parameters") ?? memberOf(spec, "input_schema");
  const name = stringOf(source, memberOf(spec, "name"));
  if (name === null) return null;
  const isStrict = [root, spec].some((node) => {
    const strict = memberOf(node, "strict");
    return strict !== undefined && source.slice(strict.start, strict.end) === "true";
  });
  return { source, spec, name, schema: schema?.type === "object" ? schema : null, isStrict };
}

/** The description of the tool itself. */
export function rootDescription({ source, spec }: Definition): string | null {
  return stringOf(source, memberOf(spec, "description"));
}

/** All edits, in order of place. `dropsUnused`: definitions that nothing refers to go too. */
export function editsOf(definition: Definition, rewrite: Rewrite, dropsUnused: boolean): Edit[] {
  const { source, spec, schema, name } = definition;
  const edits: Edit[] = [];
  const drops = new Set<string>();
  const root = rewriteDescription(source, spec, { name, said: "", isRoot: true }, rewrite, edits);
  if (root) drops.add("description");
  addDrops(spec, drops, edits);
  if (schema) {
    const walk: Walk = { source, rewrite, edits, unused: dropsUnused ? unusedDefinitions(source, schema) : new Set() };
    walkSchema(walk, schema, name, true);
  }
  return edits.sort((a, b) => a.start - b.start);
}

export function applyEdits(source: string, edits: readonly Edit[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const { start, end, text } of edits) {
    parts.push(source.slice(at, start), text);
    at = end;
  }
  return parts.join("") + source.slice(at);
}

interface Walk {
  source: string;
  rewrite: Rewrite;
  edits: Edit[];
  unused: ReadonlySet<JsonNode>;
}

const schemaMaps = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];
const schemaLists = ["anyOf", "oneOf", "allOf", "prefixItems", "items"];
const schemas = [
  ...["items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"],
  ...["unevaluatedItems", "unevaluatedProperties", "additionalItems", "contentSchema"],
];

function walkSchema(walk: Walk, node: JsonNode | undefined, name: string, isRoot = false): void {
  if (node?.type !== "object" || isDoubled(node)) return;
  const { source, edits } = walk;
  const drops = idleMembers(walk, node, name, isRoot);
  const said = saidBy(source, node);
  if (rewriteDescription(source, node, { name: isRoot ? "" : name, said, isRoot: false }, walk.rewrite, edits)) {
    drops.add("description");
  }
  for (const key of schemaMaps) {
    const map = memberOf(node, key);
    if (map?.type !== "object" || isDoubled(map)) continue;
    const isNamed = key === "properties";
    const gone = new Set<string>();
    for (const [member, value] of map.entries) {
      if (walk.unused.has(value)) gone.add(member);
      else walkSchema(walk, value, isNamed ? member : "");
    }
    if (gone.size > 0 && gone.size === map.members.length) drops.add(key);
    else addDrops(map, gone, edits);
  }
  for (const key of schemas) walkSchema(walk, memberOf(node, key), "");
  for (const key of schemaLists) for (const item of itemsOf(memberOf(node, key))) walkSchema(walk, item, "");
  addDrops(node, drops, edits);
}

/** Members that bind nobody and tell the model nothing. */
function idleMembers({ source }: Walk, node: ObjectNode, name: string, isRoot: boolean): Set<string> {
  const drops = new Set<string>();
  const text = (key: string) => stringOf(source, memberOf(node, key));
  if (text("$comment") !== null) drops.add("$comment");
  const title = text("title");
  if (title !== null && (title.trim() === "" || (name !== "" && isSameName(title, name)))) drops.add("title");
  if (text("description")?.trim() === "") drops.add("description");
  if (examplesAreTold(source, node)) drops.add("examples");
  if (!isRoot) return drops;
  const dialect = text("$schema");
  // In the oldest drafts words mean something else, and the mark says so.
  if (dialect !== null && !/draft-0[0-4]\b/.test(dialect)) drops.add("$schema");
  if (text("$id") !== null && refsOf(source, node).every((ref) => ref.startsWith("#"))) drops.add("$id");
  return drops;
}

/** Every example is a choice or the default anyway. */
function examplesAreTold(source: string, node: ObjectNode): boolean {
  const examples = memberOf(node, "examples");
  if (examples?.type !== "array") return false;
  const slice = (each: JsonNode) => source.slice(each.start, each.end);
  const told = new Set(itemsOf(memberOf(node, "enum")).map(slice));
  const fallback = memberOf(node, "default");
  if (fallback) told.add(slice(fallback));
  return examples.items.every((each) => told.has(slice(each)));
}

function isSameName(a: string, b: string): boolean {
  const bare = (text: string) => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
  return bare(a) !== "" && bare(a) === bare(b);
}

/** True: it is to be taken out. */
function rewriteDescription(
  source: string,
  node: ObjectNode,
  of: Omit<Described, "text">,
  rewrite: Rewrite,
  edits: Edit[],
): boolean {
  const literal = memberOf(node, "description");
  const text = stringOf(source, literal);
  if (!literal || text === null || text.trim() === "" || isDoubled(node)) return false;
  const written = rewrite({ ...of, text });
  if (written === "") return true;
  if (written !== text && written.length < text.length) {
    edits.push({ start: literal.start, end: literal.end, text: JSON.stringify(written) });
  }
  return false;
}

function saidBy(source: string, node: ObjectNode): string {
  const words = ["type", "format"].map((key) => stringOf(source, memberOf(node, key)) ?? "");
  for (const choice of itemsOf(memberOf(node, "enum"))) words.push(stringOf(source, choice) ?? "");
  return words.join(" ");
}

/** An object with a name twice is left alone: which of the two counts is the reader's choice. */
function isDoubled(node: ObjectNode): boolean {
  return node.members.length !== node.entries.size;
}

function addDrops(node: ObjectNode, names: ReadonlySet<string>, edits: Edit[]): void {
  if (names.size === 0 || isDoubled(node)) return;
  const { members } = node;
  const isGone = (at: number) => names.has(members[at]?.name ?? "");
  // What was changed inside a member that goes, goes with it.
  for (let at = 0; at < members.length; at += 1) {
    if (!isGone(at)) continue;
    const { start, end } = members[at] as (typeof members)[number];
    for (let index = edits.length - 1; index >= 0; index -= 1) {
      const edit = edits[index] as Edit;
      if (edit.start >= start && edit.end <= end) edits.splice(index, 1);
    }
  }
  let keptEnd = -1;
  for (let at = 0; at < members.length; at += 1) {
    const { start, end } = members[at] as (typeof members)[number];
    if (!isGone(at)) {
      keptEnd = end;
      continue;
    }
    let last = at;
    while (last + 1 < members.length && isGone(last + 1)) last += 1;
    const next = members[last + 1];
    const lastEnd = members[last]?.end ?? end;
    if (next) edits.push({ start, end: next.start, text: "" });
    else edits.push({ start: keptEnd < 0 ? start : keptEnd, end: lastEnd, text: "" });
    at = last;
  }
}

/** Values of every `$ref` and its like, wherever they stand: too many only keep too much. */
function refsOf(source: string, root: JsonNode): string[] {
  const refs: string[] = [];
  const visit = (node: JsonNode): void => {
    if (node.type === "array") for (const item of node.items) visit(item);
    if (node.type !== "object") return;
    for (const [name, value] of node.entries) {
      if (/^\$(?:ref|dynamicRef|recursiveRef)$/.test(name)) refs.push(stringOf(source, value) ?? "?");
      visit(value);
    }
  };
  visit(root);
  return refs;
}

/** Definitions that nothing leads to from the schema itself. Where a reference is of another form, none. */
function unusedDefinitions(source: string, schema: ObjectNode): ReadonlySet<JsonNode> {
  const none = new Set<JsonNode>();
  const pools = ["$defs", "definitions"].flatMap((key) => {
    const pool = memberOf(schema, key);
    return pool?.type === "object" && !isDoubled(pool) ? [{ key, pool }] : [];
  });
  if (pools.length === 0) return none;
  const byPointer = new Map<string, JsonNode>();
  for (const { key, pool } of pools) for (const [name, node] of pool.entries) byPointer.set(`#/${key}/${name}`, node);
  const waiting = [...schema.entries]
    .filter(([name]) => !pools.some(({ key }) => key === name))
    .flatMap(([, node]) => refsOf(source, node));
  const rootRef = stringOf(source, memberOf(schema, "$ref"));
  if (rootRef !== null) waiting.push(rootRef);
  const used = new Set<JsonNode>();
  for (let ref = waiting.pop(); ref !== undefined; ref = waiting.pop()) {
    const node = byPointer.get(ref);
    if (!node || /[~%]/.test(ref)) return none;
    if (used.has(node)) continue;
    used.add(node);
    waiting.push(...refsOf(source, node));
  }
  return new Set([...byPointer.values()].filter((node) => !used.has(node)));
}
