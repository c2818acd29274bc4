// Owns the Responses API's answers: their series of events, and how an answer is read out of one. The last event of
// a stream carries the whole answer, so little has to be put together.

import type { JsonObject } from "../endpoints/endpoint";
import { field, isObject, objectField, textField } from "../endpoints/fields";
import { type AnswerFold, type AnswerShape, type Json, piecesOf } from "./answer-shape";

/** An event before it has its number. */
type Event = Json & { type: string };

export const responsesAnswer = {
  path: "/v1/responses",

  *replay(answer) {
    let sequence = 0;
    for (const { type, ...body } of eventsOf(answer)) {
      yield `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence++, ...body })}\n\n`;
    }
  },

  createFold: () => createResponseFold(),

  isCacheable(answer) {
    const items = objectsIn(answer, "output");
    const isEnded = field(answer, "status") === "completed" && !objectField(answer, "error");
    // What a provider keeps for the next turn is not there for ever, and an answer to it is no answer to this request alone.
    const isFree = ["previous_response_id", "conversation", "incomplete_details"].every((name) => !field(answer, name));
    const isPlain = items.every((item) => isTextMessage(item) || field(item, "type") === "reasoning");
    return isEnded && isFree && isPlain && field(answer, "background") !== true && items.some(isTextMessage);
  },
} satisfies AnswerShape;

function objectsIn(object: JsonObject, name: string): JsonObject[] {
  const value = field(object, name);
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function isTextMessage(item: JsonObject): boolean {
  const parts = objectsIn(item, "content");
  const isText = (part: JsonObject) => field(part, "type") === "output_text" && textField(part, "text") !== null;
  return field(item, "type") === "message" && parts.length > 0 && parts.every(isText);
}

/** What an answer is before anything of it is known. */
const unknowns = {
  status: "in_progress",
  output: [],
  usage: null,
  completed_at: null,
  incomplete_details: null,
  error: null,
};

function* eventsOf(answer: JsonObject): Generator<Event> {
  const named = Object.entries(unknowns).filter(([name]) => Object.hasOwn(answer, name));
  const begun = { response: { ...answer, ...Object.fromEntries(named) } };
  yield { type: "response.created", ...begun };
  yield { type: "response.in_progress", ...begun };
  for (const [output_index, item] of objectsIn(answer, "output").entries()) {
    yield { type: "response.output_item.added", output_index, item: announced(item) };
    yield* itemEvents({ item_id: field(item, "id"), output_index }, item);
    yield { type: "response.output_item.done", output_index, item };
  }
  const status = textField(answer, "status");
  const isKnown = status === "incomplete" || status === "failed" || status === "cancelled";
  yield { type: `response.${isKnown ? status : "completed"}`, response: answer };
}

/** An item as it is before its parts come. */
function announced(item: JsonObject): Json {
  const empty: Json = { ...item };
  if (Object.hasOwn(item, "status")) empty["status"] = "in_progress";
  for (const name of ["content", "summary"]) if (Array.isArray(item[name])) empty[name] = [];
  for (const { name } of texts(item)) empty[name] = "";
  return empty;
}

/** The texts of an item itself, and the events' name for each. */
function texts(item: JsonObject): { name: string; event: string; text: string }[] {
  const type = field(item, "type");
  const name = type === "function_call" ? "arguments" : type === "custom_tool_call" ? "input" : null;
  const text = name === null ? null : textField(item, name);
  if (name === null || text === null) return [];
  const event = name === "arguments" ? "function_call_arguments" : "custom_tool_call_input";
  return [{ name, event, text }];
}

type Place = { item_id: unknown; output_index: number };

function* itemEvents(place: Place, item: JsonObject): Generator<Event> {
  for (const { name, event, text } of texts(item)) {
    for (const delta of piecesOf(text)) yield { type: `response.${event}.delta`, ...place, delta };
    const called = name === "arguments" ? { name: field(item, "name") } : {};
    yield { type: `response.${event}.done`, ...place, ...called, [name]: text };
  }
  for (const [summary_index, part] of objectsIn(item, "summary").entries()) {
    yield* partEvents({ ...place, summary_index }, part, "reasoning_summary_part", "reasoning_summary_text");
  }
  for (const [content_index, part] of objectsIn(item, "content").entries()) {
    yield* partEvents({ ...place, content_index }, part, "content_part", String(field(part, "type")));
  }
}

function* partEvents(place: Json, part: JsonObject, partName: string, textName: string): Generator<Event> {
  const name = textName === "refusal" ? "refusal" : "text";
  const text = textField(part, name);
  const annotations = objectsIn(part, "annotations");
  const emptied = {
    ...part,
    ...(text === null ? {} : { [name]: "" }),
    ...(Array.isArray(field(part, "annotations")) ? { annotations: [] } : {}),
    ...(Array.isArray(field(part, "logprobs")) ? { logprobs: [] } : {}),
  };
  yield { type: `response.${partName}.added`, ...place, part: emptied };
  if (text !== null) {
    const isOutput = textName === "output_text";
    const logprobs = isOutput ? { logprobs: [] } : {};
    for (const delta of piecesOf(text)) yield { type: `response.${textName}.delta`, ...place, delta, ...logprobs };
    for (const [annotation_index, annotation] of annotations.entries())
      yield { type: "response.output_text.annotation.added", ...place, annotation_index, annotation };
    const known = isOutput ? { logprobs: field(part, "logprobs") ?? [] } : {};
    yield { type: `response.${textName}.done`, ...place, [name]: text, ...known };
  }
  yield { type: `response.${partName}.done`, ...place, part };
}

const endings = new Set(["response.completed", "response.incomplete", "response.failed", "response.cancelled"]);

function createResponseFold(): AnswerFold {
  const items: JsonObject[] = [];
  let response: JsonObject | null = null;
  return {
    add(event) {
      const type = textField(event, "type");
      if (type === null || type === "error") return false;
      const item = objectField(event, "item");
      const index = field(event, "output_index");
      if (type === "response.output_item.done" && item && typeof index === "number") items[index] = item;
      if (endings.has(type)) response = objectField(event, "response");
      return true;
    },
    finish() {
      if (!response) return null;
      // Some servers leave the items out of the last event.
      const isLeftOut = Array.isArray(field(response, "output")) && objectsIn(response, "output").length === 0;
      const seen = items.filter(isObject);
      return isLeftOut && seen.length > 0 ? { ...response, output: seen } : response;
    },
  };
}
