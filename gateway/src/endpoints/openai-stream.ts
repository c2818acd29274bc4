// Owns what OpenAI's data-only streams (chat completions, completions) have in common.

import type { JsonObject, StreamShape } from "./endpoint";
import { field, isObject, objectField, tokensOfText } from "./fields";

function countChoice(choice: JsonObject): number {
  const delta = objectField(choice, "delta");
  if (!delta) return tokensOfText(field(choice, "text"));
  let tokens = 0;
  for (const name of ["content", "reasoning_content", "reasoning", "refusal"])
    tokens += tokensOfText(field(delta, name));
  const calls = field(delta, "tool_calls");
  for (const call of Array.isArray(calls) ? calls.filter(isObject) : []) {
    const called = objectField(call, "function");
    if (called) tokens += tokensOfText(field(called, "name")) + tokensOfText(field(called, "arguments"));
  }
  return tokens;
}

// Lines begin after \r and \n only. The flag "m" would take U+2028 for a line's end too, which may stand in a JSON
// text as it is: a model made to write it could then end its own metering.
const done = /(?:^|[\r\n])data: ?\[DONE\]/;
const failed = /(?:^|[\r\n])(?:data: ?\{\s*"error"\s*:\s*[{"]|event: ?error\b)/;

export const openaiStream = {
  isTerminal: (head) => done.test(head),
  isError: (head) => failed.test(head),
  isWhole: (tail) => /"finish_reason"\s*:\s*"/.test(tail) || done.test(tail),
  opensUsage: () => false,
  countText(json) {
    const choices = field(json, "choices");
    let tokens = 0;
    for (const choice of Array.isArray(choices) ? choices.filter(isObject) : []) tokens += countChoice(choice);
    return tokens;
  },
  errorEvent: ({ code, type, message }) =>
    `data: ${JSON.stringify({ error: { message, type, param: null, code } })}\n\n`,
} satisfies StreamShape;
