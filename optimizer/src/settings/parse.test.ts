import { describe, expect, test } from "bun:test";
import { AnyrayError } from "@anyray/shared/errors";
import fc from "fast-check";
import type { ParamSpec, Strategy } from "../strategy";
import { compileConfig } from "./compile";
import type { Facts, Registry } from "./config";
import { parseConfig, readConfig } from "./parse";

const about = { does: "Nothing.", risk: "None." };
const strategy = (kind: string, bodyBytesMin: number, params: Record<string, ParamSpec> = {}): Strategy => ({
  ...{ kind, tier: "lossless", about, params, bodyBytesMin },
  run() {},
});
const help = "help";
const registry: Registry = {
  strategies: [
    strategy("first", 100, {
      flag: { type: "boolean", default: false, help },
      size: { type: "integer", default: 10, min: -5, max: 20, help },
      share: { type: "number", default: null, min: 0, max: 1, help },
    }),
    strategy("second", 50, {
      mode: { type: "choice", default: "a", choices: ["a", "b"], help },
      roles: { type: "list", default: [], choices: ["tool", "user"], help },
      words: { type: "list", default: ["x"], choices: null, help },
    }),
    strategy("window_budget", 30),
    strategy("cache_optimizer", 20),
  ],
  defaultConfig: { defaultsRevision: "r1", strategies: [], overrides: { byEndpoint: {}, rules: [] } },
};
const kinds = registry.strategies.map(({ kind }) => kind);

/** What the specs accept of it, told apart from how it is read. */
const paramValues: Record<string, fc.Arbitrary<unknown>> = {
  flag: fc.boolean(),
  size: fc.integer({ min: -5, max: 20 }),
  share: fc.oneof(fc.constant(null), fc.double({ min: 0, max: 1, noNaN: true })),
  mode: fc.constantFrom("a", "b"),
  roles: fc.uniqueArray(fc.constantFrom("tool", "user")),
  words: fc.uniqueArray(fc.string({ minLength: 1, maxLength: 256 }), { maxLength: 5 }),
};
const paramsOf = (kind: string) => {
  const specs = registry.strategies.find((each) => each.kind === kind)?.params ?? {};
  const arbitraries = Object.keys(specs).map((name) => [name, paramValues[name]!] as const);
  return fc.record(Object.fromEntries(arbitraries), { requiredKeys: [] });
};
const entries = fc
  .subarray(kinds)
  .chain((chosen) =>
    fc.tuple(
      ...chosen.map((kind) => fc.record({ kind: fc.constant(kind), enabled: fc.boolean(), params: paramsOf(kind) })),
    ),
  );
const endpoint = fc.constantFrom("/v1/chat/completions", "/v1/responses", "/v1/messages");
const rule = fc.record({
  match: fc.record(
    {
      user: fc.constantFrom("ada", "bob"),
      team: fc.constantFrom("ops"),
      endpoint,
      model: fc.constantFrom("m", "m*", "*"),
      metadata: fc.dictionary(fc.constantFrom("k", "__proto__"), fc.oneof(fc.boolean(), fc.integer(), fc.string())),
    },
    { requiredKeys: [] },
  ),
  strategies: entries,
});
const config = fc.record({
  defaultsRevision: fc.oneof(fc.nat(), fc.constantFrom("r1", "2026-11")),
  strategies: entries,
  overrides: fc.record({
    byEndpoint: fc.dictionary(endpoint, entries),
    rules: fc.array(rule, { maxLength: 4 }),
  }),
});

function faultOf(body: unknown): string {
  try {
    parseConfig(body, registry);
  } catch (error) {
    if (error instanceof AnyrayError) return error.message;
    throw error;
  }
  return "";
}

const throughJson = (value: unknown) => JSON.parse(JSON.stringify(value));

