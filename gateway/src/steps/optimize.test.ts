import { expect, test } from "bun:test";
import type { Call } from "../call";
import { chatCompletions } from "../endpoints/chat-completions";
import { createBreaker } from "../optimizer/breaker";
import { createEligibility, readEligibility } from "../optimizer/eligibility";
import type { Optimizer } from "../optimizer/optimizer";
import { optimize, withOptimized } from "./optimize";

const plain = new Uint8Array(Buffer.from('{"model":"m","messages":[]}'));

function openWorld() {
  const breaker = createBreaker({ now: performance.now.bind(performance), random: () => 1 });
  const eligibility = createEligibility();
  const killSwitch = { isEngaged: false };
  const optimizer = {
    ...{ breaker, eligibility, limitMs: 800, capabilities: {} },
    called() {},
    client: { ask: () => Promise.reject(new Error("a fault of ours")) },
  } as unknown as Optimizer;
  const call = {
    endpoint: chatCompletions,
    request: new Request("http://h/v1/chat/completions", { method: "POST" }),
    identity: { user: null, team: null, session: null, tool: null, labels: null, isMetadataInvalid: false },
    ...{ plain, body: plain, bodyBytes: plain.length, isBodyInflated: false, receivedAt: performance.now() },
  } as unknown as Call;
  return { call, breaker, eligibility, killSwitch, settings: { optimizer, killSwitch } };
}

test("a fault of ours is the optimizer's silence, never the call's", async () => {
  const { call, settings } = openWorld();
  expect(await optimize(call, settings)).toMatchObject({ outcome: "error", body: null, facts: null });
});

test("not asking costs a call next to nothing", () => {
  const { call, breaker, eligibility, killSwitch, settings } = openWorld();
  const outcomes: string[] = [];
  /** Of the best of several runs: what others do on this machine is not its cost. */
  const costUs = (outcome: string) => {
    const calls = 20_000;
    let best = Number.POSITIVE_INFINITY;
    for (let run = 0; run < 5; run++) {
      const startedAt = performance.now();
      for (let at = 0; at < calls; at++) optimize(call, settings);
      best = Math.min(best, ((performance.now() - startedAt) * 1_000) / calls);
    }
    const now = optimize(call, settings);
    expect(now).toMatchObject({ outcome, optimizeMs: null, body: null });
    outcomes.push(outcome);
    return best;
  };
  killSwitch.isEngaged = true;
  expect(costUs("off")).toBeLessThan(5);
  killSwitch.isEngaged = false;
  eligibility.learn(readEligibility(Buffer.from('{"revision":"r","bodyBytesMin":{}}')), call.receivedAt);
  expect(costUs("unchanged")).toBeLessThan(5);
  eligibility.learn(null, 0);
  breaker.probed("unreachable");
  expect(costUs("unreachable")).toBeLessThan(5);
  breaker.probed("timeout");
  expect(costUs("timeout")).toBeLessThan(5);
  call.request.headers.set("x-anyray-optimize", "off");
  expect(costUs("bypassed")).toBeLessThan(5);
  expect(outcomes).toHaveLength(5);
});

test("the call goes on as it was, or with what the optimizer made of it", () => {
  const { call } = openWorld();
  const made = { optimizeMs: 1, facts: null, cached: null, cacheKey: null };
  expect(withOptimized(call, { ...made, outcome: "unchanged", body: null })).toBe(call);
  const body = new Uint8Array(Buffer.from("{}"));
  const optimized = withOptimized(call, { ...made, outcome: "optimized", body });
  expect(optimized).toMatchObject({ body, plain: body, bodyBytes: 2, isBodyInflated: false });
  expect(call.body).toBe(plain);
  const compressed = { ...call, body: new Uint8Array([1, 2, 3]) };
  expect(withOptimized(compressed, { ...made, outcome: "optimized", body }).isBodyInflated).toBe(true);
});
