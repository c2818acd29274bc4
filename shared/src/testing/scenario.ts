// Owns a day in the life of a gateway, for tests that look at what it leaves behind: calls of every protocol, streamed and
// not, with tools, long outputs, errors and callers that leave. One secret word is woven into everything that is content.

export interface ScenarioSettings {
  gatewayUrl: string;
  adminToken: string;
  /** Letters and digits. Stands in prompts, answers asked for, tool arguments and results, headers, queries, metadata. */
  secret: string;
  /** A handle that stands in a request as the provider got it; null = there is none to ask for. */
  handle?(): string | null;
}

export interface ScenarioCall {
  name: string;
  status: number;
  /** The whole answer. */
  text: string;
}

type Body = Record<string, unknown>;

/** Every call in turn; resolves with what was answered. Rejects when the gateway cannot be reached. */
export async function driveScenario(settings: ScenarioSettings): Promise<ScenarioCall[]> {
  const { gatewayUrl, secret } = settings;
  const calls: ScenarioCall[] = [];
  const send = async (
    name: string,
    path: string,
    given: { body?: Body | string; headers?: Record<string, string> },
  ) => {
    const text = typeof given.body === "string" ? given.body : JSON.stringify(given.body);
    const response = await fetch(`${gatewayUrl}${path}`, {
      method: given.body === undefined ? "GET" : "POST",
      headers: { ...headersWith(secret), ...given.headers },
      ...(given.body === undefined ? {} : { body: text }),
    });
    calls.push({ name, status: response.status, text: await response.text() });
  };
  const anthropic = { "anthropic-version": "2023-06-01", "x-api-key": `sk-ant-${secret}` };

  for (const stream of [false, true]) {
    const kind = stream ? "streamed" : "whole";
    // Twice: the second can be answered from what the first left.
    for (const turn of ["first", "again"]) {
      await send(`chat ${kind} ${turn}`, `/v1/chat/completions?q=${secret}`, { body: { ...chatBody(secret), stream } });
      await send(`messages ${kind} ${turn}`, "/v1/messages", {
        body: { ...messagesBody(secret), stream },
        headers: anthropic,
      });
      await send(`responses ${kind} ${turn}`, "/v1/responses", { body: { ...responsesBody(secret), stream } });
    }
    await send(`completions ${kind}`, "/v1/completions", {
      body: { model: "gpt-3.5-turbo-instruct", prompt: `Tell me of ${secret}.`, stream },
    });
  }
  await send("plain question", "/v1/chat/completions", { body: plainBody(secret) });
  await send("plain question again", "/v1/chat/completions", { body: plainBody(secret) });
  await send("embeddings", "/v1/embeddings", { body: { model: "text-embedding-3-small", input: [`Of ${secret}.`] } });
  await send("count", "/v1/messages/count_tokens", { body: messagesBody(secret), headers: anthropic });
  await send("models", "/v1/models", {});
  await driveFaults(send, secret);
  await leaveMidAnswer(settings);
  await retrieve(send, settings);
  return calls;
}

type Send = (
  name: string,
  path: string,
  given: { body?: Body | string; headers?: Record<string, string> },
) => Promise<void>;

/** What is refused, what fails, and metadata that is more than it may be. */
async function driveFaults(send: Send, secret: string): Promise<void> {
  const path = "/v1/chat/completions";
  const body = plainBody(secret);
  await send("no json", path, { body: `{"messages":[{"content":"${secret}"` });
  await send("unknown provider", path, { body, headers: { "x-anyray-provider": "nobody-knows-it" } });
  // Or the answer would come from the cache.
  const asked = { "x-anyray-optimize": "off" };
  for (const fake of ["status=400", "status=429", "status=500", "html", "cut-before-headers", "garbage"]) {
    await send(`provider: ${fake}`, path, { body, headers: { ...asked, "x-fake": fake } }).catch(() => {});
  }
  const broken = { ...body, stream: true };
  await send("stream broken", path, { body: broken, headers: { ...asked, "x-fake": "cut-after=2" } }).catch(() => {});
  const metadata = [
    { user: "ada", nested: { of: secret } },
    { user: "ada", list: [secret] },
    { user: "ada", note: `${secret} `.repeat(20) },
    { user: { name: secret } },
    Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`label${index}`, `${secret}${index}`])),
  ];
  for (const [index, each] of metadata.entries()) {
    await send(`metadata ${index}`, path, { body, headers: { "x-anyray-metadata": JSON.stringify(each) } });
  }
  await send("metadata broken", path, { body, headers: { "x-anyray-metadata": `{"user":"${secret}"` } });
  await send("not optimized", path, { body, headers: { "x-anyray-optimize": "off" } });
  await send("capped", path, { body, headers: { "x-anyray-metadata": '{"user":"capped"}' } });
}

