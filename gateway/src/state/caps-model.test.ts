// The caps against a plain model of them: every sum recomputed from the list of calls at every step.

import { describe, expect, test } from "bun:test";
import { AnyrayError } from "@anyray/shared/errors";
import { createManualClock } from "@anyray/shared/testing/clock";
import fc from "fast-check";
import { CallerLeft, type Hold } from "../call";
import { Caps } from "./caps";
import { OutputForecast } from "./output-forecast";

const users = ["ada", "__proto__", "constructor", "2026-11 x", "x", "toString", ""];
const months = ["2026-11", "2026-12", "2027-01", "2027-02", "2027-03"];
const waitMsMax = 2_000;

type Status = "free" | "waiting" | "running" | "refused" | "left" | "done";

interface ModelCall {
  user: string;
  month: string;
  inputTokens: number;
  maxOutputTokens: number | null;
  status: Status;
  heldTokens: number;
  usedTokens: number;
  giveUpAt: number;
  /** As the real one sees it. */
  seen: Status;
  hold: Hold | null;
  leave: AbortController;
}

type Op =
  | { kind: "reserve"; user: string; inputTokens: number; maxOutputTokens: number | null }
  | { kind: "settle"; at: number; inputTokens: number; outputTokens: number }
  | { kind: "leave"; at: number }
  | { kind: "cap"; user: string; limit: number | null }
  | { kind: "month" }
  | { kind: "pass"; ms: number };

const index = fc.nat(30);
const user = fc.constantFrom(...users);
const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("reserve" as const),
      user,
      inputTokens: fc.nat(60),
      maxOutputTokens: fc.option(fc.nat(60)),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("settle" as const),
      at: index,
      inputTokens: fc.nat(80),
      outputTokens: fc.nat(80),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("leave" as const), at: index }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("cap" as const), user, limit: fc.option(fc.nat(200)) }) },
  { weight: 1, arbitrary: fc.constant({ kind: "month" as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.nat(2_500) }) },
);

/** The rule, in its plainest form. */
class Model {
  calls: ModelCall[] = [];
  limits = new Map<string, number>();
  forecasts = new Map<string, OutputForecast>();
  /** Tokens of calls that no cap counted: they began and ended while there was none. */
  month = 0;
  nowMs = 0;

  of(user: string, month: string, ...statuses: Status[]): ModelCall[] {
    return this.calls.filter((c) => c.user === user && c.month === month && statuses.includes(c.status));
  }
  used(user: string, month: string): number {
    return this.of(user, month, "done").reduce((sum, { usedTokens }) => sum + usedTokens, 0);
  }
  reserved(user: string, month: string): number {
    return this.of(user, month, "running").reduce((sum, { heldTokens }) => sum + heldTokens, 0);
  }
  estimate(call: ModelCall): number {
    return call.inputTokens + (call.maxOutputTokens ?? this.forecasts.get(call.user)!.outputTokens("m"));
  }
  decide(call: ModelCall): Status {
    const limit = this.limits.get(call.user)!;
    const used = this.used(call.user, call.month);
    const reserved = this.reserved(call.user, call.month);
    if (used >= limit) return "refused";
    return reserved === 0 || used + reserved + this.estimate(call) <= limit ? "running" : "waiting";
  }
  admit(call: ModelCall): void {
    call.status = "running";
    call.heldTokens = Math.max(1, this.estimate(call));
  }
  serve(user: string): void {
    if (!this.limits.has(user)) return;
    for (const month of months) {
      for (const call of this.of(user, month, "waiting")) {
        const decision = this.decide(call);
        if (decision === "waiting") break;
        if (decision === "running") this.admit(call);
        else call.status = "refused";
      }
    }
  }
}

async function run(ops: readonly Op[]): Promise<void> {
  const clock = createManualClock(0);
  const caps = new Caps({ timezone: "UTC", now: clock.now, waitMsMax, after: clock.after });
  const model = new Model();
  const taken = new Map<string, number>();
  for (const each of ops) {
    step(each, model, caps, clock);
    await new Promise((resolve) => setImmediate(resolve));
    compare(model, caps);
    const rejections = caps.takeRejections();
    // As after a failure of the store, every other time.
    if (model.calls.length % 2 === 0) caps.returnRejections(rejections);
    else for (const { user, month, rejected } of rejections) add(taken, user, month, rejected);
  }
  for (const { user, month, rejected } of caps.takeRejections()) add(taken, user, month, rejected);
  for (const user of users) {
    for (const month of months) {
      expect(taken.get(JSON.stringify([user, month])) ?? 0).toBe(model.of(user, month, "refused").length);
    }
  }
}

function add(counts: Map<string, number>, user: string, month: string, count: number): void {
  const key = JSON.stringify([user, month]);
  counts.set(key, (counts.get(key) ?? 0) + count);
}

