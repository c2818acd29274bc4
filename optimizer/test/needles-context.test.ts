// Facts planted at random places of agents' conversations, and looked for after each strategy that makes old context
// smaller: those that must stay in sight, and those that must at least be had back. NEEDLES=3000 tries more.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { handlesIn } from "../src/markers";
import { apis } from "../src/segments/apis";
import { Draft } from "../src/segments/draft";
import { contextDedupe } from "../src/strategies/context_dedupe";
import { observationMask } from "../src/strategies/observation_mask";
import { outputExternalize } from "../src/strategies/output_externalize";
import { windowBudget } from "../src/strategies/window_budget";
import type { Strategy } from "../src/strategy";
import { anyOutput, type Step, writeRequest } from "./agent-steps";
import { faultsOf } from "./legality";
import { type Planted, reportOf } from "./needle-report";
import { type Endpoint, endpoints, runStrategy } from "./run-stand";

const tries = Number(process.env["NEEDLES"] ?? 300);
const firstSeed = Number(process.env["NEEDLE_SEED"] ?? 1);

interface World {
  /** Results, oldest first. */
  results: string[];
  /** Where the fact is planted. */
  at: number;
  fact: string;
  /** An identifier of the fact. */
  name: string;
  roll: (sides: number) => number;
}

interface Plan {
  strategy: Strategy;
  params: Record<string, unknown>;
  /** The fact need not be in the request, but behind a handle that is. */
  isRetrieved?: boolean;
  /** Only this API can say it. */
  endpoint?: Endpoint;
  steps(world: World): Step[];
}

const read = (result: string, path: string, isError = false): Step => ({
  calls: [{ tool: "Read", args: { path }, result, isError }],
});
const begin: Step = { user: "Find out why the importer is slow, and keep notes." };
const end: Step[] = [
  { calls: [{ tool: "Wait", args: {}, result: "ok" }] },
  { calls: [{ tool: "Wait", args: {}, result: "ok" }] },
  { calls: [{ tool: "Wait", args: {}, result: "ok" }] },
  { say: "That is all there is to see for now." },
];

/** The text with a line put in somewhere. */
function plant(text: string, line: string, roll: World["roll"]): string {
  const lines = text.split("\n");
  lines.splice(roll(lines.length + 1), 0, line);
  return lines.join("\n");
}

/** Each result of a file of its own, but for a short last look at them all: none is the last of its path by size. */
function talk(world: World, line: string, isError = false): Step[] {
  return world.results.map((text, at): Step => {
    const result = at === world.at ? plant(text, line, world.roll) : text;
    return { calls: [{ tool: "Bash", args: { command: "make all" }, result, isError: isError && at === world.at }] };
  });
}

const asked = ({ name }: World): Step => ({ user: `What about ${name} now?` });
const cited = ({ name }: World): Step => ({
  say: `I noted ${name} and value_of_${name} before, and come back to them.`,
});
const both = ({ fact, name }: World) => `${fact} value_of_${name}`;
const small = { minChars: 200 };
const window = { strategy: windowBudget, params: { maxTokens: 1_500 } };
const mask = { strategy: observationMask, params: small };

