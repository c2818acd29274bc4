// Owns a mixed load that is the same for the same seed: every endpoint, streamed and not, callers who leave, providers
// that refuse, fail and break off. Each call carries an id that the provider's ledger and the spend row both keep.

import { createRandom, type Random } from "@anyray/shared/testing/fake-words";

export interface SentCall {
  id: string;
  user: string;
  /** The caller got a whole answer with this status; null = it left, or the answer broke off. */
  status: number | null;
}

interface Shape {
  path: string;
  body(nth: number): object;
  isStream: boolean;
}

const text = (nth: number) => `Question ${nth}: ${"what follows from this? ".repeat(nth % 30)}`;
const messages = (nth: number) => [{ role: "user", content: text(nth) }];

const chat: Shape = {
  path: "/v1/chat/completions",
  body: (nth) => ({ model: "gpt-4o", messages: messages(nth) }),
  isStream: false,
};
const message: Shape = {
  path: "/v1/messages",
  body: (nth) => ({ model: "claude-sonnet-5", max_tokens: 200, messages: messages(nth) }),
  isStream: false,
};
const streamed = (shape: Shape, fields: object = {}): Shape => ({
  ...shape,
  body: (nth) => ({ ...shape.body(nth), stream: true, ...fields }),
  isStream: true,
});
const response: Shape = {
  path: "/v1/responses",
  body: (nth) => ({ model: "gpt-5", input: text(nth) }),
  isStream: false,
};
const embedding: Shape = {
  path: "/v1/embeddings",
  body: (nth) => ({ model: "text-embedding-3-small", input: text(nth) }),
  isStream: false,
};

const deck: readonly Shape[] = [
  chat,
  chat,
  chat,
  streamed(chat),
  streamed(chat),
  streamed(chat, { stream_options: { include_usage: true } }),
  message,
  streamed(message),
  streamed(message),
  response,
  streamed(response),
  embedding,
];

/** Directives to the provider, each with its share of a thousand calls. */
const faults: readonly [number, string][] = [
  [15, "status=429"],
  [10, "status=500"],
  [10, "status=529"],
  [15, "cut-before-headers"],
  [35, "cut-after=2"],
  [10, "fin-after=2"],
  [10, "error-event"],
  [5, "no-usage"],
];
const abortsPerThousand = 40;
const hangUpsPerThousand = 10;

/** Sends `count` calls, `width` at a time, until done or `isOver`. */
export async function sendMixedLoad(settings: {
  urlNow(): string;
  seed: number;
  count: number;
  width: number;
  isOver?(): boolean;
}): Promise<SentCall[]> {
  const random = createRandom(settings.seed);
  const sent: SentCall[] = [];
  let next = 0;
  const worker = async () => {
    while (next < settings.count && settings.isOver?.() !== true) {
      const nth = next++;
      const call: SentCall = { id: `call-${settings.seed}-${nth}`, user: `user-${nth % 23}`, status: null };
      sent.push(call);
      call.status = await sendOne(settings.urlNow(), call, nth, random).catch(() => null);
    }
  };
  await Promise.all(Array.from({ length: settings.width }, worker));
  return sent;
}

async function sendOne(url: string, call: SentCall, nth: number, random: Random): Promise<number | null> {
  const shape = deck[Math.floor(random() * deck.length)] ?? chat;
  const leaving = random() * 1_000;
  const isAbort = shape.isStream && leaving < abortsPerThousand;
  const isHangUp = !isAbort && leaving < abortsPerThousand + hangUpsPerThousand;
  const control = new AbortController();
  const fake = isAbort ? "chunks=30 gap=3" : isHangUp ? "delay=60" : faultFor(random() * 1_000);
  const answer = fetch(url + shape.path, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "anthropic-version": "2023-06-01",
      "x-call-id": call.id,
      "x-anyray-metadata": JSON.stringify({ user: call.user, team: "load", call: call.id }),
      ...(fake ? { "x-fake": fake } : {}),
    },
    body: JSON.stringify(shape.body(nth)),
    signal: control.signal,
  });
  if (isHangUp) setTimeout(() => control.abort(), 5 + random() * 30);
  const got = await answer;
  if (!isAbort) {
    await got.bytes();
    return got.status;
  }
  const reader = (got.body as ReadableStream<Uint8Array>).getReader();
  for (let chunks = 1 + Math.floor(random() * 5); chunks > 0; chunks--) await reader.read();
  control.abort();
  return null;
}

function faultFor(draw: number): string {
  let below = 0;
  for (const [share, fake] of faults) {
    below += share;
    if (draw < below) return fake;
  }
  return "";
}
