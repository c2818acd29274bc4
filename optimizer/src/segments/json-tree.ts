// Owns where the values of a JSON text lie, so that single ones can be changed and every other character stays. Reads
// positions only; what a value means is told by a parser on its slice.

export type JsonNode = ObjectNode | ArrayNode | LeafNode;

/** Half-open range of UTF-16 units in the source. */
export interface Span {
  start: number;
  end: number;
}

export interface ObjectNode extends Span {
  type: "object";
  /** Of doubled names the last one counts, as in a parser. */
  entries: Map<string, JsonNode>;
  /** All of them in order, name included. */
  members: Member[];
}

export interface Member extends Span {
  name: string;
}

export interface ArrayNode extends Span {
  type: "array";
  items: JsonNode[];
}

export interface LeafNode extends Span {
  type: "string" | "scalar";
}

/** Deeper than any real request. */
const depthMax = 256;
const quote = 0x22;
const backslash = 0x5c;

/**
 * Where everything in `source` lies.
 *
 * @throws SyntaxError when it is no JSON, or nested deeper than 256 levels
 */
export function readTree(source: string): JsonNode {
  const reader = new TreeReader(source);
  const root = reader.value(0);
  reader.end();
  // Positions alone do not tell a good number or escape from a bad one.
  JSON.parse(source);
  return root;
}

class TreeReader {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  value(depth: number): JsonNode {
    if (depth > depthMax) throw new SyntaxError(`nested more than ${depthMax} levels deep`);
    this.#skipSpace();
    const code = this.#source.charCodeAt(this.#at);
    if (code === 0x7b) return this.#object(depth);
    if (code === 0x5b) return this.#array(depth);
    const start = this.#at;
    if (code === quote) return { type: "string", start, end: this.#string() };
    while (this.#at < this.#source.length && !endsScalar(this.#source.charCodeAt(this.#at))) this.#at += 1;
    if (this.#at === start) throw this.#unexpected();
    return { type: "scalar", start, end: this.#at };
  }

  end(): void {
    this.#skipSpace();
    if (this.#at < this.#source.length) throw this.#unexpected();
  }

  #object(depth: number): ObjectNode {
    const node: ObjectNode = { type: "object", start: this.#at, end: 0, entries: new Map(), members: [] };
    this.#at += 1;
    if (this.#take(0x7d)) return this.#closed(node);
    for (;;) {
      this.#skipSpace();
      const start = this.#at;
      if (this.#source.charCodeAt(start) !== quote) throw this.#unexpected();
      const end = this.#string();
      const raw = this.#source.slice(start + 1, end - 1);
      const name = raw.includes("\\") ? (JSON.parse(this.#source.slice(start, end)) as string) : raw;
      if (!this.#take(0x3a)) throw this.#unexpected();
      const member = this.value(depth + 1);
      node.entries.set(name, member);
      node.members.push({ name, start, end: member.end });
      if (this.#take(0x2c)) continue;
      if (this.#take(0x7d)) return this.#closed(node);
      throw this.#unexpected();
    }
  }

  #array(depth: number): ArrayNode {
    const node: ArrayNode = { type: "array", start: this.#at, end: 0, items: [] };
    this.#at += 1;
    if (this.#take(0x5d)) return this.#closed(node);
    for (;;) {
      node.items.push(this.value(depth + 1));
      if (this.#take(0x2c)) continue;
      if (this.#take(0x5d)) return this.#closed(node);
      throw this.#unexpected();
    }
  }

  #closed<Node extends Span>(node: Node): Node {
    node.end = this.#at;
    return node;
  }

  /** Steps over the string that opens here; gives its end. Native search finds quotes, escapes are counted backwards. */
  #string(): number {
    let from = this.#at + 1;
    for (;;) {
      const at = this.#source.indexOf('"', from);
      if (at < 0) throw this.#unexpected();
      let escapes = 0;
      while (this.#source.charCodeAt(at - 1 - escapes) === backslash) escapes += 1;
      from = at + 1;
      if (escapes % 2 === 1) continue;
      this.#at = from;
      return from;
    }
  }

  #take(code: number): boolean {
    this.#skipSpace();
    if (this.#source.charCodeAt(this.#at) !== code) return false;
    this.#at += 1;
    return true;
  }

  #skipSpace(): void {
    while (isSpace(this.#source.charCodeAt(this.#at))) this.#at += 1;
  }

  #unexpected(): SyntaxError {
    return new SyntaxError(`unexpected character at position ${this.#at}`);
  }
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

function endsScalar(code: number): boolean {
  return isSpace(code) || code === 0x2c || code === 0x7d || code === 0x5d || code === 0x3a || code === quote;
}

/** The string that a node spells; null when it is none. */
export function stringOf(source: string, node: JsonNode | undefined): string | null {
  if (node?.type !== "string") return null;
  const raw = source.slice(node.start, node.end);
  return raw.includes("\\") ? (JSON.parse(raw) as string) : raw.slice(1, -1);
}

/** The value that a node spells. */
export function jsonOf(source: string, node: JsonNode | undefined): unknown {
  return node === undefined ? undefined : JSON.parse(source.slice(node.start, node.end));
}

export function memberOf(node: JsonNode | undefined, name: string): JsonNode | undefined {
  return node?.type === "object" ? node.entries.get(name) : undefined;
}

export function itemsOf(node: JsonNode | undefined): readonly JsonNode[] {
  return node?.type === "array" ? node.items : [];
}
