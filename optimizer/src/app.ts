// Owns the rim: routes, who is let in, and the place where errors become answers. Elysia stays here; nothing behind this
// file knows it.

import { AnyrayError } from "@anyray/shared/errors";
import type { Log } from "@anyray/shared/log";
import type { Metrics } from "@anyray/shared/metrics";
import type { ContentMode } from "@anyray/shared/store/trace";
import { Elysia } from "elysia";
import { readSavings } from "./admin/savings";
import { type AdminParts, readSettings, writeSettings } from "./admin/settings";
import { admit, renderRefusal } from "./door";
import { faultFields } from "./fault";
import type { RouteName, RouteOutcome } from "./metrics";
import { CallerLeft } from "./request-body";
import { answerCache } from "./routes/cache";
import { answerFeedback } from "./routes/feedback";
import { answerForget } from "./routes/forget";
import { answerOptimize } from "./routes/optimize";
import { answerOptimizeResponse } from "./routes/optimize-response";
import { answerRecord } from "./routes/record";
import { answerRetrieve } from "./routes/retrieve";
import { type Reply, type Route, type RouteParts, reply } from "./routes/route";

export interface AppParts {
  routes: RouteParts;
  admin: AdminParts;
  optimizerToken: string;
  adminToken: string;
  /** Whether POST /v1/record is there. */
  isAttached: boolean;
  version: string;
  defaultsRevision: string | number;
  /** The content mode that holds here, and the revision of the policy it comes from. */
  privacy(): { effectiveMode: ContentMode; seenRevision: number };
  concurrencyMax: number;
  metrics: Metrics;
  log: Log;
  isDraining(): boolean;
}

type Answer = (request: Request) => Promise<Reply>;

/** The handler for Bun.serve. */
export function createApp(parts: AppParts): (request: Request) => Response | Promise<Response> {
  // Short host names are told from paths right only without the standard shortcut.
  const app = new Elysia({ aot: true, handler: { standardHostname: false } });
  const handler = (name: RouteName, who: "optimizer" | "admin", answer: Answer) => {
    return ({ request }: { request: Request }) => answerOne(name, who, answer, request, parts);
  };
  const post = (name: RouteName, route: Route) => {
    const answer: Answer = (request) => route(request, parts.routes);
    app.post(`/v1/${name}`, handler(name, "optimizer", answer), { parse: "none" });
  };
  post("optimize", answerOptimize);
  post("optimize-response", answerOptimizeResponse);
  post("cache", answerCache);
  post("retrieve", answerRetrieve);
  post("feedback", answerFeedback);
  post("forget", answerForget);
  if (parts.isAttached) post("record", answerRecord);
  const eligibility: Answer = async () => reply(parts.routes.settings.current().eligibility);
  app.get("/v1/eligibility", handler("eligibility", "optimizer", eligibility));
  const settingsPath = "/admin/optimizer/settings";
  app.get(
    settingsPath,
    handler("settings", "admin", () => readSettings(parts.admin)),
  );
  app.put(
    settingsPath,
    handler("settings", "admin", (request) => writeSettings(request, parts.admin)),
    {
      parse: "none",
    },
  );
  app.get(
    "/admin/optimizer/savings",
    handler("settings", "admin", () => readSavings(parts.routes.optimizer)),
  );
  addOperation(app, parts);
  app.onError({ as: "global" }, ({ request, error }) => {
    const id = Bun.randomUUIDv7();
    const fault = (error as { code?: unknown })?.code === "NOT_FOUND" ? noRoute(request, parts) : error;
    if (!(fault instanceof AnyrayError)) parts.log.error("a request failed", { requestId: id, ...faultFields(fault) });
    return renderRefusal(fault, id);
  });
  // Taken once: the property builds a new router each time it is read.
  const route = app.fetch;
  return (request) => route(request);
}

async function answerOne(
  name: RouteName,
  who: "optimizer" | "admin",
  answer: Answer,
  request: Request,
  parts: AppParts,
): Promise<Response> {
  const { metrics } = parts.routes;
  const startedAt = performance.now();
  let outcome: RouteOutcome = "failed";
  metrics.active(1);
  try {
    admit(request, who === "admin" ? parts.adminToken : parts.optimizerToken, who);
    checkRoom(parts);
    const { body, status, outcome: came } = await answer(request);
    outcome = came;
    return new Response(body, { status, headers: answerHeaders(parts) });
  } catch (error) {
    const requestId = Bun.randomUUIDv7();
    outcome = outcomeOf(error);
    // What goes wrong in the store or in code of ours; an admin's mistake is the admin's to know.
    if (outcome === "failed") {
      const cause = error instanceof AnyrayError ? (error.cause ?? error) : error;
      parts.log.error("a request failed", { requestId, route: name, ...faultFields(cause) });
    }
    return renderRefusal(error, requestId);
  } finally {
    metrics.active(-1);
    metrics.answered(name, outcome, performance.now() - startedAt);
  }
}

function answerHeaders(parts: AppParts): Record<string, string> {
  return {
    "content-type": "application/json",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...(parts.isDraining() && { connection: "close" }),
  };
}

function outcomeOf(error: unknown): RouteOutcome {
  if (error instanceof CallerLeft) return "left";
  return error instanceof AnyrayError && error.spec.status < 500 ? "refused" : "failed";
}

/** @throws AnyrayError draining, overloaded */
function checkRoom({ isDraining, concurrencyMax, routes }: AppParts): void {
  if (isDraining()) {
    throw new AnyrayError("draining", "The optimizer is shutting down.", { connection: "close" });
  }
  if (routes.metrics.activeNow() > concurrencyMax) {
    throw new AnyrayError("overloaded", `The optimizer has ${concurrencyMax} requests in progress and takes no more.`, {
      "retry-after": "1",
    });
  }
}

/** To strangers everything that is no route of theirs is the same locked door. */
function noRoute(request: Request, parts: AppParts): AnyrayError {
  // A strange Host header leaves the URL without an origin.
  const [path = ""] = request.url.replace(/^[a-z]+:\/\/[^/?#]*/i, "").split("?", 1);
  try {
    const isAdmin = /^[/\\]*admin/i.test(path);
    admit(request, isAdmin ? parts.adminToken : parts.optimizerToken, isAdmin ? "admin" : "optimizer");
  } catch (error) {
    if (error instanceof AnyrayError) return error;
    throw error;
  }
  return new AnyrayError("not_found", `There is no ${request.method} ${path.slice(0, 200)} here.`);
}

/** Health, readiness, metrics, and what stands at the root. */
function addOperation(app: Elysia, parts: AppParts): void {
  const { version, defaultsRevision } = parts;
  const about = Response.json({ name: "anyray-optimizer", version });
  app.get("/", () => about.clone());
  app.get("/health", () => {
    const ready = !parts.isDraining();
    const about = { embedder: "disabled", optimizerVersion: version, defaultsRevision };
    return Response.json({ status: "ok", ready, ...about, privacy: parts.privacy() });
  });
  app.get("/ready", () => {
    const reasons = parts.isDraining() ? ["draining"] : [];
    return Response.json({ ready: reasons.length === 0, reasons }, { status: reasons.length === 0 ? 200 : 503 });
  });
  const text = { "content-type": "text/plain; version=0.0.4; charset=utf-8" };
  app.get("/metrics", () => new Response(parts.metrics.text(), { headers: text }));
}
