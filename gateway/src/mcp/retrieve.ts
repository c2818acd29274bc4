// Owns asking the optimizer for what it elided, on behalf of a model: one question, one answer, bounded in time, size
// and number. What can go wrong comes back in words that a model can act on, and that hold nothing of what is stashed.

import type { Outbound } from "@anyray/shared/outbound";
import type { Identity } from "../call";
import { field, isObject, objectField, textField } from "../endpoints/fields";

/** What of an original is wanted; the tool's input schema has checked it. */
export type RetrieveArguments = { handle: string } & Readonly<Record<string, unknown>>;

export type Retrieved =
  /** `facts`: which part of the original this is. */
  | { content: string; facts: Readonly<Record<string, unknown>>; fault: null }
  /** `fault`: for the model to read. */
  | { fault: string };

export interface RetrieveSettings {
  outbound: Outbound;
  /** The optimizer's, without a path. */
  url: string;
  token: string;
  timeoutMs?: number;
  /** Further ones are told to come again. */
  atOnceMax?: number;
}

export type Retrieve = (
  wanted: RetrieveArguments,
  identity: Pick<Identity, "user" | "team">,
  signal: AbortSignal,
) => Promise<Retrieved>;

const answerBytesMax = 4 * 1_048_576;

const faults = {
  unknown:
    "Nothing is stored under this handle: it is misspelled, has expired, or belongs to somebody else. Copy the handle exactly as it stands in the text; if that is what you did, get the information again from its source.",
  busy: "Too many retrievals are running. Try this one again in a moment.",
  down: "What was left out cannot be retrieved right now. Try again in a moment, or get the information again from its source.",
};

/** The function never rejects. */
export function createRetrieve(settings: RetrieveSettings): Retrieve {
  const { timeoutMs = 5_000, atOnceMax = 32 } = settings;
  let running = 0;
  return async (wanted, identity, signal) => {
    if (running >= atOnceMax) return { fault: faults.busy };
    running += 1;
    try {
      const patience = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      return await ask(settings, wanted, identity, patience);
    } catch {
      return { fault: faults.down };
    } finally {
      running -= 1;
    }
  };
}

async function ask(
  { outbound, url, token }: RetrieveSettings,
  wanted: RetrieveArguments,
  { user, team }: Pick<Identity, "user" | "team">,
  signal: AbortSignal,
): Promise<Retrieved> {
  const headers = new Headers({
    authorization: `Bearer ${token}`,
    "content-type": "application/json",
    "accept-encoding": "identity",
  });
  // Always with whose question it is: without, the optimizer would answer for everybody.
  const body = new TextEncoder().encode(JSON.stringify({ ...wanted, metadata: { user, team } }));
  const address = `${url.replace(/\/+$/, "")}/v1/retrieve`;
  const response = await outbound.send(address, { method: "POST", headers, body, signal });
  const isShort = Number(response.headers.get("content-length") ?? 0) <= answerBytesMax;
  const bytes = isShort ? await response.bytes() : await response.body?.cancel();
  const json = readJson(bytes ?? new Uint8Array());
  if (response.status === 404) return { fault: faults.unknown };
  if (response.status === 400) return { fault: refusal(json) };
  const content = response.ok && json ? field(json, "content") : undefined;
  if (!json || typeof content !== "string") return { fault: faults.down };
  const facts = Object.entries(json).filter(([name]) => name !== "content" && name !== "handle");
  return { content, facts: Object.fromEntries(facts), fault: null };
}

function readJson(bytes: Uint8Array): Readonly<Record<string, unknown>> | null {
  try {
    const json: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isObject(json) ? json : null;
  } catch {
    return null;
  }
}

/** A refusal names what was asked for wrongly: the words of the one who asked, and nobody else's. */
function refusal(json: Readonly<Record<string, unknown>> | null): string {
  const error = json && objectField(json, "error");
  const message = error && textField(error, "message");
  return message
    ? `This cannot be retrieved: ${message.slice(0, 500)}`
    : "This cannot be retrieved as it was asked for.";
}
