import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type BreakerState, createBreaker, type Failure } from "./breaker";

function openWorld(random = 0.5) {
  const clock = { ms: 1_000_000 };
  const changes: [BreakerState, Failure | null][] = [];
  const breaker = createBreaker({
    now: () => clock.ms,
    random: () => random,
    onChange: (state, failure) => changes.push([state, failure]),
  });
  const call = (failure: Failure | null) => {
    const pass = breaker.admit();
    if (failure === null) breaker.succeeded(pass);
    else breaker.failed(pass, failure);
    return pass !== 0;
  };
  /** From open to closed, by a probe and a trial. */
  const recover = () => {
    clock.ms += 40_000;
    breaker.probed(null);
    call(null);
  };
  return { breaker, clock, changes, call, recover };
}

describe("it opens", () => {
  test.each([
    ["timeout", 2],
    ["unreachable", 3],
    ["error", 4],
  ] as const)("after failures in a row: %s", (failure, count) => {
    const { breaker, call, changes } = openWorld();
    for (let at = 1; at < count; at++) call(failure);
    expect([breaker.state(), breaker.openedBy()]).toEqual(["closed", null]);
    call(failure);
    expect([breaker.state(), breaker.openedBy(), breaker.admit()]).toEqual(["open", failure, 0]);
    expect(changes).toEqual([["open", failure]]);
  });

  test("when too many fail between good ones, and not for the odd one", () => {
    const run = (good: number) => {
      const { breaker, call } = openWorld();
      for (let at = 0; at < 200 && breaker.state() === "closed"; at++) {
        call("timeout");
        for (let times = 0; times < good; times++) call(null);
      }
      return breaker.state();
    };
    expect([run(1), run(3), run(4), run(20)]).toEqual(["open", "open", "closed", "closed"]);
  });

  test("at once when a probe that no call waits for finds nobody", () => {
    const { breaker } = openWorld();
    breaker.probed("unreachable");
    expect([breaker.state(), breaker.openedBy()]).toEqual(["open", "unreachable"]);
    breaker.probed("timeout");
    expect([breaker.state(), breaker.openedBy()]).toEqual(["open", "timeout"]);
  });
});

describe("it closes", () => {
  test("by a probe and then one single call that goes well", () => {
    const { breaker, clock, call, changes } = openWorld();
    breaker.probed("unreachable");
    clock.ms += 999;
    breaker.probed(null);
    expect(breaker.state()).toBe("open");
    clock.ms += 1;
    breaker.probed(null);
    expect(breaker.state()).toBe("half-open");
    const trial = breaker.admit();
    expect([trial > 0, breaker.admit(), breaker.admit()]).toEqual([true, 0, 0]);
    breaker.succeeded(trial);
    expect([breaker.state(), breaker.openedBy(), call(null)]).toEqual(["closed", null, true]);
    expect(changes.map(([state]) => state)).toEqual(["open", "half-open", "closed"]);
  });

  test("a trial that ends for its own reasons makes room for the next one", () => {
    const { breaker, clock } = openWorld();
    breaker.probed("timeout");
    clock.ms += 1_000;
    breaker.probed(null);
    const trial = breaker.admit();
    breaker.abandoned(trial);
    expect([breaker.admit() > 0, breaker.admit()]).toEqual([true, 0]);
  });
});

test("each opening lasts longer than the one before, until it was well for a while", () => {
  const { breaker, clock, recover } = openWorld();
  const openMs = () => {
    const from = clock.ms;
    for (;;) {
      breaker.probed(null);
      if (breaker.state() === "half-open") return clock.ms - from;
      clock.ms += 100;
    }
  };
  breaker.probed("timeout");
  const lasted = [openMs()];
  for (let at = 0; at < 6; at++) {
    breaker.failed(breaker.admit(), "timeout");
    lasted.push(openMs());
  }
  expect(lasted).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  breaker.succeeded(breaker.admit());
  breaker.probed("timeout");
  expect(openMs()).toBe(30_000);
  breaker.succeeded(breaker.admit());
  clock.ms += 30_000;
  breaker.probed("timeout");
  expect(openMs()).toBe(1_000);
  recover();
});

test("tells whether anybody was ever there", () => {
  const { breaker, call } = openWorld();
  breaker.probed("unreachable");
  expect(breaker.hasBeenWell()).toBe(false);
  breaker.probed(null);
  expect(breaker.hasBeenWell()).toBe(true);
  const other = openWorld();
  other.call("timeout");
  expect(other.breaker.hasBeenWell()).toBe(false);
  other.call(null);
  expect(other.breaker.hasBeenWell()).toBe(true);
  expect(call(null)).toBe(false);
});

test("gateways that opened together do not probe together", () => {
  const lengths = [0, 0.5, 0.99].map((random) => {
    const { breaker, clock } = openWorld(random);
    breaker.probed("unreachable");
    for (let ms = 0; ; ms += 10) {
      breaker.probed(null);
      if (breaker.state() === "half-open") return ms;
      clock.ms += 10;
    }
  });
  expect(lengths).toEqual([800, 1_000, 1_200]);
});

test("what calls of an earlier time report changes nothing", () => {
  const { breaker, clock, call } = openWorld();
  const early = [breaker.admit(), breaker.admit(), breaker.admit()];
  call("timeout");
  call("timeout");
  for (const pass of early) breaker.succeeded(pass);
  expect(breaker.state()).toBe("open");
  clock.ms += 1_000;
  breaker.probed(null);
  for (const pass of early) breaker.failed(pass, "timeout");
  expect(breaker.state()).toBe("half-open");
  const trial = breaker.admit();
  for (const pass of early) breaker.abandoned(pass);
  expect(breaker.admit()).toBe(0);
  breaker.succeeded(trial);
  for (const pass of [...early, trial]) breaker.failed(pass, "timeout");
  expect(breaker.state()).toBe("closed");
});

test("whatever happens in whatever order: one trial at a time, none while it is open, and a way back", () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("admit" as const) }),
    fc.record({
      do: fc.constant("end" as const),
      at: fc.nat(20),
      how: fc.constantFrom("ok", "left", "timeout", "error"),
    }),
    fc.record({ do: fc.constant("probe" as const), failure: fc.constantFrom(null, "timeout", "unreachable") }),
    fc.record({ do: fc.constant("wait" as const), ms: fc.nat(5_000) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { breaker, clock, recover } = openWorld();
      const out: number[] = [];
      for (const next of steps) {
        if (next.do === "wait") clock.ms += next.ms;
        else if (next.do === "probe") breaker.probed(next.failure as Failure | null);
        else if (next.do === "admit") {
          const state = breaker.state();
          const pass = breaker.admit();
          if (state === "open") expect(pass).toBe(0);
          if (state === "closed") expect(pass).toBeGreaterThan(0);
          if (state === "half-open" && pass > 0) expect(breaker.admit()).toBe(0);
          if (pass > 0) out.push(pass);
        } else {
          const [pass] = out.splice(next.at % Math.max(1, out.length), 1);
          if (pass === undefined) continue;
          if (next.how === "ok") breaker.succeeded(pass);
          else if (next.how === "left") breaker.abandoned(pass);
          else breaker.failed(pass, next.how as Failure);
        }
        expect(breaker.openedBy() === null).toBe(breaker.state() === "closed");
      }
      for (const pass of out) breaker.abandoned(pass);
      if (breaker.state() !== "closed") recover();
      expect(breaker.state()).toBe("closed");
    }),
    { numRuns: 300 },
  );
});
