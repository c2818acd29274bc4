// Owns the door of the admin plane: who is let in, and the form every answer and refusal has. Default deny:
// the gateway asks before routing and every route asks again, so no spelling of a path gets around it.

import { timingSafeEqual } from "node:crypto";
import { AnyrayError } from "@anyray/shared/errors";
import { CallerLeft } from "../call";
import { readBody } from "../request/body";
import { nestingIsDeep } from "../request/json";
import type { AdminDeps } from "./deps";

/** On every answer of the admin plane. */
const adminHeaders = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
  "cross-origin-resource-policy": "same-origin",
};

const adminBodyBytesMax = 1_048_576;

/**
 * Whether a request is for the admin plane, by its URL as the runtime gives it. Wide on purpose: other spellings
 * of "/admin" count too, and so does what a router takes for the path that looks for the first "/" only behind
 * the 11th character, as Elysia does unless told not to ("http://a/xx/admin" is "/admin" to it).
 */
export function isAdminUrl(url: string): boolean {
  const hostless = url.replace(/^[a-z]+:\/\/[^/?#]*/i, "");
  return startsWithAdmin(hostless) || startsWithAdmin(url.slice(url.indexOf("/", 11)));
}

function startsWithAdmin(target: string): boolean {
  const [path = ""] = target.split("?", 1);
  const plain = path.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return /^[/\\]+admin/i.test(plain);
}

/**
 * Null for a request that carries the admin token (`Authorization: Bearer`; for reading /admin/docs also Basic with
 * the token as password, which a browser can ask for), else the 401 to answer with. Cookies and query count nothing.
 */
export function admitAdmin(request: Request, adminToken: string): Response | null {
  const [path = ""] = request.url.replace(/^[a-z]+:\/\/[^/?#]*/i, "").split("?", 1);
  const isDocs = ["GET", "HEAD"].includes(request.method) && /^\/admin\/docs(\/|$)/.test(path);
  const [, scheme = "", credential = ""] = /^(\w+) +(\S+) *$/.exec(request.headers.get("authorization") ?? "") ?? [];
  // Headers come as Latin-1, one character a byte.
  const bytes = Buffer.from(credential, "latin1");
  const isKnown =
    scheme.toLowerCase() === "bearer"
      ? isToken(bytes, adminToken)
      : isDocs && scheme.toLowerCase() === "basic" && isToken(basicPassword(credential), adminToken);
  if (isKnown) return null;
  const challenge = isDocs ? 'Basic realm="Anyray admin", charset="UTF-8"' : 'Bearer realm="Anyray admin"';
  const message = "The admin plane wants the admin token: send it as `Authorization: Bearer <token>`.";
  return renderAdminError(
    new AnyrayError("unauthorized", message, { "www-authenticate": challenge }),
    Bun.randomUUIDv7(),
  );
}

function basicPassword(credential: string): Buffer {
  const decoded = Buffer.from(credential, "base64");
  const colon = decoded.indexOf(":");
  return colon < 0 ? Buffer.alloc(0) : decoded.subarray(colon + 1);
}

/** Compares digests: of equal length whatever was sent, and in constant time. */
function isToken(presented: Buffer, adminToken: string): boolean {
  const digest = (data: Buffer | string) => new Bun.CryptoHasher("sha256").update(data).digest();
  return adminToken !== "" && timingSafeEqual(digest(presented), digest(adminToken));
}

/** The one form of a refusal on the admin plane. Anything that is not an AnyrayError shows as `internal`. */
export function renderAdminError(error: unknown, requestId: string): Response {
  const known =
    error instanceof AnyrayError
      ? error
      : new AnyrayError("internal", `Something went wrong here. The log has it under ${requestId}.`);
  const { message, code, spec, headers: own } = known;
  const headers = {
    ...adminHeaders,
    ...own,
    "x-anyray-request-id": requestId,
    "x-anyray-error": code,
    "x-should-retry": String(spec.retry),
  };
  return Response.json(
    { error: { message, type: spec.openaiType, param: null, code } },
    { status: spec.status, headers },
  );
}

/**
 * Runs a route: the door once more, then `run`, whose value is sent as JSON, or as it is when it is a Response.
 * Everything thrown is rendered here, because hooks of Elysia plugins do not reach each other.
 */
export async function answerAdmin(deps: AdminDeps, request: Request, run: () => unknown): Promise<Response> {
  const refusal = admitAdmin(request, deps.adminToken);
  if (refusal) return refusal;
  const requestId = Bun.randomUUIDv7("hex", deps.now());
  try {
    const value = await run();
    const response = value instanceof Response ? value : Response.json(value);
    for (const [name, text] of Object.entries(adminHeaders)) response.headers.set(name, text);
    response.headers.set("x-anyray-request-id", requestId);
    return response;
  } catch (error) {
    logFailure(deps, requestId, error);
    return renderAdminError(error, requestId);
  }
}

/** A refusal is the caller's to know, and leaving is its right; only what is ours is logged, with its cause. */
function logFailure(deps: AdminDeps, requestId: string, error: unknown): void {
  if (error instanceof CallerLeft) return;
  if (error instanceof AnyrayError && error.spec.status < 500) return;
  const cause = error instanceof AnyrayError ? (error.cause ?? error) : error;
  deps.log.error("admin request failed", { requestId, error: cause });
}

/** Query parameters, also where a strange Host header left the URL without an origin. */
export function queryOf(request: Request): URLSearchParams {
  const start = request.url.indexOf("?");
  return new URLSearchParams(start < 0 ? "" : request.url.slice(start + 1));
}

/**
 * The JSON body of a write, at most 1 MiB.
 *
 * @throws AnyrayError body_too_large, unsupported_encoding, invalid_json
 */
export async function readJson(request: Request): Promise<unknown> {
  const encoding = request.headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (encoding !== "identity") {
    throw new AnyrayError(
      "unsupported_encoding",
      "Bodies of admin requests are taken as they are: send no content-encoding.",
    );
  }
  const bytes = await readBody(request, adminBodyBytesMax).catch((error) => {
    if (!(error instanceof AnyrayError && error.code === "body_too_large")) throw error;
    throw new AnyrayError(
      "body_too_large",
      `The body is larger than the ${adminBodyBytesMax} bytes of an admin request.`,
    );
  });
  // Brackets alone would hold every stream up for as long as it takes to parse them.
  if (bytes && nestingIsDeep(bytes)) throw new AnyrayError("invalid_json", "The body is nested too deeply.");
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes ?? new Uint8Array()));
  } catch {
    throw new AnyrayError("invalid_json", "The body is not JSON in UTF-8.");
  }
}
