// Owns the reading of HTTP/1.1 requests from raw bytes for the fake provider: headers exactly as they were sent, in
// their order and case, the path as it was written. Refuses what no well-behaved client sends.

export interface HttpRequest {
  method: string;
  /** The request target as sent: path and query. */
  target: string;
  path: string;
  /** Without its question mark; "" when there is none. */
  query: string;
  headers: [name: string, value: string][];
  body: Uint8Array;
  /** The client will close after this answer, or speaks HTTP/1.0. */
  lastOnConnection: boolean;
}

export interface ReaderEvents {
  /** The head is whole, the body is not read yet. */
  onHead(request: HttpRequest): void;
  /** Body included. Nothing more is reported until `resume`. */
  onRequest(request: HttpRequest): void;
  /** The connection is of no more use. */
  onFault(status: number, reason: string): void;
}

const headBytesMax = 256 * 1024;
const bodyBytesMax = 512 * 1024 * 1024;
const empty = Buffer.alloc(0);

/** The first value of a header, whatever the case of its name. */
export function headerOf(request: Pick<HttpRequest, "headers">, name: string): string | undefined {
  for (const [found, value] of request.headers) {
    if (found.length === name.length && found.toLowerCase() === name) return value;
  }
  return undefined;
}

type Phase = "head" | "body" | "chunk_size" | "chunk" | "chunk_end" | "trailers" | "answering" | "failed";

export class RequestReader {
  #events: ReaderEvents;
  #phase: Phase = "head";
  #rest: Buffer = empty;
  #request: HttpRequest | undefined;
  #parts: Buffer[] = [];
  #missingBytes = 0;
  #bodyBytes = 0;

  constructor(events: ReaderEvents) {
    this.#events = events;
  }

  push(bytes: Buffer): void {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    this.#run();
  }

  /** The request last reported has been answered: goes on with what came behind it. */
  resume(): void {
    if (this.#phase !== "answering") return;
    this.#phase = "head";
    this.#run();
  }

  #run(): void {
    try {
      while (this.#step()) {}
    } catch (fault) {
      if (!(fault instanceof RequestFault)) throw fault;
      this.#phase = "failed";
      this.#events.onFault(fault.status, fault.message);
    }
  }

  /** Returns whether there may be more to do with the bytes at hand. */
  #step(): boolean {
    switch (this.#phase) {
      case "head":
        return this.#readHead();
      case "body":
      case "chunk":
        return this.#readBody();
      case "chunk_size":
        return this.#readChunkSize();
      case "chunk_end":
        return this.#readLine() !== undefined && this.#enter("chunk_size");
      case "trailers": {
        const line = this.#readLine();
        if (line === "") this.#complete();
        return line !== undefined;
      }
      case "answering":
      case "failed":
        return false;
    }
  }

  #enter(phase: Phase): true {
    this.#phase = phase;
    return true;
  }

  #readHead(): boolean {
    // A client may leave an empty line behind its last body.
    while (this.#rest[0] === 13 || this.#rest[0] === 10) this.#rest = this.#rest.subarray(1);
    const end = this.#rest.indexOf("\r\n\r\n");
    if (end < 0) {
      if (this.#rest.length > headBytesMax) throw new RequestFault(431, "Request Header Fields Too Large");
      return false;
    }
    const request = parseHead(this.#rest.toString("latin1", 0, end));
    this.#rest = this.#rest.subarray(end + 4);
    this.#request = request;
    this.#parts = [];
    this.#bodyBytes = 0;
    this.#events.onHead(request);
    if (/\bchunked\b/i.test(headerOf(request, "transfer-encoding") ?? "")) return this.#enter("chunk_size");
    const length = headerOf(request, "content-length") ?? "0";
    if (!/^\d{1,15}$/.test(length)) throw new RequestFault(400, "Bad Request");
    return this.#expect(Number(length), "body");
  }

  #expect(bytes: number, phase: "body" | "chunk"): boolean {
    this.#bodyBytes += bytes;
    if (this.#bodyBytes > bodyBytesMax) throw new RequestFault(413, "Content Too Large");
    this.#missingBytes = bytes;
    this.#phase = phase;
    return true;
  }

  #readBody(): boolean {
    const part = this.#rest.subarray(0, this.#missingBytes);
    if (part.length > 0) this.#parts.push(part);
    this.#rest = this.#rest.subarray(part.length);
    this.#missingBytes -= part.length;
    if (this.#missingBytes > 0) return false;
    if (this.#phase === "chunk") return this.#enter("chunk_end");
    this.#complete();
    return true;
  }

  #readChunkSize(): boolean {
    const line = this.#readLine();
    if (line === undefined) return false;
    const size = /^([0-9a-f]{1,8})\s*(;.*)?$/i.exec(line)?.[1];
    if (size === undefined) throw new RequestFault(400, "Bad Request");
    const bytes = Number.parseInt(size, 16);
    return bytes === 0 ? this.#enter("trailers") : this.#expect(bytes, "chunk");
  }

  #readLine(): string | undefined {
    const end = this.#rest.indexOf("\r\n");
    if (end < 0) {
      if (this.#rest.length > headBytesMax) throw new RequestFault(400, "Bad Request");
      return undefined;
    }
    const line = this.#rest.toString("latin1", 0, end);
    this.#rest = this.#rest.subarray(end + 2);
    return line;
  }

  #complete(): void {
    const request = this.#request;
    if (!request) return;
    request.body = this.#parts.length === 1 ? (this.#parts[0] ?? empty) : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#request = undefined;
    this.#phase = "answering";
    this.#events.onRequest(request);
  }
}

class RequestFault extends Error {
  readonly status: number;

  constructor(status: number, reason: string) {
    super(reason);
    this.status = status;
  }
}

function parseHead(head: string): HttpRequest {
  const [requestLine = "", ...lines] = head.split("\r\n");
  const [, method, target, version] = /^([!#-'*+.^-z|~A-Z0-9-]+) (\S+) HTTP\/1\.([01])$/.exec(requestLine) ?? [];
  if (method === undefined || target === undefined) throw new RequestFault(400, "Bad Request");
  const headers: [string, string][] = lines.map((line) => {
    const colon = line.indexOf(":");
    if (colon < 1) throw new RequestFault(400, "Bad Request");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  // A client that speaks to a proxy sends the whole address.
  const local = target.replace(/^https?:\/\/[^/?]*/i, "") || "/";
  const mark = local.indexOf("?");
  const closes = /\bclose\b/i.test(headerOf({ headers }, "connection") ?? "");
  return {
    method,
    target,
    path: mark < 0 ? local : local.slice(0, mark),
    query: mark < 0 ? "" : local.slice(mark + 1),
    headers,
    body: empty,
    lastOnConnection: closes || version === "0",
  };
}
