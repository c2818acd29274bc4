// Owns one keep-alive connection of a generator: requests go out whole however much the socket takes at once, and
// answers come back counted.

import type { Socket } from "bun";
import { createAnswerReader } from "./answer-reader";
import type { Faults, Target } from "./protocol";

export interface Connection {
  send(request: Buffer): void;
  /** Reads nothing any more. */
  stall(): void;
  close(): void;
}

export interface ConnectionEvents {
  body(bytes: Buffer): void;
  /** The answer to the last request is there. */
  answered(status: number): void;
  /** The other side closed it, or sent what is no answer. Not called after `close`. */
  broken(reason: string): void;
}

/** Rejects when nobody listens. */
export async function openConnection(target: Target, on: ConnectionEvents): Promise<Connection> {
  let waiting: Buffer | null = null;
  let isClosed = false;
  const write = (socket: Socket<undefined>, bytes: Buffer) => {
    const taken = Math.max(0, socket.write(bytes));
    waiting = taken < bytes.length ? bytes.subarray(taken) : null;
  };
  const breakOff = (reason: string) => {
    if (isClosed) return;
    isClosed = true;
    on.broken(reason);
  };
  const read = createAnswerReader({ body: on.body, end: on.answered });
  const socket = await Bun.connect<undefined>({
    hostname: "127.0.0.1",
    port: target.port,
    ...(target.cert ? { tls: { ca: target.cert } } : {}),
    socket: {
      open: (opened) => void opened.setNoDelay(true),
      data(from, bytes) {
        try {
          read(bytes);
        } catch (error) {
          breakOff((error as Error).message);
          from.terminate();
        }
      },
      drain: (to) => {
        if (waiting) write(to, waiting);
      },
      close: () => breakOff("connection closed"),
      error: (_, error) => breakOff(error.message),
    },
  });
  return {
    send: (request) => write(socket, request),
    stall: () => socket.pause(),
    close() {
      isClosed = true;
      socket.terminate();
    },
  };
}

export function countFault(faults: Faults, what: string): void {
  faults[what] = (faults[what] ?? 0) + 1;
}

/** Opens `count` connections, some at a time: a burst of thousands would overrun the listener's backlog. */
export async function openMany<T>(count: number, open: (nth: number) => Promise<T>): Promise<T[]> {
  const atOnce = 64;
  const opened: T[] = [];
  for (let from = 0; from < count; from += atOnce) {
    const some = Array.from({ length: Math.min(atOnce, count - from) }, (_, at) => open(from + at));
    opened.push(...(await Promise.all(some)));
  }
  return opened;
}
