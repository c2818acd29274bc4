// Owns the rim: routes, the door of the admin plane, and the place where errors become answers. Elysia stays here;
// nothing behind this file knows it.

import { AnyrayError } from "@anyray/shared/errors";
import type { Log } from "@anyray/shared/log";
import type { Metrics } from "@anyray/shared/metrics";
import type { Server } from "bun";
import { type AnyElysia, Elysia } from "elysia";
import { admitAdmin, isAdminUrl } from "./admin/gate";
import { type Arrival, CallerLeft } from "./call";
import type { Endpoint, Protocol } from "./endpoints/endpoint";
import { endpoints } from "./endpoints/registry";
import type { McpDoor } from "./mcp/door";
import { type Journey, serve } from "./pipeline";
import { asAnyrayError, renderError } from "./render-error";

export interface AppSettings {
  journey: Journey;
  admin: AnyElysia;
  /** What models retrieve by, at /mcp; absent = no such route. */
  mcp?: McpDoor;
  adminToken: string;
  metrics: Metrics;
  log: Log;
  version: string;
  concurrencyMax: number;
  /** Seconds; what the runtime's idle timer is set back to after a call. */
  idleSeconds: number;
  isDraining(): boolean;
}

type GatewayServer = Server<undefined>;

/** The handler for Bun.serve. */
export function createApp(settings: AppSettings) {
  let server: GatewayServer | null = null;
  const answer = (request: Request, endpoint: Endpoint) =>
    answerCall(request, endpoint, server as unknown as GatewayServer, settings);

  // Short host names are told from paths right only without the standard shortcut; see the door below.
  const app = new Elysia({ aot: true, handler: { standardHostname: false } });
  for (const endpoint of endpoints) {
    const handle = ({ request }: { request: Request }) => answer(request, endpoint);
    // No body schema and no parser: the body is read as bytes, and forwarded as such.
    if (endpoint.metering === "always") app.post(endpoint.path, handle, { parse: "none" });
    else app.all(endpoint.path, handle, { parse: "none" });
  }
  const { mcp } = settings;
  if (mcp) {
    const handle = ({ request }: { request: Request }) =>
      answerMcp(request, mcp, server as unknown as GatewayServer, settings);
    app.all("/mcp", handle, { parse: "none" });
  }
  // For the routes below and for what is no route: the framework's own answer would show an error's message. Those
  // above answer for themselves, and are spared the hook.
  app.onError({ as: "global" }, ({ request, error }) => {
    const id = Bun.randomUUIDv7();
    const fault = isNotFound(error) ? noRoute(request) : error;
    logFault(settings.log, fault, id);
    return renderError(fault, protocolOf(request.headers, null), id);
  });
  addOperation(app, settings);
  app.use(settings.admin);

  // Taken once: the property builds a new router each time it is read.
  const route = app.fetch;
  return (request: Request, from: GatewayServer): Response | Promise<Response> => {
    server = from;
    if (!namesOneHost(request)) return renderError(noHost(), "openai", Bun.randomUUIDv7());
    // A provider that obeyed it would show the caller what it was sent, a key of ours included.
    if (request.method === "TRACE") return renderError(noRoute(request), "openai", Bun.randomUUIDv7());
    const isData = pathOf(request.url).startsWith("/v1/");
    if (!isData && isAdminUrl(request.url)) {
      const refusal = admitAdmin(request, settings.adminToken);
      if (refusal) return refusal;
    }
    return route(request);
  };
}

async function answerCall(
  request: Request,
  endpoint: Endpoint,
  server: GatewayServer,
  settings: AppSettings,
): Promise<Response> {
  const { journey, log, idleSeconds } = settings;
  const url = request.url;
  const queryAt = url.indexOf("?");
  const arrivedAt = Date.now();
  const arrival: Arrival = {
    id: Bun.randomUUIDv7("hex", arrivedAt),
    request,
    endpoint,
    protocol: protocolOf(request.headers, endpoint),
    path: pathOf(url),
    search: queryAt < 0 ? "" : url.slice(queryAt),
    connection: {
      holdOpen: () => server.timeout(request, 0),
      release: () => server.timeout(request, idleSeconds),
    },
    arrivedAt,
    startedAt: performance.now(),
  };
  try {
    if (settings.isDraining())
      throw new AnyrayError("draining", "This gateway is shutting down. Send the request again.", {
        connection: "close",
      });
    if (journey.metrics.active() >= settings.concurrencyMax) throw overloaded(settings.concurrencyMax);
    const response = await serve(arrival, journey);
    if (settings.isDraining()) response.headers.set("connection", "close");
    return response;
  } catch (error) {
    logFault(log, error, arrival.id);
    journey.metrics.failed(error);
    return renderError(error, arrival.protocol, arrival.id);
  }
}

