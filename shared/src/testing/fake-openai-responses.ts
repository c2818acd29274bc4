// Owns the fake provider's Responses API, plain and streamed with the full series of events, in OpenAI's published
// wire format. Remembers the last answers for `GET /v1/responses/:id`; refuses to run anything in the background.

import {
  type Answer,
  asArray,
  asCount,
  asText,
  type Call,
  isObject,
  type Json,
  jsonAnswer,
  type Mark,
  outputAfter,
  type PromptTokens,
  planReply,
  planToolCalls,
  Refusal,
  type Reply,
  type SseEvent,
  type Stated,
  stateUsage,
  streamAnswer,
  type Tool,
  type ToolCall,
} from "./fake-call";
import { answeringModel, reasons } from "./fake-models";
import { cachedPrefix, contentTokens, createdAt, demandedText, openaiModel } from "./fake-openai";
import { countTokens, fragmentsOf, nameOf } from "./fake-words";
import { type LedgerTokens, noTokens } from "./ledger";

/** OpenAI's `usage` of the Responses API. The split of cache writes is stated where there is something to split. */
export function responsesUsage(tokens: LedgerTokens): Json {
  const long = tokens.cacheWriteLong;
  return {
    input_tokens: tokens.input,
    input_tokens_details: {
      cached_tokens: tokens.cached,
      cache_write_tokens: tokens.cacheWrite,
      ...(long > 0
        ? { cache_write_tokens_details: { ttl_12h_tokens: long, ttl_30m_tokens: tokens.cacheWrite - long } }
        : {}),
    },
    output_tokens: tokens.output,
    output_tokens_details: { reasoning_tokens: tokens.reasoning },
    total_tokens: tokens.input + tokens.output,
  };
}

function responsesPrompt(body: Json): PromptTokens {
  const { instructions, tools, input } = body;
  let total = 3 + countTokens(asText(instructions)) + (tools ? countTokens(JSON.stringify(tools)) : 0);
  let before = 0;
  for (const item of typeof input === "string" ? [{ content: input }] : asArray(input)) {
    if (!isObject(item)) continue;
    const ours = item["role"] === "assistant" || /^(reasoning|.*_call)$/.test(asText(item["type"]));
    // Several items make one turn of the model: the cache reached to the first of the last such run.
    if (ours && !runsOn(asArray(input), item)) before = total;
    total += 3 + ("content" in item ? contentTokens(item["content"]) : countTokens(JSON.stringify(item)));
  }
  return { input: total, cached: cachedPrefix(before), cacheWrite: 0, cacheWriteLong: 0 };
}

function runsOn(items: readonly unknown[], item: Json): boolean {
  const before = items[items.indexOf(item) - 1];
  if (!isObject(before)) return false;
  return before["role"] === "assistant" || /^(reasoning|.*_call)$/.test(asText(before["type"]));
}

function responsesTools(call: Call): ToolCall[] {
  const { tools, tool_choice, input } = call.body;
  if (tool_choice === "none") return [];
  const offered = asArray(tools).flatMap((tool): Tool[] =>
    isObject(tool) && tool["type"] === "function" ? [{ name: asText(tool["name"]), schema: tool["parameters"] }] : [],
  );
  const named = isObject(tool_choice) ? tool_choice["name"] : undefined;
  const last = asArray(input).at(-1);
  const afterResult = isObject(last) && /_call_output$/.test(asText(last["type"]));
  return planToolCalls(call, offered, typeof named === "string" ? named : undefined, afterResult);
}

