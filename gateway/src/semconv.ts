// Owns the names of OpenTelemetry's GenAI conventions and of Langfuse's mapping, and the words of ours they stand for. No
// other file of the gateway spells one.

/** Attributes of OpenTelemetry, semantic conventions 1.41. */
export const otel = {
  schemaUrl: "https://opentelemetry.io/schemas/1.41.0",
  serviceName: "service.name",
  serviceVersion: "service.version",
  operation: "gen_ai.operation.name",
  provider: "gen_ai.provider.name",
  requestModel: "gen_ai.request.model",
  requestStream: "gen_ai.request.stream",
  responseModel: "gen_ai.response.model",
  finishReasons: "gen_ai.response.finish_reasons",
  timeToFirstChunk: "gen_ai.response.time_to_first_chunk",
  conversation: "gen_ai.conversation.id",
  agent: "gen_ai.agent.name",
  inputTokens: "gen_ai.usage.input_tokens",
  outputTokens: "gen_ai.usage.output_tokens",
  cacheReadTokens: "gen_ai.usage.cache_read.input_tokens",
  cacheWriteTokens: "gen_ai.usage.cache_creation.input_tokens",
  reasoningTokens: "gen_ai.usage.reasoning.output_tokens",
  inputMessages: "gen_ai.input.messages",
  outputMessages: "gen_ai.output.messages",
  systemInstructions: "gen_ai.system_instructions",
  toolDefinitions: "gen_ai.tool.definitions",
  errorType: "error.type",
  route: "http.route",
  status: "http.response.status_code",
  user: "user.id",
  session: "session.id",
} as const;

/** What Langfuse reads beside the attributes above. */
export const langfuse = {
  user: "langfuse.user.id",
  session: "langfuse.session.id",
  tags: "langfuse.trace.tags",
  traceName: "langfuse.trace.name",
  observationType: "langfuse.observation.type",
  usage: "langfuse.observation.usage_details",
  cost: "langfuse.observation.cost_details",
  completionStart: "langfuse.observation.completion_start_time",
} as const;

/** What no convention has a name for. */
export const anyray = {
  id: "anyray.id",
  team: "anyray.team",
  tool: "anyray.tool",
  parentAgent: "anyray.parent_agent",
  endReason: "anyray.end_reason",
  errorCode: "anyray.error_code",
  outcome: "anyray.optimizer.outcome",
  tokensSaved: "anyray.tokens_saved",
  costUsd: "anyray.cost_usd",
  priceRow: "anyray.price_row",
  isEstimated: "anyray.usage_estimated",
  overheadMs: "anyray.overhead_ms",
  capTokens: "anyray.cap.monthly_tokens",
  capUsedTokens: "anyray.cap.used_tokens",
  capHeldTokens: "anyray.cap.held_tokens",
  /** Before the name of a step's fact. */
  fact: "anyray.step.",
  decision: "anyray.decision",
  kind: "anyray.decision.kind",
  summary: "anyray.decision.summary",
  tokensBefore: "anyray.decision.tokens_before",
  tokensAfter: "anyray.decision.tokens_after",
  ms: "anyray.decision.ms",
} as const;

const operations = new Map([
  ["/v1/chat/completions", "chat"],
  ["/v1/messages", "chat"],
  ["/v1/responses", "chat"],
  ["/v1/completions", "text_completion"],
  ["/v1/embeddings", "embeddings"],
]);

/** `gen_ai.operation.name` of an endpoint. */
export function operationOf(endpoint: string): string {
  return operations.get(endpoint) ?? "call";
}

const providerNames = new Map([
  ["azure-openai", "azure.ai.openai"],
  ["bedrock", "aws.bedrock"],
  ["gemini", "gcp.gemini"],
  ["google", "gcp.gemini"],
  ["vertex", "gcp.vertex_ai"],
  ["vertex-ai", "gcp.vertex_ai"],
  ["mistral", "mistral_ai"],
  ["watsonx", "ibm.watsonx.ai"],
  ["xai", "x_ai"],
]);

/** `gen_ai.provider.name` of a slug: the convention's where it has one. */
export function providerNameOf(slug: string): string {
  return providerNames.get(slug) ?? slug;
}
