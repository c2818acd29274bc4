// tool_pruning: of many tools, those that the conversation needs. What was left out once stays out, byte for byte, until
// the conversation needs it; the set a session is sent only ever grows.

import type { Draft, Tool } from "../segments/draft";
import type { Params, Run, Strategy } from "../strategy";
import { aboutTools, type Limits, mentionedTools, wishOf } from "./tool_pruning/needed";
import { factsOf, type ToolFacts } from "./tool_pruning/tool-facts";

/** What is remembered of a session: names. What is in neither list was not there when the choice was made. */
interface Remembered {
  dropped: readonly string[];
  /** The wish that the choice was last looked over for, as a keyed hash. */
  wish: string;
}

/** A choice that leaves out less than this share is not worth a model's missing tool. */
const droppedShareMin = 0.25;
const roundsMax = 6;

export const toolPruning = {
  kind: "tool_pruning",
  tier: "selection",
  about: {
    does: "Leaves out tools that the conversation neither uses nor names and that no question is about.",
    risk: "The model cannot call what it does not see: a task that turns out to need such a tool may go another way.",
  },
  params: {
    minTools: { type: "integer", default: 12, min: 2, max: 10_000, help: "Fewer tools than this are all sent." },
    keepMin: {
      type: "integer",
      default: 5,
      min: 1,
      max: 1_000,
      help: "The best so many stay, however badly they match.",
    },
    alpha: {
      type: "number",
      default: 0.3,
      min: 0,
      max: 1,
      help: "Tools that match at least this share as well as the best one stay. Halved for questions about several things.",
    },
    keepUnnamed: {
      type: "boolean",
      default: true,
      help: "Tools without a name, or with nothing to be judged by (hosted ones), always stay.",
    },
    maxKeep: {
      type: "integer",
      default: 20,
      min: 1,
      max: 1_000,
      help: "At most so many stay because they match. Those used or named stay beyond it.",
    },
  },
  bodyBytesMin: 500,
  run(draft, params, run) {
    const before = run.recall() as Remembered | null;
    const facts = draft.tools.map(({ text }) => factsOf(text));
    const reason = reasonAgainst(draft, facts);
    if (reason !== null) {
      // The tools that were left out so far come back: the cached prefix is given up for that.
      if (before !== null) declareBack(draft, new Set(before.dropped), run);
      run.suppress(reason);
      return;
    }
    if (before !== null && before.dropped.length > 0) {
      reapply(draft, facts, params, run, before);
      return;
    }
    if (facts.length < (params["minTools"] as number)) return;
    choose(draft, facts, params, run);
  },
} satisfies Strategy;

/** Null: nothing in the request binds it to the tools it has. */
function reasonAgainst(draft: Draft, facts: readonly ToolFacts[]): string | null {
  const { found, tools } = draft;
  if (tools.length === 0 || found.toolsNode?.items.length !== tools.length) return "no_tools";
  if (facts.some(({ isStrict }) => isStrict)) return "strict_tools";
  if (facts.some(({ isDeferred }) => isDeferred)) return "provider_prunes";
  const choice = draft.field("tool_choice");
  const kind = isObject(choice) ? choice["type"] : choice;
  if (choice !== undefined && choice !== null && kind !== "auto") return "tool_choice";
  const format =
    draft.field("response_format") ?? formatIn(draft.field("text")) ?? formatIn(draft.field("output_config"));
  const isFree = format === undefined || format === null || (isObject(format) && format["type"] === "text");
  return isFree ? null : "structured_output";
}

