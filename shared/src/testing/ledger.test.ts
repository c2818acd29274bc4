import { afterAll, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LedgerEntry, loadLedger, noTokens, openLedger, sumLedger, usageOfLedger } from "./ledger";

const directory = mkdtempSync(join(tmpdir(), "ledger-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function entry(change: Partial<LedgerEntry> = {}): Omit<LedgerEntry, "seq"> {
  return {
    at: 1,
    path: "/v1/chat/completions",
    model: "gpt-4o",
    stream: false,
    callId: null,
    usageStated: { prompt_tokens: 3 },
    usageFinal: true,
    tokens: { ...noTokens, input: 3, output: 4 },
    status: 200,
    end: "complete",
    ...change,
  };
}

test("an entry is in the file when append returns, and the file loads to the same entries", () => {
  const path = join(directory, "deep", "a.jsonl");
  const ledger = openLedger(path);
  ledger.append(entry({ callId: "one" }));
  expect(readFileSync(path, "utf8").split("\n")).toHaveLength(2);
  ledger.append(entry({ callId: "two", end: "client_left", usageStated: null, usageFinal: false }));
  expect(loadLedger(path)).toEqual(ledger.entries);
  expect(ledger.entries.map(({ seq, callId }) => [seq, callId])).toEqual([
    [1, "one"],
    [2, "two"],
  ]);
  ledger.close();
});

test("an existing file is carried on: numbers and sums go further", () => {
  const path = join(directory, "b.jsonl");
  const first = openLedger(path);
  first.append(entry());
  first.close();
  const second = openLedger(path);
  expect(second.append(entry()).seq).toBe(2);
  expect(second.sum()).toEqual(sumLedger(loadLedger(path)));
  expect(second.sum().tokens).toEqual({ ...noTokens, input: 6, output: 8 });
  second.close();
});

test("a last line torn by a crash is left out and does not spoil the next entry", () => {
  const path = join(directory, "c.jsonl");
  const first = openLedger(path);
  first.append(entry());
  first.close();
  appendFileSync(path, '{"seq":2,"at":1,"pa');
  expect(loadLedger(path)).toHaveLength(1);
  const second = openLedger(path);
  second.append(entry({ callId: "after" }));
  second.close();
  expect(loadLedger(path).map(({ seq, callId }) => [seq, callId])).toEqual([
    [1, null],
    [2, "after"],
  ]);
});

test("sums count what was stated and how serving ended", () => {
  const sum = sumLedger([
    { seq: 1, ...entry() },
    { seq: 2, ...entry({ end: "cut", usageFinal: false }) },
    { seq: 3, ...entry({ end: "silent", usageStated: null, usageFinal: false, tokens: noTokens }) },
  ]);
  expect(sum).toEqual({
    requests: 3,
    stated: 1,
    tokens: { ...noTokens, input: 6, output: 8 },
    ends: { complete: 1, client_left: 0, cut: 1, error: 0, silent: 1 },
  });
});

test("tokens carry over to the one meaning of usage", () => {
  expect(usageOfLedger({ input: 10, cached: 2, cacheWrite: 3, cacheWriteLong: 1, output: 5, reasoning: 4 })).toEqual({
    inputTokens: 10,
    cachedInputTokens: 2,
    cacheWriteTokens: 3,
    cacheWriteLongTokens: 1,
    outputTokens: 5,
    reasoningTokens: 4,
  });
});
