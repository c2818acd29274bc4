import { describe, expect, test } from "bun:test";
import { AnyrayError } from "@anyray/shared/errors";
import { createManualClock } from "@anyray/shared/testing/clock";
import fc from "fast-check";
import { CallerLeft, type Hold } from "../call";
import type { CapRequest } from "./capped-user";
import { Caps } from "./caps";

const month = "2026-11";
const never = new AbortController().signal;

function setUp(limits: Record<string, number> = { ada: 1_000 }) {
  const clock = createManualClock();
  const caps = new Caps({ timezone: "UTC", now: clock.now, waitMsMax: 2_000, after: clock.after });
  const adopt = (next: Record<string, number>, usedTokens = 0) =>
    caps.adopt(
      Object.entries(next).map(([user, monthlyTokens]) => ({ user, monthlyTokens })),
      month,
      () => ({ usedTokens, rejectedRequests: 0 }),
    );
  adopt(limits);
  const ask = (inputTokens: number, given: Partial<CapRequest> = {}) =>
    caps.reserve({ user: "ada", month, model: "m", inputTokens, maxOutputTokens: 0, signal: never, ...given });
  const settle = (hold: Hold | null, outputTokens: number, user = "ada") =>
    caps.settle(hold, { user, month, model: "m", inputTokens: 0, outputTokens, isStated: true });
  return { clock, caps, adopt, ask, settle, live: (user = "ada") => caps.live(month).get(user) };
}

function refusalOf(run: () => unknown): AnyrayError {
  try {
    run();
  } catch (error) {
    if (error instanceof AnyrayError) return error;
  }
  throw new Error("not refused");
}

describe("a caller", () => {
  test("without a cap, or without a name, is never held nor refused", () => {
    const { ask, caps } = setUp({ ada: 0 });
    expect(ask(1e9, { user: "bob" })).toBeNull();
    expect(ask(1e9, { user: null })).toBeNull();
    expect(caps.live(month).has("bob")).toBe(false);
  });

  test("under the cap with nothing running is let in, however much is asked for", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e15 }),
        fc.nat(1e15),
        fc.nat(2e6),
        fc.option(fc.nat(1e14)),
        (limit, used, inputTokens, maxOutputTokens) => {
          const { caps } = setUp({});
          const usedTokens = used % limit;
          caps.adopt([{ user: "ada", monthlyTokens: limit }], month, () => ({ usedTokens, rejectedRequests: 0 }));
          const request = { user: "ada", month, model: null, inputTokens, maxOutputTokens, signal: never };
          expect(caps.reserve(request)).toMatchObject({ user: "ada", isOpen: true });
        },
      ),
    );
  });

  test("at the cap is refused at once, also one that asks for nothing", () => {
    const { ask, settle, caps } = setUp();
    settle(null, 1_000);
    expect(refusalOf(() => ask(0)).code).toBe("user_token_cap_exceeded");
    expect(refusalOf(() => ask(0)).spec.status).toBe(429);
    expect(caps.live(month).get("ada")).toEqual({ usedTokens: 1_000, rejectedRequests: 2, reservedTokens: 0 });
  });

  test("with a cap of 0 never gets in", () => {
    const { ask } = setUp({ ada: 0 });
    expect(refusalOf(() => ask(0)).headers).toMatchObject({ "x-anyray-cap-limit": "0", "x-anyray-cap-used": "0" });
  });

  test("may have any name: each is a user of its own", () => {
    const names = ["__proto__", "constructor", "x", `${month} x`, `2026-12 ${month} x`, " x", "toString", "valueOf"];
    const { ask, settle, caps } = setUp(Object.fromEntries(names.map((name) => [`${name}`, 10])));
    caps.adopt(
      names.map((user, at) => ({ user, monthlyTokens: 10 + at })),
      month,
      () => ({ usedTokens: 0, rejectedRequests: 0 }),
    );
    for (const [at, user] of names.entries()) {
      settle(null, 10 + at, user);
      for (let n = 0; n <= at; n++) refusalOf(() => ask(1, { user }));
    }
    const rejections = caps.takeRejections();
    expect(rejections.map(({ user, rejected }) => [user, rejected])).toEqual(names.map((user, at) => [user, at + 1]));
    expect([...caps.live(month)].map(([user, { usedTokens }]) => [user, usedTokens])).toEqual(
      names.map((user, at) => [user, 10 + at]),
    );
  });
});

