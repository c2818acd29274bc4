// Promise: a cap outlives its process. What was used and refused is the same after a stop, and what was used also after
// a kill at any moment.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { UsageReport } from "@anyray/shared/admin/caps";
import { type CapsWorld, expectRefusal, openCapsWorld, shapes } from "./caps-world";
import { until } from "./harness";

// A start alone takes seconds on a busy machine.
setDefaultTimeout(20_000);

const [chat, chatStream] = shapes;

let world: CapsWorld;
beforeAll(async () => {
  world = await openCapsWorld();
});
afterAll(() => world.stop());

const sendMany = (user: string, count: number) =>
  Promise.all(Array.from({ length: count }, (_, nth) => world.send(user, shapes[nth % shapes.length]!, { bound: 40 })));

test("SIGTERM: used and refused are the same after the next start, and go on from there", async () => {
  const user = "stopped";
  const limit = 2_000;
  await world.setCap(user, limit);
  const sent = await sendMany(user, 100);
  const refused = sent.filter(({ status }) => status === 429).length;
  expect(refused).toBeGreaterThan(0);
  const before = await world.agreed(user, refused);
  for (const restart of [1, 2]) {
    await world.restart("SIGTERM");
    expect(await world.agreed(user, refused + restart - 1)).toEqual({
      ...before,
      rejectedRequests: refused + restart - 1,
    });
    expectRefusal(await world.send(user, chat, { bound: 1 }), { user, limit, timeZone: "UTC" });
    // Stored by a timer in between, or by the stop: counted once either way.
    if (restart === 1) await Bun.sleep(1_100);
  }
  expect((await world.agreed(user, refused + 2)).rejectedRequests).toBe(refused + 2);
});

test("kill -9 in the moment after a crowd's last answer: used is the same after the next start", async () => {
  const user = "killed";
  const limit = 1_000_000;
  await world.setCap(user, limit);
  for (let round = 1; round <= 3; round++) {
    await sendMany(user, 60);
    // Before anything is asked of it that would have it write its rows away.
    await world.restart("SIGKILL");
    expect((await world.agreed(user, 0)).requests).toBe(round * 60);
  }
  await world.setCap(user, 1);
  expectRefusal(await world.send(user, chat), { user, limit: 1, timeZone: "UTC" });
});

test("kill -9 in the middle of streams: nothing stays set aside, and used is what the rows say", async () => {
  const user = "torn";
  await world.setCap(user, 10_000);
  const whole = await world.send(user, chat, { fake: "tokens=700:300" });
  expect(whole.status).toBe(200);
  const streams = Array.from({ length: 4 }, () =>
    world.send(user, chatStream, { bound: 2_000, fake: "silent-after=2" }).catch(() => null),
  );
  await until(async () => ((await world.capOf(user))?.reservedTokens ?? 0) >= 8_000);
  const { rejectedRequests } = (await world.capOf(user))!;
  expect(rejectedRequests).toBe(0);
  await world.restart("SIGKILL");
  await Promise.all(streams);

  const rows = await world.gateway().rows(`user=${user}`);
  expect(rows.map((row): string => row.endReason).sort()).toEqual(["completed", ...Array(4).fill("interrupted")]);
  const rowTokens = rows.reduce((sum, row) => sum + row.inputTokens + row.outputTokens, 0);
  expect(rowTokens).toBeGreaterThan(1_000);
  const usage = await world.gateway().admin<UsageReport>("GET", `/admin/usage/${user}`);
  expect(usage).toMatchObject({ usedTokens: rowTokens, reservedTokens: 0, requests: 5 });
  // All of the rest is free again.
  const after = await Promise.all(Array.from({ length: 4 }, () => world.send(user, chat, { bound: 2_000 })));
  expect(after.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
});

test("a kill -9 of one gateway after another never counts a call twice, nor a refusal", async () => {
  const user = "twice";
  await world.setCap(user, 500);
  const sent = await sendMany(user, 50);
  const refused = sent.filter(({ status }) => status === 429).length;
  // Its rows and its refusals are in the store by now, and some of them still in its spool's files.
  const before = await world.agreed(user, refused);
  await world.restart("SIGKILL");
  await world.restart("SIGKILL");
  expect(await world.agreed(user, refused)).toEqual(before);
});
