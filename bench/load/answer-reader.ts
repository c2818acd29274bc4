// Owns reading HTTP/1.1 answers off a socket: where each begins and ends, and the bytes of its body without their
// framing. Refuses answers that only the end of the connection would end.

export interface AnswerEvents {
  /** A view into the socket's buffer: to be looked at now, not kept. */
  body(bytes: Buffer): void;
  end(status: number): void;
}

const blankLine = Buffer.from("\r\n\r\n");
const lineEnd = Buffer.from("\r\n");
const bodyLength = /\r\ncontent-length: *(\d+)/i;
const chunked = /\r\ntransfer-encoding: *chunked/i;

type State = "head" | "length" | "size" | "chunk" | "chunkEnd" | "trailer";

/** The returned function takes what the socket gives; it throws for what is no HTTP answer. */
export function createAnswerReader(on: AnswerEvents): (bytes: Buffer) => void {
  let state: State = "head";
  let status = 0;
  let bytesLeft = 0;
  let partial: Buffer | null = null;

  const finish = () => {
    state = "head";
    on.end(status);
  };

  /** Where the line or head that begins at `at` ends; -1 after putting by what is there of it. */
  const endOf = (bytes: Buffer, at: number, mark: Buffer): number => {
    const end = bytes.indexOf(mark, at);
    if (end < 0) partial = Buffer.from(bytes.subarray(at));
    return end;
  };

  const readHead = (bytes: Buffer, at: number): number => {
    const end = endOf(bytes, at, blankLine);
    if (end < 0) return bytes.length;
    const head = bytes.toString("latin1", at, end);
    if (!head.startsWith("HTTP/1.1 ")) throw new Error("not an HTTP/1.1 answer");
    status = Number(head.slice(9, 12));
    const length = bodyLength.exec(head)?.[1];
    if (length !== undefined) {
      bytesLeft = Number(length);
      state = "length";
      if (bytesLeft === 0) finish();
    } else if (chunked.test(head)) state = "size";
    else throw new Error("an answer without a length");
    return end + blankLine.length;
  };

  const readBody = (bytes: Buffer, at: number): number => {
    const to = Math.min(bytes.length, at + bytesLeft);
    bytesLeft -= to - at;
    on.body(bytes.subarray(at, to));
    if (bytesLeft > 0) return to;
    if (state === "length") finish();
    else state = "chunkEnd";
    return to;
  };

  const readLine = (bytes: Buffer, at: number): number => {
    const end = endOf(bytes, at, lineEnd);
    if (end < 0) return bytes.length;
    if (state === "chunkEnd") state = "size";
    else if (state === "trailer") {
      if (end === at) finish();
    } else {
      bytesLeft = Number.parseInt(bytes.toString("latin1", at, end), 16);
      if (Number.isNaN(bytesLeft)) throw new Error("a chunk without a size");
      state = bytesLeft > 0 ? "chunk" : "trailer";
    }
    return end + lineEnd.length;
  };

  return (fresh) => {
    const bytes: Buffer = partial ? Buffer.concat([partial, fresh]) : fresh;
    partial = null;
    let at = 0;
    while (at < bytes.length) {
      if (state === "head") at = readHead(bytes, at);
      else if (state === "length" || state === "chunk") at = readBody(bytes, at);
      else at = readLine(bytes, at);
    }
  };
}
