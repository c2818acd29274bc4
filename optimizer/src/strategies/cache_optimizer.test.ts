import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { runStrategy, type StandOptions } from "../../test/run-stand";
import { conversation, requestOf, sendingPoints } from "../../test/talks";
import { cacheOptimizer } from "./cache_optimizer";

type Json = Readonly<Record<string, unknown>>;
interface Block {
  type: string;
  cache_control?: { type: string; ttl?: string };
}
interface Body {
  tools?: Block[];
  system: Block[] | string;
  messages: { role: string; content: Block[] | string }[];
}

const long = "Words that matter to the agent, all of them. ".repeat(200);
const said = (text: string): Json => ({ type: "text", text });
const tool = { name: "run", description: long, input_schema: { type: "object" } };

function mark(body: Json, options: Partial<StandOptions> = {}) {
  const source = JSON.stringify({ model: "claude-sonnet-4-6", max_tokens: 9, ...body });
  const stood = runStrategy(cacheOptimizer, source, { endpoint: "/v1/messages", ...options });
  return { ...stood, source, body: JSON.parse(stood.output) as Body };
}

const control = ',"cache_control":{"type":"ephemeral"}';
/** Paths of marked blocks. */
function marked({ tools = [], system, messages }: Body): string[] {
  const list = (blocks: Block[] | string, at: string) =>
    typeof blocks === "string" ? [] : blocks.flatMap((block, index) => (block.cache_control ? [`${at}.${index}`] : []));
  return [
    ...list(tools, "tools"),
    ...list(system, "system"),
    ...messages.flatMap(({ content }, index) => list(content, `${index}`)),
  ];
}

const talk = (turns: number): Json[] =>
  Array.from({ length: turns }, (_, at) => [
    {
      role: "user",
      content: at === 0 ? [said("Go.")] : [{ type: "tool_result", tool_use_id: `c${at - 1}`, content: long }],
    },
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "t", signature: "s" },
        said("Well."),
        { type: "tool_use", id: `c${at}`, name: "run", input: {} },
      ],
    },
  ])
    .flat()
    .slice(0, -1);

test("ends of tools, system, the turn before and this one are marked", () => {
  const { body, said: told } = mark({ tools: [tool, tool], system: [said(long), said(long)], messages: talk(3) });
  expect(marked(body)).toEqual(["tools.1", "system.1", "2.0", "4.0"]);
  expect(told.metric).toBe(4);
});

test("this turn's last breakpoint is where the next turn looks", () => {
  for (let turns = 2; turns < 6; turns += 1) {
    const before = marked(mark({ tools: [tool], system: [said(long)], messages: talk(turns) }).body);
    const after = marked(mark({ tools: [tool], system: [said(long)], messages: talk(turns + 1) }).body);
    expect(after).toContain(before.at(-1) as string);
  }
});

test("along any conversation: at most four, never in the model's turn, and gone again they leave the request as it was", () => {
  let found = 0;
  fc.assert(
    fc.property(conversation, fc.integer({ min: 1, max: 4 }), (of, maxBreakpoints) => {
      for (const turns of sendingPoints(of)) {
        const source = requestOf(of, "/v1/messages", turns);
        const { output } = runStrategy(cacheOptimizer, source, {
          endpoint: "/v1/messages",
          params: { maxBreakpoints, minPrefixChars: 1_000 },
        });
        const body = JSON.parse(output) as Body;
        const marks = marked(body);
        found += marks.length;
        expect(marks.length).toBeLessThanOrEqual(maxBreakpoints);
        for (const { role, content } of body.messages) {
          if (role === "assistant") expect(JSON.stringify(content)).not.toContain("cache_control");
        }
        expect(output.replaceAll(control, "")).toBe(source);
        const again = runStrategy(cacheOptimizer, output, {
          endpoint: "/v1/messages",
          params: { maxBreakpoints, minPrefixChars: 1_000 },
        });
        expect(again.output).toBe(output);
      }
    }),
    { numRuns: 40 },
  );
  expect(found).toBeGreaterThan(20);
});

