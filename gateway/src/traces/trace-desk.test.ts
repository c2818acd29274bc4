import { describe, expect, test } from "bun:test";
import { Metrics } from "@anyray/shared/metrics";
import type { Arrival } from "../call";
import { endpoints } from "../endpoints/registry";
import { createContentModes } from "./content-modes";
import { createTraceDesk, type TraceDeskSettings } from "./trace-desk";
import type { RefusedEnd, TraceDraft } from "./trace-draft";
import type { TraceBatch } from "./trace-thread";

const refused: RefusedEnd = { status: 429, endReason: "refused", errorCode: "user_token_cap_exceeded", endedAt: 1_000 };

function setUp(given: Partial<TraceDeskSettings> = {}) {
  const metrics = new Metrics();
  const batches: TraceBatch[] = [];
  const state = { isFree: true };
  const modes = createContentModes("encrypted");
  const desk = createTraceDesk({
    ...{ modes, metrics, lingerMs: 1 },
    isFree: () => state.isFree,
    send: (batch) => void batches.push(batch),
    ...given,
  });
  let calls = 0;
  const call = (bytes: number) => {
    calls += 1;
    const arrival = {
      ...{ id: `call-${calls}`, arrivedAt: 1, startedAt: 1, path: "/v1/chat/completions", endpoint: endpoints[0] },
      request: new Request("http://localhost/"),
    } as unknown as Arrival;
    const book = desk.open(arrival);
    book?.request(new Uint8Array(bytes).fill(97), 2);
    desk.refuse(book, refused);
    return book;
  };
  const drafts = () => batches.flatMap((batch) => JSON.parse(batch.drafts) as TraceDraft[]);
  const dropped = (what: string) =>
    Number(new RegExp(`dropped_total\\{what="${what}"\\} (\\d+)`).exec(metrics.text())?.[1] ?? 0);
  return { desk, modes, batches, state, call, drafts, dropped };
}

describe("a desk", () => {
  test("hands every ended call over once, with the bytes that are its own", async () => {
    const { call, batches, drafts, desk } = setUp();
    for (let bytes = 1; bytes <= 600; bytes++) desk.refuse(call(bytes), refused);
    await Bun.sleep(50);
    expect(drafts().map(({ id }) => id)).toEqual(Array.from({ length: 500 }, (_, n) => `call-${n + 1}`));
    expect(batches.length).toBeLessThan(10);
    for (const { drafts: text, bytes, count } of batches) {
      const each = JSON.parse(text) as TraceDraft[];
      expect(each).toHaveLength(count);
      expect(each.reduce((sum, { contents }) => sum + (contents[0]?.length ?? 0), 0)).toBe(bytes.length);
    }
  });

  test("gives up contents first and then traces when the thread does not keep up, and counts both", async () => {
    const { call, state, drafts, dropped, desk } = setUp({ waitingBytesMax: 10_000, waitingMax: 100 });
    state.isFree = false;
    for (let n = 0; n < 130; n++) call(1_000);
    await Bun.sleep(20);
    expect(drafts()).toEqual([]);
    state.isFree = true;
    desk.again();
    await Bun.sleep(20);
    expect(drafts().map(({ contents }) => contents.length)).toEqual([...Array(10).fill(1), ...Array(90).fill(0)]);
    expect([dropped("content"), dropped("trace")]).toEqual([90, 30]);
    call(1_000);
    await Bun.sleep(20);
    expect(drafts().at(-1)?.contents).toHaveLength(1);
  });

  test("hands no content over once the mode has become off, and none of a call that began under it", async () => {
    const { call, state, modes, desk, batches, drafts } = setUp();
    state.isFree = false;
    call(1_000);
    modes.set("off");
    call(1_000);
    modes.set("plaintext");
    call(1_000);
    state.isFree = true;
    desk.again();
    await Bun.sleep(20);
    expect(drafts().map(({ mode, contents }) => [mode, contents.length])).toEqual([
      ["off", 0],
      ["off", 0],
      ["plaintext", 1],
    ]);
    expect(batches[0]?.bytes.length).toBe(1_000);
  });

  test("keeps so many refusals a second and counts the rest", async () => {
    const { call, drafts, dropped } = setUp({ refusalsPerSecond: 3 });
    for (let n = 0; n < 10; n++) call(1);
    await Bun.sleep(20);
    expect([drafts().length, dropped("refusal")]).toEqual([3, 7]);
  });
});
