// Owns the tree of a session's agents, made of what callers claim: agents that name each other as parents, themselves, or
// somebody who was never seen still give a tree with each of them in it once.

import type { AgentSums, TraceSums } from "../store/trace-query";

export interface AgentNode {
  /** Null: calls that named no agent. */
  agent: string | null;
  /** Where it stands in the tree; null at its root. */
  parentAgent: string | null;
  /** 0 at the root. */
  depth: number;
  /** Of its own calls, not of those below it; zeros for one that is only named as a parent. */
  sums: TraceSums;
}

interface Gathered {
  firstAt: number;
  parent: string | null;
  sums: TraceSums;
}

const noSums: TraceSums = {
  traces: 0,
  errors: 0,
  inputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  tokensSaved: 0,
  costNanoUsd: 0,
  unpriced: 0,
  estimated: 0,
};

function addSums(one: TraceSums, other: TraceSums): TraceSums {
  const names = Object.keys(noSums) as (keyof TraceSums)[];
  return Object.fromEntries(names.map((name) => [name, one[name] + other[name]])) as unknown as TraceSums;
}

/** Each agent once, every one behind the one that called it first: a tree read line by line, `depth` its indent. */
export function agentTree(agents: readonly AgentSums[]): AgentNode[] {
  const gathered = gather(agents);
  const parents = chooseParents(gathered);
  const children = new Map<string | null, string[]>();
  const roots: (string | null)[] = [];
  for (const agent of gathered.keys()) {
    const parent = agent === null ? null : (parents.get(agent) ?? null);
    if (agent === null || parent === null) roots.push(agent);
    else {
      const siblings = children.get(parent) ?? [];
      siblings.push(agent);
      children.set(parent, siblings);
    }
  }
  const nodes: AgentNode[] = [];
  // A stack of its own: a chain of agents may be longer than calls can be nested.
  const open = roots.reverse().map((agent) => ({ agent, depth: 0 }));
  for (let next = open.pop(); next; next = open.pop()) {
    const { agent, depth } = next;
    const parentAgent = agent === null ? null : (parents.get(agent) ?? null);
    nodes.push({ agent, parentAgent, depth, sums: gathered.get(agent)?.sums ?? noSums });
    if (agent === null) continue;
    for (const child of (children.get(agent) ?? []).reverse()) open.push({ agent: child, depth: depth + 1 });
  }
  return nodes;
}

/** By first arrival; an agent that was called by several has the parent that it had first. */
function gather(agents: readonly AgentSums[]): Map<string | null, Gathered> {
  const gathered = new Map<string | null, Gathered>();
  for (const { agent, parentAgent, firstAt, ...sums } of agents.toSorted((one, other) => one.firstAt - other.firstAt)) {
    const before = gathered.get(agent);
    gathered.set(agent, {
      firstAt: before?.firstAt ?? firstAt,
      parent: before?.parent ?? (parentAgent === agent ? null : parentAgent),
      sums: addSums(before?.sums ?? noSums, sums),
    });
  }
  for (const [agent, { parent }] of [...gathered]) {
    if (agent !== null && parent !== null && !gathered.has(parent)) {
      gathered.set(parent, { firstAt: Number.POSITIVE_INFINITY, parent: null, sums: noSums });
    }
  }
  return gathered;
}

/** Who stands below whom; a claim that would close a ring is left out. */
function chooseParents(gathered: ReadonlyMap<string | null, Gathered>): Map<string, string> {
  const parents = new Map<string, string>();
  const roots = new Map<string, string>();
  // The root of an agent, with what is passed on the way put right below it: long chains are walked once.
  const rootOf = (agent: string): string => {
    let root = agent;
    for (let up = roots.get(root); up !== undefined; up = roots.get(root)) root = up;
    for (let at = agent; at !== root; ) {
      const up = roots.get(at) ?? root;
      roots.set(at, root);
      at = up;
    }
    return root;
  };
  for (const [agent, { parent }] of gathered) {
    if (agent === null || parent === null || rootOf(parent) === agent) continue;
    parents.set(agent, parent);
    roots.set(agent, rootOf(parent));
  }
  return parents;
}
