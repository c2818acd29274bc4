import { afterEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createLog } from "./log";
import { PolicyInForce, type PolicySettings } from "./policy-in-force";
import type { Policy } from "./store/store";

const policyOf = (revision: number): Policy => ({ revision, caps: [], prices: [], providers: [], settings: {} });

const opened: PolicyInForce[] = [];
afterEach(() => {
  for (const each of opened.splice(0)) each.stop();
});

/** A store whose revision can be set, and an `apply` that says what it did. */
function setUp(given: Partial<PolicySettings> = {}) {
  const store = {
    revision: 1,
    isDown: false,
    reads: 0,
    async readRevision() {
      if (store.isDown) throw new Error("away");
      return store.revision;
    },
    async readPolicy() {
      store.reads += 1;
      if (store.isDown) throw new Error("away");
      return policyOf(store.revision);
    },
  };
  const applied: number[] = [];
  const logged: { level: string }[] = [];
  const policy = new PolicyInForce({
    store,
    log: createLog({ level: "debug", service: "test", write: (line) => logged.push(JSON.parse(line)) }),
    followEveryMs: 2,
    async apply(next) {
      applied.push(next.revision);
    },
    ...given,
  });
  opened.push(policy);
  return { policy, store, applied, logged };
}

async function until(isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!isTrue()) {
    if (performance.now() > deadline) throw new Error("waited in vain");
    await Bun.sleep(1);
  }
}

describe("the policy in force", () => {
  test("is the store's from the start, revision 0 too", async () => {
    const { policy, store, applied } = setUp();
    store.revision = 0;
    await policy.load();
    expect([policy.current().revision, applied]).toEqual([0, [0]]);
    await policy.load();
    expect(applied).toEqual([0]);
  });

  test("cannot be loaded from a store that is away", async () => {
    const { policy, store } = setUp();
    store.isDown = true;
    await expect(policy.load()).rejects.toThrow("away");
  });

  test("follows what another process changes, and reads it whole only then", async () => {
    const { policy, store, applied } = setUp();
    await policy.load();
    policy.follow();
    store.revision = 2;
    await until(() => policy.current().revision === 2);
    const { reads } = store;
    await Bun.sleep(20);
    expect(store.reads).toBe(reads);
    store.revision = 7;
    await until(() => policy.current().revision === 7);
    expect(applied).toEqual([1, 2, 7]);
  });

  test("stays the last one while the store is away, with one line in the log, and is followed again after", async () => {
    const { policy, store, logged } = setUp();
    await policy.load();
    store.isDown = true;
    policy.follow();
    await until(() => logged.length > 0);
    await Bun.sleep(20);
    expect(policy.current().revision).toBe(1);
    expect(logged).toMatchObject([{ level: "warn" }]);
    store.revision = 2;
    store.isDown = false;
    await until(() => policy.current().revision === 2);
    store.isDown = true;
    await until(() => logged.length === 2);
  });

  test("is not followed after `stop`, not even by a look that was under way", async () => {
    let answer: (revision: number) => void = () => {};
    const asked: number[] = [];
    const { policy } = setUp({
      store: {
        readPolicy: async () => policyOf(1),
        readRevision: () => {
          asked.push(1);
          return new Promise((resolve) => {
            answer = resolve;
          });
        },
      },
    });
    await policy.load();
    policy.follow();
    await until(() => asked.length === 1);
    policy.stop();
    answer(1);
    await Bun.sleep(20);
    expect(asked).toHaveLength(1);
  });

  test("stays the last one when applying the next fails, which is then tried again", async () => {
    let isBroken = true;
    const { policy, store } = setUp({
      async apply({ revision }) {
        if (revision === 2 && isBroken) throw new Error("half done");
      },
    });
    await policy.load();
    store.revision = 2;
    await expect(policy.load()).rejects.toThrow("half done");
    expect(policy.current().revision).toBe(1);
    policy.follow();
    await Bun.sleep(10);
    isBroken = false;
    await until(() => policy.current().revision === 2);
  });
});

describe("adopting", () => {
  test("is done one after the other, in any order of arrival, and never goes back", async () => {
    const change = fc.record({ revision: fc.integer({ min: 1, max: 12 }), pauseMs: fc.nat(2), fails: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 12 }), async (changes) => {
        const applied: number[] = [];
        let isApplying = false;
        let at = -1;
        const failing = new Set(changes.filter(({ fails }) => fails));
        const { policy } = setUp({
          async apply({ settings, revision }) {
            expect(isApplying).toBe(false);
            isApplying = true;
            await Bun.sleep(settings["pauseMs"] as number);
            isApplying = false;
            at = settings["at"] as number;
            if (failing.has(changes[at]!)) throw new Error("failed");
            applied.push(revision);
          },
        });
        const settled = await Promise.allSettled(
          changes.map(({ revision, pauseMs }, n) =>
            policy.adopt({ ...policyOf(revision), settings: { at: n, pauseMs } }),
          ),
        );
        let current = 0;
        const expected: number[] = [];
        for (const [n, { revision, fails }] of changes.entries()) {
          const isNewer = revision > current;
          expect(settled[n]!.status).toBe(isNewer && fails ? "rejected" : "fulfilled");
          if (!isNewer || fails) continue;
          current = revision;
          expected.push(revision);
        }
        expect(applied).toEqual(expected);
        expect(policy.current().revision).toBe(current);
      }),
      { numRuns: 60 },
    );
  });

  test("resolves when the policy holds, not before", async () => {
    let finish: () => void = () => {};
    const { policy } = setUp({
      apply: () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    });
    let isHeld = false;
    const adopting = policy.adopt(policyOf(3)).then(() => {
      isHeld = true;
    });
    await Bun.sleep(2);
    expect([isHeld, policy.current().revision]).toEqual([false, 0]);
    finish();
    await adopting;
    expect(policy.current().revision).toBe(3);
  });

  test("of a change made here is not undone by an older policy read meanwhile", async () => {
    const { policy, store } = setUp();
    store.revision = 5;
    const reading = policy.load();
    await policy.adopt(policyOf(6));
    await reading;
    expect(policy.current().revision).toBe(6);
  });
});
