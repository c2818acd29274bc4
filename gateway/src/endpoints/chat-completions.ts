// OpenAI's chat completions. Streams state usage only when asked.

import type { Endpoint } from "./endpoint";
import { field, isObject, modelName, objectField, openaiUsage, outputBound } from "./fields";
import { openaiStream } from "./openai-stream";

export const chatCompletions = {
  path: "/v1/chat/completions",
  protocol: "openai",
  metering: "always",
  readRequest(body) {
    const isStream = field(body, "stream") === true;
    const options = field(body, "stream_options") ?? {};
    return {
      model: modelName(field(body, "model")),
      isStream,
      maxOutputTokens: outputBound(body, ["max_completion_tokens", "max_tokens"]),
      // Options that are no object are the provider's to complain about.
      mustAskForUsage: isStream && isObject(options) && field(options, "include_usage") !== true,
    };
  },
  readAnswer(json, before) {
    const usage = objectField(json, "usage");
    return { usage: usage ? (openaiUsage(usage) ?? before) : before, model: modelName(field(json, "model")) };
  },
  stream: openaiStream,
} satisfies Endpoint;
