// Owns reading which agent calls, and which one called that: from the caller's metadata, else from the headers of agents
// that send them. What it cannot understand is nobody.

import type { Identity } from "../call";
import { readHeaderName } from "../request/identity";

export interface Agents {
  agent: string | null;
  parentAgent: string | null;
}

const nobody: Agents = Object.freeze({ agent: null, parentAgent: null });

export function agentsOf(headers: Headers, labels: Identity["labels"]): Agents {
  const agent = labelled(labels, "agentId") ?? readHeaderName(headers, "x-claude-code-agent-id");
  const parentAgent = labelled(labels, "parentAgentId") ?? readHeaderName(headers, "x-claude-code-parent-agent-id");
  return agent === null && parentAgent === null ? nobody : { agent, parentAgent };
}

function labelled(labels: Identity["labels"], name: string): string | null {
  const value = labels?.[name];
  return value === undefined || value === "" || typeof value === "boolean" ? null : String(value);
}