function step(each: Op, model: Model, caps: Caps, clock: ReturnType<typeof createManualClock>): void {
  const month = months[model.month]!;
  if (each.kind === "reserve") reserve(each, month, model, caps);
  if (each.kind === "settle") settle(each, model, caps);
  if (each.kind === "leave") {
    const waiting = model.calls.filter(({ status }) => status === "waiting");
    const call = waiting[each.at % Math.max(1, waiting.length)];
    if (!call) return;
    call.status = "left";
    model.serve(call.user);
    call.leave.abort();
  }
  if (each.kind === "cap") {
    const { user, limit } = each;
    if (limit === null) {
      if (!model.limits.has(user)) return;
      for (const call of model.calls) if (call.user === user && call.status === "waiting") model.admit(call);
      model.limits.delete(user);
    } else {
      if (!model.limits.has(user) && model.of(user, month, "running").length === 0) {
        // A forecast lives as long as there is a cap or a call under one.
        const isLapsed = model.calls.some((call) => call.user === user && call.status === "running");
        if (!isLapsed) model.forecasts.set(user, new OutputForecast());
      }
      model.limits.set(user, limit);
      model.serve(user);
    }
    const policies = [...model.limits].map(([name, monthlyTokens]) => ({ user: name, monthlyTokens }));
    caps.adopt(policies, month, (name) => ({
      usedTokens: model.used(name, month),
      rejectedRequests: model.of(name, month, "refused").length,
    }));
  }
  if (each.kind === "month") model.month = Math.min(months.length - 1, model.month + 1);
  if (each.kind === "pass") {
    const until = model.nowMs + each.ms;
    const due = () =>
      model.calls
        .filter(({ status, giveUpAt }) => status === "waiting" && giveUpAt <= until)
        .sort((a, b) => a.giveUpAt - b.giveUpAt)[0];
    for (let call = due(); call; call = due()) {
      call.status = "refused";
      model.serve(call.user);
    }
    model.nowMs = until;
    clock.advance(each.ms);
  }
}

function reserve(each: Extract<Op, { kind: "reserve" }>, month: string, model: Model, caps: Caps): void {
  const { user, inputTokens, maxOutputTokens } = each;
  const leave = new AbortController();
  const call: ModelCall = {
    ...{ user, month, inputTokens, maxOutputTokens, leave, heldTokens: 0, usedTokens: 0, hold: null },
    ...{ status: "free" as Status, seen: "free" as Status, giveUpAt: model.nowMs + waitMsMax },
  };
  if (model.limits.has(user)) {
    const isBehind = model.of(user, month, "waiting").length > 0;
    const decision = model.decide(call);
    if (decision === "running" && !isBehind) model.admit(call);
    else call.status = decision === "running" ? "waiting" : decision;
  }
  model.calls.push(call);
  try {
    const request = { user, month, model: "m", inputTokens, maxOutputTokens, signal: leave.signal };
    const reserved = caps.reserve(request);
    if (reserved instanceof Promise) {
      call.seen = "waiting";
      reserved.then(
        (hold) => Object.assign(call, { seen: "running", hold }),
        (error) => Object.assign(call, { seen: seenAs(error) }),
      );
    } else Object.assign(call, { seen: reserved ? "running" : "free", hold: reserved });
  } catch (error) {
    call.seen = seenAs(error);
  }
}

function seenAs(error: unknown): Status {
  if (error instanceof CallerLeft) return "left";
  expect(error).toBeInstanceOf(AnyrayError);
  expect((error as AnyrayError).code).toBe("user_token_cap_exceeded");
  return "refused";
}

function settle(each: Extract<Op, { kind: "settle" }>, model: Model, caps: Caps): void {
  const running = model.calls.filter(({ status }) => status === "running" || status === "free");
  const call = running[each.at % Math.max(1, running.length)];
  if (!call) return;
  const { inputTokens, outputTokens } = each;
  const { user, month, hold } = call;
  call.status = "done";
  call.seen = "done";
  call.usedTokens = inputTokens + outputTokens;
  if (model.limits.has(user)) model.forecasts.get(user)!.learn("m", outputTokens);
  model.serve(user);
  caps.settle(hold, { user, month, model: "m", inputTokens, outputTokens, isStated: true });
}

function compare(model: Model, caps: Caps): void {
  expect(model.calls.map(({ seen }) => seen)).toEqual(model.calls.map(({ status }) => status));
  expect(caps.cappedUsers).toBe(model.limits.size);
  for (const [at, month] of months.entries()) {
    const live = caps.live(month);
    expect([...live.keys()].sort()).toEqual([...model.limits.keys()].sort());
    for (const [user, counters] of live) {
      expect(counters.reservedTokens).toBe(model.reserved(user, month));
      expect(counters.usedTokens).toBeGreaterThanOrEqual(0);
      if (at !== model.month) continue;
      expect(counters.usedTokens).toBe(model.used(user, month));
      expect(counters.rejectedRequests).toBe(model.of(user, month, "refused").length);
    }
  }
}

describe("caps", () => {
  test("do what a plain model of them does, whatever happens in whatever order", async () => {
    await fc.assert(fc.asyncProperty(fc.array(op, { maxLength: 60, size: "max" }), run), { numRuns: 400 });
  });

  test("the same with all calls of one user", async () => {
    const one = fc
      .array(op, { maxLength: 80, size: "max" })
      .map((ops) =>
        [{ kind: "cap" as const, user: "ada", limit: 150 }, ...ops].map((each) =>
          "user" in each ? { ...each, user: "ada" } : each,
        ),
      );
    await fc.assert(fc.asyncProperty(one, run), { numRuns: 400 });
  });
});
