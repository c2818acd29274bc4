// Owns the fake provider: the upstream of the tests and of the demo, an OpenAI and an Anthropic in one, which answers
// as the request alone decides and keeps its own ledger. Misbehaves as the header `x-fake` asks (fake-directives.ts has
// the list). Refuses to import anything from the gateway: it must be able to prove it wrong.

import { parseArgs } from "node:util";
import type { Answer, Call } from "./fake-call";
import { decideAnswer, pathOf, protocolOf, type Rules } from "./fake-decide";
import { directiveHelp, parseDirectives } from "./fake-directives";
import { providerHeaders } from "./fake-errors";
import { type Exchange, listenHttp } from "./fake-http";
import { playAnswer, type Served } from "./fake-play";
import { type Ledger, type LedgerEnd, type LedgerTokens, noTokens, openLedger } from "./ledger";
import { type HttpRequest, headerOf } from "./request-reader";
import { type Certificate, makeCertificate } from "./self-signed";

export interface FakeProviderOptions {
  /** 0 or left out: any free port. */
  port?: number;
  /** "127.0.0.1" unless told otherwise. */
  hostname?: string;
  /** Appends every ledger entry to this file before anything else is done. */
  ledgerPath?: string;
  /** PEM certificate and key; `true` makes a pair for localhost, whose certificate is then `cert`. */
  tls?: true | Certificate;
  /** Directives for every request, as in `x-fake`; the request's own go over them. */
  fake?: string;
  /** The only credentials accepted; left out: any, and none. */
  keys?: readonly string[];
  /** How many of the newest requests `received` keeps; 1000 unless told otherwise, and 64 MiB of bodies. */
  receivedMax?: number;
}

/** A request as it came over the wire. */
export interface Received extends Omit<HttpRequest, "lastOnConnection"> {
  /** Epoch milliseconds. */
  at: number;
}

export interface FakeProvider {
  /** Without a path: "http://127.0.0.1:41234". */
  url: string;
  port: number;
  /** The certificate that `tls: true` made, for the client to trust. */
  cert: string | undefined;
  ledger: Ledger;
  /** The newest requests, newest last. */
  received: Received[];
  /** Requests begun and not over: answers under way, silent connections included. */
  inFlight(): number;
  /** Replaces the directives for every request from now on. */
  setFake(directives: string): void;
  /** Breaks off what is under way (ledger: `cut`) and closes the port. */
  stop(): void;
}

const bodyBytesKept = 64 * 1024 * 1024;

interface State {
  ledger: Ledger;
  received: Received[];
  receivedMax: number;
  receivedBytes: number;
  rules: Rules;
  requests: number;
}

/**
 * Starts a fake provider.
 *
 * @throws Error for a port that is taken, a ledger file that cannot be written, or directives that do not exist
 */
export function startFakeProvider(options: FakeProviderOptions = {}): FakeProvider {
  const tls = options.tls === true ? makeCertificate() : options.tls;
  const state: State = {
    ledger: openLedger(options.ledgerPath),
    received: [],
    receivedMax: options.receivedMax ?? 1_000,
    receivedBytes: 0,
    rules: {
      defaults: parseDirectives(options.fake ?? ""),
      keys: options.keys && new Set(options.keys),
      stored: new Map(),
      obeyed: new Map(),
    },
    requests: 0,
  };
  const hostname = options.hostname ?? "127.0.0.1";
  const listener = listenHttp({
    hostname,
    port: options.port ?? 0,
    ...(tls ? { tls } : {}),
    onRequest: (exchange) => void serve(state, exchange),
  });
  return {
    url: `${tls ? "https" : "http"}://${hostname}:${listener.port}`,
    port: listener.port,
    cert: tls?.cert,
    ledger: state.ledger,
    received: state.received,
    inFlight: listener.inFlight,
    setFake(directives) {
      state.rules.defaults = parseDirectives(directives);
    },
    stop() {
      listener.stop();
      state.ledger.close();
    },
  };
}

async function serve(state: State, exchange: Exchange): Promise<void> {
  const { request } = exchange;
  const at = Date.now();
  keepReceived(state, request, at);
  const protocol = protocolOf(request);
  const requestId = `req_${(++state.requests).toString(36).padStart(8, "0")}${(at % 1e9).toString(36)}`;
  const call: Call = { request, path: pathOf(request), body: {}, fake: {}, seed: 0 };
  const answer = await decideAnswer(state.rules, call, protocol, requestId);
  // What was recorded has its own.
  if (!answer.recorded) answer.headers.push(...providerHeaders(protocol, requestId, answer.status === 429));
  await playAnswer(exchange, answer, call.fake, (end, served) => {
    state.ledger.append({
      at,
      path: request.path,
      model: typeof call.body["model"] === "string" ? call.body["model"] : null,
      stream: call.body["stream"] === true,
      callId: headerOf(request, "x-call-id") ?? null,
      usageStated: served.usage,
      usageFinal: served.usageFinal,
      tokens: billedTokens(answer, end, served),
      status: served.status,
      end,
    });
  });
}

function keepReceived(state: State, request: HttpRequest, at: number): void {
  const { lastOnConnection, ...kept } = request;
  state.received.push({ at, ...kept });
  state.receivedBytes += request.body.length;
  while (state.received.length > state.receivedMax || state.receivedBytes > bodyBytesKept) {
    state.receivedBytes -= state.received.shift()?.body.length ?? 0;
  }
}

function billedTokens(answer: Answer, end: LedgerEnd, served: Served): LedgerTokens {
  if (!served.begun) return noTokens;
  if (end === "complete" || "plain" in answer.body) return answer.tokens;
  const output = Math.min(served.output, answer.tokens.output);
  return { ...answer.tokens, output, reasoning: Math.min(answer.tokens.reasoning, output) };
}

if (import.meta.main) runAsProcess(Bun.argv.slice(2));

/** `bun shared/src/testing/fake-provider.ts [--port N] [--host NAME] [--ledger FILE] [--fake "DIRECTIVES"]` */
function runAsProcess(args: string[]): void {
  const { values } = parseArgs({
    args,
    options: {
      port: { type: "string", default: "0" },
      host: { type: "string", default: "127.0.0.1" },
      ledger: { type: "string" },
      fake: { type: "string", default: "" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(`Directives of the header x-fake and of --fake:\n${directiveHelp()}`);
    return;
  }
  const provider = startFakeProvider({
    port: Number(values.port),
    hostname: values.host,
    fake: values.fake,
    ...(values.ledger === undefined ? {} : { ledgerPath: values.ledger }),
  });
  console.log(provider.url);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      provider.stop();
      process.exit(0);
    });
  }
}
