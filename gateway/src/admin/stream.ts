// Owns an admin answer that is longer than one page of the store: asked for as it is read.

import type { RowFormat } from "@anyray/shared/admin/row-forms";
import type { Log } from "@anyray/shared/log";

/**
 * The pieces as a download that asks for the next one only when the client took the last. The first is there before
 * the answer begins, so that a store that is away is still a 503; one that leaves later cuts the connection, and
 * nobody takes what came for the whole.
 */
export async function answerStream(
  pieces: AsyncGenerator<string>,
  about: { format: Exclude<RowFormat, "json">; what: string; from: number; to: number; log: Log },
): Promise<Response> {
  const { format, what, from, to, log } = about;
  return new Response(await openStream(pieces, log), {
    headers: {
      "content-type": format === "csv" ? "text/csv; charset=utf-8" : "application/x-ndjson",
      "content-disposition": `attachment; filename="anyray-${what}-${day(from)}-${day(to - 1)}.${format}"`,
    },
  });
}

function day(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 10);
}

async function openStream(pieces: AsyncGenerator<string>, log: Log): Promise<ReadableStream<Uint8Array>> {
  const encoder = new TextEncoder();
  let next: IteratorResult<string> | null = await pieces.next();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const piece = next ?? (await pieces.next());
          next = null;
          if (piece.done) controller.close();
          else controller.enqueue(encoder.encode(piece.value));
        } catch (error) {
          log.error("an export was cut", { error: (error as Error).cause ?? error });
          controller.error(error);
        }
      },
      async cancel() {
        await pieces.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}
