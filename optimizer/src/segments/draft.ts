// Owns a request while it is being made cheaper: its segments and tools as units that can be edited, and the rules
// that no edit can get around. The source stays; edits are laid over it and written back by render.ts.

import { hasMarker } from "../markers";
import type { Emitted } from "../session";
import { estimateTokens } from "../text/tokens";
import type { Api, Found } from "./api";
import { type JsonNode, jsonOf, type ObjectNode, readTree, stringOf } from "./json-tree";
import { render } from "./render";
import {
  createKeys,
  createMessage,
  createSegments,
  createTool,
  type Message,
  type Segment,
  type Tool,
  type Unit,
} from "./units";

export type { Message, Segment, Tool, Unit } from "./units";

export type EditTier = "lossless" | "selection" | "whole";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** An edit must save at least so much, or it stays undone: a marker nobody needed is worse than the text. */
const charsSavedMin = 64;
const shareSavedMin = 0.08;

export class Draft {
  readonly source: string;
  readonly api: Api;
  readonly root: ObjectNode;
  readonly model: string | null;
  readonly segments: readonly Segment[];
  readonly tools: readonly Tool[];
  readonly messages: readonly Message[];
  readonly found: Found;
  /** Top-level field → JSON text it is given; null = taken out. */
  readonly fields = new Map<string, string | null>();
  /** Object in the source → members added to it. */
  readonly annotations = new Map<JsonNode, Map<string, string>>();
  /** Message → texts added at its end. */
  readonly additions = new Map<number, string[]>();
  /** Tool → its place, where the order was changed. */
  toolOrder: readonly number[] | null = null;
  /** Kinds that lost money on a tool's results: nothing is selected from those. */
  isOff: (kind: string, toolName: string | null) => boolean = () => false;
  /** Kinds that `isOff` kept from selecting. */
  readonly heldBack = new Set<string>();
  readonly #units: readonly Unit[];
  readonly #bases = new Map<Unit, Emitted>();
  readonly #undo: (() => void)[] = [];
  readonly #touched = new Map<Unit, Record<string, number>>();
  #kind = "";

  /** @throws SyntaxError when `source` is no JSON object that can be read */
  constructor(source: string, api: Api) {
    const root = readTree(source);
    if (root.type !== "object") throw new SyntaxError("not an object");
    this.source = source;
    this.api = api;
    this.root = root;
    this.model = stringOf(source, root.entries.get("model"));
    this.found = api.walk(source, root);
    const keyOf = createKeys();
    this.tools = this.found.tools.map((tool, at) => createTool(source, tool, at, keyOf));
    this.segments = createSegments(source, this.found, this.tools.length, keyOf);
    this.#units = [...this.tools, ...this.segments];
    this.messages = this.found.messages.map((message, index) => createMessage(message, index, this.segments));
  }

  /** What follows is done by `kind`, and can be taken back until the next `begin`. */
  begin(kind: string): void {
    this.#kind = kind;
    this.#undo.length = 0;
  }

  /** Takes back everything since `begin`. */
  rollback(): void {
    for (let undo = this.#undo.pop(); undo; undo = this.#undo.pop()) undo();
  }

  /** Whether anything was changed since `begin`. */
  get isChanged(): boolean {
    return this.#undo.length > 0;
  }

  /** Whether an edit of this tier may be tried at all: cheaper to ask than to make a text that is refused. */
  accepts(segment: Segment, tier: EditTier, isPasted = false): boolean {
    if (segment.isSettled || segment.original === "" || segment.kind === "tool_use" || segment.kind === "thinking")
      return false;
    // What was re-encoded once is sent in that form again, or selected from.
    if (tier === "lossless") return !this.#bases.has(segment);
    if (segment.isFresh && !(isPasted && segment.role === "user")) return false;
    if (segment.claim !== null && segment.claim !== this.#kind) return false;
    if (this.isOff(this.#kind, segment.toolName)) {
      this.heldBack.add(this.#kind);
      return false;
    }
    return !hasMarker(segment.text);
  }

  /**
   * Puts `text` in the place of a segment's, if the rules allow and it saves enough. `isPasted` says that only data
   * which the user pasted into the live message was touched, never the user's own words.
   */
  propose(segment: Segment, text: string, tier: EditTier, isPasted = false): boolean {
    if (!this.accepts(segment, tier, isPasted)) return false;
    const charsSaved = segment.text.length - text.length;
    if (charsSaved < Math.max(charsSavedMin, segment.text.length * shareSavedMin)) return false;
    const tokens = estimateTokens(text);
    const tokensSaved = segment.tokens - tokens;
    if (tokensSaved < Math.max(1, segment.tokens * shareSavedMin)) return false;
    this.#change(segment as Writable<Segment>, {
      text,
      tokens,
      claim: tier === "lossless" ? segment.claim : this.#kind,
    });
    this.#credit(segment, tokensSaved);
    return true;
  }

  /** Gives a tool another definition: JSON text of an object, shorter than before. */
  setTool(tool: Tool, text: string): boolean {
    if (tool.isSettled || tool.isDropped || text.length >= tool.text.length) return false;
    const tokens = estimateTokens(text);
    const tokensSaved = tool.tokens - tokens;
    if (tokensSaved < 1) return false;
    this.#change(tool as Writable<Tool>, { text, tokens });
    this.#credit(tool, tokensSaved);
    return true;
  }

  dropTool(tool: Tool): void {
    if (tool.isDropped) return;
    const { tokens } = tool;
    this.#change(tool as Writable<Tool>, { isDropped: true, tokens: 0 });
    this.#credit(tool, tokens);
  }

  /** `order[i]` is the index of the tool that goes to place i. */
  orderTools(order: readonly number[]): void {
    if (this.found.toolsNode?.items.length !== this.tools.length) return;
    const before = this.toolOrder;
    this.toolOrder = order;
    this.#undo.push(() => {
      this.toolOrder = before;
    });
  }

