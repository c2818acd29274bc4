// Owns what a tool says of itself: the words it is found by, and whether it is one that must not be judged by words.

import { itemsOf, type JsonNode, memberOf, readTree, stringOf } from "../../segments/json-tree";

export interface ToolFacts {
  /** "" for a tool without one. */
  name: string;
  /** The words of its name. */
  nameWords: readonly string[];
  description: string;
  /** Names of parameters, and the choices they allow. */
  details: string;
  /** Neither description nor parameters: a hosted tool, known to the model by its name or type alone. */
  isHosted: boolean;
  isStrict: boolean;
  /** Carries a breakpoint of the client's. */
  isMarked: boolean;
  /** Loaded only when the model searches for it, or what searches: the provider prunes by itself. */
  isDeferred: boolean;
}

/** Deeper parameters say little about what a tool is for. */
const depthMax = 4;

export function factsOf(source: string): ToolFacts {
  const root = readTree(source);
  const inner = memberOf(root, "function");
  const spec = inner?.type === "object" ? inner : root;
  const text = (node: JsonNode, name: string) => stringOf(source, memberOf(node, name));
  const isTrue = (node: JsonNode, name: string) => {
    const value = memberOf(node, name);
    return value !== undefined && source.slice(value.start, value.end) === "true";
  };
  const name = text(spec, "name") ?? "";
  const description = text(spec, "description") ?? "";
  const schema = memberOf(spec, "parameters") ?? memberOf(spec, "input_schema");
  const details: string[] = [];
  collectDetails(source, schema, details, 0);
  const type = text(root, "type") ?? "";
  return {
    name,
    nameWords: wordsOf(name === "" ? type : name),
    description,
    details: details.join(" "),
    isHosted: description === "" && details.length === 0,
    isStrict: isTrue(root, "strict") || isTrue(spec, "strict"),
    isMarked: memberOf(root, "cache_control") !== undefined,
    isDeferred: isTrue(root, "defer_loading") || type.startsWith("tool_search"),
  };
}

function collectDetails(source: string, schema: JsonNode | undefined, details: string[], depth: number): void {
  if (schema?.type !== "object" || depth > depthMax) return;
  for (const choice of itemsOf(memberOf(schema, "enum"))) details.push(stringOf(source, choice) ?? "");
  const properties = memberOf(schema, "properties");
  if (properties?.type === "object") {
    for (const [name, node] of properties.entries) {
      details.push(name);
      collectDetails(source, node, details, depth + 1);
    }
  }
  collectDetails(source, memberOf(schema, "items"), details, depth + 1);
}

/** "createPullRequest", "issues__list_open" → small words in order. */
export function wordsOf(name: string): string[] {
  const spaced = name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase();
  return spaced.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== "");
}
