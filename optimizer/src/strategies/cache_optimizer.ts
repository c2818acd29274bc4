// cache_optimizer: lets the provider's prompt cache find what was sent before. Adds breakpoints and a cache key beside
// the text and changes none of it; taken out again, they leave the request as it came.

import type { Draft } from "../segments/draft";
import type { Params, Run, Strategy } from "../strategy";
import { clientMarks, type Mark, marksToAdd } from "./cache_optimizer/breakpoints";

/** How long silences between calls were so far, as counts; and the life that was chosen, once it was the longer. */
interface Remembered {
  short: number;
  long: number;
  isLongLived: boolean;
}

/** Fewer silences than this tell nothing. */
const silencesMin = 4;
/** Keys longer than 64 characters are refused. */
const cacheKeyChars = 40;

export const cacheOptimizer = {
  kind: "cache_optimizer",
  tier: "params",
  about: {
    does: "Adds cache breakpoints (Anthropic) or a cache key per conversation (OpenAI), where the client has none.",
    risk: "Writing to the cache costs up to twice the input price: a conversation that never comes back pays it in vain.",
  },
  params: {
    minPrefixChars: {
      type: "integer",
      default: 5_000,
      min: 1_000,
      max: 10_000_000,
      help: "Shorter beginnings of a request are not marked, nor those below 1.1 times what the model can cache.",
    },
    maxBreakpoints: {
      type: "integer",
      default: 4,
      min: 1,
      max: 4,
      help: "Most breakpoints in a request, the client's own included.",
    },
    ttl: {
      type: "choice",
      default: "auto",
      choices: ["auto", "5m", "1h"],
      help: 'Life of what is cached. "auto" takes an hour where the session\'s silences make that cheaper.',
    },
  },
  bodyBytesMin: 1_000,
  run(draft, params, run) {
    if (draft.source.length < (params["minPrefixChars"] as number)) return;
    if (run.model.provider === "openai" && run.model.caching !== "none") addCacheKey(draft, run);
    else if (run.model.provider === "anthropic" && run.model.acceptsCacheBreakpoints)
      addBreakpoints(draft, params, run);
  },
} satisfies Strategy;

/** Requests of one conversation are then sent to where its beginning is cached. */
function addCacheKey(draft: Draft, run: Run): void {
  if (draft.api.name === "messages" || draft.root.entries.has("prompt_cache_key")) return;
  const tokens = [...draft.tools, ...draft.segments].reduce((sum, unit) => sum + unit.tokens, 0);
  if (tokens < run.model.cacheMinTokens) return;
  draft.setField("prompt_cache_key", run.keyed(`prompt cache ${run.asker.session}`).slice(0, cacheKeyChars));
  run.report("cache key added", 1);
}

function addBreakpoints(draft: Draft, params: Params, run: Run): void {
  if (draft.api.name !== "messages") return;
  const isLongLived = lifeOf(params["ttl"] as string, run);
  if (draft.root.entries.has("cache_control")) {
    run.suppress("client_caches");
    return;
  }
  const own = clientMarks(draft);
  if (own === null) {
    run.suppress("client_caches");
    return;
  }
  const room = Math.min(params["maxBreakpoints"] as number, run.model.cacheBreakpointsMax) - own.length;
  const marks = marksToAdd(draft, own, {
    room,
    charsMin: params["minPrefixChars"] as number,
    tokensMin: run.model.cacheMinTokens * 1.1,
    lookback: run.model.cacheLookbackBlocks,
  });
  for (const mark of marks) draft.annotate(mark.node, "cache_control", controlFor(mark, own, isLongLived));
  if (marks.length > 0) run.report(`${marks.length} breakpoints added`, marks.length);
}

/** Entries that live longer must stand before the others: between the client's own, ours follow those. */
function controlFor({ place }: Mark, own: readonly Mark[], isLongLived: boolean): Record<string, string> {
  const isBeforeLong = own.some((mark) => mark.isLongLived && mark.place > place);
  const isBehindShort = own.some((mark) => !mark.isLongLived && mark.place < place);
  const isLong = isBeforeLong || (isLongLived && !isBehindShort);
  return isLong ? { type: "ephemeral", ttl: "1h" } : { type: "ephemeral" };
}

/** Whether entries are to live an hour. What was chosen for a session stays: a change would write everything anew. */
function lifeOf(ttl: string, run: Run): boolean {
  if (ttl !== "auto") return ttl === "1h";
  const before = run.recall() as Remembered | null;
  const { short, long, isLongLived } = before ?? { short: 0, long: 0, isLongLived: false };
  const next: Remembered =
    before === null
      ? { short, long, isLongLived }
      : { short: short + (run.isCold ? 0 : 1), long: long + (run.isCold ? 1 : 0), isLongLived };
  next.isLongLived ||= isLongCheaper(next, run);
  run.remember(next);
  return next.isLongLived;
}

/** A silence past the short life is taken to end within the hour as often as not: only its length is not known here. */
function isLongCheaper({ short, long }: Remembered, { model, isCold }: Run): boolean {
  // While the cache is warm, a change of life would write what is there once more.
  if (!isCold || short + long < silencesMin) return false;
  const withinFive = short / (short + long);
  const withinHour = (1 - withinFive) / 2;
  const beyond = 1 - withinFive - withinHour;
  const shortCost = model.cacheRead * withinFive + model.cacheWrite5m * (1 - withinFive);
  const longCost = model.cacheRead * (withinFive + withinHour) + model.cacheWrite1h * beyond;
  return longCost < shortCost;
}
