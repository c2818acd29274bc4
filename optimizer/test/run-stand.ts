// Owns a stand to run one strategy on: a real draft, a real Run over it, and what both noted. No pipeline: nothing is
// undone for the sake of the prompt cache, and nothing an earlier turn sent is laid over, unless `emitted` says so.

import { createBudget } from "../src/budget";
import { handleOf } from "../src/handles";
import { modelFacts } from "../src/models";
import { createRuns, type Notes } from "../src/run-of";
import { apis } from "../src/segments/apis";
import { Draft } from "../src/segments/draft";
import { type Emitted, emptySession } from "../src/session";
import type { StashWrite, Strategy } from "../src/strategy";

export type Endpoint = "/v1/chat/completions" | "/v1/responses" | "/v1/messages";
export const endpoints: readonly Endpoint[] = ["/v1/chat/completions", "/v1/responses", "/v1/messages"];

export interface StandOptions {
  endpoint: Endpoint;
  /** Over the strategy's defaults. */
  params?: Readonly<Record<string, unknown>>;
  canElide?: boolean;
  /** False: everything but the last `freshUnits` units was sent before and is cached. */
  isCold?: boolean;
  freshUnits?: number;
  /** Calls the session made so far; a warm session's edits pay the sooner the more there were. */
  calls?: number;
  remembered?: unknown;
  /** By unit key: what earlier turns sent. */
  emitted?: ReadonlyMap<string, Emitted>;
  budgetMs?: number;
}

export interface Stood {
  output: string;
  draft: Draft;
  /** By handle. */
  stashes: ReadonlyMap<string, StashWrite>;
  /** As `recall` gives it on the next turn. */
  remembered: unknown;
  said: { summary: string | null; metric: number | null; suppressed: string | null };
  sidecar: Readonly<Record<string, unknown>>;
  /** To be given to the next turn as `emitted`. */
  emitted: ReadonlyMap<string, Emitted>;
}

const handleKey = new Uint8Array(32).fill(7);
const scope = { tenant: "", user: "", session: "stand" };

/** The strategy's own defaults with `given` over them. */
export function paramsOf(strategy: Strategy, given: Readonly<Record<string, unknown>> = {}) {
  const params: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(strategy.params)) params[name] = spec.default;
  return { ...params, ...given };
}

/** Runs `strategy` once on the JSON text of a request. What it throws comes out. */
export function runStrategy(strategy: Strategy, source: string, options: StandOptions): Stood {
  const api = apis.get(options.endpoint);
  if (!api) throw new Error(`no API at ${options.endpoint}`);
  const draft = new Draft(source, api);
  for (const unit of [...draft.tools, ...draft.segments]) {
    const before = options.emitted?.get(unit.key);
    if (before) draft.settle(unit, before);
  }
  const units = draft.tools.length + draft.segments.length;
  const isCold = options.isCold ?? true;
  const notes: Notes = { stashed: new Map(), remembered: new Map(), sidecar: {}, reverted: new Map() };
  if (options.remembered !== undefined && options.remembered !== null) {
    notes.remembered.set(strategy.kind, JSON.parse(JSON.stringify(options.remembered)));
  }
  const { runOf } = createRuns(
    {
      draft,
      session: emptySession(),
      cache: { read: 0.1, write: 1.25, isWarm: !isCold, callsLeft: Math.min(20, Math.max(1, options.calls ?? 1)) },
      budget: createBudget(options.budgetMs ?? 60_000),
      model: modelFacts(draft.model, options.endpoint),
      asker: { user: null, team: null, session: "stand" },
      canElide: options.canElide ?? true,
      canShortCircuit: false,
      handleKey,
      scope,
      factor: () => 1,
      sentUntil: isCold ? 0 : Math.max(0, units - (options.freshUnits ?? 0)),
    },
    notes,
  );
  const { run, said } = runOf(strategy.kind);
  draft.begin(strategy.kind);
  strategy.run(draft, paramsOf(strategy, options.params), run);
  const emitted = new Map(options.emitted);
  for (const [unit, saved] of draft.savings) {
    if (unit.text === unit.original || emitted.has(unit.key)) continue;
    emitted.set(unit.key, { text: unit.text, saved, claim: "claim" in unit ? unit.claim : null, handles: [] });
  }
  return {
    output: draft.render(),
    draft,
    stashes: notes.stashed,
    remembered: notes.remembered.get(strategy.kind) ?? null,
    said,
    sidecar: notes.sidecar,
    emitted,
  };
}

/** The handle that the stand's session gives an original. */
export function standHandle(content: string): string {
  return handleOf(handleKey, scope, content);
}
