// Promise: a cap holds against any crowd, within the bound that is stated, and never blocks who is under it.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type CapsWorld, expectRefusal, openaiShapes, openCapsWorld, type Sent, shapes, tokensOf } from "./caps-world";

// A start alone takes seconds on a busy machine.
setDefaultTimeout(20_000);

const timeZone = "Pacific/Auckland";
const crowd = 200;

let world: CapsWorld;
beforeAll(async () => {
  world = await openCapsWorld({ ANYRAY_REPORT_TZ: timeZone });
});
afterAll(() => world.stop());

const statuses = (sent: readonly Sent[]) => [...new Set(sent.map(({ status }) => status))].sort();

/** Everybody else is served as if there were no cap. */
async function sendBeside(count: number): Promise<void> {
  const beside = await Promise.all(
    Array.from({ length: count }, (_, nth) =>
      world.send(nth % 2 === 0 ? null : "uncapped", shapes[nth % shapes.length]!, { bound: 30 }),
    ),
  );
  expect(statuses(beside)).toEqual([200]);
}

/** Splits a crowd's calls, with what holds of every refusal checked. */
function admittedOf(user: string, limit: number, sent: readonly Sent[]): Sent[] {
  const refused = sent.filter(({ status }) => status !== 200);
  expect(refused.length).toBeGreaterThan(0);
  for (const each of refused) expectRefusal(each, { user, limit, timeZone });
  const reached = new Set(
    world.fake.received.map(({ headers }) => headers.find(([name]) => name === "x-call-id")?.[1]),
  );
  expect(refused.filter(({ callId }) => reached.has(callId))).toEqual([]);
  return sent.filter(({ status }) => status === 200);
}

for (const bound of [40, null]) {
  describe(bound === null ? "calls without a bound of their own" : "calls with max_tokens", () => {
    const used = bound === null ? openaiShapes : shapes;
    for (const isStream of [false, true]) {
      const offered = used.filter(({ body }) => (body["stream"] === true) === isStream);
      test(`${crowd} callers of one user at once, ${isStream ? "streamed" : "plain"}`, async () => {
        const user = `crowd ${bound} ${isStream}`;
        const limit = 4_000;
        await world.setCap(user, limit);
        const asking = Array.from({ length: crowd }, (_, nth) => {
          const shape = offered[nth % offered.length]!;
          // Texts that differ get answers of different lengths.
          const body = { ...shape.body, metadata: { nth: String(nth) } };
          return world.send(user, { ...shape, body }, bound === null ? {} : { bound });
        });
        const [sent] = await Promise.all([Promise.all(asking), sendBeside(40)]);
        const admitted = admittedOf(user, limit, sent);
        const { usedTokens } = await world.agreed(user, crowd - admitted.length);
        // Nobody was refused while there was room.
        expect(usedTokens).toBeGreaterThanOrEqual(limit);
        expect(usedTokens - limit).toBeLessThanOrEqual(overshootMax(user, limit, bound));
      });
    }
  });
}

/**
 * One call; and where calls have no bound, what those running when the cap was reached can have answered beyond their
 * estimate, which is never below the shortest answer so far.
 */
function overshootMax(user: string, limit: number, bound: number | null): number {
  const entries = world.served(user);
  const largest = Math.max(...entries.map(({ tokens }) => tokens.input + tokens.output));
  if (bound !== null) return largest;
  const crossing = entries.findIndex((_, index) => tokensOf(entries.slice(0, index + 1)) >= limit);
  const outputs = entries.map(({ tokens }) => tokens.output);
  return largest + (entries.length - crossing) * (Math.max(...outputs) - Math.min(...outputs));
}

test("answers that are all alike overshoot by one call at most, without a bound of their own too", async () => {
  const user = "alike";
  const limit = 3_000;
  await world.setCap(user, limit);
  const sent = await Promise.all(
    Array.from({ length: 100 }, (_, nth) => world.send(user, openaiShapes[nth % 4]!, { fake: "tokens=30:70" })),
  );
  const { usedTokens } = await world.agreed(user, sent.length - admittedOf(user, limit, sent).length);
  expect([usedTokens >= limit, usedTokens - limit <= 100]).toEqual([true, true]);
});

test("a call larger than the cap is let in when nothing else of its user runs, and is the last one", async () => {
  const user = "large";
  await world.setCap(user, 100);
  const large = await world.send(user, shapes[0], { bound: 1_000_000, fake: "tokens=500:900" });
  expect(large.status).toBe(200);
  for (const shape of shapes)
    expectRefusal(await world.send(user, shape, { bound: 1 }), { user, limit: 100, timeZone });
  const { usedTokens, state } = await world.agreed(user, shapes.length);
  expect([usedTokens, state]).toEqual([1_400, "over"]);
});

test("a capped user far below its cap is never refused, however many call at once", async () => {
  const user = "roomy";
  await world.setCap(user, 10_000_000);
  const sent = await Promise.all(
    Array.from({ length: crowd }, (_, nth) => world.send(user, shapes[nth % 6]!, { bound: 40 })),
  );
  expect(statuses(sent)).toEqual([200]);
  expect((await world.agreed(user, 0)).state).toBe("ok");
});

test("what fails, is cut or is abandoned gives back what was set aside", async () => {
  const user = "unlucky";
  await world.setCap(user, 10_000);
  for (const fake of ["status=500", "status=429", "cut-before-headers", "cut-after=0"]) {
    await Promise.all(shapes.map((shape) => world.send(user, shape, { bound: 1_500, fake }).catch(() => null)));
    const cap = await world.capOf(user);
    expect([fake, cap?.reservedTokens, cap?.rejectedRequests]).toEqual([fake, 0, 0]);
  }
  // Six at once of them would not fit, had any of it been kept.
  const sent = await Promise.all(shapes.map((shape) => world.send(user, shape, { bound: 1_000 })));
  expect(statuses(sent)).toEqual([200]);
});
