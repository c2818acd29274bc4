// Step 3: the request goes to the optimizer where that can be worth it, and comes back as it was or smaller. Never
// fails: whatever happens there or on the way, the caller's own bytes go on.

import type { Call, Optimized } from "../call";
import { readAnswer } from "../optimizer/answer";
import { optimizableEndpoints } from "../optimizer/eligibility";
import { makeEnvelope } from "../optimizer/envelope";
import type { Optimizer } from "../optimizer/optimizer";

export interface OptimizeSettings {
  optimizer: Optimizer;
  killSwitch: { readonly isEngaged: boolean };
}

type Bytes = Uint8Array<ArrayBuffer>;

const unasked = { optimizeMs: null, body: null, facts: null, cached: null, cacheKey: null };
const off: Optimized = { ...unasked, outcome: "off" };
const bypassed: Optimized = { ...unasked, outcome: "bypassed" };
const pointless: Optimized = { ...unasked, outcome: "unchanged" };
const tooSlow: Optimized = { ...unasked, outcome: "timeout" };
const notThere: Optimized = { ...unasked, outcome: "unreachable" };

/** An answer holds the request once, and whatever it says besides, a cached answer of a provider included. */
const answerBytesMax = 8 * 1_048_576;

/**
 * A promise only where the optimizer is asked; it never rejects. When the caller left in the meantime nothing of it
 * holds.
 */
export function optimize(call: Call, { optimizer, killSwitch }: OptimizeSettings): Optimized | Promise<Optimized> {
  const { endpoint, plain } = call;
  if (killSwitch.isEngaged || plain === null || !optimizableEndpoints.has(endpoint.path)) return off;
  if (call.request.headers.get("x-anyray-optimize")?.trim().toLowerCase() === "off") return bypassed;
  optimizer.called(call.receivedAt);
  if (optimizer.eligibility.isPointless(endpoint.path, plain.length, call.receivedAt)) return pointless;
  const { breaker } = optimizer;
  const pass = breaker.admit();
  if (pass === 0) return breaker.openedBy() === "timeout" ? tooSlow : notThere;
  return ask(call, plain, pass, optimizer, killSwitch);
}

async function ask(
  call: Call,
  plain: Bytes,
  pass: number,
  { client, breaker, limitMs, capabilities }: Optimizer,
  killSwitch: OptimizeSettings["killSwitch"],
): Promise<Optimized> {
  const askedAt = performance.now();
  const failed = (outcome: "timeout" | "unreachable" | "error"): Optimized => {
    breaker.failed(pass, outcome);
    return { ...unasked, outcome, optimizeMs: round(performance.now() - askedAt) };
  };
  try {
    const { bytes, request } = makeEnvelope(call, plain, capabilities);
    const bytesMax = request.length + answerBytesMax;
    const reply = await client.ask("/v1/optimize", { body: bytes, limitMs, bytesMax, signal: call.request.signal });
    if (reply.failure === "left") {
      breaker.abandoned(pass);
      return off;
    }
    if (reply.failure !== null) return failed(reply.failure);
    const answer = readAnswer(reply.bytes, request, call.endpoint);
    if (!answer) return failed("error");
    breaker.succeeded(pass);
    const optimizeMs = round(performance.now() - askedAt);
    // Engaged while the question was out: what came of it no longer counts.
    if (killSwitch.isEngaged) return { ...off, optimizeMs };
    const { facts, request: body } = answer;
    const isHit = facts.cacheHit && capabilities.canShortCircuit && typeof facts.cachedResponse === "string";
    const cached = isHit ? (facts.cachedResponse as string) : null;
    const cacheKey = facts.cacheEligible ? (facts.cacheKey ?? null) : null;
    return { outcome: body ? "optimized" : "unchanged", optimizeMs, body, facts, cached, cacheKey };
  } catch {
    return failed("error");
  }
}

/** The call as it goes to the provider: with the optimizer's body where there is one, else itself. */
export function withOptimized(call: Call, { body }: Optimized): Call {
  if (body === null) return call;
  // JSON that was looked into goes on without the caller's content encoding.
  const isBodyInflated = call.isBodyInflated || call.body !== call.plain;
  return { ...call, body, plain: body, bodyBytes: body.length, isBodyInflated };
}

/** Milliseconds to the microsecond. */
function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
