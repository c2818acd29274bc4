// The APIs whose answers can be replayed and collected.

import type { Endpoint } from "../endpoints/endpoint";
import type { AnswerShape } from "./answer-shape";
import { chatAnswer } from "./chat-answer";
import { messagesAnswer } from "./messages-answer";
import { responsesAnswer } from "./responses-answer";

export const answerShapes: readonly AnswerShape[] = [chatAnswer, responsesAnswer, messagesAnswer];

/** Null for an endpoint whose answers are relayed only. */
export function answerShapeOf(endpoint: Endpoint): AnswerShape | null {
  return answerShapes.find(({ path }) => path === endpoint.path) ?? null;
}
