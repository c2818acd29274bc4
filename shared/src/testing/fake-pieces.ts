// Owns the bytes of an answer on their way out: events into text, broken or compressed as asked, cut into pieces, each
// knowing what it means to the account once it is handed over. Refuses to send anything.

import { constants, createBrotliCompress, createDeflate, createGzip, createZstdCompress } from "node:zlib";
import type { Mark, SseEvent } from "./fake-call";
import type { Directives } from "./fake-directives";

/** Bytes to be written at once. */
export interface Piece {
  bytes: Uint8Array;
  /** What is served once the last of these bytes is out. */
  marks: readonly Mark[];
  /** The chunk is announced with this many bytes, more than there are: the connection breaks within it. */
  promisedBytes?: number;
}

/** Between events a client must skip all of this: bytes that are no UTF-8, JSON that is none, usage that is none. */
const garbage: readonly Uint8Array[] = [
  "\xff\xfe\xfd\n\n",
  ": \xc3\x28 a comment that is not UTF-8\n\n",
  'data: {"choices":[{"index":0,"delta":{"content":"\n\n',
  "data\n\n",
  'data: {"usage": {"prompt_tokens": 1\n\n',
  "id: 7\nretry: soon\nunknown-field: x\n\n",
  'data: {"usage":{"prompt_tokens":"many","completion_tokens":-1}}\n\n',
  "event: \x00\x01\n\n",
  "data: [1,2\n\n",
].map((text) => Buffer.from(text, "latin1"));

/** One piece an event, its bytes as they stand in an uncompressed stream. */
export function* renderEvents(events: Iterable<SseEvent>, fake: Directives): Iterable<Piece> {
  const eol = fake.crlf ? "\r\n" : "\n";
  let count = 0;
  for (const { name, data, ...mark } of events) {
    const text = `${name === undefined ? "" : `event: ${name}${eol}`}data: ${data}${eol}${eol}`;
    const bytes = Buffer.from(text);
    const noise = fake.garbage ? garbage[count++ % garbage.length] : undefined;
    yield { bytes: noise ? Buffer.concat([noise, bytes]) : bytes, marks: [mark] };
  }
}

/** A plain body as a single piece. */
export function renderPlain(plain: Uint8Array | string, mark: Mark | undefined, fake: Directives): Piece {
  if (fake.garbage) return { bytes: Buffer.concat([...garbage]), marks: [] };
  return { bytes: typeof plain === "string" ? Buffer.from(plain) : plain, marks: mark ? [mark] : [] };
}

export type Encoding = NonNullable<Directives["encoding"]>;

const compressors = {
  gzip: () => createGzip({ flush: constants.Z_SYNC_FLUSH }),
  deflate: () => createDeflate({ flush: constants.Z_SYNC_FLUSH }),
  br: () => createBrotliCompress({ flush: constants.BROTLI_OPERATION_FLUSH }),
  zstd: () => createZstdCompress({ flush: constants.ZSTD_e_flush }),
};

/** Compresses piece by piece, each flushed so that it can be read on arrival; a last piece closes the stream. */
export async function compressPieces(pieces: Iterable<Piece>, encoding: Encoding): Promise<Piece[]> {
  const compressor = compressors[encoding]();
  let out: Buffer[] = [];
  compressor.on("data", (chunk: Buffer) => out.push(chunk));
  const taken = () => {
    const bytes = Buffer.concat(out);
    out = [];
    return bytes;
  };
  const compressed: Piece[] = [];
  for (const { bytes, marks } of pieces) {
    await new Promise<void>((resolve) => {
      compressor.write(bytes);
      compressor.flush(() => resolve());
    });
    compressed.push({ bytes: taken(), marks });
  }
  await new Promise<void>((resolve) => {
    compressor.once("end", resolve);
    compressor.end();
  });
  compressed.push({ bytes: taken(), marks: [] });
  return compressed;
}

export type Stop = "cut" | "silent" | "fin";

/** Where the answer is to break, if it is. */
export function stopOf(fake: Directives): { stop: Stop; after: number } | undefined {
  if (fake["cut-after"] !== undefined) return { stop: "cut", after: fake["cut-after"] };
  if (fake["silent-after"] !== undefined) return { stop: "silent", after: fake["silent-after"] };
  return fake["fin-after"] === undefined ? undefined : { stop: "fin", after: fake["fin-after"] };
}

/** The first `after` pieces and, for a cut, half of the next. */
export function* stopPieces(pieces: Iterable<Piece>, stop: Stop, after: number): Iterable<Piece> {
  let count = 0;
  for (const piece of pieces) {
    if (count++ < after) yield piece;
    else {
      if (stop === "cut") yield halfOf(piece);
      return;
    }
  }
}

export function halfOf({ bytes }: Piece): Piece {
  return { bytes: bytes.subarray(0, bytes.length >> 1), marks: [], promisedBytes: bytes.length };
}

/** The same bytes in pieces of `size`; an event counts as served with the piece that holds its last byte. */
export function* splitPieces(pieces: Iterable<Piece>, size: number): Iterable<Piece> {
  let rest: Uint8Array = Buffer.alloc(0);
  let waiting: { end: number; marks: readonly Mark[] }[] = [];
  for (const { bytes, marks, promisedBytes } of pieces) {
    const all = Buffer.concat([rest, bytes]);
    waiting.push({ end: all.length, marks });
    let start = 0;
    for (; all.length - start >= size; start += size) {
      const end = start + size;
      const done = waiting.filter((entry) => entry.end <= end);
      waiting = waiting.filter((entry) => entry.end > end);
      yield { bytes: all.subarray(start, end), marks: done.flatMap((entry) => entry.marks) };
    }
    rest = all.subarray(start);
    waiting = waiting.map((entry) => ({ ...entry, end: entry.end - start }));
    if (promisedBytes !== undefined) {
      yield { bytes: rest, marks: [], promisedBytes: rest.length + promisedBytes };
      return;
    }
  }
  if (rest.length > 0) yield { bytes: rest, marks: waiting.flatMap((entry) => entry.marks) };
}

/** The same bytes in two pieces, the first of `size`, or in one if there are no more. */
export function* splitOnce(pieces: Iterable<Piece>, size: number): Iterable<Piece> {
  const [first, ...others] = splitPieces(pieces, size);
  if (first) yield first;
  if (others.length === 0) return;
  const promised = others.at(-1)?.promisedBytes;
  const bytes = Buffer.concat(others.map((piece) => piece.bytes));
  yield {
    bytes,
    marks: others.flatMap((piece) => piece.marks),
    ...(promised === undefined ? {} : { promisedBytes: bytes.length + promised }),
  };
}
