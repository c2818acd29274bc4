// OpenAI's older text completions. They have `stream_options` too, but the contract asks for usage by splice
// only for chat, so here an answer without usage is estimated.

import { chatCompletions } from "./chat-completions";
import type { Endpoint } from "./endpoint";
import { field, modelName, outputBound } from "./fields";
import { openaiStream } from "./openai-stream";

export const completions = {
  path: "/v1/completions",
  protocol: "openai",
  metering: "always",
  readRequest: (body) => ({
    model: modelName(field(body, "model")),
    isStream: field(body, "stream") === true,
    maxOutputTokens: outputBound(body, ["max_tokens"]),
    mustAskForUsage: false,
  }),
  readAnswer: chatCompletions.readAnswer,
  stream: openaiStream,
} satisfies Endpoint;
