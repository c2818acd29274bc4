// Owns a provider for tests of what is left behind: every answer, error and header of it has the canary in it.

import { answerShapeOf } from "../src/answers/registry";
import { endpoints } from "../src/endpoints/registry";

export interface CanaryProvider {
  url: string;
  /** Bodies as they came. */
  received: string[];
  stop(): Promise<void>;
}

type Body = Record<string, unknown>;

export function startCanaryProvider(canary: string): CanaryProvider {
  const received: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const text = await request.text();
      received.push(text);
      const headers = { "x-provider-note": canary, "set-cookie": `seen=${canary}` };
      const fake = request.headers.get("x-fake") ?? "";
      const broken = breakage(fake, canary, headers);
      if (broken) return broken;
      const path = new URL(request.url).pathname;
      const body = text ? (JSON.parse(text) as Body) : {};
      const answer = answerOf(path, canary);
      const shape = endpoints.map((endpoint) => answerShapeOf(endpoint)).find((each) => each?.path === path);
      if (body["stream"] !== true || !shape) return Response.json(answer, { headers });
      const events = [...shape.replay(answer, { includesUsage: true })];
      const gapMs = /gap=(\d+)/.exec(fake)?.[1];
      return streamed(events, { ...headers, "content-type": "text/event-stream" }, Number(gapMs ?? 0), fake);
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, received, stop: () => server.stop(true) };
}

function breakage(fake: string, canary: string, headers: Record<string, string>): Response | null {
  const status = Number(/status=(\d+)/.exec(fake)?.[1] ?? 0);
  if (status > 0)
    return Response.json({ error: { message: `Bad ${canary}`, type: "x", code: canary } }, { status, headers });
  if (fake === "html" || fake === "cut-before-headers")
    return new Response(`<h1>${canary}</h1>`, { status: 502, headers });
  if (fake === "garbage") return new Response(`{"${canary}`, { headers: { "content-type": "application/json" } });
  return null;
}

function streamed(events: string[], headers: Record<string, string>, gapMs: number, fake: string): Response {
  const stream = new ReadableStream({
    async start(control) {
      for (const [index, event] of events.entries()) {
        // An end without the event that ends it: the runtime would print an error of ours.
        if (fake === "cut-after=2" && index === 2) return control.close();
        try {
          control.enqueue(new TextEncoder().encode(event));
        } catch {
          return;
        }
        if (gapMs > 0) await Bun.sleep(gapMs);
      }
      control.close();
    },
  });
  return new Response(stream, { headers });
}

function answerOf(path: string, canary: string): Body {
  const said = `The answer is ${canary}. `.repeat(5);
  if (path.endsWith("/messages")) {
    return {
      ...{ id: "msg_1", type: "message", role: "assistant", model: "claude-sonnet-4-5", stop_reason: "tool_use" },
      content: [
        { type: "text", text: said },
        { type: "tool_use", id: "t9", name: "run", input: { cmd: `look --for ${canary}` } },
      ],
      ...{ stop_sequence: null, usage: { input_tokens: 900, output_tokens: 20 } },
    };
  }
  if (path.endsWith("/responses")) {
    const content = [{ type: "output_text", text: said, annotations: [] }];
    return {
      ...{ id: "resp_1", object: "response", model: "gpt-5", status: "completed", created_at: 1 },
      output: [{ type: "message", id: "m1", status: "completed", role: "assistant", content }],
      usage: { input_tokens: 900, output_tokens: 20, total_tokens: 920 },
    };
  }
  if (path.endsWith("/embeddings"))
    return {
      object: "list",
      model: "e",
      data: [{ index: 0, embedding: [1] }],
      usage: { prompt_tokens: 4, total_tokens: 4 },
    };
  if (path.endsWith("/models")) return { object: "list", data: [{ id: canary, object: "model" }] };
  if (path.endsWith("/count_tokens")) return { input_tokens: 900 };
  const usage = { prompt_tokens: 900, completion_tokens: 20, total_tokens: 920 };
  const base = { id: "c1", created: 1, model: "gpt-4o-mini", usage };
  if (path.endsWith("/completions") && !path.endsWith("/chat/completions"))
    return { ...base, object: "text_completion", choices: [{ index: 0, text: said, finish_reason: "stop" }] };
  const message = { role: "assistant", content: said };
  return { ...base, object: "chat.completion", choices: [{ index: 0, message, finish_reason: "stop" }] };
}
