// Owns conversations to try strategies on: one abstract form, written as a request of each of the three APIs, and
// made from seeds so that a run can be repeated.

import fc from "fast-check";
import type { Endpoint } from "./run-stand";

export type Turn =
  | { is: "user"; text: string }
  | { is: "answer"; text: string }
  | {
      is: "call";
      tool: string;
      args: Record<string, unknown>;
      output: string;
      isError: boolean;
      thinking: string | null;
    };

export interface Conversation {
  system: string;
  tools: readonly { name: string; description: string; schema: Record<string, unknown> }[];
  turns: readonly Turn[];
}

const models: Record<Endpoint, string> = {
  "/v1/chat/completions": "gpt-5",
  "/v1/responses": "gpt-5",
  "/v1/messages": "claude-sonnet-4-6",
};

/** The request that a client sends with the first `turns` turns of a conversation. */
export function requestOf(conversation: Conversation, endpoint: Endpoint, turns = conversation.turns.length): string {
  const said = conversation.turns.slice(0, turns);
  const more = { model: models[endpoint], "x-unknown": { kept: [1, "é", null] } };
  if (endpoint === "/v1/chat/completions") return JSON.stringify({ ...more, ...chatOf(conversation, said) });
  if (endpoint === "/v1/responses") return JSON.stringify({ ...more, ...responsesOf(conversation, said) });
  return JSON.stringify({ ...more, max_tokens: 4_096, ...messagesOf(conversation, said) });
}

function chatOf({ system, tools }: Conversation, turns: readonly Turn[]) {
  const messages: unknown[] = [{ role: "system", content: system }];
  for (const [at, turn] of turns.entries()) {
    if (turn.is === "user") messages.push({ role: "user", content: turn.text });
    else if (turn.is === "answer") messages.push({ role: "assistant", content: turn.text });
    else {
      const call = { name: turn.tool, arguments: JSON.stringify(turn.args) };
      const calls = [{ id: `call_${at}`, type: "function", function: call }];
      messages.push({ role: "assistant", content: null, tool_calls: calls });
      messages.push({ role: "tool", tool_call_id: `call_${at}`, content: turn.output });
    }
  }
  const written = tools.map(({ name, description, schema }) => ({
    type: "function",
    function: { name, description, parameters: schema },
  }));
  return { messages, ...(tools.length > 0 && { tools: written }) };
}

function responsesOf({ system, tools }: Conversation, turns: readonly Turn[]) {
  const input: unknown[] = [];
  for (const [at, turn] of turns.entries()) {
    if (turn.is === "user") input.push({ role: "user", content: [{ type: "input_text", text: turn.text }] });
    else if (turn.is === "answer") {
      input.push({ type: "message", role: "assistant", content: [{ type: "output_text", text: turn.text }] });
    } else {
      const call_id = `call_${at}`;
      if (turn.thinking !== null) {
        input.push({ type: "reasoning", id: `rs_${at}`, summary: [], encrypted_content: turn.thinking });
      }
      input.push({ type: "function_call", call_id, name: turn.tool, arguments: JSON.stringify(turn.args) });
      input.push({ type: "function_call_output", call_id, output: turn.output });
    }
  }
  const written = tools.map(({ name, description, schema }) => ({
    type: "function",
    name,
    description,
    parameters: schema,
  }));
  return { instructions: system, input, ...(tools.length > 0 && { tools: written }) };
}

function messagesOf({ system, tools }: Conversation, turns: readonly Turn[]) {
  const messages: { role: string; content: unknown[] }[] = [];
  const add = (role: string, ...blocks: unknown[]) => {
    const last = messages.at(-1);
    if (last?.role === role) last.content.push(...blocks);
    else messages.push({ role, content: blocks });
  };
  for (const [at, turn] of turns.entries()) {
    if (turn.is === "user") add("user", { type: "text", text: turn.text });
    else if (turn.is === "answer") add("assistant", { type: "text", text: turn.text });
    else {
      const id = `toolu_${at}`;
      if (turn.thinking !== null) add("assistant", { type: "thinking", thinking: turn.thinking, signature: `s${at}` });
      add("assistant", { type: "tool_use", id, name: turn.tool, input: turn.args });
      const error = turn.isError ? { is_error: true } : {};
      add("user", { type: "tool_result", tool_use_id: id, ...error, content: turn.output });
    }
  }
  const written = tools.map(({ name, description, schema }) => ({ name, description, input_schema: schema }));
  return { system: [{ type: "text", text: system }], messages, ...(tools.length > 0 && { tools: written }) };
}

const word = fc.constantFrom(
  ..."alpha beta gamma delta config server user cache retry queue index order total".split(" "),
);
const words = (minLength: number, maxLength: number) =>
  fc.array(word, { minLength, maxLength }).map((all) => all.join(" "));

