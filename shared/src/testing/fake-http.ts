// Owns the fake provider's connections: raw sockets, so that every byte, its moment and the way a connection ends
// are ours to choose, and "handed to the socket" is known rather than hoped. Refuses to know what is said over them.

import type { Socket, TCPSocketListener } from "bun";
import { type HttpRequest, headerOf, RequestReader } from "./request-reader";

export interface HttpOptions {
  hostname: string;
  port: number;
  tls?: { cert: string; key: string };
  /** A request with its whole body. The exchange stays open until finished, ended, reset or left by the client. */
  onRequest(exchange: Exchange): void;
}

export interface HttpListener {
  port: number;
  /** Requests whose head has arrived and that are not yet over. */
  inFlight(): number;
  /** Closes the port and every connection; what is being answered is gone with `stopped`. */
  stop(): void;
}

interface Shared {
  connections: Set<Connection>;
  inFlight: number;
  stopped: boolean;
  onRequest: HttpOptions["onRequest"];
}

/** @throws when the port is taken */
export function listenHttp(options: HttpOptions): HttpListener {
  const shared: Shared = { connections: new Set(), inFlight: 0, stopped: false, onRequest: options.onRequest };
  const listener: TCPSocketListener<Connection> = Bun.listen<Connection>({
    hostname: options.hostname,
    port: options.port,
    ...(options.tls ? { tls: options.tls } : {}),
    socket: {
      open(socket) {
        // Each event must leave when it is written, as a provider's does.
        socket.setNoDelay(true);
        socket.data = new Connection(socket, shared);
        shared.connections.add(socket.data);
      },
      data: (socket, bytes) => socket.data.read(bytes),
      drain: (socket) => socket.data.drain(),
      close: (socket) => socket.data?.close(),
      error: (socket) => socket.data?.close(),
    },
  });
  return {
    port: listener.port,
    inFlight: () => shared.inFlight,
    stop() {
      shared.stopped = true;
      for (const connection of [...shared.connections]) connection.close();
      listener.stop(true);
    },
  };
}

/** One request and the means to answer it. Of no effect once it is over. */
export interface Exchange {
  readonly request: HttpRequest;
  /** The client has left, or the listener was stopped. */
  readonly gone: boolean;
  /** Called once if the client leaves, or the listener stops (`stopped`), before the exchange is over. */
  onGone: (stopped: boolean) => void;
  /** Queues bytes; `handed` is called when the kernel has taken the last of them. */
  write(bytes: Uint8Array | string, handed?: () => void): void;
  /** Hands what is queued to the socket, as far as it takes it; the rest follows by itself. */
  flush(): void;
  /** Resolves after `ms`, or at once when the exchange is gone. */
  pause(ms: number): Promise<void>;
  /** The answer is whole: the connection takes its next request, or closes after its last. */
  finish(options?: { close?: boolean; dropNext?: boolean }): void;
  /** Closes the connection (FIN) without completing the answer. */
  cut(): void;
  /** Resets the connection (RST). */
  reset(): void;
}

interface Outgoing {
  bytes: Uint8Array;
  handed: (() => void) | undefined;
}

const batchBytesMax = 256 * 1024;
const encoder = new TextEncoder();

class Connection {
  #socket: Socket<Connection>;
  #shared: Shared;
  #reader: RequestReader;
  #queue: Outgoing[] = [];
  #writtenOfFirst = 0;
  #blocked = false;
  #exchange: OpenExchange | undefined;
  #openRequests = 0;
  #dropNext = false;
  closed = false;

