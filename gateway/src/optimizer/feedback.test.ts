import { expect, test } from "bun:test";
import type { Asking, Reply } from "./client";
import { createFeedbackQueue, type Feedback } from "./feedback";

const feedback = (at: number): Feedback => ({
  sessionId: null,
  metadata: { user: null, team: null, sessionId: null },
  optimizationId: `o${at}`,
  endpoint: "/v1/messages",
  model: "m",
  usage: { inputTokens: at, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 1 },
});

function openWorld(reply: Reply) {
  const world = { told: [] as string[], atOnce: 0, atOnceMax: 0, isWanted: true, gate: Promise.resolve() };
  const queue = createFeedbackQueue({
    client: {
      async ask(path: string, { body }: Asking) {
        world.atOnce += 1;
        world.atOnceMax = Math.max(world.atOnceMax, world.atOnce);
        await world.gate;
        world.atOnce -= 1;
        world.told.push(`${path} ${JSON.parse(Buffer.from(body ?? []).toString()).optimizationId}`);
        return reply;
      },
    },
    limitMs: 100,
    isWanted: () => world.isWanted,
  });
  return { world, queue };
}

const taken: Reply = { bytes: new Uint8Array(), failure: null, hasAnswered: true };

test("each is told once, in order, after the call that brings it, a few at a time", async () => {
  const { world, queue } = openWorld(taken);
  for (let at = 0; at < 50; at++) queue.tell(feedback(at));
  expect(world.told).toEqual([]);
  await Bun.sleep(30);
  expect(world.told).toEqual(Array.from({ length: 50 }, (_, at) => `/v1/feedback o${at}`));
  expect([world.atOnceMax <= 2, queue.waiting(), queue.dropped()]).toEqual([true, 0, 0]);
  queue.tell(feedback(50));
  await Bun.sleep(30);
  expect(world.told).toHaveLength(51);
});

test("what cannot be told soon is dropped and counted", async () => {
  const { world, queue } = openWorld(taken);
  const gate = Promise.withResolvers<void>();
  world.gate = gate.promise;
  for (let at = 0; at < 1_500; at++) queue.tell(feedback(at));
  expect([queue.waiting(), queue.dropped()]).toEqual([1_000, 500]);
  await Bun.sleep(10);
  world.isWanted = false;
  queue.tell(feedback(0));
  gate.resolve();
  await Bun.sleep(30);
  expect([world.told.length, world.atOnceMax, queue.waiting(), queue.dropped()]).toEqual([2, 2, 0, 1_499]);
});

test("what the optimizer does not take counts as dropped", async () => {
  const { queue } = openWorld({ bytes: null, failure: "error", hasAnswered: true });
  queue.tell(feedback(1));
  await Bun.sleep(20);
  expect(queue.dropped()).toBe(1);
});
