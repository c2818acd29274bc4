// Owns who is let in, and the form of every refusal. Each route asks for itself, so that no spelling of a path gets
// around it.

import { timingSafeEqual } from "node:crypto";
import { AnyrayError } from "@anyray/shared/errors";
import { CallerLeft } from "./request-body";

/** Whether `Authorization: Bearer` carries `token`. Compares digests: of equal length whatever was sent, in constant time. */
export function carries(request: Request, token: string): boolean {
  const [, presented = ""] = /^bearer +(\S+) *$/i.exec(request.headers.get("authorization") ?? "") ?? [];
  return isToken(presented, token);
}

/** `presented` as a header gives it: Latin-1, one character a byte. */
export function isToken(presented: string, token: string): boolean {
  const digest = (data: Buffer | string) => new Bun.CryptoHasher("sha256").update(data).digest();
  return token !== "" && timingSafeEqual(digest(Buffer.from(presented, "latin1")), digest(token));
}

/** @throws AnyrayError unauthorized */
export function admit(request: Request, token: string, what: "optimizer" | "admin"): void {
  if (carries(request, token)) return;
  throw new AnyrayError(
    "unauthorized",
    `This route wants the ${what} token: send it as \`Authorization: Bearer <token>\`.`,
    { "www-authenticate": `Bearer realm="Anyray ${what}"` },
  );
}

/** Anything that is not an AnyrayError shows as `internal`. */
export function renderRefusal(error: unknown, requestId: string): Response {
  // Nobody reads it; 499 is what logs of other servers call the same thing.
  if (error instanceof CallerLeft) return new Response(null, { status: 499 });
  const known =
    error instanceof AnyrayError
      ? error
      : new AnyrayError("internal", `Something went wrong here. The log has it under ${requestId}.`);
  const { message, code, spec, headers } = known;
  return Response.json(
    { error: { message, type: spec.openaiType, param: null, code } },
    {
      status: spec.status,
      headers: {
        ...headers,
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "x-anyray-request-id": requestId,
        "x-anyray-error": code,
        "x-should-retry": String(spec.retry),
      },
    },
  );
}