function formatIn(value: unknown): unknown {
  return isObject(value) ? (value["format"] ?? undefined) : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function limitsOf(params: Params): Limits {
  const keepMin = params["keepMin"] as number;
  return { keepMin, maxKeep: Math.max(keepMin, params["maxKeep"] as number), alpha: params["alpha"] as number };
}

/** Tools that stay whatever is asked. */
function fixedTools(draft: Draft, facts: readonly ToolFacts[], params: Params, run: Run): Set<number> {
  const names = facts.flatMap(({ name }) => (name === "" ? [] : [name]));
  const mentioned = mentionedTools(draft, names, () => run.budget.check());
  const fixed = new Set<number>();
  for (const [at, { name, isHosted, isMarked }] of facts.entries()) {
    const isUnjudged = params["keepUnnamed"] === true && (name === "" || isHosted);
    if (isUnjudged || isMarked || (name !== "" && mentioned.has(name))) fixed.add(at);
  }
  return fixed;
}

/** The first choice of a session, or the first that pays. */
function choose(draft: Draft, facts: readonly ToolFacts[], params: Params, run: Run): void {
  const wish = wishOf(draft);
  const fixed = fixedTools(draft, facts, params, run);
  const kept = settle(facts, fixed, (tools, own) => aboutTools(tools, own, wish, limitsOf(params)), params, run);
  if (kept === null) {
    run.suppress("no_match");
    return;
  }
  const out = draft.tools.filter((_, at) => !kept.has(at));
  if (out.length === 0) return;
  const tokens = out.reduce((sum, tool) => sum + tool.tokens, 0);
  if (!run.pays(out[0]?.at ?? 0, tokens)) {
    run.suppress("warm_cache");
    return;
  }
  drop(draft, out, run);
  const dropped = [...new Set(out.map(({ name }) => name ?? ""))].sort();
  run.remember({ dropped, wish: run.keyed(wish.text) } satisfies Remembered);
}

type About = (tools: readonly ToolFacts[], fixed: ReadonlySet<number>) => Set<number> | null;

/** Chooses among the chosen until that leaves out hardly any more, so that the choice stands when it is made again. */
function settle(
  facts: readonly ToolFacts[],
  fixed: ReadonlySet<number>,
  about: About,
  params: Params,
  run: Run,
): Set<number> | null {
  let kept = facts.map((_, at) => at);
  for (let round = 0; round < roundsMax; round += 1) {
    run.budget.check();
    if (kept.length < (params["minTools"] as number)) break;
    const tools = kept.map((at) => facts[at] as ToolFacts);
    const own = new Set(kept.flatMap((at, place) => (fixed.has(at) ? [place] : [])));
    const found = about(tools, own);
    if (found === null) return round === 0 ? null : new Set(kept);
    const next = kept.filter((_, place) => own.has(place) || found.has(place));
    if (kept.length - next.length < kept.length * droppedShareMin) break;
    kept = next;
  }
  return new Set(kept);
}

/** Sends the set of before again, with what the conversation needs by now. */
function reapply(draft: Draft, facts: readonly ToolFacts[], params: Params, run: Run, before: Remembered): void {
  const wish = wishOf(draft);
  const asked = run.keyed(wish.text);
  const needed = fixedTools(draft, facts, params, run);
  if (asked !== before.wish) {
    for (const at of aboutTools(facts, needed, wish, { ...limitsOf(params), keepMin: 0 }) ?? []) needed.add(at);
  }
  const back = new Set([...needed].map((at) => facts[at]?.name ?? ""));
  const dropped = before.dropped.filter((name) => !back.has(name));
  declareBack(draft, new Set(before.dropped.filter((name) => back.has(name))), run);
  const gone = new Set(dropped);
  const left = draft.tools.filter(({ name }) => gone.has(name ?? ""));
  if (left.length < draft.tools.length) drop(draft, left, run);
  run.remember({ dropped, wish: asked } satisfies Remembered);
}

/** What was cached from the first of the returning tools on is written anew. */
function declareBack(draft: Draft, names: ReadonlySet<string>, run: Run): void {
  const first = draft.tools.find(({ name }) => names.has(name ?? ""));
  if (first) run.sidecar["rewrittenFrom"] = first.at;
}

function drop(draft: Draft, tools: readonly Tool[], run: Run): void {
  if (tools.length === 0) return;
  for (const tool of tools) draft.dropTool(tool);
  run.report(`${tools.length} of ${draft.tools.length} tools left out`, tools.length);
}
