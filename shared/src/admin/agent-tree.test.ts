import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { AgentSums } from "../store/trace-query";
import { agentTree } from "./agent-tree";

const sums = {
  ...{ traces: 1, errors: 0, inputTokens: 10, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 1 },
  ...{ reasoningTokens: 0, tokensSaved: 0, costNanoUsd: 5, unpriced: 0, estimated: 0 },
};
const agentOf = (agent: string | null, parentAgent: string | null, firstAt: number): AgentSums => ({
  ...{ agent, parentAgent, firstAt },
  ...sums,
});
const drawn = (agents: AgentSums[]) =>
  agentTree(agents).map(({ agent, depth, sums: { traces } }) => `${" ".repeat(depth)}${agent ?? "-"} ${traces}`);

describe("a session's agents", () => {
  test("stand behind who called them, in the order they first called", () => {
    const agents = [
      agentOf("main", null, 1),
      agentOf("writer", "main", 3),
      agentOf("reader", "main", 2),
      agentOf("checker", "writer", 4),
      agentOf(null, null, 5),
    ];
    expect(drawn(agents)).toEqual(["main 1", " reader 1", " writer 1", "  checker 1", "- 1"]);
  });

  test("called by several are one, below the first; their figures are added", () => {
    const agents = [agentOf("a", null, 1), agentOf("b", "a", 2), agentOf("b", "c", 3), agentOf("c", "a", 1)];
    expect(drawn(agents)).toEqual(["a 1", " c 1", " b 2"]);
  });

  test("of a parent that never called stand below it all the same", () => {
    expect(drawn([agentOf("b", "ghost", 1)])).toEqual(["ghost 0", " b 1"]);
  });

  test("that call themselves or each other in a ring are all there once", () => {
    expect(drawn([agentOf("a", "a", 1)])).toEqual(["a 1"]);
    expect(drawn([agentOf("a", "c", 1), agentOf("b", "a", 2), agentOf("c", "b", 3)])).toEqual(["c 1", " a 1", "  b 1"]);
  });

  test("with names of Object.prototype are names like others", () => {
    expect(drawn([agentOf("__proto__", "constructor", 1), agentOf("", "__proto__", 2)])).toEqual([
      "constructor 0",
      " __proto__ 1",
      "   1",
    ]);
  });

  test("in a chain of a hundred thousand are read without a deep call, and in time", () => {
    const chain = Array.from({ length: 100_000 }, (_, i) => agentOf(`a${i}`, i ? `a${i - 1}` : null, i));
    for (const agents of [chain, chain.toReversed().map((agent, i) => ({ ...agent, firstAt: i }))]) {
      const startedAt = performance.now();
      expect(agentTree(agents).at(-1)?.depth).toBe(99_999);
      expect(performance.now() - startedAt).toBeLessThan(5_000);
    }
  });

  test("are always a tree: each once, behind its parent, nothing lost", () => {
    const name = fc.constantFrom("a", "b", "c", "d", "e", "__proto__");
    const orNull = fc.option(name, { nil: null });
    const one = fc.tuple(orNull, orNull, fc.nat(20)).map(([agent, parent, at]) => agentOf(agent, parent, at));
    fc.assert(
      fc.property(fc.array(one, { maxLength: 15 }), (agents) => {
        const nodes = agentTree(agents);
        const called = new Set(agents.map(({ agent }) => agent));
        const shown = nodes.map(({ agent }) => agent);
        expect(new Set(shown).size).toBe(shown.length);
        expect([...called].every((agent) => shown.includes(agent))).toBe(true);
        // Whoever never called is there only for those below it.
        for (const agent of shown) {
          expect(called.has(agent) || nodes.some(({ parentAgent }) => parentAgent === agent)).toBe(true);
        }
        expect(nodes.reduce((total, node) => total + node.sums.traces, 0)).toBe(agents.length);
        const depths = new Map<string | null, number>();
        for (const [i, { agent, parentAgent, depth }] of nodes.entries()) {
          expect(depth).toBe(parentAgent === null ? 0 : (depths.get(parentAgent) ?? Number.NaN) + 1);
          expect(depth).toBeLessThanOrEqual((nodes[i - 1]?.depth ?? -1) + 1);
          depths.set(agent, depth);
        }
      }),
    );
  });
});