/** Longer than a retrieval can take. */
const mcpSeconds = 10;

/** Not a call: nothing of it is billed, capped or recorded, and it takes no call's place. */
async function answerMcp(
  request: Request,
  mcp: McpDoor,
  server: GatewayServer,
  { isDraining, idleSeconds }: AppSettings,
): Promise<Response> {
  const id = Bun.randomUUIDv7();
  if (isDraining()) {
    const draining = new AnyrayError("draining", "This gateway is shutting down.", { connection: "close" });
    return renderError(draining, "openai", id);
  }
  server.timeout(request, Math.max(idleSeconds, mcpSeconds));
  const response = await mcp(request, id);
  response.headers.set("x-anyray-request-id", id);
  return response;
}

/** On routes that both vendors have, Anthropic's own header tells who speaks. */
function protocolOf(headers: Headers, endpoint: Endpoint | null): Protocol {
  if (endpoint && (endpoint.metering === "always" || endpoint.protocol === "anthropic")) return endpoint.protocol;
  return headers.has("anthropic-version") ? "anthropic" : "openai";
}

function overloaded(concurrencyMax: number): AnyrayError {
  return new AnyrayError(
    "overloaded",
    `This gateway has ${concurrencyMax} calls in progress and takes no more. Send the request again in a moment.`,
    { "retry-after": "1" },
  );
}

/**
 * The runtime gives a URL without its origin when the Host header is no host: no path in it can be trusted. Of two
 * Host headers it takes the first and shows both, where a proxy in front of us may have taken the second.
 */
function namesOneHost({ url, headers }: Request): boolean {
  return url.startsWith("http") && !headers.get("host")?.includes(",");
}

function noHost(): AnyrayError {
  return new AnyrayError("invalid_request", "The Host header of the request names no host, or there is more than one.");
}

function noRoute(request: Request): AnyrayError {
  const path = pathOf(request.url).slice(0, 200);
  return new AnyrayError(
    "not_found",
    `There is no ${request.method} ${path} here. Calls to models begin with /v1/, the admin API with /admin/.`,
  );
}

function isNotFound(error: unknown): boolean {
  return (error as { code?: unknown })?.code === "NOT_FOUND";
}

/**
 * A refusal is the caller's to know, and leaving is its right; what is ours or the provider's is logged, with its
 * cause and without content.
 */
function logFault(log: Log, error: unknown, requestId: string): void {
  if (error instanceof CallerLeft) return;
  const fault = asAnyrayError(error, requestId);
  if (fault.code === "internal")
    log.error("a call failed by a fault of ours", { requestId, error: fault.cause ?? fault });
  else if (fault.spec.status >= 502 && fault.cause) {
    log.warn("a provider gave no answer", { requestId, code: fault.code, error: fault.cause });
  }
}

/** Health, readiness, metrics, and what stands at the root. */
function addOperation(app: Elysia, settings: AppSettings): void {
  const about = Response.json({ name: "anyray", version: settings.version });
  app.get("/", () => about.clone());
  app.head("/", () => about.clone());
  app.get("/health", () => Response.json({ status: "ok", version: settings.version }));
  app.get("/ready", () => {
    const reasons = settings.isDraining() ? ["draining"] : [];
    return Response.json({ ready: reasons.length === 0, reasons }, { status: reasons.length === 0 ? 200 : 503 });
  });
  app.get(
    "/metrics",
    () =>
      new Response(settings.metrics.text(), {
        headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
      }),
  );
}

/** "http://host/path?query" → "/path", as the runtime normalised it. */
export function pathOf(url: string): string {
  const host = url.indexOf("//") + 2;
  const from = url.indexOf("/", host);
  if (from < 0) return "/";
  const query = url.indexOf("?", from);
  return query < 0 ? url.slice(from) : url.slice(from, query);
}
