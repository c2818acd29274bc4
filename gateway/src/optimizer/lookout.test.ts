import { afterEach, expect, test } from "bun:test";
import { createBreaker } from "./breaker";
import type { Asking, Reply } from "./client";
import { createEligibility } from "./eligibility";
import { createLookout, type Lookout } from "./lookout";

const published = (bytesMin: number): Reply => ({
  bytes: new Uint8Array(
    Buffer.from(JSON.stringify({ revision: `r${bytesMin}`, bodyBytesMin: { "/v1/messages": bytesMin } })),
  ),
  failure: null,
  hasAnswered: true,
});
const refused: Reply = { bytes: null, failure: "unreachable", hasAnswered: false };
const lookouts: Lookout[] = [];
afterEach(() => {
  for (const lookout of lookouts.splice(0)) lookout.stop();
});

function openWorld(answer: (look: number) => Reply | Promise<Reply>) {
  const seen = { looks: 0, paths: new Set<string>(), isWanted: true, clockMs: 0 };
  const now = () => seen.clockMs + performance.now();
  const breaker = createBreaker({ now, random: () => 0.5 });
  const eligibility = createEligibility();
  const lookout = createLookout({
    client: {
      async ask(path: string, { body }: Asking) {
        seen.paths.add(`${body === null ? "GET" : "POST"} ${path}`);
        seen.looks += 1;
        return await answer(seen.looks);
      },
    },
    ...{ breaker, eligibility, limitMs: 100, now },
    isWanted: () => seen.isWanted,
  });
  lookouts.push(lookout);
  return { seen, breaker, eligibility, lookout, now };
}

test("looks at the start, and goes on while calls come", async () => {
  const { seen, eligibility, lookout, now } = openWorld(published);
  lookout.start();
  await Bun.sleep(50);
  expect([seen.looks, [...seen.paths], eligibility.revision()]).toEqual([1, ["GET /v1/eligibility"], "r1"]);
  await Bun.sleep(600);
  expect(seen.looks).toBe(1);
  for (let at = 0; at < 1_000; at++) lookout.called(now());
  await Bun.sleep(50);
  expect([seen.looks, eligibility.revision()]).toEqual([2, "r2"]);
  await Bun.sleep(600);
  expect(seen.looks).toBe(3);
});

test("while nobody is there it keeps looking, call or not, and ends the breaker's time", async () => {
  const { seen, breaker, lookout } = openWorld((look) => (look <= 1 ? refused : published(look)));
  lookout.start();
  await Bun.sleep(50);
  expect([breaker.state(), breaker.openedBy()]).toEqual(["open", "unreachable"]);
  await Bun.sleep(1_700);
  expect([breaker.state(), seen.looks >= 2]).toEqual(["half-open", true]);
});

test("a bad answer is an answer: it is known of nothing, and there", async () => {
  const { breaker, eligibility, lookout } = openWorld(() => ({ bytes: null, failure: "error", hasAnswered: true }));
  lookout.start();
  await Bun.sleep(50);
  expect([breaker.state(), eligibility.revision()]).toEqual(["closed", null]);
});

test("a change of settings is asked for at once, and an answer from before it counts no more", async () => {
  const late = Promise.withResolvers<Reply>();
  const { seen, eligibility, lookout, now } = openWorld((look) => (look === 2 ? late.promise : published(look)));
  lookout.start();
  await Bun.sleep(50);
  lookout.refresh();
  expect(eligibility.revision()).toBeNull();
  await Bun.sleep(50);
  expect(seen.looks).toBe(2);
  lookout.refresh();
  late.resolve(published(2));
  await Bun.sleep(0);
  expect(eligibility.revision()).toBeNull();
  await Bun.sleep(50);
  expect([seen.looks, eligibility.revision()]).toEqual([3, "r3"]);
  expect(eligibility.isPointless("/v1/messages", 2, now())).toBe(true);
});

test("what is not wanted is left alone altogether", async () => {
  const { seen, lookout, now } = openWorld(published);
  seen.isWanted = false;
  lookout.start();
  lookout.called(now());
  await Bun.sleep(50);
  expect(seen.looks).toBe(0);
  seen.isWanted = true;
  lookout.called(now());
  await Bun.sleep(50);
  expect(seen.looks).toBe(1);
  lookout.stop();
  lookout.called(now());
  lookout.refresh();
  await Bun.sleep(50);
  expect(seen.looks).toBe(1);
});
