// Owns the first runs: code that was never run is slow, and the first callers would pay for it. Runs every strategy over
// texts of the kinds they look for, until the runtime has compiled them, and lets requests in between.

import { type Job, runJob } from "./job/job";
import { registry } from "./registry";
import { emptySession } from "./session";

const rounds = 4;

const line = (at: number) =>
  `2026-01-01T00:00:${String(at % 60).padStart(2, "0")}Z ${at % 50 === 0 ? "ERROR" : "INFO"} part-${at % 7} took=${at % 13}ms`;
const many = (count: number, make: (at: number) => unknown) => Array.from({ length: count }, (_, at) => make(at));

const outputs: readonly [cmd: string, text: string][] = [
  ["kubectl logs part", many(200, (at) => line(at as number)).join("\n")],
  [
    "list",
    JSON.stringify(
      many(120, (id) => ({ id, name: `n${Number(id) % 9}`, state: "ok", size: Number(id) % 31 })),
      null,
      2,
    ),
  ],
  [
    "git diff",
    many(
      20,
      (at) => `diff --git a/f${at} b/f${at}\n--- a/f${at}\n+++ b/f${at}\n@@ -1,2 +1,2 @@\n-a${at}\n+b${at}\n`,
    ).join(""),
  ],
  [
    "pytest -q",
    [
      "===== test session starts =====",
      ...many(90, (at) => `tests/a.py::t${at} PASSED`),
      "===== 90 passed in 1.00s =====",
    ].join("\n"),
  ],
  ["cat notes", many(40, (at) => `The ${at}th part was renewed because its limit was reached.`).join("\n\n")],
];

/** Resolves when it is done, or `isOver` says that it is not wanted any more. */
export async function warmUp(isOver: () => boolean): Promise<void> {
  const strategies = registry.strategies.map(({ kind, params }) => ({
    kind,
    params: Object.fromEntries(Object.entries(params).map(([name, spec]) => [name, spec.default])),
  }));
  for (let round = 0; round < rounds; round += 1) {
    for (const [endpoint, source] of requests()) {
      if (isOver()) return;
      runJob(jobOf(endpoint, source, strategies));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

function jobOf(endpoint: string, source: string, strategies: Job["strategies"]): Job {
  return {
    endpoint,
    source,
    strategies,
    session: emptySession(),
    asker: { user: "", team: null, session: "" },
    scope: { tenant: "", user: "", session: "" },
    handleKey: new Uint8Array(32),
    canRetrieve: true,
    canStash: true,
    canShortCircuit: true,
    now: 0,
    budgetMs: 5_000,
    calibration: {},
    off: [],
  };
}

function requests(): [endpoint: string, source: string][] {
  const question = "Why did part-3 fail, and how many were slow?";
  const schema = { type: "object", properties: { cmd: { type: "string", description: "The command to run." } } };
  const chat = outputs.flatMap(([cmd, content], at) => [
    {
      role: "assistant",
      tool_calls: [{ id: `c${at}`, type: "function", function: { name: "run", arguments: JSON.stringify({ cmd }) } }],
    },
    { role: "tool", tool_call_id: `c${at}`, content },
  ]);
  const responses = outputs.flatMap(([cmd, output], at) => [
    { type: "function_call", call_id: `c${at}`, name: "run", arguments: JSON.stringify({ cmd }) },
    { type: "function_call_output", call_id: `c${at}`, output },
  ]);
  const messages = outputs.flatMap(([cmd, content], at) => [
    { role: "assistant", content: [{ type: "tool_use", id: `c${at}`, name: "run", input: { cmd } }] },
    { role: "user", content: [{ type: "tool_result", tool_use_id: `c${at}`, content }] },
  ]);
  const user = { role: "user", content: question };
  const after = { role: "assistant", content: "I see." };
  const fn = { name: "run", description: "Runs a command.", parameters: schema };
  return [
    [
      "/v1/chat/completions",
      JSON.stringify({
        model: "gpt-5",
        tools: [{ type: "function", function: fn }],
        messages: [user, ...chat, after, user],
      }),
    ],
    [
      "/v1/responses",
      JSON.stringify({
        model: "gpt-5",
        tools: [{ type: "function", ...fn }],
        input: [user, ...responses, after, user],
      }),
    ],
    [
      "/v1/messages",
      JSON.stringify({
        model: "claude-sonnet-4-6",
        max_tokens: 1_000,
        tools: [{ name: "run", description: fn.description, input_schema: schema }],
        messages: [user, ...messages, after, user],
      }),
    ],
  ];
}
