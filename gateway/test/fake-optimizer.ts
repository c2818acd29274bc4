// Owns an optimizer for tests: answers by the protocol, or misbehaves in one of the ways a test names. Knows no
// strategy: what it takes out of a request is every "<fat>…</fat>", so that a test decides what it saves.

import { type Exchange, listenHttp } from "@anyray/shared/testing/fake-http";
import { headerOf } from "@anyray/shared/testing/request-reader";

/** How `POST /v1/optimize` is answered. */
export type Manner =
  /** The request as it came, no decisions. */
  | "echo"
  /** Without its fat, and a decision that says so. */
  | "trim"
  | "status-500"
  | "status-503-html"
  | "redirect"
  /** 200, and no JSON. */
  | "garbage"
  /** Bytes that are no HTTP. */
  | "no-http"
  /** The connection closes without a byte. */
  | "closed"
  /** A stated length, half of it, then the end of the connection. */
  | "half"
  /** The same in chunks. */
  | "half-chunked"
  /** After 2 s. */
  | "slow"
  /** A byte every 20 ms. */
  | "drip"
  | "silent"
  /** 200 MB. */
  | "huge"
  | "wrong-model"
  | "wrong-stream"
  /** `request` is a list. */
  | "wrong-shape"
  /** `request` breaks off within. */
  | "broken-request"
  | "longer"
  | "old-protocol"
  | "bad-decisions"
  | "deep"
  | "empty";

export interface Asked {
  endpoint: string;
  /** As it stood in the envelope. */
  requestText: string;
  metadata: Record<string, unknown>;
  capabilities: Record<string, unknown>;
  authorization: string | undefined;
}

export interface FakeOptimizer {
  url: string;
  port: number;
  /** What calls asked, oldest first. */
  asked: Asked[];
  feedback: Record<string, unknown>[];
  /** Requests for its eligibility. */
  looks(): number;
  setManner(manner: Manner): void;
  /** Facts that an answer states in place of the usual ones. */
  setFacts(facts: Record<string, unknown>): void;
  /** Null: it publishes none, as a small optimizer. */
  setEligibility(eligibility: unknown): void;
  stop(): void;
}

const fat = /<fat>.*?<\/fat>/gs;
export const everywhere = {
  revision: "r1",
  bodyBytesMin: { "/v1/chat/completions": 0, "/v1/responses": 0, "/v1/messages": 0 },
};

export function startFakeOptimizer(given: { port?: number; manner?: Manner } = {}): FakeOptimizer {
  const state = {
    manner: given.manner ?? ("trim" as Manner),
    facts: {} as Record<string, unknown>,
    eligibility: everywhere as unknown,
    looks: 0,
  };
  const asked: Asked[] = [];
  const feedback: Record<string, unknown>[] = [];
  const listener = listenHttp({
    hostname: "127.0.0.1",
    port: given.port ?? 0,
    onRequest(exchange) {
      const { path, body, headers } = exchange.request;
      const text = Buffer.from(body).toString();
      if (path === "/v1/eligibility") {
        state.looks += 1;
        if (state.eligibility === null) send(exchange, 404, "{}");
        else send(exchange, 200, JSON.stringify(state.eligibility));
      } else if (path === "/v1/feedback") {
        feedback.push(JSON.parse(text));
        send(exchange, 202, "{}");
      } else if (path === "/v1/optimize") {
        const one = readAsked(text, headerOf({ headers }, "authorization"));
        asked.push(one);
        void misbehave(exchange, state.manner, one.requestText, state.facts);
      } else send(exchange, 404, "{}");
    },
  });
  return {
    url: `http://127.0.0.1:${listener.port}`,
    port: listener.port,
    asked,
    feedback,
    looks: () => state.looks,
    setManner(manner) {
      state.manner = manner;
    },
    setFacts(facts) {
      state.facts = facts;
    },
    setEligibility(eligibility) {
      state.eligibility = eligibility;
    },
    stop: listener.stop,
  };
}

/** Reads the envelope as the gateway writes it: its request last, so that its bytes can be told from the rest. */
function readAsked(text: string, authorization: string | undefined): Asked {
  const whole = JSON.parse(text);
  const mark = ',"request":';
  const requestText = text.slice(text.indexOf(mark) + mark.length, -1);
  if (JSON.stringify(JSON.parse(requestText)) !== JSON.stringify(whole.request)) throw new Error("not as expected");
  return {
    endpoint: whole.endpoint,
    requestText,
    metadata: whole.metadata,
    capabilities: whole.capabilities,
    authorization,
  };
}

function send(exchange: Exchange, status: number, body: string, type = "application/json"): void {
  const bytes = Buffer.from(body);
  exchange.write(head(status, bytes.length, type));
  exchange.write(bytes);
  exchange.flush();
  exchange.finish();
}

