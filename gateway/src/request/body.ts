// Owns taking in a request's body: all of it, bounded in size, inflated only to be looked at. A caller that
// falls silent is cut off by the server's idle timeout before anything is dispatched.

import { promisify } from "node:util";
import zlib from "node:zlib";
import { AnyrayError } from "@anyray/shared/errors";
import { CallerLeft } from "../call";
import { joinBytes } from "../sse";

type Bytes = Uint8Array<ArrayBuffer>;

type Inflate = (body: Uint8Array, options: { maxOutputLength: number }) => Promise<Buffer>;

/** By `content-encoding`; each runs off the event loop and stops at its bound. */
export const inflaters: ReadonlyMap<string, Inflate> = new Map<string, Inflate>([
  ["gzip", promisify(zlib.gunzip)],
  ["x-gzip", promisify(zlib.gunzip)],
  ["deflate", promisify(zlib.inflate)],
  ["br", promisify(zlib.brotliDecompress)],
  ["zstd", promisify(zlib.zstdDecompress)],
]);

/**
 * The body as it was sent.
 *
 * @throws AnyrayError body_too_large; CallerLeft when the caller goes before the end
 */
export async function readBody(request: Request, bodyBytesMax: number): Promise<Bytes | null> {
  try {
    return await readAll(request, bodyBytesMax);
  } catch (error) {
    // The runtime rejects the read when the caller hangs up, times out or breaks its own framing.
    throw error instanceof AnyrayError ? error : new CallerLeft();
  }
}

async function readAll(request: Request, bodyBytesMax: number): Promise<Bytes | null> {
  const stated = request.headers.get("content-length");
  if (stated !== null) {
    if (Number(stated) > bodyBytesMax) throw tooLarge(bodyBytesMax);
    // The length is enforced by the server, so the fast way is safe.
    return stated === "0" ? null : ((await request.bytes()) as Bytes);
  }
  if (!request.body) return null;
  return await readChunked(request.body, bodyBytesMax);
}

/** A body of unknown length is counted as it comes, and left as soon as it is too large. */
async function readChunked(body: ReadableStream<Uint8Array>, bodyBytesMax: number): Promise<Bytes | null> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) throw tooLarge(bodyBytesMax);
    chunks.push(chunk);
  }
  return bytes === 0 ? null : joinBytes(chunks);
}

function tooLarge(bodyBytesMax: number): AnyrayError {
  return new AnyrayError(
    "body_too_large",
    `The request body is larger than the ${bodyBytesMax} bytes this gateway accepts. Send less, or ask its operator to raise ANYRAY_MAX_BODY_BYTES.`,
  );
}

/**
 * The body with its content encoding undone, at most `bodyBytesMax` of it.
 *
 * @throws AnyrayError unsupported_encoding, body_too_large
 */
export async function inflateBody(body: Bytes, encoding: string, bodyBytesMax: number): Promise<Bytes> {
  const inflate = inflaters.get(encoding);
  if (!inflate) {
    throw new AnyrayError(
      "unsupported_encoding",
      `The content-encoding ${JSON.stringify(encoding.slice(0, 32))} is not supported. Send identity, gzip, deflate, br or zstd.`,
    );
  }
  try {
    const inflated = await inflate(body, { maxOutputLength: bodyBytesMax });
    return new Uint8Array(inflated.buffer, inflated.byteOffset, inflated.byteLength) as Uint8Array<ArrayBuffer>;
  } catch (error) {
    if ((error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(bodyBytesMax);
    throw new AnyrayError("unsupported_encoding", `The request body is not valid ${encoding}.`);
  }
}
