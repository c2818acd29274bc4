// Owns the optimizer behind the service: around the pure run stand what it keeps (originals, answers, memories of
// sessions, what elisions are worth) and the worker that large requests are run in.

import { join } from "node:path";
import { AnyrayError } from "@anyray/shared/errors";
import type { OptimizeFacts } from "@anyray/shared/protocol";
import { LRUCache } from "lru-cache";
import { openAnswerCache, ttlSecondsDefault } from "./answer-cache/answer-cache";
import { openSimilarAnswers } from "./answer-cache/similar-answers";
import { createAskedCalls } from "./asked";
import { createCalibration } from "./calibration";
import { readCalibration, writeCalibration } from "./calibration-file";
import { noteConversation, openConversations } from "./conversations";
import type { CacheEntry, EnvelopeFacts, Feedback, OpenOptimizer, Optimized, OptimizerParts } from "./deps";
import { forgetOwned } from "./forget";
import type { Scope } from "./handles";
import { createJobCrew, JobFailed } from "./job/crew";
import { type Job, offKey, runJob } from "./job/job";
import { modelFacts } from "./models";
import { openNetSavings } from "./net-savings";
import type { OptimizeResult } from "./optimize";
import { noteElisions, noteRetrieval, priceSavings } from "./savings";
import { openSealedFile } from "./sealed/file";
import { rewrapEach } from "./sealed/rewrap";
import { openTags } from "./sealed/tags";
import { emptySession } from "./session";
import { scopeOf } from "./session-key";
import { openSessionStore } from "./session-store";
import { openStash } from "./stash/stash";
import { noteOutput, paramTuning } from "./strategies/param_tuning";
import type { CacheSimilar } from "./strategies/semantic_cache";
import { warmUp } from "./warm-up";

/** Longer requests are run in the worker. */
const hereCharsMax = 262_144;
/** Milliseconds: a run here holds up every other request, one in the worker only itself. */
const budgetHereMs = 250;
const budgetThereMs = 600;
const tidyEveryMs = 60_000;

/** Keys given out whose answers may still come; how long those may be used is the settings' to say. */
const livesMax = 20_000;

/** What lost money is switched off this much later at most: a report is too long for every request. */
const offEveryMs = 1_000;

export const openOptimizer: OpenOptimizer = async (parts) => {
  const optimizer = openParts(parts);
  let isClosed = false;
  void warmUp(() => isClosed).catch((error) => parts.log.warn("the optimizer could not warm up", { error }));
  const tidy = setInterval(() => tidyUp(optimizer), tidyEveryMs);
  tidy.unref();
  return {
    optimize: async (text, facts) => await optimizeRequest(optimizer, text, facts),
    // Nothing that is registered changes an answer.
    optimizeResponse: async (responseText) => ({ responseText, decisions: [] }),
    cacheStore: async (entry) => await storeAnswer(optimizer, entry),
    async retrieve(query, asker) {
      const { stash } = optimizer;
      const found = stash.retrieve(query, asker && { tenant: asker.team ?? "", user: asker.user ?? "" });
      if (!found) return null;
      noteRetrieval(optimizer, found.record, found.answer.content);
      return { ...found.answer };
    },
    feedback: async (feedback) => takeFeedback(optimizer, feedback),
    forget: async (owned) => forgetOwned(optimizer, owned),
    savings: () => optimizer.net.report(),
    stashBytes: () => optimizer.stash.bytes(),
    rewrap: () => rewrapEach(keptIn(optimizer)),
    async close() {
      isClosed = true;
      clearInterval(tidy);
      optimizer.crew.close();
      writeCalibration(optimizer.calibrationPath, optimizer.calibration.state());
      for (const each of keptIn(optimizer)) each.close();
    },
  };
};

export type Parts = ReturnType<typeof openParts>;

function openParts(parts: OptimizerParts) {
  const { dataDir, keyring, log } = parts;
  const files = { path: join(dataDir, "optimizer.db"), keyring, now: Date.now };
  const db = openSealedFile({ path: files.path, sync: "normal" });
  const handleKey = new TextEncoder().encode(openTags(db, keyring).tag("handles"));
  db.close();
  const net = openNetSavings(files);
  const calibrationPath = join(dataDir, "optimizer-calibration.json");
  return {
    ...parts,
    handleKey,
    stash: openStash(files),
    answers: openAnswerCache(files),
    similar: openSimilarAnswers(files),
    sessions: openSessionStore(files),
    conversations: openConversations(files),
    net,
    off: remember(offEveryMs, () => {
      const off = net.report().filter(({ isOff }) => isOff);
      const tell = off.filter(({ offSince }) => offSince !== null && Date.now() - offSince < 2 * offEveryMs);
      for (const { kind, net: lost } of tell) log.warn("elisions of a tool's results lost money: off", { kind, lost });
      return off.map(({ kind, tool }) => offKey(kind, tool));
    }),
    calibration: createCalibration(readCalibration(calibrationPath)),
    calibrationPath,
    crew: createJobCrew(),
    asked: createAskedCalls(),
    lives: new LRUCache<string, number>({ max: livesMax }),
  };
}

