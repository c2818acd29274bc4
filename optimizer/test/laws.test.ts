// The laws every strategy obeys, and all of them together: over generated conversations in the three request shapes.
// The seed of a failing run is in its report.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createBudget } from "../src/budget";
import { handlesIn } from "../src/markers";
import { type OptimizeInput, optimize } from "../src/optimize";
import { registry } from "../src/registry";
import { apis } from "../src/segments/apis";
import { Draft } from "../src/segments/draft";
import { emptySession } from "../src/session";
import type { Strategy } from "../src/strategy";
import { faultsOf } from "./legality";
import { type Endpoint, endpoints, paramsOf } from "./run-stand";
import { type Conversation, conversation, requestOf, sendingPoints } from "./talks";

const runs = Number(process.env["LAW_RUNS"] ?? 25);
const all = registry.strategies;
const suites: [string, readonly Strategy[]][] = [
  ...all.map((each): [string, Strategy[]] => [each.kind, [each]]),
  ["all together", all],
];

/** Limits that small conversations reach: under the defaults some strategies would never act here. */
const eager: Readonly<Record<string, Record<string, unknown>>> = {
  param_tuning: { maxTokensCap: 1_024 },
  observation_mask: { keepRecentTurns: 1, minChars: 300 },
  output_externalize: { minChars: 1_000 },
  window_budget: { maxTokens: 2_000 },
  tool_pruning: { minTools: 2, keepMin: 1 },
  cache_optimizer: { minPrefixChars: 100 },
};

function inputOf(source: string, endpoint: string, strategies: readonly Strategy[], more: Partial<OptimizeInput> = {}) {
  return {
    endpoint,
    source,
    strategies: strategies.map((strategy) => {
      // A crop makes what is left more recent: the others would judge it anew when they saw it for the first time.
      const isAlone = strategies.length === 1 || strategy.kind !== "window_budget";
      return { strategy, params: paramsOf(strategy, isAlone ? eager[strategy.kind] : {}) };
    }),
    session: emptySession(),
    asker: { user: "u", team: "t", session: "s" },
    scope: { tenant: "t", user: "u", session: "s" },
    handleKey: new Uint8Array(32).fill(7),
    canRetrieve: true,
    canStash: true,
    canShortCircuit: true,
    now: 1_000_000_000,
    budget: createBudget(60_000),
    factor: () => 1,
    isOff: () => false,
    ...more,
  } satisfies OptimizeInput;
}

const sent = fc.record({ talk: conversation, endpoint: fc.constantFrom(...endpoints) });
const check = (holds: (talk: Conversation, endpoint: Endpoint) => void) =>
  fc.assert(
    fc.property(sent, ({ talk, endpoint }) => holds(talk, endpoint)),
    { numRuns: runs },
  );

const draftOf = (source: string, endpoint: Endpoint) => new Draft(source, apis.get(endpoint) as never);