/** `POST /v1/responses`. `remember` keeps the answer for later reading, unless the request says `store: false`. */
export function answerResponses(call: Call, remember: (id: string, response: Json) => void): Answer {
  const { body, seed, fake } = call;
  const model = openaiModel(call);
  if (!("input" in body) && !("prompt" in body)) {
    throw new Refusal(400, "Missing required parameter: 'input'.", "missing_required_parameter", "input");
  }
  const effort = isObject(body["reasoning"]) ? body["reasoning"]["effort"] : undefined;
  const text = isObject(body["text"]) ? body["text"]["format"] : undefined;
  const reply = planReply(call, {
    prompt: responsesPrompt(body),
    outputMax: asCount(body["max_output_tokens"]),
    reasoning: reasons(model) && effort !== "none" ? 64 * (1 + (seed % 8)) : 0,
    toolCalls: responsesTools(call),
    text: demandedText(call, text),
  });
  const stated = fake.failed ? {} : stateUsage(call, reply.tokens, responsesUsage);
  const items = outputItems(seed, reply);
  const response = responseOf(call, model, reply, items);
  if (body["store"] !== false)
    remember(asText(response["id"]), { ...response, ...(stated.usage && { usage: stated.usage }) });
  if (body["stream"] === true) {
    const events = responseEvents({ call, response, reply, items, stated });
    return streamAnswer(call, events, reply.tokens, failureEvent(call));
  }
  const answer = jsonAnswer(call, response, fake.failed ? noTokens : reply.tokens, stated);
  return fake.failed ? markPlain(answer, { error: true }) : answer;
}

const failureEvent = (call: Call): SseEvent => ({
  name: "error",
  data: JSON.stringify({
    type: "error",
    code: "server_error",
    message: "The server had an error processing your request. Sorry about that!",
    param: null,
    sequence_number: call.fake["error-event"],
  }),
});

function responseOf({ body, seed, fake }: Call, model: string, reply: Reply, items: readonly Json[]): Json {
  const ended = fake.failed ? "failed" : reply.truncated ? "incomplete" : "completed";
  const createdSeconds = createdAt(seed);
  return {
    id: `resp_${nameOf(seed, "response", 50, "hex")}`,
    object: "response",
    created_at: createdSeconds,
    status: ended,
    background: false,
    completed_at: ended === "completed" ? createdSeconds + 1 : null,
    error: fake.failed ? { code: "server_error", message: "The model failed to generate a response." } : null,
    incomplete_details: reply.truncated ? { reason: "max_output_tokens" } : null,
    instructions: body["instructions"] ?? null,
    max_output_tokens: body["max_output_tokens"] ?? null,
    max_tool_calls: null,
    model: answeringModel(model),
    output: items,
    parallel_tool_calls: body["parallel_tool_calls"] ?? true,
    previous_response_id: body["previous_response_id"] ?? null,
    prompt_cache_key: body["prompt_cache_key"] ?? null,
    reasoning: body["reasoning"] ?? { effort: null, summary: null },
    safety_identifier: null,
    service_tier: "default",
    store: body["store"] ?? true,
    temperature: body["temperature"] ?? 1,
    text: body["text"] ?? { format: { type: "text" }, verbosity: "medium" },
    tool_choice: body["tool_choice"] ?? "auto",
    tools: body["tools"] ?? [],
    top_logprobs: 0,
    top_p: body["top_p"] ?? 1,
    truncation: body["truncation"] ?? "disabled",
    user: body["user"] ?? null,
    metadata: body["metadata"] ?? {},
  };
}

function outputItems(seed: number, reply: Reply): Json[] {
  const id = (prefix: string, at: number) => `${prefix}_${nameOf(seed, `${prefix} ${at}`, 50, "hex")}`;
  const status = reply.truncated ? "incomplete" : "completed";
  const content = [{ type: "output_text", annotations: [], logprobs: [], text: reply.text }];
  return [
    ...(reply.tokens.reasoning > 0 ? [{ id: id("rs", 0), type: "reasoning", summary: [] }] : []),
    ...(reply.toolCalls.length === 0
      ? [{ id: id("msg", 0), type: "message", status, content, role: "assistant" }]
      : []),
    ...reply.toolCalls.map((tool, at) => ({
      id: id("fc", at),
      type: "function_call",
      status,
      arguments: tool.arguments,
      call_id: `call_${nameOf(seed, `tool ${at}`, 24)}`,
      name: tool.name,
    })),
  ];
}

interface ResponseStream {
  call: Call;
  response: Json;
  reply: Reply;
  items: readonly Json[];
  stated: Stated;
}

/** An event without its number, which counts the events sent. */
type Unnumbered = SseEvent & { body: Json };

