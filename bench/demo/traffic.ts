// Owns the demo's traffic: what a few teams' tools would send in a day, through the official SDKs, in a minute.

import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

/** Who calls, and what it tends to call. Tools, not people. */
interface Caller {
  user: string;
  team: string;
  tool: string;
  /** Share of the traffic. */
  weight: number;
  send(clients: Clients, nth: number): Promise<void>;
}

interface Clients {
  openai: OpenAI;
  anthropic: Anthropic;
}

export interface TrafficReport {
  answered: number;
  refusedByCap: number;
  failedAtProvider: number;
}

const question = (nth: number) =>
  `Ticket ${nth}: the nightly export stops after ${nth * 7} rows. ${"Log line follows. ".repeat(nth % 40)}`;

async function streamChat({ openai }: Clients, nth: number): Promise<void> {
  const stream = await openai.chat.completions.create({
    model: "gpt-5-mini",
    stream: true,
    messages: [{ role: "user", content: question(nth) }],
  });
  for await (const _ of stream);
}

async function plainChat({ openai }: Clients, nth: number): Promise<void> {
  await openai.chat.completions.create({ model: "gpt-5", messages: [{ role: "user", content: question(nth) }] });
}

async function embed({ openai }: Clients, nth: number): Promise<void> {
  await openai.embeddings.create({ model: "text-embedding-3-small", input: [question(nth), question(nth + 1)] });
}

async function respond({ openai }: Clients, nth: number): Promise<void> {
  const stream = await openai.responses.create({ model: "gpt-5", stream: true, input: question(nth) });
  for await (const _ of stream);
}

async function streamMessage({ anthropic }: Clients, nth: number): Promise<void> {
  const stream = anthropic.messages.stream(
    { model: "claude-sonnet-5", max_tokens: 1_024, messages: [{ role: "user", content: question(nth) }] },
    { headers: { "x-fake": `cached=${nth * 20} cache-write=${nth % 3 === 0 ? 800 : 0}` } },
  );
  await stream.finalMessage();
}

/** A self-hosted model nobody has set a price for: it must show as unpriced, not as free. */
async function askUnpriced({ openai }: Clients, nth: number): Promise<void> {
  await openai.chat.completions.create({
    model: "openai/in-house-7b",
    messages: [{ role: "user", content: question(nth) }],
  });
}

/** Some callers leave in the middle of an answer. */
async function leaveEarly({ openai }: Clients, nth: number): Promise<void> {
  const stream = await openai.chat.completions.create(
    { model: "gpt-5-mini", stream: true, messages: [{ role: "user", content: question(nth) }] },
    { headers: { "x-fake": "chunks=40 gap=5" } },
  );
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta.content) break;
  }
}

const callers: readonly Caller[] = [
  { user: "support-bot", team: "support", tool: "helpdesk", weight: 6, send: streamChat },
  { user: "ticket-triage", team: "support", tool: "helpdesk", weight: 3, send: plainChat },
  { user: "code-agent-1", team: "platform", tool: "claude-code", weight: 5, send: streamMessage },
  { user: "code-agent-2", team: "platform", tool: "codex", weight: 4, send: respond },
  { user: "search-index", team: "data", tool: "pipeline", weight: 4, send: embed },
  { user: "nightly-report", team: "data", tool: "pipeline", weight: 2, send: askUnpriced },
  { user: "web-chat", team: "shop", tool: "website", weight: 3, send: leaveEarly },
];

/** Sends `calls` calls, `width` at a time, in an order that is the same in every run. */
export async function sendTraffic(
  gatewayUrl: string,
  calls: number,
  width: number,
  progress: (done: number) => void,
): Promise<TrafficReport> {
  const report: TrafficReport = { answered: 0, refusedByCap: 0, failedAtProvider: 0 };
  const deck = callers.flatMap((caller) => Array.from({ length: caller.weight }, () => caller));
  let sent = 0;
  let done = 0;
  const worker = async () => {
    while (sent < calls) {
      const nth = sent++;
      const caller = deck[(nth * 11) % deck.length] as Caller;
      await sendOne(gatewayUrl, caller, nth, report);
      progress(++done);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return report;
}

async function sendOne(gatewayUrl: string, caller: Caller, nth: number, report: TrafficReport): Promise<void> {
  const { user, team, tool } = caller;
  const metadata = JSON.stringify({ user, team, tool, session: `${user}-${nth % 5}` });
  // Now and then a provider has a bad moment; its own error passes through as it is.
  const fake: Record<string, string> = nth % 41 === 40 ? { "x-fake": "status=503" } : {};
  const defaultHeaders = { "x-anyray-metadata": metadata, ...fake };
  const clients = {
    openai: new OpenAI({ baseURL: `${gatewayUrl}/v1`, apiKey: "the-caller-needs-none", defaultHeaders, maxRetries: 0 }),
    anthropic: new Anthropic({ baseURL: gatewayUrl, apiKey: "the-caller-needs-none", defaultHeaders, maxRetries: 0 }),
  };
  try {
    await caller.send(clients, nth);
    report.answered += 1;
  } catch (error) {
    const { status } = error as { status?: number };
    if (status === 429) report.refusedByCap += 1;
    else if (status !== undefined) report.failedAtProvider += 1;
    else throw error;
  }
}
