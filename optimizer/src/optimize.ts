// THE FILE TO READ FIRST of the optimizer: what happens to a request, from its text to a cheaper one. Pure: no clock,
// no disk, no network; the same request under the same settings and session memory gives the same bytes.
//
//   read → lay over what earlier turns sent → strategies in order → keep what pays → write back

import type { Decision, SuppressedKind } from "@anyray/shared/protocol";
import { type Budget, OverBudget } from "./budget";
import { bestRewrite, type SentUnit, viewCache } from "./economics";
import type { Scope } from "./handles";
import { handlesIn } from "./markers";
import { modelFacts } from "./models";
import { decide, elisionsOf, type KindSavings, mainClass, neededWrites, type Ran } from "./result";
import { createRuns, NoStash, type Notes, type RunGround } from "./run-of";
import { apis } from "./segments/apis";
import { Draft, type Unit } from "./segments/draft";
import type { SessionMemory } from "./session";
import { goneBefore, sessionAfter } from "./session-after";
import type { Params, RunAsker, StashWrite, Strategy } from "./strategy";
import type { TextClass } from "./text/classify";

export interface OptimizeInput {
  endpoint: string;
  /** JSON text of the provider-shaped request. */
  source: string;
  /** In order of execution, parameters complete. */
  strategies: readonly { strategy: Strategy; params: Params }[];
  session: SessionMemory;
  asker: RunAsker;
  scope: Scope;
  handleKey: Uint8Array;
  /** The asker says that the model has a way to get back what is left out. */
  canRetrieve: boolean;
  /** Originals can be kept. */
  canStash: boolean;
  canShortCircuit: boolean;
  /** Epoch milliseconds: how long the session was silent decides what is cached, and nothing else. */
  now: number;
  budget: Budget;
  factor(model: string | null, textClass: TextClass): number;
  isOff(kind: string, toolName: string | null): boolean;
}

export interface OptimizeResult {
  /** The very `source` where nothing was changed. */
  output: string;
  decisions: readonly Decision[];
  suppressed: readonly SuppressedKind[];
  tokensSaved: number;
  /** Of `tokensSaved`, those that stood in the part of the request that the provider had cached. */
  cachedTokensSaved: number;
  /** Estimated tokens of the request as it goes out, before calibration, and the class that most of it is of. */
  estimatedTokens: number;
  textClass: TextClass;
  /** What stands left out, for the books of what that is worth. */
  elisions: readonly Elision[];
  /** Must be kept before `output` may be used. */
  stashWrites: readonly StashWrite[];
  /** Handles that `output` offers. */
  handles: readonly string[];
  session: SessionMemory;
  sidecar: Readonly<Record<string, unknown>>;
}

export interface Elision {
  kind: string;
  tool: string | null;
  tokensSaved: number;
  /** The tokens would have been read from the provider's cache. */
  isCached: boolean;
  /** Cached tokens that must be written anew because of it. */
  rewrittenTokens: number;
}

/** @throws SyntaxError when the source cannot be read; a strategy's own errors undo that strategy and are told */
export function optimize(input: OptimizeInput): OptimizeResult {
  const api = apis.get(input.endpoint);
  if (!api) throw new SyntaxError(`${input.endpoint} has no request that can be read`);
  const draft = new Draft(input.source, api);
  draft.isOff = input.isOff;
  const ground = layGround(input, draft);
  settleEmitted(draft, input.session);
  const notes: Notes = {
    stashed: new Map(),
    remembered: new Map(input.session.remembered),
    sidecar: {},
    reverted: new Map(),
  };
  const { runOf, classOf } = createRuns(ground, notes);
  const ran = runStrategies(input, ground, notes, runOf);
  draft.layBases();
  const rewrittenFrom = keepWhatPays(ground, notes);
  if (Number.isFinite(rewrittenFrom)) notes.sidecar["rewrittenFrom"] = rewrittenFrom;
  return conclude(input, ground, notes, ran, mainClass(draft, classOf), rewrittenFrom);
}

function layGround(input: OptimizeInput, draft: Draft): RunGround {
  const { session, endpoint } = input;
  const model = modelFacts(draft.model, endpoint);
  const units = draft.units;
  const tokens = units.reduce((sum, unit) => sum + unit.tokensBefore, 0);
  const hasTools = draft.tools.length > 0;
  const isInLoop = draft.segments.at(-1)?.kind === "tool_result";
  let sentUntil = 0;
  while (sentUntil < units.length && units[sentUntil]?.key === session.sent[sentUntil]) sentUntil += 1;
  return {
    draft,
    session,
    cache: viewCache(session, model, tokens, isInLoop, input.now),
    budget: input.budget,
    model,
    asker: input.asker,
    canElide: input.canStash && (hasTools || input.canRetrieve),
    canShortCircuit: input.canShortCircuit,
    handleKey: input.handleKey,
    scope: input.scope,
    factor: (textClass) => input.factor(draft.model, textClass),
    sentUntil,
  };
}

