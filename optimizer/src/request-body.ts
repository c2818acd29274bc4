// Owns taking in a request's body as text: all of it, bounded, in UTF-8. A caller that falls silent is cut off by the
// server's idle timeout.

import { AnyrayError } from "@anyray/shared/errors";

/** The caller went away before its request was answered: nobody is left to answer to. */
export class CallerLeft extends Error {
  override name = "CallerLeft";
}

/**
 * The body's text; a byte order mark before it is dropped.
 *
 * @throws AnyrayError body_too_large, unsupported_encoding, invalid_json (not UTF-8); CallerLeft
 */
export async function readText(request: Request, bodyBytesMax: number): Promise<string> {
  const encoding = request.headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (encoding !== "identity") {
    throw new AnyrayError("unsupported_encoding", "Bodies are taken as they are here: send no content-encoding.");
  }
  const bytes = await readBytes(request, bodyBytesMax);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    throw new AnyrayError("invalid_json", "The body is not a JSON object in UTF-8: it has bytes that are no UTF-8.");
  }
}

async function readBytes(request: Request, bodyBytesMax: number): Promise<Uint8Array> {
  const stated = request.headers.get("content-length");
  if (stated !== null && Number(stated) > bodyBytesMax) throw tooLarge(bodyBytesMax);
  try {
    // A stated length is enforced by the server, so the fast way is safe.
    if (stated !== null || !request.body) return await request.bytes();
    return await readChunked(request.body, bodyBytesMax);
  } catch (error) {
    // The runtime rejects the read when the caller hangs up, times out or breaks its own framing.
    throw error instanceof AnyrayError ? error : new CallerLeft();
  }
}

/** A body of unknown length is counted as it comes, and left as soon as it is too large. */
async function readChunked(body: ReadableStream<Uint8Array>, bodyBytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bodyBytes = 0;
  for await (const chunk of body) {
    bodyBytes += chunk.length;
    if (bodyBytes > bodyBytesMax) throw tooLarge(bodyBytesMax);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(bodyBytesMax: number): AnyrayError {
  return new AnyrayError("body_too_large", `The body is larger than the ${bodyBytesMax} bytes that are taken here.`);
}
