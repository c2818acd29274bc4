// The worker's side: runs jobs one after the other. What it throws is told as words, since it may be of any kind.

import { warmUp } from "../warm-up";
import type { JobAnswer, JobMessage } from "./crew";
import { runJob } from "./job";

declare const self: Worker;

void warmUp(() => false).finally(() => self.postMessage("warm" satisfies JobAnswer));

self.onmessage = ({ data }: MessageEvent<JobMessage>) => {
  let answer: JobAnswer;
  try {
    answer = { id: data.id, result: runJob(data.job) };
  } catch (error) {
    answer = { id: data.id, error: error instanceof Error ? error.name : "unknown" };
  }
  self.postMessage(answer);
};
