// Owns taking in a provider's answer whole, within a bound.

import { AnyrayError } from "@anyray/shared/errors";
import { type Call, CallerLeft } from "../call";
import { joinBytes } from "../sse";
import type { Upstream } from "./forward";

type Bytes = Uint8Array<ArrayBuffer>;
/** Up to here the native way is taken, which is the fastest; it does not tell of the bytes that come meanwhile. */
const atOnceBytesMax = 262_144;

type BodyReader = Pick<ReadableStreamDefaultReader<Bytes>, "read" | "cancel">;

/**
 * The whole body; null when it turns out to be longer than `bytesMax`: then `upstream.response` has become one whose
 * body still holds every byte.
 *
 * @throws AnyrayError upstream_unreachable, upstream_timeout when it breaks off
 * @throws CallerLeft
 */
export async function readWhole(call: Call, upstream: Upstream, bytesMax: number): Promise<Bytes | null> {
  const { response } = upstream;
  if (!response.body) return new Uint8Array();
  try {
    const length = response.headers.get("content-length");
    if (length !== null && Number(length) <= atOnceBytesMax) return (await response.bytes()) as Bytes;
    return await readBounded(upstream, bytesMax);
  } catch (error) {
    upstream.end();
    throw brokenOff(call, upstream, error);
  }
}

async function readBounded(upstream: Upstream, bytesMax: number): Promise<Bytes | null> {
  const reader = (upstream.response.body as ReadableStream<Bytes>).getReader() as BodyReader;
  const chunks: Bytes[] = [];
  let bytes = 0;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return chunks.length === 1 ? (chunks[0] as Bytes) : joinBytes(chunks);
    upstream.watch.touch();
    chunks.push(value);
    bytes += value.length;
    if (bytes > bytesMax) {
      upstream.response = new Response(replay(chunks, reader), upstream.response);
      return null;
    }
  }
}

/** What was read so far, then the rest as it comes. */
function replay(chunks: Bytes[], reader: BodyReader): ReadableStream<Bytes> {
  return new ReadableStream<Bytes>({
    async pull(controller) {
      const next = chunks.shift() ?? (await reader.read()).value;
      if (next) controller.enqueue(next);
      else controller.close();
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

function brokenOff(call: Call, upstream: Upstream, cause: unknown): Error {
  if (upstream.hasCallerLeft()) return new CallerLeft();
  const slug = call.provider.slug;
  const error = upstream.isTimedOut()
    ? new AnyrayError("upstream_timeout", `The provider ${slug} fell silent in the middle of its answer.`)
    : new AnyrayError(
        "upstream_unreachable",
        `The provider ${slug} closed the connection in the middle of its answer.`,
      );
  error.cause = cause;
  return error;
}
