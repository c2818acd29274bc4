import { expect, test } from "bun:test";
import { checkRows } from "@anyray/shared/store/check";
import { interruptedRow } from "./records";
import { rowOf, startOf } from "./testing/spool-world";

test("a call without an end becomes a row that any store takes: interrupted, estimated, by what was known of it", () => {
  const start = startOf(rowOf(1, { user: "ada", labels: { a: 1 }, stream: true, model: null }));
  const row = interruptedRow(start);
  checkRows([row]);
  expect(row).toMatchObject(start);
  expect(row).toMatchObject({
    endReason: "interrupted",
    estimated: true,
    status: 499,
    costNanoUsd: null,
    ttftMs: null,
  });
  expect([row.inputTokens, row.outputTokens, row.cachedInputTokens]).toEqual([start.inputTokens, 0, 0]);
});
