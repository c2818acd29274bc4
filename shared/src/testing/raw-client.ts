// Owns a client of raw bytes for tests: sends exactly what it is given, keeps exactly what arrived and how the
// connection ended. Refuses to know HTTP beyond taking an answer apart for assertions.

export interface RawConnection {
  send(bytes: Uint8Array | string): void;
  /** Everything that has arrived. */
  bytes(): Buffer;
  /** Resolves when what has arrived satisfies `enough`. @throws Error when it does not within `timeoutMs`, or the connection ends */
  until(enough: (text: string) => boolean, timeoutMs?: number): Promise<string>;
  /** Resolves when the other side has closed: `fin` in order, `reset` by force. */
  ended: Promise<"fin" | "reset">;
  /** Closes by FIN. */
  leave(): void;
  /** Closes by RST. */
  reset(): void;
}

/** Opens a connection to a port of this machine. */
export async function openRaw(port: number): Promise<RawConnection> {
  const parts: Buffer[] = [];
  const ended = Promise.withResolvers<"fin" | "reset">();
  const waiting = new Set<() => void>();
  let over = false;
  const wake = () => {
    for (const check of [...waiting]) check();
  };
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(_, bytes) {
        parts.push(bytes);
        wake();
      },
      close(_, error) {
        over = true;
        ended.resolve(error ? "reset" : "fin");
        wake();
      },
      error() {},
    },
  });
  const bytes = () => {
    if (parts.length > 1) parts.splice(0, parts.length, Buffer.concat(parts));
    return parts[0] ?? Buffer.alloc(0);
  };
  return {
    send: (text) => void socket.write(text),
    bytes,
    until(enough, timeoutMs = 2_000) {
      return new Promise((resolve, reject) => {
        const finish = (settle: () => void) => {
          clearTimeout(timer);
          waiting.delete(check);
          settle();
        };
        const check = () => {
          const text = bytes().toString("latin1");
          if (enough(text)) finish(() => resolve(text));
          else if (over) finish(() => reject(new Error(`the connection ended after: ${text}`)));
        };
        const timer = setTimeout(
          () => finish(() => reject(new Error(`not in ${timeoutMs} ms; arrived: ${bytes().toString("latin1")}`))),
          timeoutMs,
        );
        waiting.add(check);
        check();
      });
    },
    ended: ended.promise,
    leave: () => socket.end(),
    reset: () => socket.terminate(),
  };
}

/** A POST of JSON as bytes; every header as given, and a length. */
export function postBytes(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): string {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const lines = Object.entries({ host: "localhost", "content-type": "application/json", ...headers });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `POST ${path} HTTP/1.1\r\n${head}content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
}

export interface RawAnswer {
  status: number;
  head: string;
  /** The body's bytes as they lie on the wire. */
  raw: Buffer;
  /** The chunks of a chunked body; the last one may be shorter than it promised. */
  chunks: Buffer[];
  /** The body is whole: its length is reached, or its last chunk has come. */
  whole: boolean;
}

/** Takes the first answer among some bytes apart. */
export function takeApart(bytes: Buffer): RawAnswer {
  const border = bytes.indexOf("\r\n\r\n");
  const head = bytes.toString("latin1", 0, border);
  if (border < 0) return { status: 0, head: "", raw: Buffer.alloc(0), chunks: [], whole: false };
  const raw = bytes.subarray(border + 4);
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0);
  const length = /^content-length: (\d+)/im.exec(head)?.[1];
  if (!/^transfer-encoding: chunked/im.test(head)) {
    return { status, head, raw, chunks: [raw], whole: raw.length === Number(length ?? 0) };
  }
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const line = raw.indexOf("\r\n", at);
    if (line < 0) return { status, head, raw, chunks, whole: false };
    const size = Number.parseInt(raw.toString("latin1", at, line), 16);
    if (size === 0) return { status, head, raw, chunks, whole: true };
    chunks.push(raw.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
}

/** Parsed JSON of whatever shape, for assertions member by member. */
// biome-ignore lint/suspicious/noExplicitAny: a test that reads a member that is not there must fail, and does
export type Loose = any;