  constructor(socket: Socket<Connection>, shared: Shared) {
    this.#socket = socket;
    this.#shared = shared;
    this.#reader = new RequestReader({
      onHead: (request) => this.#begin(request),
      onRequest: (request) => {
        this.#exchange = new OpenExchange(this, request);
        shared.onRequest(this.#exchange);
      },
      onFault: (status, reason) => {
        this.write(`HTTP/1.1 ${status} ${reason}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`, undefined);
        this.flush();
        socket.end();
      },
    });
  }

  read(bytes: Buffer): void {
    if (this.#dropNext) this.#socket.terminate();
    else this.#reader.push(bytes);
  }

  #begin(request: HttpRequest): void {
    this.#count(1);
    if (/^100-continue$/i.test(headerOf(request, "expect") ?? "")) {
      this.write("HTTP/1.1 100 Continue\r\n\r\n", undefined);
      this.flush();
    }
  }

  #count(change: 1 | -1): void {
    this.#openRequests += change;
    this.#shared.inFlight += change;
  }

  write(bytes: Uint8Array | string, handed: (() => void) | undefined): void {
    this.#queue.push({ bytes: typeof bytes === "string" ? encoder.encode(bytes) : bytes, handed });
  }

  flush(): void {
    while (!this.#blocked && !this.closed && this.#queue.length > 0) {
      const batch = this.#batch();
      const written = this.#socket.write(batch);
      // Closing or closed: the close event tells.
      if (written < 0) return;
      this.#blocked = written < batch.length;
      this.#advance(written);
    }
  }

  /** Small writes go out together: a system call each would be the cost of an answer. */
  #batch(): Uint8Array {
    const first = (this.#queue[0]?.bytes ?? encoder.encode("")).subarray(this.#writtenOfFirst);
    if (this.#queue.length === 1 || first.length >= batchBytesMax) return first;
    const parts = [first];
    let bytes = first.length;
    for (let index = 1; index < this.#queue.length && bytes < batchBytesMax; index++) {
      const part = this.#queue[index]?.bytes;
      if (part) parts.push(part);
      bytes += part?.length ?? 0;
    }
    return Buffer.concat(parts);
  }

  #advance(written: number): void {
    let left = written + this.#writtenOfFirst;
    let done = 0;
    const handed: (() => void)[] = [];
    for (const entry of this.#queue) {
      if (left < entry.bytes.length) break;
      left -= entry.bytes.length;
      done++;
      if (entry.handed) handed.push(entry.handed);
    }
    this.#queue.splice(0, done);
    this.#writtenOfFirst = left;
    for (const tell of handed) tell();
  }

  drain(): void {
    this.#blocked = false;
    this.flush();
  }

  finish(options: { close?: boolean; dropNext?: boolean }, request: HttpRequest): void {
    this.#exchange = undefined;
    this.#count(-1);
    this.#dropNext = options.dropNext === true;
    if (options.close || request.lastOnConnection) this.#socket.end();
    // In its own turn: a client that sends many requests at once must not deepen the stack with each.
    else queueMicrotask(() => this.#reader.resume());
  }

  end(how: "fin" | "rst"): void {
    this.#exchange = undefined;
    if (how === "fin") this.#socket.end();
    else this.#socket.terminate();
  }

  /** The socket is closed, whoever closed it. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#shared.connections.delete(this);
    this.#shared.inFlight -= this.#openRequests;
    this.#openRequests = 0;
    this.#exchange?.leave(this.#shared.stopped);
    this.#exchange = undefined;
    if (this.#shared.stopped) this.#socket.terminate();
  }
}

class OpenExchange implements Exchange {
  readonly request: HttpRequest;
  gone = false;
  onGone: (stopped: boolean) => void = () => {};
  #connection: Connection;
  #over = false;
  #wake: (() => void) | undefined;

  constructor(connection: Connection, request: HttpRequest) {
    this.#connection = connection;
    this.request = request;
  }

  write(bytes: Uint8Array | string, handed?: () => void): void {
    if (!this.#over && !this.gone) this.#connection.write(bytes, handed);
  }

  flush(): void {
    if (!this.#over && !this.gone) this.#connection.flush();
  }

  async pause(ms: number): Promise<void> {
    if (this.gone) return;
    await new Promise<void>((resolve) => {
      const timer = ms === 0 ? setImmediate(resolve) : setTimeout(resolve, ms);
      this.#wake = () => {
        if (ms === 0) clearImmediate(timer as NodeJS.Immediate);
        else clearTimeout(timer as NodeJS.Timeout);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  finish(options: { close?: boolean; dropNext?: boolean } = {}): void {
    if (this.#close()) this.#connection.finish(options, this.request);
  }

  cut(): void {
    if (this.#close()) this.#connection.end("fin");
  }

  reset(): void {
    if (this.#close()) this.#connection.end("rst");
  }

  #close(): boolean {
    if (this.#over || this.gone) return false;
    this.#over = true;
    return true;
  }

  leave(stopped: boolean): void {
    if (this.#over) return;
    this.gone = true;
    this.#wake?.();
    this.onGone(stopped);
  }
}
