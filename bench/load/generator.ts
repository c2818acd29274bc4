// The load generator's process: takes one job at a time from the bench and says what came of it.

import { runClosedLoop } from "./closed-loop";
import { runOpenLoop } from "./open-loop";
import type { FromGenerator, Job, JobResults, ToGenerator } from "./protocol";
import { holdStreams, releaseStreams, runStreams } from "./stream-load";

function run(job: Job): Promise<JobResults[keyof JobResults]> | JobResults[keyof JobResults] {
  if (job.kind === "closed") return runClosedLoop(job);
  if (job.kind === "open") return runOpenLoop(job);
  if (job.kind === "streams") return runStreams(job);
  return job.kind === "hold" ? holdStreams(job) : releaseStreams();
}

process.on("message", async ({ id, job }: ToGenerator) => {
  let answer: FromGenerator;
  try {
    answer = { id, result: await run(job) };
  } catch (error) {
    answer = { id, failure: String((error as Error).message ?? error) };
  }
  process.send?.(answer);
});
process.on("disconnect", () => process.exit(0));
process.send?.("ready");