const head = (status: number, length: number, type = "application/json") =>
  `HTTP/1.1 ${status} Fake\r\ncontent-type: ${type}\r\ncontent-length: ${length}\r\n\r\n`;

function answerText(requestText: string, facts: Record<string, unknown>): string {
  const usual = {
    protocolVersion: 1,
    optimizationId: "opt_1",
    decisions: [],
    estimatedTokensSaved: 0,
    estimatedSavingsUsd: 0,
    cacheHit: false,
    cacheEligible: false,
    suppressedKinds: [],
  };
  return `{"request":${requestText},${JSON.stringify({ ...usual, ...facts }).slice(1)}`;
}

/** Four characters to a token, as its decision states them. */
export function trimmed(requestText: string): { text: string; tokensSaved: number } {
  const text = requestText.replace(fat, "");
  return { text, tokensSaved: Math.round((requestText.length - text.length) / 4) };
}

function trimAnswer(requestText: string, facts: Record<string, unknown>): string {
  const { text, tokensSaved } = trimmed(requestText);
  const tokensBefore = Math.round(requestText.length / 4);
  const tokensAfter = tokensBefore - tokensSaved;
  const decision = { kind: "fat_trimming", summary: "fat taken out", tokensBefore, tokensAfter, ms: 0.1 };
  const decisions = tokensSaved === 0 ? [] : [decision];
  return answerText(text, { decisions, estimatedTokensSaved: tokensSaved, ...facts });
}

/** Edits that a decision claims, so that only what is wrong with the request can be why it is refused. */
const claimed = { decisions: [{ kind: "fat_trimming", summary: "", tokensBefore: 9, tokensAfter: 1, ms: 0 }] };

const wrongAnswers: Partial<Record<Manner, (text: string) => string>> = {
  echo: (text) => answerText(text, {}),
  garbage: () => "this is no JSON",
  empty: () => "",
  "wrong-model": (text) => answerText(text.replace(/"model":"[^"]*"/, '"model":"another"'), claimed),
  "wrong-stream": (text) =>
    answerText(`{"stream":${!text.includes('"stream":true')},"x":${text.slice(0, 0)}1}`, claimed),
  "wrong-shape": (text) => answerText(`[${text}]`, claimed),
  "broken-request": (text) => answerText(`${text.slice(0, -8)}`, claimed),
  longer: (text) => answerText(`{"pad":"${"x".repeat(20_000)}",${text.trimStart().slice(1)}`, claimed),
  "old-protocol": (text) => answerText(text, { ...claimed, protocolVersion: 0 }),
  "bad-decisions": (text) =>
    answerText(text.replace(fat, ""), { decisions: [{ kind: "fat trimming", tokensBefore: "9" }] }),
  deep: (text) =>
    answerText(text, { sidecar: 0, decisions: [], deep: 0 }).replace('"deep":0', `"deep":${"[".repeat(200_000)}`),
};

async function misbehave(exchange: Exchange, manner: Manner, text: string, facts: Record<string, unknown>) {
  const wrong = wrongAnswers[manner];
  if (wrong) return send(exchange, 200, wrong(text));
  const good = trimAnswer(text, facts);
  switch (manner) {
    case "status-500":
      return send(exchange, 500, good);
    case "status-503-html":
      return send(exchange, 503, "<html>busy</html>", "text/html");
    case "redirect":
      exchange.write(`HTTP/1.1 307 Fake\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n`);
      exchange.flush();
      return exchange.finish();
    case "no-http":
      exchange.write("220 mail.test ESMTP ready\r\n\r\n");
      exchange.flush();
      return exchange.finish({ close: true });
    case "closed":
      return exchange.cut();
    case "half":
    case "half-chunked": {
      const chunked = `HTTP/1.1 200 Fake\r\ntransfer-encoding: chunked\r\n\r\n${good.length.toString(16)}\r\n`;
      exchange.write(manner === "half" ? head(200, good.length) : chunked);
      exchange.write(good.slice(0, good.length / 2));
      exchange.flush();
      await exchange.pause(2);
      return exchange.cut();
    }
    case "slow":
      await exchange.pause(2_000);
      return send(exchange, 200, good);
    case "drip":
      exchange.write(head(200, good.length));
      for (const letter of good) {
        exchange.write(letter);
        exchange.flush();
        await exchange.pause(20);
      }
      return exchange.finish();
    case "huge":
      exchange.write(head(200, 200_000_000));
      exchange.write(Buffer.alloc(4_000_000, 0x20));
      return exchange.flush();
    case "silent":
      return;
    default:
      return send(exchange, 200, good);
  }
}

/** `bun fake-optimizer.ts PORT`: as a process of its own, to be stopped and continued by signals. */
if (import.meta.main) {
  startFakeOptimizer({ port: Number(Bun.argv[2]) });
  console.log("ready");
}
