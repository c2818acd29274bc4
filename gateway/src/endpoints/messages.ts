// Anthropic's messages. Usage comes in two events, and the second one's figures are cumulative.

import type { Endpoint } from "./endpoint";
import { anthropicUsage, field, modelName, objectField, outputBound, tokensOfText } from "./fields";

// Without the flag "m", for which U+2028 in a text would be a line's end.
const stop = /(?:^|[\r\n])(?:event: ?message_stop\b|data: ?\{\s*"type"\s*:\s*"message_stop")/;
const failed = /(?:^|[\r\n])(?:event: ?error\b|data: ?\{\s*"type"\s*:\s*"error")/;

export const messages = {
  path: "/v1/messages",
  protocol: "anthropic",
  metering: "always",
  readRequest: (body) => ({
    model: modelName(field(body, "model")),
    isStream: field(body, "stream") === true,
    maxOutputTokens: outputBound(body, ["max_tokens"]),
    mustAskForUsage: false,
  }),
  readAnswer(json, before) {
    const message = objectField(json, "message") ?? json;
    const usage = objectField(message, "usage");
    return { usage: usage ? anthropicUsage(usage, before) : before, model: modelName(field(message, "model")) };
  },
  stream: {
    isTerminal: (head) => stop.test(head),
    isError: (head) => failed.test(head),
    isWhole: (tail) => stop.test(tail),
    opensUsage: (json) => field(json, "type") === "message_start",
    countText(json) {
      const delta = objectField(json, "delta");
      if (!delta) return 0;
      return ["text", "thinking", "partial_json"].reduce((sum, name) => sum + tokensOfText(field(delta, name)), 0);
    },
    errorEvent: ({ type, message, requestId }) =>
      `event: error\ndata: ${JSON.stringify({ type: "error", error: { type, message }, request_id: requestId })}\n\n`,
  },
} satisfies Endpoint;
