// An agent's long session through the whole pipeline, call by call, with what makes old context smaller switched on:
// legal on every turn, the cached prefix byte for byte the same except at declared rewrites, nothing lost for good.

import { describe, expect, test } from "bun:test";
import { createBudget } from "../src/budget";
import { handlesIn } from "../src/markers";
import { optimize } from "../src/optimize";
import { apis } from "../src/segments/apis";
import { Draft } from "../src/segments/draft";
import { emptySession } from "../src/session";
import { contextDedupe } from "../src/strategies/context_dedupe";
import { observationMask } from "../src/strategies/observation_mask";
import { outputExternalize } from "../src/strategies/output_externalize";
import { windowBudget } from "../src/strategies/window_budget";
import { type Step, writeRequest } from "./agent-steps";
import { faultsOf } from "./legality";
import { type Endpoint, endpoints, paramsOf } from "./run-stand";

const ceiling = 16_000;
const strategies = [
  { strategy: contextDedupe, params: paramsOf(contextDedupe) },
  { strategy: observationMask, params: paramsOf(observationMask) },
  { strategy: outputExternalize, params: paramsOf(outputExternalize) },
  { strategy: windowBudget, params: paramsOf(windowBudget, { maxTokens: ceiling }) },
];
const models: Record<Endpoint, string> = {
  "/v1/chat/completions": "gpt-5",
  "/v1/responses": "gpt-5",
  "/v1/messages": "claude-sonnet-4-5",
};
const calls = 70;
const pauseEvery = 12;

function source(name: string, version: number, lines = 70): string {
  return Array.from({ length: lines }, (_, at) =>
    at === version % lines ? `  return ${name}_v${version};` : `  const ${name}_${at} = read("${name}", ${at});`,
  ).join("\n");
}

/** Reads, edits, rereads and builds, with a question now and then. */
function stepsOf(count: number): Step[] {
  const steps: Step[] = [{ user: "The importer drops rows. Find out why, and mend it." }];
  for (let at = 0; at < count; at += 1) {
    const file = `src/part${at % 5}.ts`;
    const read = { tool: "Read", args: { path: file }, result: source(`part${at % 5}`, at >> 3) };
    const build = {
      tool: "Bash",
      args: { command: `make check${at % 3}` },
      result: `${source("built", at, 30)}\nerror: row ${at * 31} was dropped by worker_${at}`,
      isError: at % 7 === 6,
    };
    const edit = { tool: "Edit", args: { path: file, old: "a", new: "b" }, result: "done" };
    if (at % 4 === 0) steps.push({ say: `Reading ${file} again.`, calls: [read] });
    else if (at % 4 === 1) steps.push({ calls: [read, build] });
    else if (at % 4 === 2) steps.push({ say: `I change ${file}.`, calls: [edit] });
    else steps.push({ say: `Building after call ${at}.`, calls: [build] });
    if (at % 15 === 14) {
      steps.push({
        say: `Up to call ${at} the cause seems to lie in ${file}: worker_${at} drops what it cannot parse.`,
      });
      steps.push({ user: `Are you sure about worker_${at}?` });
    }
  }
  return steps;
}

function messagesOf(request: string): string[] {
  const body = JSON.parse(request) as Record<string, unknown[]>;
  return (body["messages"] ?? body["input"] ?? []).map((message) => JSON.stringify(message));
}

/** In characters of uncached input: a tenth for what the call before sent in the same place, 1.25 for the rest. */
function costOf(messages: readonly string[], before: readonly string[]): number {
  let same = 0;
  while (same < before.length && messages[same] === before[same]) same += 1;
  return messages.reduce((sum, { length }, at) => sum + length * (at < same ? 0.1 : 1.25), 0);
}

