// Owns what one strategy's run may ask: the Run over a draft, its stash and its memory.

import type { Budget } from "./budget";
import { type CacheView, savedByEdit } from "./economics";
import { handleOf, type Scope } from "./handles";
import type { ModelFacts } from "./models";
import type { Draft, Segment } from "./segments/draft";
import type { SessionMemory } from "./session";
import type { Run, RunAsker, StashIndex, StashWrite } from "./strategy";
import { classify, type TextClass } from "./text/classify";
import { buildQuestion, type Question } from "./text/question";
import { estimateTokens } from "./text/tokens";

/** Thrown by `stash` where nothing may be elided; the strategy's edits are undone. */
export class NoStash extends Error {
  override name = "NoStash";
}

/** All strategies of one request share these. */
export interface RunGround {
  draft: Draft;
  session: SessionMemory;
  cache: CacheView;
  budget: Budget;
  model: ModelFacts;
  asker: RunAsker;
  canElide: boolean;
  canShortCircuit: boolean;
  /** Secret; names stashed originals. */
  handleKey: Uint8Array;
  scope: Scope;
  /** How many tokens the model counts where the estimate says one. */
  factor(textClass: TextClass): number;
  /** Units before this place were sent by the call before, and may be cached. */
  sentUntil: number;
}

/** What the strategies of one request noted. */
export interface Notes {
  stashed: Map<string, StashWrite>;
  remembered: Map<string, unknown>;
  sidecar: Record<string, unknown>;
  /** Kind → edits that were undone because rewriting the provider's cache would cost more than they save. */
  reverted: Map<string, number>;
}

/** What one strategy said of its run. */
export interface Said {
  summary: string | null;
  metric: number | null;
  suppressed: string | null;
}

/** Gives each strategy its Run. What is read of the text is read once for all. */
export function createRuns(ground: RunGround, notes: Notes) {
  const { draft } = ground;
  const classes = new Map<string, TextClass>();
  const questions = new Map<string, Question>();
  const classOf = (segment: Segment) => {
    const known = classes.get(segment.text);
    if (known) return known;
    const { class: found } = classify(segment.text, { toolName: segment.toolName, toolArgs: segment.toolArgs });
    classes.set(segment.text, found);
    return found;
  };
  const question = (segment?: Segment) => {
    const toolArgs = segment?.toolArgs ?? null;
    const known = questions.get(toolArgs ?? "");
    if (known) return known;
    const asked = buildQuestion({ ...lastWords(draft), toolArgs });
    questions.set(toolArgs ?? "", asked);
    return asked;
  };
  const runOf = (kind: string): { run: Run; said: Said } => {
    const said: Said = { summary: null, metric: null, suppressed: null };
    const stash = (content: string, toolName: string | null, textClass: TextClass, index: StashIndex | null) => {
      if (!ground.canElide) throw new NoStash();
      const handle = handleOf(ground.handleKey, ground.scope, content);
      if (!notes.stashed.has(handle)) {
        notes.stashed.set(handle, { handle, kind, class: textClass, toolName, content, index });
      }
      return handle;
    };
    const run: Run = {
      budget: ground.budget,
      canElide: ground.canElide,
      canShortCircuit: ground.canShortCircuit,
      asker: ground.asker,
      model: ground.model,
      isCold: !ground.cache.isWarm,
      tokens: (text, textClass) => Math.ceil(estimateTokens(text) * ground.factor(textClass ?? "prose")),
      classOf,
      question,
      stash: (segment, index = null) => stash(segment.original, segment.toolName, classOf(segment), index),
      stashText: (content, index = null) => stash(content, null, classify(content, noHint).class, index),
      keyed: (text) => new Bun.CryptoHasher("sha256", ground.handleKey).update(text).digest("hex"),
      pays: (at, tokens) => at >= ground.sentUntil || savedByEdit(tokens, tokensBehind(ground, at), ground.cache) > 0,
      recall: () => notes.remembered.get(kind) ?? null,
      remember: (value) => void notes.remembered.set(kind, value),
      report(summary, metric) {
        said.summary = summary;
        said.metric = metric ?? null;
      },
      suppress(reason) {
        said.suppressed = reason;
      },
      sidecar: notes.sidecar,
    };
    return { run, said };
  };
  return { runOf, classOf };
}

const noHint = { toolName: null, toolArgs: null };

/** Tokens that are cached from place `at` on. */
function tokensBehind({ draft, sentUntil }: RunGround, at: number): number {
  let tokens = 0;
  for (const unit of draft.units) {
    if (unit.at >= at && unit.at < sentUntil) tokens += unit.tokensBefore;
  }
  return tokens;
}

/** What people and model said last, in their own words. */
function lastWords({ segments }: Draft) {
  const said = (role: string) => segments.filter((each) => each.role === role && each.kind === "text");
  const users = said("user");
  const last = users.at(-1);
  const wordsOf = (message: number | undefined) =>
    users
      .filter((each) => each.message === message)
      .map(({ original }) => original)
      .join("\n\n");
  const previous = users.findLast(({ message }) => message !== last?.message);
  return {
    lastUser: wordsOf(last?.message),
    previousUser: previous ? wordsOf(previous.message) : null,
    lastAssistant: said("assistant").at(-1)?.original ?? null,
  };
}