describe("a config", () => {
  test("without faults is read as it is, and once read is read the same again", () => {
    fc.assert(
      fc.property(config, (given) => {
        const sent = throughJson(given);
        const read = parseConfig(sent, registry);
        expect(throughJson(read)).toEqual(sent);
        expect(parseConfig(throughJson(read), registry)).toEqual(read);
        expect(parseConfig({ config: sent, known: 1, faults: [] }, registry)).toEqual(read);
      }),
    );
  });

  test("with one thing wrong names the place of that thing", () => {
    const bad = fc.constantFrom<[place: string, value: unknown]>(
      ["flag", 1],
      ["flag", null],
      ["size", 1.5],
      ["size", 21],
      ["size", -6],
      ["size", "7"],
      ["size", null],
      ["share", -0.1],
      ["share", 2],
      ["share", true],
    );
    fc.assert(
      fc.property(config, bad, (given, [name, value]) => {
        const sent = throughJson(given);
        sent.overrides.rules.push({
          match: {},
          strategies: [{ kind: "first", enabled: true, params: { [name]: value } }],
        });
        const at = sent.overrides.rules.length - 1;
        expect(faultOf(sent)).toStartWith(`overrides.rules[${at}].strategies[0].params.${name}=`);
      }),
    );
  });

  test("of anything at all never does more than throw a refusal, and what is sound of it has no faults", () => {
    const anything = fc.anything({ withNullPrototype: true, maxDepth: 5 });
    const almost = fc.record(
      {
        strategies: fc.oneof(
          anything,
          fc.array(
            fc.oneof(anything, fc.record({ kind: fc.constantFrom(...kinds), enabled: anything, params: anything })),
          ),
        ),
        overrides: fc.oneof(
          anything,
          fc.record({ byEndpoint: anything, rules: fc.oneof(anything, fc.array(anything)) }),
        ),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(anything, almost), (given) => {
        // Only what JSON can carry arrives.
        const sent = JSON.parse(JSON.stringify(given, (_, value) => (typeof value === "bigint" ? 1 : value)) ?? "null");
        const { config: sound, faults } = readConfig(sent, registry);
        expect(faultOf(sent) === "").toBe(faults.length === 0 && !Object.hasOwn(sent ?? {}, "config"));
        expect(readConfig(sound, registry).faults).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});

describe("what a config means", () => {
  const factsOf = fc.record<Facts>({
    endpoint,
    user: fc.constantFrom("ada", "bob", null),
    team: fc.constantFrom("ops", null),
    model: fc.constantFrom("m", "x/m1", "other", null),
    metadata: fc.constantFrom(new Map(), new Map([["k", true]]), new Map([["__proto__", "x"]])),
    enabledKinds: fc.constantFrom(null, new Set(["first", "cache_optimizer"])),
  });

  test("is a list without what is off, with all parameters, in which every request that asking can be worth is let ask", () => {
    fc.assert(
      fc.property(config, factsOf, (given, facts) => {
        const read = parseConfig(throughJson(given), registry);
        const compiled = compileConfig(read, registry, "1.0.0");
        const { strategies, revision } = compiled.resolve(facts);
        expect(revision).toBe(compiled.eligibility.revision);
        for (const { strategy: each, params } of strategies) {
          expect(Object.keys(params)).toEqual(Object.keys(each.params));
          expect(facts.enabledKinds?.has(each.kind) ?? true).toBe(true);
          const least = compiled.eligibility.bodyBytesMin[facts.endpoint] ?? Number.POSITIVE_INFINITY;
          expect(least).toBeLessThanOrEqual(each.bodyBytesMin);
        }
        const active = strategies.map(({ strategy: each }) => each.kind);
        expect(new Set(active).size).toBe(active.length);
        const last = active.indexOf("cache_optimizer");
        expect(last < 0 || last === active.length - 1).toBe(true);
      }),
    );
  });

  test("has a revision that tells configs and versions apart, and nothing else", () => {
    fc.assert(
      fc.property(config, config, (one, other) => {
        const read = (each: unknown) => parseConfig(throughJson(each), registry);
        const revision = (each: unknown, version = "1") => compileConfig(read(each), registry, version).revision;
        expect(revision(one)).toBe(revision(throughJson(one)));
        expect(revision(one) === revision(other)).toBe(JSON.stringify(read(one)) === JSON.stringify(read(other)));
        expect(revision(one, "2")).not.toBe(revision(one));
      }),
      { numRuns: 50 },
    );
  });
});