function replay(endpoint: Endpoint) {
  let session = emptySession();
  let now = 1_000_000_000;
  const stash = new Map<string, string>();
  let before: string[] = [];
  let plainBefore: string[] = [];
  const seen = {
    crops: 0,
    rewrites: 0,
    sent: 0,
    sentPlain: 0,
    cost: 0,
    costPlain: 0,
    faults: [] as string[],
    broken: [] as number[],
    lost: 0,
  };
  for (let call = 1; call <= calls; call += 1) {
    const isCold = call % pauseEvery === 0;
    now += isCold ? 2 * 3_600_000 : 20_000;
    const plain = writeRequest(endpoint, stepsOf(call), { model: models[endpoint] });
    const result = optimize({
      endpoint,
      source: plain,
      strategies,
      session,
      asker: { user: null, team: null, session: "s" },
      scope: { tenant: "", user: "", session: "s" },
      handleKey: new Uint8Array(32).fill(9),
      canRetrieve: true,
      canStash: true,
      canShortCircuit: false,
      now,
      budget: createBudget(60_000),
      factor: () => 1,
      isOff: () => false,
    });
    for (const { handle, content } of result.stashWrites) stash.set(handle, content);
    for (const handle of handlesIn(result.output)) if (!stash.has(handle)) seen.lost += 1;
    seen.faults.push(...faultsOf(endpoint, result.output));
    const messages = messagesOf(result.output);
    const messagesPlain = messagesOf(plain);
    const isRewritten = result.sidecar["rewrittenFrom"] !== undefined;
    const isCropped = result.sidecar["cropped"] !== undefined;
    if (isCropped) seen.crops += 1;
    else if (isRewritten) seen.rewrites += 1;
    else if (messages.slice(0, before.length).join("\n") !== before.join("\n")) seen.broken.push(call);
    seen.cost += costOf(messages, isCold ? [] : before);
    seen.costPlain += costOf(messagesPlain, isCold ? [] : plainBefore);
    before = messages;
    plainBefore = messagesPlain;
    seen.sent += result.output.length;
    seen.sentPlain += plain.length;
    session = { ...result.session, lastCachedTokens: 1_000 };
  }
  return { ...seen, stash, last: before };
}

describe.each(endpoints)("a long session at %s", (endpoint) => {
  const seen = replay(endpoint);

  test("is legal on every turn", () => {
    expect(seen.faults).toEqual([]);
  });

  test("sends its prefix again byte for byte, except at rewrites that are declared", () => {
    expect(seen.broken).toEqual([]);
    expect(seen.crops).toBeGreaterThan(0);
    expect(seen.crops).toBeLessThan(5);
    expect(seen.rewrites).toBeLessThan(calls / 2);
  });

  test("costs less by the prices of cached reads and writes, its rewrites included", () => {
    expect(seen.cost).toBeLessThan(seen.costPlain * 0.65);
  });

  test("offers no handle that leads nowhere", () => {
    expect(seen.lost).toBe(0);
    expect(seen.stash.size).toBeGreaterThan(10);
  });

  test("sends less than half, and stays under its ceiling", () => {
    expect(seen.sent).toBeLessThan(seen.sentPlain / 2);
    const api = apis.get(endpoint);
    const text = JSON.stringify({
      model: "m",
      [endpoint === "/v1/responses" ? "input" : "messages"]: seen.last.map((m) => JSON.parse(m)),
    });
    const { segments } = new Draft(text, api as never);
    expect(segments.reduce((sum, { tokens }) => sum + tokens, 0)).toBeLessThanOrEqual(ceiling);
  });

  test("has every line of every result still in sight, or behind a handle in sight", () => {
    const sight = new Draft(
      JSON.stringify({ [endpoint === "/v1/responses" ? "input" : "messages"]: seen.last.map((m) => JSON.parse(m)) }),
      apis.get(endpoint) as never,
    );
    const texts = sight.segments.map(({ original }) => original);
    const reached = new Set<string>();
    const queue = texts.flatMap(handlesIn);
    for (let handle = queue.pop(); handle; handle = queue.pop()) {
      if (reached.has(handle)) continue;
      reached.add(handle);
      texts.push(seen.stash.get(handle) ?? "");
    }
    const all = texts.join("\n");
    for (let call = 0; call < calls; call += 1) {
      if (call % 4 === 1 || call % 4 === 3) expect(all).toContain(`row ${call * 31} was dropped by worker_${call}`);
    }
  });
});