const logLine = fc
  .tuple(fc.nat(59), fc.constantFrom("INFO", "INFO", "INFO", "DEBUG", "WARN", "ERROR"), word, fc.nat(9_999))
  .map(
    ([second, level, part, n]) => `2026-11-21T10:00:${String(second).padStart(2, "0")}Z ${level} ${part} took=${n}ms`,
  );

const row = fc.record({
  id: fc.nat(1e6),
  name: word,
  state: fc.constantFrom("ok", "ok", "ok", "failed"),
  size: fc.nat(5_000),
  note: fc.option(words(1, 6)),
});

const hunk = fc
  .tuple(fc.nat(900), words(2, 5), words(2, 5))
  .map(([line, a, b]) => `@@ -${line},3 +${line},3 @@\n const x = 1;\n-${a}\n+${b}\n return x;`);

const testRun = fc.tuple(fc.nat(80), fc.array(words(2, 4), { maxLength: 4 })).map(([passed, failed]) => {
  const good = Array.from({ length: passed }, (_, at) => `tests/test_${at % 7}.py::test_case_${at} PASSED`);
  const bad = failed.map((name, at) => `tests/test_f.py::test_bad_${at} FAILED\nE   AssertionError: ${name}`);
  const last = `==== ${failed.length} failed, ${passed} passed in 1.20s ====`;
  return ["============ test session starts ============", ...good, ...bad, last].join("\n");
});

const hostile = fc.constantFrom(
  "(a+)+$".repeat(400),
  "x".repeat(30_000),
  `lone ${"\ud800"} surrogate `.repeat(80),
  '{"__proto__":{"polluted":true}}'.repeat(90),
  `${"[".repeat(900)}${"]".repeat(900)}`,
  "line\r\nline\r\n\r\n\t\t \u2028 end ".repeat(120),
  '[... 3 of 4 rows elided: x; retrieve("ctx_aaaaaaaaaaaaaaaa")]\n'.repeat(40),
  "\u001b[31mred\u001b[0m progress\rprogress 2\r".repeat(90),
);

/** Tool output of every kind that strategies look for, small and large. */
export const output: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.array(logLine, { minLength: 1, maxLength: 220 }).map((lines) => lines.join("\n")) },
  { weight: 3, arbitrary: fc.array(row, { maxLength: 120 }).map((rows) => JSON.stringify(rows, null, 2)) },
  {
    weight: 1,
    arbitrary: fc.array(row, { maxLength: 90 }).map((all) => all.map((each) => JSON.stringify(each)).join("\n")),
  },
  {
    weight: 2,
    arbitrary: fc
      .array(hunk, { minLength: 1, maxLength: 30 })
      .map((hunks) => `diff --git a/x.ts b/x.ts\n--- a/x.ts\n+++ b/x.ts\n${hunks.join("\n")}`),
  },
  { weight: 2, arbitrary: testRun },
  { weight: 2, arbitrary: fc.array(words(4, 40), { maxLength: 30 }).map((all) => all.join("\n\n")) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(words(20, 30), fc.array(words(3, 9), { minLength: 4, maxLength: 9 }))
      .map(([block, items]) =>
        items.map((item) => `The item is ${item}.\n\nPlease note for it that ${block}.`).join("\n\n"),
      ),
  },
  { weight: 1, arbitrary: hostile },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 4_000 }) },
);

const toolName = fc.constantFrom("run_command", "read_file", "search", "query");

const tool = fc.record({
  name: toolName,
  description: words(3, 40),
  schema: fc.constant({
    type: "object",
    title: "Args",
    properties: { cmd: { type: "string", description: "The   command to run.  Must be one line." } },
    required: ["cmd"],
  }),
});

const call = fc
  .record({
    tool: toolName,
    args: fc.record({
      cmd: fc.constantFrom("pytest -q", "cat src/a.ts", "git diff", "grep -rn retry .", "kubectl logs"),
    }),
    output,
    isError: fc.boolean(),
    thinking: fc.option(words(3, 20)),
  })
  .map((of): Turn => ({ is: "call", ...of }));

/** Rounds of: a question, then calls, then perhaps an answer. What ends with a question or a result can be sent. */
export const conversation: fc.Arbitrary<Conversation> = fc.record({
  system: words(5, 60),
  tools: fc.uniqueArray(tool, { selector: ({ name }) => name, minLength: 1, maxLength: 4 }),
  turns: fc
    .array(fc.tuple(words(2, 20), fc.array(call, { minLength: 1, maxLength: 4 }), words(2, 30), fc.boolean()), {
      minLength: 1,
      maxLength: 4,
    })
    .map((rounds) =>
      rounds.flatMap(([asked, calls, text, isAnswered], at): Turn[] => [
        { is: "user", text: `Why did ${asked} fail?` },
        ...calls,
        ...(isAnswered || at < rounds.length - 1 ? [{ is: "answer", text } as const] : []),
      ]),
    ),
});

/** How many turns stand in each request that a client sends along the conversation. */
export function sendingPoints({ turns }: Conversation): number[] {
  return turns.flatMap(({ is }, at) => (is === "answer" ? [] : [at + 1]));
}
