// An agent's whole session, sent turn by turn as a client does: what the provider has cached is found again, and the
// session costs less than it would have, by the provider's published prices of cached reads and writes.

import { describe, expect, test } from "bun:test";
import { createBudget } from "../src/budget";
import { modelFacts } from "../src/models";
import { optimize } from "../src/optimize";
import { registry } from "../src/registry";
import { apis } from "../src/segments/apis";
import { Draft } from "../src/segments/draft";
import { emptySession } from "../src/session";
import { estimateTokens } from "../src/text/tokens";
import { type Endpoint, endpoints, paramsOf } from "./run-stand";
import { type Conversation, requestOf, sendingPoints, type Turn } from "./talks";

const log = (name: string, lines: number) =>
  Array.from({ length: lines }, (_, at) => {
    const time = `2026-11-21T10:${String(at % 60).padStart(2, "0")}:00Z`;
    return at === 57
      ? `${time} ERROR ${name} lost its lease`
      : `${time} INFO ${name} renewed lease ${at % 9} in ${at % 7} ms`;
  }).join("\n");
const rows = (count: number) =>
  JSON.stringify(
    Array.from({ length: count }, (_, id) => ({ id, region: `r${id % 3}`, state: id === 31 ? "lost" : "held" })),
    null,
    2,
  );
const tests = (count: number) =>
  [
    "============================= test session starts ==============================",
    ...Array.from({ length: count }, (_, at) => `tests/test_lease.py::test_${at} PASSED`),
    "tests/test_lease.py::test_lost FAILED",
    "E   AssertionError: lease lost",
    `========================= 1 failed, ${count} passed in 2.00s =========================`,
  ].join("\n");

const call = (cmd: string, output: string): Turn => ({
  is: "call",
  tool: "run_command",
  args: { cmd },
  output,
  isError: false,
  thinking: null,
});

const session: Conversation = {
  system: "You are an engineer on call. Find out what is wrong before you change anything. ".repeat(20),
  tools: [{ name: "run_command", description: "Runs a command.", schema: { type: "object", properties: {} } }],
  turns: [
    { is: "user", text: "Leases are lost. Why?" },
    call("kubectl logs lease-0", log("lease-0", 240)),
    call("curl -s localhost/leases", rows(160)),
    call("pytest -q", tests(150)),
    call("kubectl logs lease-1", log("lease-1", 200)),
    { is: "answer", text: "lease-0 and lease-1 both lose one at minute 57." },
    { is: "user", text: "Is it the clock?" },
    call("curl -s localhost/leases", rows(160)),
    call("kubectl logs lease-2", log("lease-2", 260)),
    call("pytest -q", tests(150)),
    call("kubectl logs lease-3", log("lease-3", 220)),
    call("kubectl logs lease-4", log("lease-4", 230)),
  ],
};

/** Texts of a request's parts in the order in which a provider caches them. */
function partsOf(request: string, endpoint: Endpoint): string[] {
  const draft = new Draft(request, apis.get(endpoint) as never);
  const blocks = draft.segments.map(({ original, block }) => original || request.slice(block.start, block.end));
  return [...draft.tools.map(({ original }) => original), ...blocks];
}

interface Bill {
  cost: number;
  rewrites: number;
  tokens: number;
}

/** Sends every turn; each request reads what it shares with the one before from the cache and writes the rest. */
function billOf(endpoint: Endpoint, kinds: ReadonlySet<string> | null, secondsBetween: number): Bill {
  const { cacheRead, cacheWrite5m } = modelFacts("claude-sonnet-4-6", "/v1/messages");
  const strategies = registry.strategies.filter(({ kind }) => kinds?.has(kind));
  const bill: Bill = { cost: 0, rewrites: 0, tokens: 0 };
  let memory = emptySession();
  let now = 1_000_000_000_000;
  let before: string[] = [];
  for (const turns of sendingPoints(session)) {
    const result = optimize({
      endpoint,
      source: requestOf(session, endpoint, turns),
      strategies: strategies.map((strategy) => ({ strategy, params: paramsOf(strategy) })),
      session: memory,
      asker: { user: "u", team: null, session: "s" },
      scope: { tenant: "", user: "u", session: "s" },
      handleKey: new Uint8Array(32).fill(7),
      canRetrieve: true,
      canStash: true,
      canShortCircuit: false,
      now,
      budget: createBudget(60_000),
      factor: () => 1,
      isOff: () => false,
    });
    const parts = partsOf(result.output, endpoint);
    let shared = 0;
    while (shared < before.length && parts[shared] === before[shared]) shared += 1;
    const isDeclared = result.sidecar["rewrittenFrom"] !== undefined;
    if (shared < before.length) {
      expect(isDeclared).toBe(true);
      bill.rewrites += 1;
    }
    const isWarm = secondsBetween < 300;
    for (const [at, part] of parts.entries()) {
      const tokens = estimateTokens(part);
      bill.tokens += tokens;
      bill.cost += tokens * (isWarm && at < shared ? cacheRead : cacheWrite5m);
    }
    before = parts;
    memory = { ...result.session, lastCachedTokens: isWarm ? 1 : 0 };
    now += secondsBetween * 1_000;
  }
  return bill;
}

const all = new Set(registry.strategies.map(({ kind }) => kind).filter((kind) => kind !== "semantic_cache"));
const shipped = new Set(registry.defaultConfig.strategies.filter(({ enabled }) => enabled).map(({ kind }) => kind));

describe.each([...endpoints])("%s", (endpoint) => {
  test.each([
    ["a turn every 5 seconds", 5],
    ["a turn every hour", 3_600],
  ])("%s: the session costs less, and no cached prefix is broken unannounced", (_name, seconds) => {
    const plain = billOf(endpoint, null, seconds);
    for (const kinds of [shipped, all]) {
      const cheaper = billOf(endpoint, kinds, seconds);
      expect(plain.rewrites).toBe(0);
      expect(cheaper.tokens).toBeLessThan(plain.tokens);
      expect(cheaper.cost).toBeLessThan(plain.cost);
    }
  });
});
