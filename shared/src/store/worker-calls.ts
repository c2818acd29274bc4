// Owns calls to a worker: one at a time in the order they were made, each with a deadline. A worker that dies rejects
// what was waiting and is made anew by the next call, after a pause. Knows nothing of what the calls mean.

export interface WorkerCalls {
  /** @throws Error from the worker, or when it has ended or does not answer in time; it goes on with the call then */
  call(verb: string, args: readonly unknown[]): Promise<unknown>;
  /** Resolves when everything sent so far is done, or the deadline has passed. */
  close(): Promise<void>;
}

export interface WorkerSetup {
  create(): Worker;
  /** Arguments of the call "open" that every new worker is greeted with. */
  greeting: readonly unknown[];
  deadlineMs: number;
  /** Pause before the first new worker; doubles with every one that fails, up to `pauseMaxMs`. */
  pauseMs?: number;
  pauseMaxMs?: number;
}

/** A worker answers `{id, verb, args}` with one of these; both travel as JSON text, which costs half of a clone. */
export type Answer = { id: number; value: unknown } | { id: number; error: string };

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
  timer: Timer | undefined;
}

/** Makes the worker and waits for its answer to the greeting, as long as that takes. */
export async function openWorkerCalls(setup: WorkerSetup): Promise<WorkerCalls> {
  const { deadlineMs, pauseMs = 100, pauseMaxMs = 5_000 } = setup;
  const waiting = new Map<number, Waiting>();
  let worker: Worker | null = null;
  let lastId = 0;
  let failures = 0;
  let retryAt = 0;
  let isClosed = false;

  function settle(id: number): Waiting | undefined {
    const found = waiting.get(id);
    clearTimeout(found?.timer);
    waiting.delete(id);
    // A worker that nobody waits for must not keep the process alive.
    if (waiting.size === 0) worker?.unref();
    return found;
  }

  function send(to: Worker, verb: string, args: readonly unknown[], withinMs: number | null): Promise<unknown> {
    const id = ++lastId;
    to.postMessage(JSON.stringify({ id, verb, args }));
    to.ref();
    return new Promise((resolve, reject) => {
      const expire = () => settle(id)?.reject(new Error(`the store did not answer ${verb} within ${withinMs} ms`));
      waiting.set(id, { resolve, reject, timer: withinMs === null ? undefined : setTimeout(expire, withinMs) });
    });
  }

  function drop(dead: Worker, reason: string): void {
    if (worker !== dead) return;
    worker = null;
    dead.terminate();
    retryAt = performance.now() + Math.min(pauseMaxMs, pauseMs * 2 ** failures++);
    for (const id of [...waiting.keys()]) settle(id)?.reject(new Error(reason));
  }

  function start(): { worker: Worker; greeted: Promise<void> } {
    const made = setup.create();
    worker = made;
    made.onmessage = ({ data }: MessageEvent<string>) => {
      const answer = JSON.parse(data) as Answer;
      const found = settle(answer.id);
      if ("error" in answer) found?.reject(new Error(answer.error));
      else found?.resolve(answer.value);
    };
    made.onerror = ({ message }) => drop(made, `the store's worker failed: ${message}`);
    made.addEventListener("close", () => drop(made, "the store's worker ended"));
    const greeted = send(made, "open", setup.greeting, null).then(
      () => {
        failures = 0;
      },
      (error: Error) => {
        drop(made, error.message);
        throw error;
      },
    );
    return { worker: made, greeted };
  }

  await start().greeted;
  return {
    async call(verb, args) {
      if (isClosed) throw new Error("the store is closed");
      if (!worker && performance.now() < retryAt) throw new Error("the store's worker is being restarted");
      if (!worker) start().greeted.catch(() => {});
      if (!worker) throw new Error("the store's worker could not be started");
      return send(worker, verb, args, deadlineMs);
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      const last = worker;
      if (!last) return;
      await send(last, "close", [], deadlineMs).catch(() => {});
      worker = null;
      last.terminate();
    },
  };
}
