// Owns what the tests of the optimizer's hook share: a provider that plays back, an optimizer that does as it is told,
// and a gateway between them.

import type { RowReport } from "@anyray/shared/admin/spend-rows";
import { type FakeOptimizer, type Manner, startFakeOptimizer } from "./fake-optimizer";
import { startGateway, type TestGateway, until } from "./harness";
import { startTapeProvider, type TapeProvider } from "./tape-provider";

export interface OptimizerWorld {
  provider: TapeProvider;
  optimizer: FakeOptimizer;
  /** May be replaced by one that was started anew. */
  gateway: TestGateway;
  /** Sends a chat and gives what came of it. */
  chat(body: string | Uint8Array<ArrayBuffer>, headers?: Record<string, string>, path?: string): Promise<Chatted>;
  rowOf(session: string): Promise<RowReport>;
  stop(): void;
}

export interface Chatted {
  status: number;
  headers: Headers;
  text: string;
  /** Of the caller, in milliseconds. */
  tookMs: number;
  session: string;
  /** What the provider got for it. */
  forwarded: string;
}

const usage = { prompt_tokens: 1_000, completion_tokens: 10, total_tokens: 1_010 };
const answer = JSON.stringify({ id: "x", object: "chat.completion", model: "gpt-4o-mini", choices: [], usage });
const chunk = `data: ${JSON.stringify({ id: "x", model: "gpt-4o-mini", choices: [{ delta: { content: "a" } }] })}\n\n`;
export const usageEvent = `data: ${JSON.stringify({ id: "x", model: "gpt-4o-mini", choices: [], usage })}\n\n`;
const anthropicUsage = { input_tokens: 400, cache_read_input_tokens: 600, output_tokens: 10 };
const message = JSON.stringify({
  id: "m",
  type: "message",
  model: "claude-sonnet-4-5",
  content: [],
  usage: anthropicUsage,
});

/** Callers' tests name their session; everything else is made up here. */
export async function openOptimizerWorld(
  given: { manner?: Manner; env?: Record<string, string>; optimizerUrl?: string } = {},
): Promise<OptimizerWorld> {
  const provider = startTapeProvider(({ body, path }) => {
    const isStream = Buffer.from(body).includes('"stream":true');
    const text = path.endsWith("/messages") ? message : answer;
    const pieces = isStream ? [chunk, usageEvent, "data: [DONE]\n\n"] : [text];
    return {
      status: 200,
      headers: [["content-type", isStream ? "text/event-stream" : "application/json"]],
      pieces: pieces.map((piece) => Buffer.from(piece)),
    };
  });
  const optimizer = startFakeOptimizer(given.manner ? { manner: given.manner } : {});
  const gateway = await startGateway({
    env: {
      ANYRAY_PROVIDER_URL_OPENAI: provider.url,
      ANYRAY_PROVIDER_URL_ANTHROPIC: provider.url,
      ANYRAY_OPTIMIZER_URL: given.optimizerUrl ?? optimizer.url,
      ...given.env,
    },
  });
  if (!given.optimizerUrl) await until(() => optimizer.looks() > 0);
  let calls = 0;
  const world: OptimizerWorld = {
    ...{ provider, optimizer, gateway },
    async chat(body, headers = {}, path = "/v1/chat/completions") {
      calls += 1;
      const session = `s${calls}`;
      const startedAt = performance.now();
      const response = await fetch(world.gateway.url + path, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "x-anyray-metadata": JSON.stringify({ session, user: "ada" }),
          "x-test-session": session,
          ...headers,
        },
        body,
      });
      const text = await response.text();
      const tookMs = performance.now() - startedAt;
      const received = provider.received.findLast((request) =>
        request.headers.some(([name, value]) => name.toLowerCase() === "x-test-session" && value === session),
      );
      const forwarded = Buffer.from(received?.body ?? []).toString();
      return { status: response.status, headers: response.headers, text, tookMs, session, forwarded };
    },
    async rowOf(session) {
      const rows = await until(async () => {
        const found = await world.gateway.rows(`session=${session}`);
        return found.length > 0 ? found : null;
      });
      if (rows.length !== 1) throw new Error(`${rows.length} rows of ${session}`);
      return rows[0] as RowReport;
    },
    stop() {
      provider.stop();
      optimizer.stop();
    },
  };
  return world;
}

/** A chat with something to take out of it. */
export const fatChat = (extra = "") =>
  `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"lean<fat>${"x".repeat(4_000)}</fat>"}]${extra}}`;