  /** Takes a message out, with all that is in it. Pairing of calls and results is the caller's duty. */
  dropMessage(message: Message): void {
    if (message.isDropped) return;
    this.#change(message as Writable<Message>, { isDropped: true });
    for (const segment of message.segments) {
      const { tokens } = segment;
      this.#change(segment as Writable<Segment>, { tokens: 0 });
      this.#credit(segment, tokens);
    }
  }

  /** Adds text at the end of a message as a block of its own, or to its string. False where it takes none. */
  addText(message: Message, text: string): boolean {
    if (!this.found.messages[message.index]?.content) return false;
    const { index } = message;
    const before = this.additions.get(index);
    this.additions.set(index, [...(before ?? []), text]);
    this.#undo.push(() => restore(this.additions, index, before));
    return true;
  }

  /** A top-level field's value; undefined when it is absent. */
  field(name: string): unknown {
    const set = this.fields.get(name);
    if (set !== undefined) return set === null ? undefined : JSON.parse(set);
    return jsonOf(this.source, this.root.entries.get(name));
  }

  setField(name: string, value: unknown): void {
    this.#setField(name, JSON.stringify(value));
  }

  removeField(name: string): void {
    this.#setField(name, null);
  }

  /** Adds a member to an object of the source that has none of that name. */
  annotate(node: JsonNode, name: string, value: unknown): void {
    const before = this.annotations.get(node);
    this.annotations.set(node, new Map(before).set(name, JSON.stringify(value)));
    this.#undo.push(() => restore(this.annotations, node, before));
  }

  /**
   * Lays what an earlier turn sent over a unit, for good; but what was only re-encoded then can still be selected from
   * once it is no longer live. Until `layBases` such a segment shows its original.
   */
  settle(unit: Unit, emitted: Emitted): void {
    const isOpen = "claim" in unit && emitted.claim === null && !unit.isFresh;
    this.#bases.set(unit, emitted);
    if (isOpen) return;
    (unit as Writable<Unit>).isSettled = true;
    this.#lay(unit, emitted);
  }

  /** Where no selection from a re-encoded segment is shorter than what was sent of it, that is sent again. */
  layBases(): void {
    for (const [unit, emitted] of this.#bases) {
      if (unit.isSettled || this.isGone(unit) || !("claim" in unit)) continue;
      if (unit.claim === null || unit.text.length >= emitted.text.length) this.#lay(unit, emitted);
    }
  }

  /** Takes a unit back to what was sent of it before, or else to what the caller sent. */
  revert(unit: Unit): void {
    const base = this.#bases.get(unit);
    if (base) {
      this.#lay(unit, base);
      return;
    }
    const changes = { text: unit.original, tokens: unit.tokensBefore };
    Object.assign(unit, "claim" in unit ? { ...changes, claim: null } : changes);
    this.#touched.delete(unit);
  }

  /** Tokens that were sent in a unit's place by the call before, as far as it was sent. */
  tokensSent(unit: Unit): number {
    const base = this.#bases.get(unit);
    return base ? estimateTokens(base.text) : unit.tokensBefore;
  }

  #lay(unit: Unit, { text, claim, saved }: Emitted): void {
    const changes = { text, tokens: estimateTokens(text) };
    Object.assign(unit, "claim" in unit ? { ...changes, claim } : changes);
    this.#touched.set(unit, { ...saved });
  }

  /** Everything a provider's prompt cache counts along, in order. */
  get units(): readonly Unit[] {
    return this.#units;
  }

  /** Taken out whole, as a tool or with its message. */
  isGone(unit: Unit): boolean {
    return "isDropped" in unit ? unit.isDropped : this.messages[unit.message]?.isDropped === true;
  }

  /** Kind → tokens saved, for each unit that stands edited. */
  get savings(): ReadonlyMap<Unit, Readonly<Record<string, number>>> {
    return this.#touched;
  }

  /** The request as it stands: the source itself when nothing was changed. */
  render(): string {
    return render(this);
  }

  #setField(name: string, json: string | null): void {
    const before = this.fields.get(name);
    this.fields.set(name, json);
    this.#undo.push(() => restore(this.fields, name, before));
  }

  #change<T extends object>(target: T, changes: Partial<T>): void {
    const before: Partial<T> = {};
    for (const name of Object.keys(changes) as (keyof T)[]) before[name] = target[name];
    Object.assign(target, changes);
    this.#undo.push(() => Object.assign(target, before));
  }

  #credit(unit: Unit, tokens: number): void {
    const before = this.#touched.get(unit);
    const kind = this.#kind;
    this.#touched.set(unit, { ...before, [kind]: (before?.[kind] ?? 0) + tokens });
    this.#undo.push(() => restore(this.#touched, unit, before));
  }
}

function restore<K, V>(map: Map<K, V>, key: K, before: V | undefined): void {
  if (before === undefined) map.delete(key);
  else map.set(key, before);
}
