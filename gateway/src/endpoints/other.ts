// Any other route of a provider: images, audio, moderations, batches, files and what is yet to come. Capped
// where it can bill (POST), and a row when its answer states usage in either of OpenAI's or Anthropic's words.

import type { Endpoint } from "./endpoint";
import { anthropicUsage, field, modelName, objectField, openaiUsage, outputBound, responsesUsage } from "./fields";
import { openaiStream } from "./openai-stream";
import { responses } from "./responses";

export const other = {
  path: "/v1/*",
  protocol: "openai",
  metering: "whenStated",
  readRequest: (body) => ({
    model: modelName(field(body, "model")),
    isStream: field(body, "stream") === true,
    maxOutputTokens: outputBound(body, ["max_output_tokens", "max_completion_tokens", "max_tokens"]),
    mustAskForUsage: false,
  }),
  readAnswer(json, before) {
    const answer = objectField(json, "response") ?? objectField(json, "message") ?? json;
    const usage = objectField(answer, "usage");
    const isAnthropic = usage !== null && Object.hasOwn(usage, "cache_read_input_tokens");
    const stated =
      usage && (isAnthropic ? anthropicUsage(usage, before) : (openaiUsage(usage) ?? responsesUsage(usage)));
    return { usage: stated ?? before, model: modelName(field(answer, "model")) };
  },
  stream: {
    ...openaiStream,
    isTerminal: (head) => openaiStream.isTerminal(head) || responses.stream.isTerminal(head),
    isWhole: () => true,
  },
} satisfies Endpoint;