/** A caller that goes away while its answer comes. */
async function leaveMidAnswer({ gatewayUrl, secret }: ScenarioSettings): Promise<void> {
  const control = new AbortController();
  const response = await fetch(`${gatewayUrl}/v1/chat/completions`, {
    method: "POST",
    headers: { ...headersWith(secret), "x-anyray-optimize": "off", "x-fake": "gap=50" },
    body: JSON.stringify({ ...plainBody(secret), stream: true }),
    signal: control.signal,
  });
  await response.body?.getReader().read();
  control.abort();
}

async function retrieve(send: Send, { secret, handle }: ScenarioSettings): Promise<void> {
  const headers = { accept: "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18" };
  const ask = (method: string, params: Body) => ({ jsonrpc: "2.0", id: 1, method, params });
  const wanted = handle?.() ?? "ctx_ab22cd34ef56gh77";
  await send("mcp tools", "/mcp", { body: ask("tools/list", {}), headers });
  for (const part of [{}, { grep: secret }, { lines: [1, 5] }]) {
    const body = ask("tools/call", { name: "retrieve", arguments: { handle: wanted, ...part } });
    await send("mcp retrieve", "/mcp", { body, headers });
  }
}

function headersWith(secret: string): Record<string, string> {
  return {
    "content-type": "application/json",
    authorization: `Bearer sk-${secret}`,
    cookie: `session=${secret}`,
    "x-custom": secret,
    "user-agent": `agent-of-${secret}`,
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "x-anyray-metadata": JSON.stringify({ user: "ada", team: "core", session: "s-1", tool: "scenario", tier: "gold" }),
  };
}

/** Long enough for every strategy to find something in it. */
function toolResult(secret: string): string {
  const rows = Array.from({ length: 300 }, (_, id) => ({
    ...{ id, state: id === 217 ? "lost" : "held", region: `r${id % 3}`, note: id % 10 === 0 ? secret : "none" },
  }));
  return JSON.stringify(rows, null, 2);
}

function logOutput(secret: string): string {
  const lines = Array.from(
    { length: 400 },
    (_, line) =>
      `2026-11-15T12:00:${String(line % 60).padStart(2, "0")}Z INFO worker ${line % 7} handled job of ${secret}`,
  );
  return [...lines, `ERROR job ${secret} failed: timeout`, "npm test", "1 failed, 12 passed"].join("\n");
}

const about = (secret: string) => `You are careful with ${secret}. `.repeat(60);

function chatBody(secret: string): Body {
  const call = (id: string, cmd: string) => ({
    role: "assistant",
    content: null,
    tool_calls: [{ id, type: "function", function: { name: "run", arguments: JSON.stringify({ cmd }) } }],
  });
  const tool = { name: "run", description: `Runs commands. Knows ${secret}.`, parameters: { type: "object" } };
  return {
    model: "gpt-4o-mini",
    temperature: 0,
    tools: [{ type: "function", function: tool }],
    messages: [
      { role: "system", content: about(secret) },
      { role: "user", content: `Which lease of ${secret} was lost?` },
      call("c1", `leases --of ${secret}`),
      { role: "tool", tool_call_id: "c1", content: toolResult(secret) },
      call("c2", `logs --of ${secret}`),
      { role: "tool", tool_call_id: "c2", content: logOutput(secret) },
      call("c3", `leases --of ${secret}`),
      { role: "tool", tool_call_id: "c3", content: toolResult(secret) },
      { role: "assistant", content: `Number 217 of ${secret}.` },
      { role: "user", content: `In which region is ${secret}?` },
    ],
  };
}

function messagesBody(secret: string): Body {
  const use = (id: string, cmd: string) => ({
    role: "assistant",
    content: [{ type: "tool_use", id, name: "run", input: { cmd } }],
  });
  const result = (id: string, content: string) => ({
    role: "user",
    content: [{ type: "tool_result", tool_use_id: id, content }],
  });
  return {
    model: "claude-sonnet-4-5",
    max_tokens: 200,
    system: about(secret),
    tools: [{ name: "run", description: `Knows ${secret}.`, input_schema: { type: "object" } }],
    messages: [
      { role: "user", content: `Which lease of ${secret} was lost?` },
      use("t1", `leases --of ${secret}`),
      result("t1", toolResult(secret)),
      use("t2", `logs --of ${secret}`),
      result("t2", logOutput(secret)),
    ],
  };
}

function responsesBody(secret: string): Body {
  return {
    model: "gpt-5",
    instructions: about(secret),
    tools: [{ type: "function", name: "run", description: `Knows ${secret}.`, parameters: { type: "object" } }],
    input: [
      { role: "user", content: `Which lease of ${secret} was lost?` },
      { type: "function_call", call_id: "c1", name: "run", arguments: JSON.stringify({ cmd: `leases ${secret}` }) },
      { type: "function_call_output", call_id: "c1", output: toolResult(secret) },
    ],
  };
}

/** Short, without tools: what a cache of answers is for. */
function plainBody(secret: string): Body {
  return { model: "gpt-4o-mini", temperature: 0, messages: [{ role: "user", content: `What is ${secret} good for?` }] };
}