describe.each(suites)("%s", (_name, strategies) => {
  test("gives the same bytes for the same request, and leaves what it gave alone", () => {
    check((talk, endpoint) => {
      const source = requestOf(talk, endpoint);
      const once = optimize(inputOf(source, endpoint, strategies));
      expect(optimize(inputOf(source, endpoint, strategies)).output).toBe(once.output);
      expect(optimize(inputOf(once.output, endpoint, strategies)).output).toBe(once.output);
    });
  });

  test("no segment grows, and the request stays legal", () => {
    check((talk, endpoint) => {
      const source = requestOf(talk, endpoint);
      const { output, decisions } = optimize(inputOf(source, endpoint, strategies));
      expect(faultsOf(endpoint, output)).toEqual(faultsOf(endpoint, source));
      const before = draftOf(source, endpoint).segments;
      const after = draftOf(output, endpoint).segments;
      if (before.length === after.length) {
        for (const [at, segment] of before.entries()) {
          const now = after[at]?.original ?? "";
          if (now !== segment.original) expect(now.length).toBeLessThanOrEqual(segment.original.length - 64);
        }
      }
      for (const { tokensBefore, tokensAfter } of decisions) expect(tokensAfter).toBeLessThanOrEqual(tokensBefore);
    });
  });

  test("unknown fields, calls, thinking and what is not text stay as they are", () => {
    check((talk, endpoint) => {
      const source = requestOf(talk, endpoint);
      const { output } = optimize(inputOf(source, endpoint, strategies));
      expect(JSON.parse(output)["x-unknown"]).toEqual(JSON.parse(source)["x-unknown"]);
      const blocks = (text: string) => {
        const draft = draftOf(text, endpoint);
        return draft.segments
          .filter(({ original }) => original === "")
          .map(({ block }) => text.slice(block.start, block.end));
      };
      const kept = new Set(blocks(source).map((each) => JSON.stringify(withoutMarks(JSON.parse(each)))));
      for (const each of blocks(output)) expect(kept).toContain(JSON.stringify(withoutMarks(JSON.parse(each))));
    });
  });

  test("the user's own words of the live turn are untouched", () => {
    check((talk, endpoint) => {
      const source = requestOf(talk, endpoint);
      const { output } = optimize(inputOf(source, endpoint, strategies));
      const words = (text: string) =>
        draftOf(text, endpoint).segments.findLast(
          // A gap's marker may stand behind them, in a block of its own.
          ({ role, kind, original }) => role === "user" && kind === "text" && !original.startsWith("[... "),
        )?.original;
      const said = words(source) ?? "";
      expect(words(output)?.slice(0, said.length)).toBe(said);
    });
  });

  test("every handle that is offered leads to an original that is kept, whole", () => {
    check((talk, endpoint) => {
      const source = requestOf(talk, endpoint);
      const { output, stashWrites } = optimize(inputOf(source, endpoint, strategies));
      const kept = new Set(stashWrites.map(({ handle }) => handle));
      const offeredBefore = new Set(handlesIn(source));
      const offered = (output.match(/ctx_[a-z2-7]{16}/g) ?? []).filter((handle) => !source.includes(handle));
      for (const handle of [...handlesIn(output), ...offered]) {
        if (!offeredBefore.has(handle)) expect(kept).toContain(handle);
      }
      const originals = new Set(draftOf(source, endpoint).segments.map(({ original }) => original));
      const whole = stashWrites.filter(({ index }) => index === null || index.unit === "line");
      for (const { content } of whole) expect(originals.has(content) || source.length > content.length).toBe(true);
    });
  });

  test("another tenant's handles are others", () => {
    check((talk, endpoint) => {
      const source = requestOf(talk, endpoint);
      const a = optimize(inputOf(source, endpoint, strategies)).stashWrites.map(({ handle }) => handle);
      const scope = { tenant: "other", user: "u", session: "s" };
      const b = optimize(inputOf(source, endpoint, strategies, { scope })).stashWrites.map(({ handle }) => handle);
      expect(new Set([...a, ...b]).size).toBe(a.length + b.length);
    });
  });

  test("a decision's words say nothing of the content", () => {
    check((talk, endpoint) => {
      const canary = "zqx-canary-7731";
      const marked: Conversation = {
        ...talk,
        turns: talk.turns.map((turn) => (turn.is === "call" ? { ...turn, output: `${turn.output}\n${canary}` } : turn)),
      };
      const source = requestOf(marked, endpoint);
      const { decisions, suppressed, sidecar } = optimize(inputOf(source, endpoint, strategies));
      expect(JSON.stringify([decisions, suppressed, sidecar])).not.toContain(canary);
    });
  });

  test("along a conversation the cached prefix is sent again byte for byte, or its rewriting is declared", () => {
    check((talk, endpoint) => {
      let session = emptySession();
      let now = 1_000_000_000;
      let before: string[] = [];
      for (const turns of sendingPoints(talk)) {
        const source = requestOf(talk, endpoint, turns);
        const result = optimize(inputOf(source, endpoint, strategies, { session, now }));
        const draft = draftOf(result.output, endpoint);
        const units = [...draft.tools, ...draft.segments].map(({ original, key }) => original || key.slice(0, 22));
        const isDeclared = result.sidecar["rewrittenFrom"] !== undefined || result.sidecar["cropped"] !== undefined;
        if (!isDeclared) expect(units.slice(0, before.length)).toEqual(before);
        before = units;
        session = { ...result.session, lastCachedTokens: 1 };
        now += 5_000;
      }
    });
  });
});

test("the conversations are such that every strategy acts on some", () => {
  const acted = new Set<string>();
  fc.assert(
    fc.property(sent, ({ talk, endpoint }) => {
      for (const strategy of all) {
        const { decisions, sidecar } = optimize(inputOf(requestOf(talk, endpoint), endpoint, [strategy]));
        if (decisions.length > 0 || sidecar["cacheKey"] !== undefined) acted.add(strategy.kind);
      }
    }),
    { numRuns: 150 },
  );
  // An agent's conversations are never answered from the cache: it has a test of its own.
  expect([...acted].sort()).toEqual(
    all
      .map(({ kind }) => kind)
      .filter((kind) => kind !== "semantic_cache")
      .sort(),
  );
});

/** Without the annotations that a cache strategy adds, and the client's own of that kind. */
function withoutMarks(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMarks);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).filter(([name]) => name !== "cache_control");
  return Object.fromEntries(members.map(([name, each]) => [name, withoutMarks(each)]));
}