/** What earlier turns sent in a unit's place is sent again, byte for byte: the client knows the original only. */
function settleEmitted(draft: Draft, { emitted }: SessionMemory): void {
  for (const unit of draft.units) {
    const before = emitted.get(unit.key);
    if (before) draft.settle(unit, before);
  }
}

type RunOf = ReturnType<typeof createRuns>["runOf"];

function runStrategies(input: OptimizeInput, ground: RunGround, notes: Notes, runOf: RunOf): Ran[] {
  const { draft } = ground;
  const noStash = input.canStash ? "no_retrieve" : "stash_unavailable";
  return input.strategies.map(({ strategy, params }) => {
    const { run, said } = runOf(strategy.kind);
    const startedAt = performance.now();
    const remembered = notes.remembered.get(strategy.kind);
    draft.begin(strategy.kind);
    if (strategy.tier === "whole" && !ground.canElide) {
      said.suppressed = noStash;
      return { strategy, said, ms: 0, isChanged: false };
    }
    try {
      input.budget.check();
      strategy.run(draft, params, run);
    } catch (error) {
      draft.rollback();
      if (remembered === undefined) notes.remembered.delete(strategy.kind);
      else notes.remembered.set(strategy.kind, remembered);
      said.summary = null;
      said.suppressed = error instanceof OverBudget ? "budget" : error instanceof NoStash ? noStash : "error";
    }
    if (said.suppressed === "no_retrieve") said.suppressed = noStash;
    if (draft.heldBack.has(strategy.kind)) said.suppressed ??= "net_loss";
    return { strategy, said, ms: performance.now() - startedAt, isChanged: draft.isChanged };
  });
}

/** Undoes edits of what the provider has cached, unless rewriting the cache from there on is paid for by them. */
function keepWhatPays({ draft, cache, sentUntil, session }: RunGround, notes: Notes): number {
  const gone = goneBefore(session);
  const units = draft.units.filter((unit) => !(gone.has(unit.key) && draft.isGone(unit)));
  const isEdited = (unit: Unit) => !unit.isSettled && unit.tokens < draft.tokensSent(unit);
  const sentUnits = units.filter(({ at }) => at < sentUntil);
  const sent = sentUnits.map(
    (unit): SentUnit => ({
      at: unit.at,
      tokens: draft.tokensSent(unit),
      removed: isEdited(unit) ? draft.tokensSent(unit) - unit.tokens : 0,
    }),
  );
  // What a strategy took out whole for reasons of its own has the cache rewritten from there on anyway.
  const taken = sentUnits.find((unit) => draft.isGone(unit))?.at ?? Number.POSITIVE_INFINITY;
  const from = Math.min(bestRewrite(sent, cache), taken);
  for (const unit of sentUnits) {
    if (unit.at >= from || !isEdited(unit) || draft.isGone(unit)) continue;
    for (const kind of Object.keys(draft.savings.get(unit) ?? {}))
      notes.reverted.set(kind, (notes.reverted.get(kind) ?? 0) + 1);
    draft.revert(unit);
  }
  return from;
}

function conclude(
  input: OptimizeInput,
  ground: RunGround,
  notes: Notes,
  ran: readonly Ran[],
  main: TextClass,
  rewrittenFrom: number,
): OptimizeResult {
  const { draft, sentUntil } = ground;
  const output = draft.render();
  const factor = ground.factor(main);
  const savings = new Map<string, KindSavings>();
  let cachedTokensSaved = 0;
  for (const [unit, kinds] of draft.savings) {
    for (const [kind, tokens] of Object.entries(kinds)) {
      const sum = savings.get(kind) ?? { before: 0, saved: 0, units: 0 };
      savings.set(kind, { before: sum.before + unit.tokensBefore, saved: sum.saved + tokens, units: sum.units + 1 });
      if (unit.at < sentUntil && ground.cache.isWarm) cachedTokensSaved += tokens;
    }
  }
  const decisions = decide(ran, savings, notes.reverted, factor);
  const tokensSaved = decisions.reduce((sum, { tokensBefore, tokensAfter }) => sum + tokensBefore - tokensAfter, 0);
  const handles = output === input.source ? [] : handlesIn(output);
  return {
    output,
    decisions,
    suppressed: ran.flatMap(({ strategy: { kind }, said: { suppressed: reason } }) =>
      reason ? [{ kind, reason }] : [],
    ),
    tokensSaved,
    cachedTokensSaved: Math.round(cachedTokensSaved * factor),
    estimatedTokens: draft.units.reduce((sum, { tokens }) => sum + tokens, 0),
    textClass: main,
    elisions: elisionsOf(draft, ground, rewrittenFrom),
    stashWrites: neededWrites(ground, notes, handles),
    handles,
    session: sessionAfter(input.session, draft, notes.remembered, input.now),
    sidecar: notes.sidecar,
  };
}