describe("a call at the edge", () => {
  test("waits for running ones and is let in when they used less than they asked for", async () => {
    const { ask, settle } = setUp();
    const first = ask(900) as Hold;
    const second = ask(900) as Promise<Hold>;
    expect(second).toBeInstanceOf(Promise);
    settle(first, 10);
    expect(await second).toMatchObject({ tokens: 900, isOpen: true });
  });

  test("is refused when its patience ends, and counted", async () => {
    const { ask, clock, caps } = setUp();
    ask(900);
    const waiting = ask(900) as Promise<Hold>;
    clock.advance(2_000);
    await expect(waiting).rejects.toMatchObject({ code: "user_token_cap_exceeded" });
    expect(caps.takeRejections()).toMatchObject([{ user: "ada", month, rejected: 1 }]);
    expect(clock.pending()).toBe(0);
  });

  test("does not make others wait once it has left or given up", async () => {
    for (const end of ["leave", "give up"] as const) {
      const { ask, clock } = setUp();
      ask(500);
      const leaving = new AbortController();
      const large = ask(900, { signal: leaving.signal }) as Promise<Hold>;
      clock.advance(1_000);
      const small = ask(100) as Promise<Hold>;
      if (end === "leave") leaving.abort();
      else clock.advance(1_000);
      await expect(large).rejects.toBeInstanceOf(end === "leave" ? CallerLeft : AnyrayError);
      expect(await small).toMatchObject({ tokens: 100 });
    }
  });

  test("whose caller has left already does not wait", () => {
    const { ask } = setUp();
    ask(900);
    expect(() => ask(900, { signal: AbortSignal.abort() })).toThrow(CallerLeft);
  });

  test("is let in at once when the cap is raised or taken away, and refused when it is used up", async () => {
    const raised = setUp();
    raised.ask(900);
    const one = raised.ask(900) as Promise<Hold>;
    raised.adopt({ ada: 1_800 });
    expect(await one).toMatchObject({ tokens: 900 });
    const two = raised.ask(900) as Promise<Hold>;
    raised.adopt({});
    expect(await two).toMatchObject({ isOpen: true });

    const lowered = setUp();
    lowered.settle(null, 100);
    lowered.ask(800);
    const three = lowered.ask(800) as Promise<Hold>;
    lowered.adopt({ ada: 100 });
    await expect(three).rejects.toMatchObject({ code: "user_token_cap_exceeded" });
  });

  test("is refused rather than made the thousand-and-first to wait", async () => {
    const { ask, settle } = setUp();
    const running = ask(1_000) as Hold;
    const waiting = Array.from({ length: 1_000 }, () => ask(1) as Promise<Hold>);
    expect(refusalOf(() => ask(1)).code).toBe("user_token_cap_exceeded");
    settle(running, 0);
    expect((await Promise.all(waiting)).every(({ isOpen }) => isOpen)).toBe(true);
  });
});

describe("months", () => {
  test("last month's running calls take nothing from this month, and count in their own", () => {
    const { ask, caps } = setUp();
    const old = ask(900) as Hold;
    expect(ask(900, { month: "2026-12" })).toMatchObject({ month: "2026-12" });
    const used = { user: "ada", month, model: "m", inputTokens: 300, outputTokens: 0, isStated: true };
    caps.settle(old, used);
    expect(caps.live(month).get("ada")).toMatchObject({ usedTokens: 300, reservedTokens: 0 });
    expect(caps.live("2026-12").get("ada")).toMatchObject({ usedTokens: 0, reservedTokens: 900 });
  });

  test("a clock gone wrong forgets neither what is used nor what is running", () => {
    const { ask, settle, caps } = setUp();
    settle(null, 400);
    const held = ["2026-11", "1970-01", "2099-12", "1999-01", "2026-11"].map(
      (name) => ask(100, { month: name }) as Hold,
    );
    expect(caps.live(month).get("ada")).toMatchObject({ usedTokens: 400, reservedTokens: 200 });
    for (const hold of held)
      caps.settle(hold, {
        user: "ada",
        month: hold.month,
        model: "m",
        inputTokens: 1,
        outputTokens: 0,
        isStated: true,
      });
    expect(caps.live(month).get("ada")).toMatchObject({ usedTokens: 402, reservedTokens: 0 });
  });

  test("of a clock that goes back before all others are counted as well", () => {
    const { ask, caps } = setUp();
    const names = [month, "2026-12", "2027-01", "1970-01", "2026-12"];
    const holds = names.map((name) => ask(100, { month: name }) as Hold);
    expect(caps.live("1970-01").get("ada")).toMatchObject({ reservedTokens: 100 });
    const { user, month: old } = holds[3]!;
    caps.settle(holds[3]!, { user, month: old, model: "m", inputTokens: 7, outputTokens: 0, isStated: true });
    expect(caps.live("2026-12").get("ada")).toMatchObject({ reservedTokens: 200 });
  });

  test("to look at a month changes none", () => {
    const { settle, caps, live } = setUp();
    settle(null, 400);
    for (let year = 2000; year < 2040; year++) caps.live(`${year}-12`);
    expect(live()).toMatchObject({ usedTokens: 400 });
  });
});

describe("a cap taken away and set again", () => {
  test("still knows of the calls that are running", () => {
    const { ask, adopt, settle, live } = setUp();
    const before = ask(600) as Hold;
    adopt({});
    expect(ask(5_000)).toBeNull();
    adopt({ ada: 1_000 }, 50);
    expect(live()).toMatchObject({ usedTokens: 50, reservedTokens: 600 });
    const after = ask(300) as Hold;
    settle(before, 100);
    expect(live()).toMatchObject({ usedTokens: 150, reservedTokens: 300 });
    settle(after, 0);
    expect(live()).toMatchObject({ reservedTokens: 0 });
  });

  test("closes a hold once", () => {
    const { ask, settle, live } = setUp();
    const [one, two] = [ask(300) as Hold, ask(300) as Hold];
    settle(one, 0);
    settle(one, 0);
    expect(live()).toMatchObject({ reservedTokens: 300 });
    settle(two, 0);
    expect(live()).toMatchObject({ reservedTokens: 0 });
  });
});

test("refusals that could not be stored are added to later ones", () => {
  const { ask, clock, caps } = setUp({ ada: 0 });
  const at = clock.now();
  refusalOf(() => ask(1));
  const taken = caps.takeRejections();
  expect(caps.takeRejections()).toEqual([]);
  clock.advance(1_000);
  refusalOf(() => ask(1));
  caps.returnRejections(taken);
  expect(caps.takeRejections()).toEqual([{ user: "ada", month, rejected: 2, firstAt: at, lastAt: at + 1_000 }]);
});
