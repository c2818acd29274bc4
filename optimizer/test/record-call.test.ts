// Promise: a finished call of a foreign gateway is stored as it was told, once, or refused with every fault named.

import { afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { openStore } from "@anyray/shared/store/open";
import type { SpendRow } from "@anyray/shared/store/spend-row";
import { startOptimizer, type TestOptimizer } from "./harness";

setDefaultTimeout(30_000);

let optimizer: TestOptimizer;
beforeAll(async () => {
  optimizer = await startOptimizer({ env: { ANYRAY_ATTACH: "true", ANYRAY_REPORT_TZ: "Europe/Berlin" } });
});

async function rows(): Promise<SpendRow[]> {
  const store = await openStore({ dataDir: optimizer.dataDir, timezone: "Europe/Berlin" });
  const page = await store.readRows({ from: 0, to: 9_999_999_999_999 }, null, 100);
  await store.close();
  return page.rows;
}
let before: SpendRow[] = [];
afterEach(async () => {
  before = await rows();
});

const id = "019a0000-0000-7000-8000-00000000000a";
const call = {
  id,
  at: "2026-10-31T23:30:00Z",
  metadata: { user: "Ada", team: "ops", sessionId: "s-1", tool: "cli", tier: "gold", n: 1 },
  provider: "openai",
  model: "gpt-4o-mini",
  responseModel: "gpt-4o-mini-2024-07-18",
  endpoint: "/v1/chat/completions",
  stream: true,
  status: 200,
  usage: { inputTokens: 1_000, cachedInputTokens: 100, outputTokens: 50, reasoningTokens: 10 },
  latencyMs: 812.5,
  ttftMs: 90,
  overheadMs: 2,
  optimizeMs: 1.5,
  outcome: "optimized",
  decisions: [
    { kind: "context_dedupe", summary: "1 copy", tokensBefore: 100, tokensAfter: 40, ms: 1 },
    { kind: "context_dedupe", summary: "1 more", tokensBefore: 50, tokensAfter: 40, ms: 1 },
    { kind: "command_digest", summary: "none", tokensBefore: 5, tokensAfter: 5, ms: 1 },
  ],
};

test("a call is stored as it was told, with its cost, its saving and its month of the reporting zone", async () => {
  const { status, json } = await optimizer.ask("/v1/record", call);
  // gpt-4o-mini: 0.15 in, 0.075 cached, 0.60 out, in USD a million tokens.
  const costNanoUsd = 900 * 150 + 100 * 75 + 50 * 600;
  expect([status, json]).toEqual([200, { id, recorded: true, costUsd: costNanoUsd / 1e9 }]);
  const savingsNanoUsd = 70 * 150;
  expect(await rows()).toEqual([
    {
      id,
      ts: Date.UTC(2026, 9, 31, 23, 30),
      month: "2026-11",
      user: "Ada",
      team: "ops",
      session: "s-1",
      tool: "cli",
      labels: { tier: "gold", n: 1 },
      provider: "openai",
      model: "gpt-4o-mini",
      responseModel: "gpt-4o-mini-2024-07-18",
      endpoint: "/v1/chat/completions",
      stream: true,
      status: 200,
      endReason: "completed",
      inputTokens: 1_000,
      cachedInputTokens: 100,
      cacheWriteTokens: 0,
      cacheWriteLongTokens: 0,
      outputTokens: 50,
      reasoningTokens: 10,
      estimated: false,
      costNanoUsd,
      baselineCostNanoUsd: costNanoUsd + savingsNanoUsd,
      savingsNanoUsd,
      tokensSaved: 70,
      latencyMs: 812.5,
      ttftMs: 90,
      overheadMs: 2,
      optimizeMs: 1.5,
      outcome: "optimized",
      decisions: { context_dedupe: 70, command_digest: 0 },
      arm: "treated",
    },
  ]);
});

test("the same call told again is stored once", async () => {
  const { status, json } = await optimizer.ask("/v1/record", { ...call, status: 500 });
  expect([status, json.recorded]).toEqual([200, false]);
  expect(await rows()).toEqual(before);
});

test("little is enough: what was not told is unknown, not guessed", async () => {
  const toldAt = Date.now();
  const { status, json } = await optimizer.ask("/v1/record", {
    provider: "somebody",
    endpoint: "/v1/messages",
    status: 529,
    latencyMs: 3,
  });
  expect([status, json.recorded, json.costUsd]).toEqual([200, true, null]);
  const row = (await rows()).find((each) => each.id === json.id);
  expect(row?.ts).toBeGreaterThanOrEqual(toldAt);
  expect(row).toMatchObject({
    ...{ user: null, session: null, labels: null, model: null, stream: false, endReason: "completed" },
    ...{ inputTokens: 0, outputTokens: 0, estimated: true, costNanoUsd: null, baselineCostNanoUsd: null },
    ...{ ttftMs: null, overheadMs: 0, outcome: "off", decisions: null },
  });
});

test("a cost that is told wins over the prices; mostly cached input saves at the cached rate", async () => {
  const usage = { inputTokens: 1_000, cachedInputTokens: 900 };
  const { json } = await optimizer.ask("/v1/record", { ...call, id: null, costUsd: 0.5, usage });
  expect(json.costUsd).toBe(0.5);
  const row = (await rows()).find((each) => each.id === json.id);
  expect([row?.costNanoUsd, row?.savingsNanoUsd]).toEqual([500_000_000, 70 * 75]);
});

const refused: [change: Record<string, unknown>, told: string][] = [
  [{ id: "7" }, 'id="7": accepted is a UUID'],
  [{ at: "yesterday" }, 'at="yesterday": accepted is RFC 3339'],
  [{ at: "2199-01-01T00:00:00Z" }, "a day from now"],
  [{ at: -1 }, "at=-1"],
  [{ provider: "Open AI" }, 'provider="Open AI": accepted is a slug'],
  [{ provider: undefined }, "provider=nothing"],
  [{ model: "" }, 'model=""'],
  [{ model: "a\u0000b" }, "model="],
  [{ model: "\ud800" }, "model="],
  [{ responseModel: 4 }, "responseModel=4"],
  [{ endpoint: "v1" }, 'endpoint="v1": accepted is a path'],
  [{ stream: 1 }, "stream=1: accepted is true or false"],
  [{ status: 99 }, "status=99: accepted is a whole number from 100 to 599"],
  [{ endReason: "gone" }, 'endReason="gone": accepted is completed or'],
  [{ outcome: null }, "outcome=null: accepted is optimized or"],
  [{ latencyMs: undefined }, "latencyMs is missing"],
  [{ latencyMs: -1 }, "latencyMs=-1"],
  [{ ttftMs: "5" }, 'ttftMs="5"'],
  [{ costUsd: -0.1 }, "costUsd=-0.1"],
  [{ costUsd: 1e9 }, "costUsd=1000000000"],
  [{ usage: [] }, "usage=[]"],
  [{ usage: { inputTokens: 1.5 } }, "usage.inputTokens=1.5"],
  [{ usage: { input_tokens: 1 } }, 'usage: unknown field "input_tokens"'],
  [{ usage: { inputTokens: 1, cachedInputTokens: 2 } }, "inputTokens includes cache reads and writes, and is smaller"],
  [{ usage: { outputTokens: 1, reasoningTokens: 2 } }, "outputTokens includes reasoningTokens"],
  [{ decisions: {} }, "decisions: accepted is a list"],
  [{ decisions: [{ kind: "__proto__", tokensBefore: 1, tokensAfter: 0 }] }, "decisions[0]="],
  [{ decisions: [{ kind: "x", tokensBefore: 1 }] }, "decisions[0]="],
  [{ metadata: { user: "a\u202eb" } }, "metadata.user="],
  [{ metadata: { tool: "a\u0000" } }, "metadata.tool="],
  [{ metadata: { x: "a\u0000" } }, 'metadata["x"]: must not contain U+0000'],
  [{ metadata: Object.fromEntries(Array.from({ length: 17 }, (_, at) => [`l${at}`, at])) }, "at most 16 labels"],
  [{ costUSD: 1 }, 'unknown field "costUSD": accepted are id, at,'],
];
test.each(refused)("%j is refused", async (change, told) => {
  const { status, json } = await optimizer.ask("/v1/record", { ...call, ...change });
  expect([status, json.error.code]).toEqual([400, "invalid_request"]);
  expect(json.error.message).toContain(told);
  expect(await rows()).toEqual(before);
});

test("all faults are told at once; what is no JSON, or nobody's, is refused too", async () => {
  const { json } = await optimizer.ask(
    "/v1/record",
    Object.assign({}, ...refused.slice(0, 12).map(([change]) => change)),
  );
  expect(json.error.message).toStartWith("9 faults: ");
  expect((await optimizer.ask("/v1/record", "{")).status).toBe(400);
  expect((await optimizer.ask("/v1/record", '{"status":200,"status":500}')).json.error.message).toContain("twice");
  expect((await optimizer.ask("/v1/record", call, { headers: { authorization: "" } })).status).toBe(401);
});
