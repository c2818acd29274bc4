// Owns the worker that large requests are run in: one, started ahead, and killed when it misses a deadline, so that
// no request holds up another for longer than its own time.

import type { OptimizeResult } from "../optimize";
import type { Job } from "./job";

export interface JobMessage {
  id: number;
  job: Job;
}

/** "warm": the worker says, once, that it takes jobs at its full speed. */
export type JobAnswer = "warm" | { id: number; result: OptimizeResult } | { id: number; error: string };

/** The job was not done in time, or its worker failed. */
export class JobFailed extends Error {
  override name = "JobFailed";
  readonly reason: "deadline" | "busy" | "error";

  constructor(reason: "deadline" | "busy" | "error") {
    super(`a large request was not optimized: ${reason}`);
    this.reason = reason;
  }
}

interface Waiting {
  resolve(result: OptimizeResult): void;
  reject(error: JobFailed): void;
  timer: Timer;
}

/** More than this many at once would all come too late. */
const waitingMax = 8;

export interface JobCrew {
  /** @throws JobFailed */
  run(job: Job, deadlineMs: number): Promise<OptimizeResult>;
  close(): void;
}

export function createJobCrew(start: () => Worker = startWorker): JobCrew {
  const waiting = new Map<number, Waiting>();
  let nextId = 1;
  let isWarm = false;
  let worker = listen(start());

  function listen(started: Worker): Worker {
    started.onmessage = ({ data }: MessageEvent<JobAnswer>) => {
      if (data === "warm") {
        isWarm = started === worker;
        return;
      }
      const job = take(data.id);
      if (job && "result" in data) job.resolve(data.result);
      else job?.reject(new JobFailed("error"));
    };
    started.onerror = () => {
      if (started === worker) replace("error");
    };
    return started;
  }

  function take(id: number): Waiting | undefined {
    const job = waiting.get(id);
    waiting.delete(id);
    if (job) clearTimeout(job.timer);
    return job;
  }

  /** Whoever waits behind a job that hangs has waited long enough. */
  function replace(reason: JobFailed["reason"]): void {
    worker.terminate();
    isWarm = false;
    worker = listen(start());
    for (const id of [...waiting.keys()]) take(id)?.reject(new JobFailed(reason));
  }

  return {
    run(job, deadlineMs) {
      // A cold one would miss its deadline, be killed for it, and its successor be as cold.
      if (!isWarm || waiting.size >= waitingMax) return Promise.reject(new JobFailed("busy"));
      return new Promise((resolve, reject) => {
        const id = nextId;
        nextId += 1;
        const timer = setTimeout(() => {
          if (waiting.has(id)) replace("deadline");
        }, deadlineMs);
        waiting.set(id, { resolve, reject, timer });
        worker.postMessage({ id, job } satisfies JobMessage);
      });
    },
    close() {
      worker.terminate();
      for (const id of [...waiting.keys()]) take(id)?.reject(new JobFailed("error"));
    },
  };
}

function startWorker(): Worker {
  return new Worker(new URL("./worker.ts", import.meta.url).href);
}
