// OpenAI's Responses API. Its last event carries the whole answer, usage included.

import type { Endpoint } from "./endpoint";
import { field, modelName, objectField, outputBound, responsesUsage, textField, tokensOfText } from "./fields";

// Without the flag "m", for which U+2028 in a text would be a line's end.
const terminal = /(?:(?:^|[\r\n])event: ?|"type"\s*:\s*")response\.(?:completed|incomplete|cancelled)\b/;
/** An error event, or a whole answer that says of itself that it failed. */
const failed =
  /(?:^|[\r\n])(?:event: ?(?:error|response\.failed)\b|data: ?\{\s*"type"\s*:\s*"(?:error|response\.failed)")/;

export const responses = {
  path: "/v1/responses",
  protocol: "openai",
  metering: "always",
  readRequest: (body) => ({
    model: modelName(field(body, "model")),
    isStream: field(body, "stream") === true,
    maxOutputTokens: outputBound(body, ["max_output_tokens"]),
    mustAskForUsage: false,
  }),
  readAnswer(json, before) {
    const answer = objectField(json, "response") ?? json;
    const usage = objectField(answer, "usage");
    return { usage: usage ? (responsesUsage(usage) ?? before) : before, model: modelName(field(answer, "model")) };
  },
  stream: {
    isTerminal: (head) => terminal.test(head),
    isError: (head) => failed.test(head),
    isWhole: (tail) => terminal.test(tail),
    opensUsage: () => false,
    countText: (json) =>
      textField(json, "type")?.endsWith(".delta") === true ? tokensOfText(field(json, "delta")) : 0,
    errorEvent({ code, type, message }) {
      // The inner object is for clients that know errors only by that name, as OpenAI's own SDK did up to its version 6.
      const error = { message, type, param: null, code };
      const event = { type: "error", code, message, param: null, sequence_number: 0, error };
      return `event: error\ndata: ${JSON.stringify(event)}\n\n`;
    },
  },
} satisfies Endpoint;