function* responseEvents(stream: ResponseStream): Iterable<SseEvent> {
  let sequence = 0;
  for (const { body, ...event } of unnumberedEvents(stream)) {
    const data = JSON.stringify({ ...body, sequence_number: sequence++ });
    yield { ...event, name: asText(body["type"]), data };
  }
}

function event(type: string, body: Json, mark: Partial<SseEvent> = {}): Unnumbered {
  return { data: "", ...mark, body: { type, ...body } };
}

function* unnumberedEvents(stream: ResponseStream): Iterable<Unnumbered> {
  const { call, response, reply, items, stated } = stream;
  const opening = { ...response, status: "in_progress", completed_at: null, incomplete_details: null, error: null };
  const begun = { response: { ...opening, output: [], usage: null } };
  yield event("response.created", begun);
  yield event("response.in_progress", begun);
  const pieces = items.map((item) => piecesOf(call, reply, item));
  const all = Math.max(
    1,
    pieces.reduce((sum, list) => sum + list.length, 0),
  );
  let told = 0;
  const output = () => ({ output: outputAfter(reply.tokens, ++told, all) });
  for (const [output_index, item] of items.entries()) {
    yield event("response.output_item.added", { output_index, item: emptied(item) });
    const place = { item_id: item["id"], output_index };
    const deltas = pieces[output_index] ?? [];
    if (item["type"] === "message") yield* messageEvents(place, item, deltas, output);
    if (item["type"] === "function_call") yield* argumentEvents(place, item, deltas, output);
    yield event("response.output_item.done", { output_index, item });
  }
  const end = `response.${asText(response["status"])}`;
  const closing = (usage: Json | null | undefined) => ({ response: { ...response, usage: usage ?? null } });
  if (stated.interim) yield event("response.in_progress", closing(stated.interim), { usage: stated.interim });
  const mark = call.fake.failed ? { error: true } : { output: reply.tokens.output };
  yield event(end, closing(stated.usage), {
    ...mark,
    last: true,
    ...(stated.usage ? { usage: stated.usage, final: true } : {}),
  });
}

function piecesOf({ fake }: Call, reply: Reply, item: Json): string[] {
  if (item["type"] === "message") return reply.words;
  return item["type"] === "function_call" ? fragmentsOf(asText(item["arguments"]), fake.chunks) : [];
}

/** An item as it is when it is announced. */
function emptied(item: Json): Json {
  if (item["type"] === "reasoning") return item;
  if (item["type"] === "message") return { ...item, status: "in_progress", content: [] };
  return { ...item, status: "in_progress", arguments: "" };
}

type Output = () => { output: number };

function* messageEvents(place: Json, item: Json, words: readonly string[], output: Output): Iterable<Unnumbered> {
  const at = { ...place, content_index: 0 };
  const [part] = asArray(item["content"]);
  const text = isObject(part) ? part["text"] : "";
  const shell = { type: "output_text", annotations: [], logprobs: [], text: "" };
  yield event("response.content_part.added", { ...at, part: shell });
  for (const delta of words) yield event("response.output_text.delta", { ...at, delta, logprobs: [] }, output());
  yield event("response.output_text.done", { ...at, text, logprobs: [] });
  yield event("response.content_part.done", { ...at, part });
}

function* argumentEvents(place: Json, item: Json, parts: readonly string[], output: Output): Iterable<Unnumbered> {
  for (const delta of parts) yield event("response.function_call_arguments.delta", { ...place, delta }, output());
  const { name, arguments: text } = item;
  yield event("response.function_call_arguments.done", { ...place, name, arguments: text });
}

/** `GET /v1/responses/:id`: states usage again, which is billed no second time. */
export function answerStoredResponse(call: Call, stored: Json | undefined): Answer {
  const id = call.path.split("/").at(-1);
  if (!stored) throw new Refusal(404, `Response with id '${id}' not found.`, null, "id");
  const usage = isObject(stored["usage"]) ? stored["usage"] : undefined;
  return markPlain(jsonAnswer(call, stored), usage ? { usage, final: false } : {});
}

function markPlain(answer: Answer, mark: Mark): Answer {
  return "plain" in answer.body ? { ...answer, body: { ...answer.body, mark } } : answer;
}