/** Makes a value at most once in `everyMs`. */
function remember<T>(everyMs: number, make: () => T): () => T {
  let made = make();
  let madeAt = performance.now();
  return () => {
    const now = performance.now();
    if (now - madeAt >= everyMs) {
      made = make();
      madeAt = now;
    }
    return made;
  };
}

const keptIn = ({ sessions, conversations, net, answers, similar, stash }: Parts) => [
  ...[sessions, conversations, net, answers, similar, stash],
];

function tidyUp({ stash, answers, similar, sessions, conversations, calibration, calibrationPath, log }: Parts): void {
  try {
    for (const each of [stash, answers, similar, sessions, conversations]) each.sweep();
    writeCalibration(calibrationPath, calibration.state());
  } catch (error) {
    log.warn("the optimizer could not tidy up", { error });
  }
}

async function optimizeRequest(parts: Parts, text: string, facts: EnvelopeFacts): Promise<Optimized> {
  const { sessions, stash } = parts;
  const { strategies, revision } = parts.resolve(facts);
  parts.answers.setGeneration(revision);
  parts.similar.setGeneration(revision);
  for (const each of [stash, sessions, parts.answers]) each.setEnabled(!isContentOff(parts));
  const scope = scopeOf(parts.handleKey, facts.asker, facts.endpoint, facts.request);
  const mayKeep = !isContentOff(parts) && noteConversation(parts, facts.asker, scope);
  const job: Job = {
    endpoint: facts.endpoint,
    source: text,
    strategies: strategies.map(({ strategy, params }) => ({ kind: strategy.kind, params })),
    session: sessions.load(keyOf(scope)) ?? emptySession(),
    asker: { user: facts.asker.user, team: facts.asker.team, session: scope.session },
    scope,
    handleKey: parts.handleKey,
    canRetrieve: facts.capabilities.canRetrieve,
    canStash: mayKeep,
    canShortCircuit: facts.capabilities.canShortCircuit,
    now: Date.now(),
    budgetMs: text.length > hereCharsMax ? budgetThereMs : budgetHereMs,
    calibration: parts.calibration.state(),
    off: parts.off(),
  };
  if (job.strategies.length === 0) return asItCame(text, []);
  const result = await runKept(parts, job, scope);
  if (result === null) return asItCame(text, [{ kind: "*", reason: "budget" }]);
  if (mayKeep || isContentOff(parts)) sessions.save(keyOf(scope), result.session, scope);
  return conclude(parts, job, facts, result);
}

/** Runs the job and keeps its originals. Where those cannot be kept, runs it anew without eliding anything. */
async function runKept(parts: Parts, job: Job, scope: Scope): Promise<OptimizeResult | null> {
  const result = await runAnywhere(parts, job);
  if (result === null) return null;
  const written = new Set(result.stashWrites.map(({ handle }) => handle));
  parts.stash.touch(result.handles.filter((handle) => !written.has(handle)));
  if (written.size === 0) return result;
  try {
    parts.stash.put(scope, result.stashWrites);
    return result;
  } catch (error) {
    parts.log.warn("originals cannot be kept; nothing is elided", { error });
    // What earlier turns elided cannot be offered again either: the memory of it is left out.
    return await runAnywhere(parts, { ...job, canStash: false, session: emptySession() });
  }
}

/** Null when there was no time for it. */
async function runAnywhere({ crew }: Parts, job: Job): Promise<OptimizeResult | null> {
  if (job.source.length <= hereCharsMax) return runJob(job);
  try {
    return await crew.run(job, job.budgetMs + 100);
  } catch (error) {
    if (error instanceof JobFailed && error.reason !== "error") return null;
    throw error;
  }
}

const isContentOff = ({ contentMode }: Parts) => contentMode() === "off";

function keyOf({ tenant, user, session }: Scope): string {
  return JSON.stringify([tenant, user, session]);
}

