// Owns conversations for tests: told once as steps, written in the body shape of each API.

import fc from "fast-check";
import type { Endpoint } from "./run-stand";

export interface ToolCall {
  tool: string;
  args: Readonly<Record<string, unknown>>;
  result: string;
  isError?: boolean;
}

/** One step of a conversation; `calls` are made in one turn of the assistant, and all answered. */
export type Step = { user: string } | { say: string } | { say?: string; calls: readonly ToolCall[] };

export interface ConversationOptions {
  model?: string;
  system?: string;
  /** Fields beside the conversation. */
  more?: Readonly<Record<string, unknown>>;
}

const tool = { name: "Bash", description: "Runs a command.", schema: { type: "object", properties: {} } };

/** JSON text of the request. */
export function writeRequest(endpoint: Endpoint, steps: readonly Step[], options: ConversationOptions = {}): string {
  const { model = "some-model", system = "You are an agent.", more = {} } = options;
  const { name, description, schema } = tool;
  if (endpoint === "/v1/messages") {
    const tools = [{ name, description, input_schema: schema }];
    return JSON.stringify({ model, max_tokens: 1_000, system, tools, messages: anthropicMessages(steps), ...more });
  }
  if (endpoint === "/v1/responses") {
    const tools = [{ type: "function", name, description, parameters: schema }];
    return JSON.stringify({ model, instructions: system, tools, input: responsesItems(steps), ...more });
  }
  const tools = [{ type: "function", function: { name, description, parameters: schema } }];
  const messages = [{ role: "system", content: system }, ...chatMessages(steps)];
  return JSON.stringify({ model, tools, messages, ...more });
}

interface Numbered {
  id: string;
  call: ToolCall;
}

function numberCalls(): (calls: readonly ToolCall[]) => Numbered[] {
  let count = 0;
  return (calls) =>
    calls.map((call) => {
      count += 1;
      return { id: `call_${count}`, call };
    });
}

function chatMessages(steps: readonly Step[]): unknown[] {
  const number = numberCalls();
  return steps.flatMap((step): unknown[] => {
    if ("user" in step) return [{ role: "user", content: step.user }];
    if (!("calls" in step)) return [{ role: "assistant", content: step.say }];
    const calls = number(step.calls);
    return [
      {
        role: "assistant",
        content: step.say ?? null,
        tool_calls: calls.map(({ id, call }) => ({
          id,
          type: "function",
          function: { name: call.tool, arguments: JSON.stringify(call.args) },
        })),
      },
      ...calls.map(({ id, call }) => ({ role: "tool", tool_call_id: id, content: call.result })),
    ];
  });
}

function responsesItems(steps: readonly Step[]): unknown[] {
  const number = numberCalls();
  return steps.flatMap((step, index): unknown[] => {
    if ("user" in step) {
      return [{ type: "message", role: "user", content: [{ type: "input_text", text: step.user }] }];
    }
    const reasoning = { type: "reasoning", id: `rs_${index}`, summary: [], encrypted_content: `enc${index}` };
    const said = (text: string) => ({
      type: "message",
      role: "assistant",
      content: [{ type: "output_text", text, annotations: [] }],
    });
    if (!("calls" in step)) return [reasoning, said(step.say)];
    const calls = number(step.calls);
    return [
      reasoning,
      ...(step.say === undefined ? [] : [said(step.say)]),
      ...calls.map(({ id, call }) => ({
        type: "function_call",
        call_id: id,
        name: call.tool,
        arguments: JSON.stringify(call.args),
      })),
      ...calls.map(({ id, call }) => ({ type: "function_call_output", call_id: id, output: call.result })),
    ];
  });
}

function anthropicMessages(steps: readonly Step[]): unknown[] {
  const number = numberCalls();
  return steps.flatMap((step, index): unknown[] => {
    if ("user" in step) return [{ role: "user", content: step.user }];
    if (!("calls" in step)) return [{ role: "assistant", content: [{ type: "text", text: step.say }] }];
    const calls = number(step.calls);
    return [
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: `thought ${index}`, signature: `sig${index}` },
          ...(step.say === undefined ? [] : [{ type: "text", text: step.say }]),
          ...calls.map(({ id, call }) => ({ type: "tool_use", id, name: call.tool, input: call.args })),
        ],
      },
      {
        role: "user",
        content: calls.map(({ id, call }) => ({
          type: "tool_result",
          tool_use_id: id,
          content: [{ type: "text", text: call.result }],
          ...(call.isError ? { is_error: true } : {}),
        })),
      },
    ];
  });
}

const words = ["alpha", "beta", "gamma", "delta", "build", "queue", "ok", "ready", "worker", "cache", "flush", "retry"];

/** A line such as programs write. */
export const anyLine: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.array(fc.constantFrom(...words), { minLength: 3, maxLength: 12 }).map((w) => w.join(" ")),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.nat(9_999), fc.constantFrom(...words)).map(([n, w]) => `${w} took ${n}ms id=${n * 7}`),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 80 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("", "}", "\r", "error: it failed", "__proto__", "[... not a marker", "\ud800 lone"),
  },
);

/** A text of some lines, long enough to be worth something. */
export const anyOutput: fc.Arbitrary<string> = fc
  .array(anyLine, { minLength: 10, maxLength: 60 })
  .map((lines) => lines.join("\n"));

/** Results among which some are the same, or nearly so. */
export const anyOutputs: fc.Arbitrary<string[]> = fc.array(anyOutput, { minLength: 1, maxLength: 3 }).chain((outputs) =>
  fc.array(
    fc
      .tuple(fc.nat(outputs.length - 1), fc.option(fc.tuple(fc.nat(200), anyLine), { freq: 2 }))
      .map(([which, change]) => {
        const output = outputs[which] as string;
        if (!change) return output;
        const lines = output.split("\n");
        lines.splice(change[0] % lines.length, change[0] % 3, change[1]);
        return lines.join("\n");
      }),
    { minLength: 1, maxLength: 8 },
  ),
);

/** A conversation of an agent: the results in order, over turns that end now and then with an answer. */
export const anySteps: fc.Arbitrary<Step[]> = fc
  .tuple(anyOutputs, fc.infiniteStream(fc.nat(99)))
  .map(([outputs, dice]) => {
    const roll = () => dice.next().value as number;
    const steps: Step[] = [{ user: "Why does the worker of the queue fail? See src/queue.ts." }];
    let left = outputs;
    while (left.length > 0) {
      const count = 1 + (roll() % 2);
      const calls = left.slice(0, count).map((result) => {
        const isRead = roll() % 2 === 0;
        const args = isRead ? { path: `src/file${roll() % 3}.ts` } : { command: `make step${roll() % 3}` };
        return { tool: isRead ? "Read" : "Bash", args, result, isError: roll() % 9 === 0 };
      });
      left = left.slice(count);
      steps.push(roll() % 2 ? { calls } : { say: `Looking at src/file${roll() % 3}.ts and id=${roll()} now.`, calls });
      if (roll() % 3 === 0) {
        steps.push({
          say: `It is as I thought, step ${roll()} is done; the queue is flushed by worker_${roll()} again.`,
        });
        steps.push({ user: `And what about part ${roll()}?` });
      }
    }
    return steps;
  });