describe("nothing is added", () => {
  const ephemeral = { type: "ephemeral" };
  test.each([
    ["to a short request", { system: [said("short")], messages: talk(1) }],
    [
      "to a prefix below what the model caches",
      { model: "claude-opus-4-5", system: [said(long.slice(0, 8_000))], messages: [{ role: "user", content: "Hm?" }] },
    ],
    ["to texts that take none", { system: long, messages: [{ role: "user", content: long }] }],
    [
      "where the client follows the conversation",
      { system: [said(long)], messages: [{ role: "user", content: [{ ...said(long), cache_control: ephemeral }] }] },
    ],
    [
      "where the client marks within a result",
      {
        system: [said(long)],
        messages: [
          ...talk(1),
          { role: "assistant", content: [said("x")] },
          {
            role: "user",
            content: [
              { type: "tool_result", tool_use_id: "c", content: [{ ...said(long), cache_control: ephemeral }] },
            ],
          },
        ],
      },
    ],
    ["where the provider places them", { cache_control: ephemeral, system: [said(long)], messages: talk(3) }],
  ])("%s", (_what, body) => {
    const { output, source } = mark(body);
    expect(output).toBe(source);
  });
});

test("the client's own count, and order of lives is kept", () => {
  const hour = { type: "ephemeral", ttl: "1h" };
  const system = [
    { ...said(long), cache_control: hour },
    { ...said(long), cache_control: hour },
  ];
  const { body } = mark({ tools: [tool], system, messages: talk(12) });
  expect(marked(body)).toHaveLength(4);
  // What stands before an entry of an hour lives as long.
  const fewer = mark({ tools: [tool], system: system.slice(0, 1), messages: talk(12) }).body;
  expect(fewer.tools?.[0]?.cache_control?.ttl).toBe("1h");
  const short = [{ ...said(long), cache_control: { type: "ephemeral" } }];
  const behind = mark({ tools: [tool], system: short, messages: talk(12) }, { params: { ttl: "1h" } }).body;
  expect(behind.tools?.[0]?.cache_control?.ttl).toBe("1h");
  const last = behind.messages.at(-1)?.content as Block[];
  expect(last.at(-1)?.cache_control).toEqual({ type: "ephemeral" });
});

test("blocks that take no breakpoint get none", () => {
  const messages = [...talk(2).slice(0, -1), { role: "user", content: [said(long), said("  ")] }];
  expect(marked(mark({ system: [said(long)], messages }).body)).not.toContain("2.1");
});

test("an hour is chosen where silences are long, and stays chosen", () => {
  const body = { tools: [tool], system: [said(long)], messages: talk(3) };
  const isLong = (stood: ReturnType<typeof mark>) => stood.output.includes('"ttl":"1h"');
  let remembered: unknown = null;
  for (let calls = 0; calls < 8; calls += 1) {
    const stood = mark(body, { remembered, isCold: false });
    expect(isLong(stood)).toBe(false);
    remembered = stood.remembered;
  }
  let longs = 0;
  for (let calls = 0; calls < 20; calls += 1) {
    const stood = mark(body, { remembered, isCold: true });
    if (isLong(stood)) longs += 1;
    remembered = stood.remembered;
  }
  expect(longs).toBeGreaterThan(5);
  expect(isLong(mark(body, { remembered, isCold: false }))).toBe(true);
  expect(isLong(mark(body, { params: { ttl: "5m" }, remembered, isCold: true }))).toBe(false);
});

describe("an OpenAI request", () => {
  const ask = (more: Json, endpoint: StandOptions["endpoint"] = "/v1/chat/completions") => {
    const source = JSON.stringify({ model: "gpt-5", messages: [{ role: "user", content: long }], ...more });
    return { source, ...runStrategy(cacheOptimizer, source, { endpoint }) };
  };
  test("gets a key of its conversation, the same each time, and nothing else", () => {
    const { output, source } = ask({});
    const { prompt_cache_key: key } = JSON.parse(output);
    expect(key).toMatch(/^[0-9a-f]{40}$/);
    expect(output.replace(`,"prompt_cache_key":"${key}"`, "")).toBe(source);
    expect(JSON.parse(ask({ seed: 1 }).output).prompt_cache_key).toBe(key);
    const responses = ask({ messages: undefined, input: long }, "/v1/responses");
    expect(JSON.parse(responses.output).prompt_cache_key).toBe(key);
  });
  test.each([
    ["with a key, whatever it is", { prompt_cache_key: null }],
    ["of a model that nobody knows", { model: "some-model" }],
    ["too short to be cached", { messages: [{ role: "user", content: long.slice(0, 900) }] }],
  ])("%s gets none", (_what, more) => {
    const { output, source } = ask(more);
    expect(output).toBe(source);
  });
});