const plans: Record<string, Plan> = {
  "dedupe/changed line": {
    strategy: contextDedupe,
    params: small,
    steps: (world) => {
      const text = world.results[0] as string;
      const copies = world.results.map((_, at) => (at === world.at ? plant(text, world.fact, world.roll) : text));
      return [begin, ...copies.map((copy, at) => read(copy, `f${at % 3}`)), ...end, { user: "So?" }];
    },
  },
  "dedupe/among shared runs": {
    strategy: contextDedupe,
    params: small,
    steps: (world) => {
      const shared = world.results[0] as string;
      const texts = world.results.map((text, at) => {
        const whole = world.roll(2) ? `${text}\n${shared}` : `${shared}\n${text}`;
        return at === world.at ? plant(whole, world.fact, world.roll) : whole;
      });
      return [begin, ...texts.map((text, at) => read(text, `f${at}`)), ...end, { user: "So?" }];
    },
  },
  "mask/asked for": { ...mask, steps: (w) => [begin, ...talk(w, w.fact), ...end, asked(w)] },
  "mask/cited": { ...mask, steps: (w) => [begin, ...talk(w, both(w)), ...end.slice(0, 3), cited(w), { user: "So?" }] },
  "mask/severe": { ...mask, steps: (w) => [begin, ...talk(w, `FATAL: ${w.fact}`), ...end, { user: "So?" }] },
  "mask/error": {
    ...mask,
    endpoint: "/v1/messages",
    steps: (w) => [begin, ...talk(w, w.fact, true), ...end, { user: "So?" }],
  },
  "mask/last of its file": {
    ...mask,
    steps: (w) => [
      begin,
      ...w.results.map((text, at) => read(at === w.at ? plant(text, w.fact, w.roll) : text, `f${at}`)),
      ...end,
      { user: "So?" },
    ],
  },
  "mask/anything": { ...mask, isRetrieved: true, steps: (w) => [begin, ...talk(w, w.fact), ...end, { user: "So?" }] },
  "externalize/asked for": {
    strategy: outputExternalize,
    params: { minChars: 2_000 },
    steps: (w) => [
      begin,
      ...talk({ ...w, results: w.results.map((text) => `${text}\n`.repeat(8)) }, w.fact),
      ...end,
      asked(w),
    ],
  },
  "externalize/anything": {
    strategy: outputExternalize,
    params: { minChars: 2_000 },
    isRetrieved: true,
    steps: (w) => [
      begin,
      ...talk({ ...w, results: w.results.map((text) => `${text}\n`.repeat(8)) }, w.fact),
      ...end,
      { user: "So?" },
    ],
  },
  "window/asked for": { ...window, steps: (w) => [begin, ...talk(w, w.fact), ...end, asked(w)] },
  "window/cited": {
    ...window,
    steps: (w) => [begin, ...talk(w, both(w)), ...end.slice(0, 3), cited(w), { user: "So?" }],
  },
  "window/first words": { ...window, steps: (w) => [{ user: w.fact }, ...talk(w, "x"), ...end, { user: "So?" }] },
  "window/anything": {
    ...window,
    isRetrieved: true,
    steps: (w) => [begin, ...talk(w, w.fact), ...end, { user: "So?" }],
  },
};

function worldOf(seed: number, roll: World["roll"]): World {
  const count = 4 + roll(10);
  const results = fc.sample(anyOutput, { seed, numRuns: count });
  const name = `zone_${seed}x${roll(90_000) + 10_000}`;
  return { results, at: roll(count), fact: `the limit of ${name} is ${roll(9_000) + 1_000}`, name, roll };
}

/** A generator of its own: the same numbers for the same seed. */
function dice(seed: number): World["roll"] {
  let state = (seed * 2_654_435_761) >>> 0;
  return (sides) => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 3_266_489_917) >>> 0;
    return ((state ^ (state >>> 13)) >>> 0) % sides;
  };
}

function tryOne(name: string, plan: Plan, seed: number): Planted {
  const roll = dice(seed);
  const world = worldOf(seed, roll);
  const endpoint = plan.endpoint ?? endpoints[seed % endpoints.length] ?? "/v1/messages";
  const source = writeRequest(endpoint, plan.steps(world));
  const { output, stashes } = runStrategy(plan.strategy, source, { endpoint, params: plan.params });
  expect(faultsOf(endpoint, output)).toEqual([]);
  const texts = new Draft(output, apis.get(endpoint) as never).segments.map(({ original }) => original);
  if (plan.isRetrieved)
    for (const text of [...texts]) for (const handle of handlesIn(text)) texts.push(stashes.get(handle)?.content ?? "");
  const survived = texts.some((text) => text.includes(world.fact));
  return { class: name, seed, survived, before: source.length, after: output.length };
}

test("planted facts stay in sight, or can be had back", () => {
  const planted: Planted[] = [];
  const names = Object.keys(plans);
  for (let count = 0; count < tries; count += 1) {
    const name = names[count % names.length] as string;
    planted.push(tryOne(name, plans[name] as Plan, firstSeed + count));
  }
  const reports = reportOf(planted);
  for (const { class: name, survived, tries: of, low, size, lostSeeds } of reports) {
    const lost = lostSeeds.length > 0 ? ` lost: ${lostSeeds.join(" ")}` : "";
    console.log(
      `${name}: ${survived}/${of} (at least ${(100 * low).toFixed(1)} %), size ${(100 * size).toFixed(0)} %${lost}`,
    );
  }
  for (const { class: name, survived, tries: of } of reports)
    expect({ name, survived }).toEqual({ name, survived: of });
}, 120_000);