function conclude(parts: Parts, job: Job, facts: EnvelopeFacts, result: OptimizeResult): Optimized {
  const optimizationId = Bun.randomUUIDv7();
  const model = typeof facts.request["model"] === "string" ? facts.request["model"] : null;
  const { scope } = job;
  const { textClass, estimatedTokens } = result;
  parts.asked.set(optimizationId, { scope, model, textClass, estimatedTokens });
  noteElisions(parts, result, modelFacts(model, job.endpoint));
  const cacheKey = result.sidecar["cacheKey"];
  const key = typeof cacheKey === "string" && facts.capabilities.canShortCircuit ? cacheKey : null;
  const cached = key === null ? null : findAnswer(parts, key, result);
  const lifeSeconds = result.sidecar["cacheTtlSeconds"];
  if (key !== null && typeof lifeSeconds === "number") parts.lives.set(key, lifeSeconds);
  const { cacheKey: _, cacheTtlSeconds: __, cacheSimilar: ___, ...rest } = result.sidecar;
  // Whoever gets an answer to another question can tell.
  const sidecar = cached?.isSimilar ? { ...rest, cacheMatch: "similar" } : rest;
  const told: OptimizeFacts = {
    protocolVersion: 1,
    optimizationId,
    decisions: result.decisions,
    estimatedTokensSaved: result.tokensSaved,
    estimatedSavingsUsd: priceSavings(parts, model, result),
    cacheHit: cached !== null,
    cacheEligible: key !== null,
    ...(key !== null && { cacheKey: key }),
    suppressedKinds: result.suppressed,
    ...(Object.keys(sidecar).length > 0 && { sidecar }),
  };
  return { requestText: result.output, facts: told, cachedResponseText: cached?.answer.response ?? null };
}

/** Its own answer; else one that may stand for it. */
function findAnswer(parts: Parts, cacheKey: string, { sidecar }: OptimizeResult) {
  const own = parts.answers.get(cacheKey);
  if (own) return { answer: own, isSimilar: false };
  const asked = sidecar["cacheSimilar"] as CacheSimilar | undefined;
  if (!asked || isContentOff(parts)) return null;
  const answer = parts.similar.look({ cacheKey, ...asked }, (key) => parts.answers.get(key));
  return answer && { answer, isSimilar: true };
}

function asItCame(requestText: string, suppressedKinds: OptimizeFacts["suppressedKinds"]): Optimized {
  const facts: OptimizeFacts = {
    protocolVersion: 1,
    optimizationId: Bun.randomUUIDv7(),
    decisions: [],
    estimatedTokensSaved: 0,
    estimatedSavingsUsd: 0,
    cacheHit: false,
    cacheEligible: false,
    suppressedKinds,
  };
  return { requestText, facts, cachedResponseText: null };
}

/** @throws AnyrayError invalid_request for a key that was never given out in this form */
async function storeAnswer(parts: Parts, entry: CacheEntry): Promise<boolean> {
  const cacheKey = entry.request ? await keyOfRequest(parts, entry) : entry.cacheKey;
  if (cacheKey === null || isContentOff(parts)) return false;
  if (!/^[0-9a-f]{64}$/.test(cacheKey)) {
    throw new AnyrayError("invalid_request", "cacheKey: accepted is a key that /v1/optimize answered with.");
  }
  const answer = JSON.parse(entry.responseText) as { model?: unknown };
  const model = typeof answer.model === "string" ? answer.model : "";
  const owner = { tenant: entry.asker.team ?? "", user: entry.asker.user ?? "", session: "" };
  const ttlSeconds = entry.ttlSeconds ?? parts.lives.get(cacheKey) ?? ttlSecondsDefault;
  const isKept = parts.answers.put(cacheKey, { response: entry.responseText, model }, { owner, ttlSeconds });
  if (isKept) parts.similar.learn(cacheKey, entry.responseText, { owner, ttlSeconds });
  return isKept;
}

/** The key that asking with this request gives; null where its answer is not to be kept. */
async function keyOfRequest(parts: Parts, { request, asker }: CacheEntry): Promise<string | null> {
  if (!request) return null;
  const parsed = JSON.parse(request.text) as Record<string, unknown>;
  const { facts } = await optimizeRequest(parts, request.text, {
    endpoint: request.endpoint,
    request: parsed,
    asker,
    capabilities: { canShortCircuit: true, canRetrieve: false },
    enabledKinds: new Set(["semantic_cache"]),
  });
  return facts.cacheKey ?? null;
}

/** The bill teaches the estimate, and tells whether the provider had the conversation cached. */
function takeFeedback({ asked, calibration, sessions }: Parts, { optimizationId, usage }: Feedback): void {
  const call = optimizationId === null ? undefined : asked.get(optimizationId);
  if (!call) return;
  calibration.learn(call.model, call.textClass, call.estimatedTokens, usage.inputTokens);
  const session = sessions.load(keyOf(call.scope));
  if (!session) return;
  const remembered = new Map(session.remembered);
  const before = remembered.get(paramTuning.kind);
  if (before !== undefined) remembered.set(paramTuning.kind, noteOutput(before, usage.outputTokens));
  sessions.save(keyOf(call.scope), { ...session, remembered, lastCachedTokens: usage.cachedInputTokens }, call.scope);
}
