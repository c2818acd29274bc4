// Owns a client of raw bytes on a kept connection: sends exactly what it is given, and takes answers apart without
// inflating, joining or renaming anything. Refuses to repair what is broken: a body that ends early says so.

export interface RawAnswer {
  status: number;
  /** As they came, in order, names in lower case. */
  headers: readonly (readonly [name: string, value: string])[];
  /** Without its chunk framing, otherwise as it came. */
  body: Buffer;
  /** How many chunks the body came in; 1 for one of a stated length. */
  chunks: number;
  /** The body's own end was seen: its length is reached, or its last chunk has come. */
  isWhole: boolean;
}

export interface RawClient {
  /**
   * Sends a request and waits for its answer; one at a time. `onBytes` gets all that has come, each time more comes.
   * Rejects when the connection ends before a head came.
   */
  ask(request: Uint8Array, onBytes?: (arrived: Buffer) => void): Promise<RawAnswer>;
  /** Resolves when the other side has ended the connection. */
  ended: Promise<void>;
  /** Ends the connection: in order, or by a reset. */
  close(how?: "fin" | "rst"): void;
}

/** The values of a header, one by one. */
export function headersNamed(answer: Pick<RawAnswer, "headers">, name: string): string[] {
  return answer.headers.filter(([found]) => found === name).map(([, value]) => value);
}

/** A request as bytes: every header as given, and the body's length unless the headers state how it is framed. */
export function rawRequest(
  method: string,
  target: string,
  headers: readonly (readonly [name: string, value: string])[],
  body: Uint8Array | string = "",
): Uint8Array {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const isFramed = headers.some(([name]) => /^(content-length|transfer-encoding)$/i.test(name));
  const framing = isFramed || method === "GET" ? [] : [["content-length", String(bytes.length)] as const];
  const lines = [["host", "gateway.test"] as const, ...headers, ...framing].map(([name, value]) => `${name}: ${value}`);
  const head = Buffer.from(`${[`${method} ${target} HTTP/1.1`, ...lines].join("\r\n")}\r\n\r\n`, "latin1");
  return Buffer.concat([head, bytes]);
}

interface Pending {
  onBytes: ((arrived: Buffer) => void) | undefined;
  resolve(answer: RawAnswer): void;
  reject(error: Error): void;
}

/** Opens a connection to `url`'s host and port. */
export async function connectRaw(url: string): Promise<RawClient> {
  const { hostname, port } = new URL(url);
  let arrived = Buffer.alloc(0);
  let pending: Pending | null = null;
  const settle = (isOver: boolean) => {
    pending?.onBytes?.(arrived);
    const answer = pending && readAnswer(arrived, isOver);
    if (!answer) return;
    arrived = Buffer.alloc(0);
    pending?.resolve(answer);
    pending = null;
  };
  const ended = Promise.withResolvers<void>();
  const over = () => {
    ended.resolve();
    settle(true);
    pending?.reject(new Error(`the connection ended after ${JSON.stringify(arrived.toString("latin1"))}`));
    pending = null;
  };
  let unsent: Uint8Array = new Uint8Array();
  const socket = await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      data(_, bytes) {
        arrived = arrived.length === 0 ? Buffer.from(bytes) : Buffer.concat([arrived, bytes]);
        settle(false);
      },
      drain: () => write(unsent),
      close: over,
      error: over,
    },
  });
  const write = (bytes: Uint8Array) => {
    const written = bytes.length === 0 ? 0 : socket.write(bytes);
    unsent = bytes.subarray(Math.max(0, written));
  };
  return {
    ask: (request, onBytes) =>
      new Promise((resolve, reject) => {
        if (pending) throw new Error("one request at a time");
        pending = { onBytes, resolve, reject };
        write(request);
      }),
    ended: ended.promise,
    close: (how = "rst") => (how === "rst" ? socket.terminate() : socket.end()),
  };
}

/** Null while more has to come. */
function readAnswer(bytes: Buffer, isOver: boolean): RawAnswer | null {
  const border = bytes.indexOf("\r\n\r\n");
  if (border < 0) return null;
  const [statusLine = "", ...lines] = bytes.toString("latin1", 0, border).split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1]);
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const rest = bytes.subarray(border + 4);
  const isChunked = headers.some(([name, value]) => name === "transfer-encoding" && value === "chunked");
  // Taken apart only when it may be whole: each of thousands of small pieces would be looked at thousands of times.
  if (isChunked && !isOver && bytes.toString("latin1", bytes.length - 5) !== "0\r\n\r\n") return null;
  const length = headers.find(([name]) => name === "content-length")?.[1];
  const read = isChunked ? readChunks(rest) : readLength(rest, status === 204 ? 0 : Number(length ?? Infinity));
  return read.isWhole || isOver ? { status, headers, ...read } : null;
}

type Body = Pick<RawAnswer, "body" | "chunks" | "isWhole">;

function readLength(rest: Buffer, length: number): Body {
  return { body: Buffer.from(rest.subarray(0, length)), chunks: 1, isWhole: rest.length >= length };
}

function readChunks(rest: Buffer): Body {
  const chunks: Buffer[] = [];
  const read = (isWhole: boolean): Body => ({ body: Buffer.concat(chunks), chunks: chunks.length, isWhole });
  for (let at = 0; ; ) {
    const line = rest.indexOf("\r\n", at);
    if (line < 0) return read(false);
    const size = Number.parseInt(rest.toString("latin1", at, line), 16);
    if (size === 0) return read(rest.length >= line + 4);
    const start = line + 2;
    chunks.push(rest.subarray(start, start + size));
    at = start + size + 2;
    if (at > rest.length) return read(false);
  }
}
