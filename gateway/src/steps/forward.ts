// Step 4: the request goes to its provider, once. Waits for the answer's headers and no longer; from then on the
// answer is the relay's. Never retried here: a provider that dies after reading a request may have billed it, and
// callers' SDKs retry by themselves when told that they may.

import { AnyrayError } from "@anyray/shared/errors";
import type { Outbound } from "@anyray/shared/outbound";
import { type Call, CallerLeft } from "../call";
import { callerCredential, headersForProvider } from "../providers/headers";
import type { Watch, Watches } from "../state/watches";

export interface ForwardSettings {
  outbound: Outbound;
  watches: Watches;
  /** Longest wait for the answer's first byte. */
  firstByteMsMax: number;
  /** Longest silence within an answer. */
  silenceMsMax: number;
  /** Longest time an abandoned answer is read on, where the provider's policy is to drain. */
  drainMsMax: number;
  /** Abandoned answers being read on, and how many there may be at once. */
  drains: { active: number; max: number };
}

/** An answer that has begun. */
export interface Upstream {
  response: Response;
  /** `performance.now()` */
  dispatchedAt: number;
  answeredAt: number;
  watch: Watch;
  /** The caller has left; what still comes is read for its usage only. */
  hasCallerLeft(): boolean;
  /** The provider was silent for too long. */
  isTimedOut(): boolean;
  /** Tells that the caller has left: ends the provider's work, or lets it finish, as its policy says. */
  callerLeft(): void;
  /** Runs `react` when the caller leaves or patience ends, at once if the caller has left. */
  onBreak(react: () => void): void;
  /** No more is wanted of the answer, or all of it is there. */
  end(): void;
}

/**
 * @throws AnyrayError upstream_unreachable, upstream_timeout
 * @throws CallerLeft when the caller leaves before the answer begins
 */
export async function forward(call: Call, settings: ForwardSettings): Promise<Upstream> {
  const dispatchedAt = performance.now();
  const control = new AbortController();
  const caller = call.request.signal;
  let hasLeft = false;
  let isTimedOut = false;
  let isDraining = false;
  let react: (() => void) | null = null;

  const watch = settings.watches.start(settings.firstByteMsMax, () => {
    isTimedOut = true;
    control.abort();
    react?.();
  });
  const callerLeft = () => {
    if (hasLeft) return;
    hasLeft = true;
    if (call.provider.onAbort === "drain" && settings.drains.active < settings.drains.max) {
      isDraining = true;
      settings.drains.active += 1;
      watch.limit(settings.drainMsMax);
    } else control.abort();
    react?.();
  };
  const end = () => {
    watch.end();
    caller.removeEventListener("abort", callerLeft);
    if (isDraining) settings.drains.active -= 1;
    isDraining = false;
  };

  if (caller.aborted) callerLeft();
  caller.addEventListener("abort", callerLeft);
  try {
    const response = await send(call, control.signal, settings.outbound);
    if (!hasLeft) watch.limit(settings.silenceMsMax);
    return {
      response,
      dispatchedAt,
      answeredAt: performance.now(),
      // A drain has a limit as a whole: what still comes does not prolong it.
      watch: { ...watch, touch: () => void (isDraining || watch.touch()) },
      hasCallerLeft: () => hasLeft,
      isTimedOut: () => isTimedOut,
      callerLeft,
      onBreak(then) {
        react = then;
        if (hasLeft) then();
      },
      end,
    };
  } catch (error) {
    end();
    if (isTimedOut && !hasLeft) throw timeout(call, settings.firstByteMsMax);
    if (hasLeft) throw new CallerLeft();
    throw unreachable(call, error);
  }
}

function send(call: Call, signal: AbortSignal, outbound: Outbound): Promise<Response> {
  const { request, provider } = call;
  const headers = headersForProvider(request.headers, call.isStream);
  if (call.isBodyInflated) headers.delete("content-encoding");
  provider.provider.authorize(headers, provider.serverKey, callerCredential(request.headers), call.protocol);
  const url = provider.provider.address(provider.baseUrl, call.path + call.search);
  return outbound.send(url, { method: request.method, headers, body: call.body, signal });
}

function timeout({ provider }: Call, limitMs: number): AnyrayError {
  return new AnyrayError(
    "upstream_timeout",
    `The provider ${provider.slug} sent no first byte within ${limitMs / 1_000} s.`,
  );
}

/** The cause goes to the log under the request's id; the caller learns which provider it was. */
function unreachable({ provider }: Call, cause: unknown): AnyrayError {
  const error = new AnyrayError(
    "upstream_unreachable",
    `The provider ${provider.slug} could not be reached, or closed the connection before it answered. It may be safe to send the request again.`,
  );
  error.cause = cause;
  return error;
}
