// Owns a small optimizer for tests of the service: what it does is told by the request itself, and everything it was
// asked last is kept.

import type { CacheEntry, EnvelopeFacts, Feedback, Optimized, OptimizerParts } from "../src/deps";
import type { Registry } from "../src/settings/config";
import type { ParamSpecs, Strategy } from "../src/strategy";

function strategy(kind: string, bodyBytesMin: number, params: ParamSpecs = {}): Strategy {
  const about = { does: `Is called ${kind}.`, risk: "None: it does nothing." };
  return { kind, tier: "lossless", about, params, bodyBytesMin, run() {} };
}

export const registry: Registry = {
  strategies: [
    strategy("param_tuning", 500, {
      maxTokensCap: { type: "integer", default: null, min: 1, max: 1_000_000, help: "Most output tokens." },
    }),
    strategy("context_dedupe", 4_000, {
      nearDupe: { type: "boolean", default: true, help: "Also what is nearly the same." },
      jaccard: { type: "number", default: 0.8, min: 0.5, max: 1, help: "How alike." },
    }),
    strategy("code_graph", 2_000),
    strategy("code_skeleton", 2_000),
    strategy("context_compression", 1_500, {
      minChars: { type: "integer", default: 1_500, min: 0, max: 10_000_000, help: "Shorter texts are left alone." },
      encoding: { type: "choice", default: "auto", choices: ["auto", "json"], help: "Of tables." },
      roles: { type: "list", default: ["tool"], choices: ["tool", "function", "user"], help: "Whose texts." },
      words: { type: "list", default: [], choices: null, help: "Any words." },
    }),
    strategy("window_budget", 8_000),
    strategy("cache_optimizer", 5_000),
  ],
  defaultConfig: {
    defaultsRevision: 7,
    strategies: [
      { kind: "context_dedupe", enabled: true, params: {} },
      { kind: "context_compression", enabled: true, params: { minChars: 2_000 } },
      { kind: "cache_optimizer", enabled: true, params: {} },
    ],
    overrides: { byEndpoint: {}, rules: [] },
  },
};

const decision = { kind: "context_dedupe", summary: "1 copy", tokensBefore: 100, tokensAfter: 40, ms: 1 };

/** What it was told last is read back through `retrieve`, handle "ctx_asked". */
export async function openStandIn({ resolve }: OptimizerParts) {
  let asked: unknown = null;
  return {
    async optimize(requestText: string, facts: EnvelopeFacts): Promise<Optimized> {
      const { revision, strategies } = resolve(facts);
      const { asker, enabledKinds, ...rest } = facts;
      asked = {
        ...rest,
        requestText,
        asker: { ...asker, labels: Object.fromEntries(asker.labels) },
        enabledKinds: enabledKinds && [...enabledKinds],
        strategies: strategies.map(({ strategy: { kind }, params }) => ({ kind, params })),
      };
      return act(String(facts.request["do"]), requestText, revision);
    },
    async optimizeResponse(responseText: string) {
      if (responseText.includes('"throw"')) throw new Error("canary-of-the-inside");
      const changed = responseText.replace('"long"', '"short"');
      return { responseText: changed, decisions: changed === responseText ? [] : [decision] };
    },
    async cacheStore(entry: CacheEntry) {
      if (entry.responseText.includes('"throw"')) throw new Error("canary-of-the-inside");
      asked = { ...entry, asker: entry.asker.user };
      return !entry.responseText.includes('"unwanted"');
    },
    async retrieve({ handle, ...part }: { handle: string }, asker: unknown) {
      if (handle === "ctx_throw") throw new Error("canary-of-the-inside");
      if (handle === "ctx_asked") return { handle, content: JSON.stringify(asked) };
      if (handle === "ctx_known") return { handle, content: "\ud800 kept", part, asker };
      return null;
    },
    async feedback(feedback: Feedback) {
      if (feedback.model === "throw") throw new Error("canary-of-the-inside");
      const { labels, ...asker } = feedback.asker;
      asked = { ...feedback, asker };
    },
    async forget(owned: unknown) {
      if (JSON.stringify(owned).includes("throw")) throw new Error("canary-of-the-inside");
      asked = owned;
      return 3;
    },
    savings: () => [],
    stashBytes: () => 12_345,
    rewrap: async () => ({ rewrapped: 0, unreadable: 0 }),
    async close() {
      console.log("the stand-in is closed");
    },
  };
}

async function act(wish: string, requestText: string, revision: string): Promise<Optimized> {
  const facts = {
    protocolVersion: 1 as const,
    optimizationId: "an-optimization",
    decisions: [] as (typeof decision)[],
    estimatedTokensSaved: 0,
    estimatedSavingsUsd: 0,
    cacheHit: false,
    cacheEligible: false,
    suppressedKinds: [] as { kind: string; reason: string }[],
    sidecar: { revision },
  };
  const done = { requestText, facts, cachedResponseText: null };
  switch (wish) {
    case "throw":
      throw new TypeError(`canary-of-the-inside ${requestText}`);
    case "reject":
      return await Promise.reject("canary-of-the-inside");
    case "slow":
      await Bun.sleep(400);
      return done;
    case "half":
      return { ...done, requestText: requestText.replace('"half"', '"\ud83d"') };
    case "break":
      return { ...done, requestText: requestText.slice(0, -1) };
    case "bigint":
      return { ...done, facts: { ...facts, sidecar: { count: 1n } } };
    case "shrink":
      return {
        ...done,
        requestText: requestText.replace('"shrink"', '"s"'),
        facts: {
          ...facts,
          decisions: [decision],
          estimatedTokensSaved: 60,
          suppressedKinds: [{ kind: "context_compression", reason: "no_retrieve" }],
        },
      };
    case "hit":
      return { ...done, facts: { ...facts, cacheHit: true }, cachedResponseText: '{"n": 1.0}' };
    default:
      return done;
  }
}
