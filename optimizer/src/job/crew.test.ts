import { expect, test } from "bun:test";
import { createJobCrew, JobFailed } from "./crew";
import type { Job } from "./job";

/** Workers that do as their source says; every one that is started is counted. */
function startWorkers(source: string) {
  const url = URL.createObjectURL(new Blob([source], { type: "application/javascript" }));
  const started: Worker[] = [];
  const start = () => {
    const worker = new Worker(url);
    started.push(worker);
    return worker;
  };
  return { start, started };
}

const job = {} as Job;
const failure = (running: Promise<unknown>) =>
  running.then(
    () => "done",
    (error: unknown) => (error instanceof JobFailed ? error.reason : "other"),
  );

async function whenWarm(run: () => Promise<unknown>): Promise<string> {
  for (;;) {
    const came = await failure(run());
    if (came !== "busy") return came;
    await Bun.sleep(5);
  }
}

const obliging = 'postMessage("warm"); onmessage = ({ data: { id } }) => postMessage({ id, result: { output: "x" } });';

test("a job is done by a warm worker, and refused by a cold one at once", async () => {
  const { start } = startWorkers(obliging);
  const crew = createJobCrew(start);
  expect(await failure(crew.run(job, 1_000))).toBe("busy");
  expect(await whenWarm(() => crew.run(job, 5_000))).toBe("done");
  crew.close();
});

test("a worker that hangs is killed at the deadline with all that wait, and replaced", async () => {
  const { start, started } = startWorkers('postMessage("warm"); onmessage = () => { for (;;); };');
  const crew = createJobCrew(start);
  expect(await whenWarm(() => crew.run(job, 150))).toBe("deadline");
  expect(started).toHaveLength(2);
  const both = await Promise.all([whenWarm(() => crew.run(job, 150)), whenWarm(() => crew.run(job, 10_000))]);
  expect(both).toEqual(["deadline", "deadline"]);
  expect(started).toHaveLength(3);
  crew.close();
});

test("a worker that breaks fails its jobs and is replaced", async () => {
  const { start, started } = startWorkers('postMessage("warm"); onmessage = () => { throw new Error("broken"); };');
  const crew = createJobCrew(start);
  expect(await whenWarm(() => crew.run(job, 5_000))).toBe("error");
  expect(started.length).toBeGreaterThanOrEqual(2);
  crew.close();
});

test("no more than eight wait", async () => {
  const { start } = startWorkers('postMessage("warm"); onmessage = () => {};');
  const crew = createJobCrew(start);
  const outcomes = new Map<number, string>();
  await whenWarm(() => crew.run(job, 1));
  await Bun.sleep(100);
  const runs = Array.from({ length: 12 }, (_, at) =>
    failure(crew.run(job, 300)).then((came) => outcomes.set(at, came)),
  );
  await Promise.all(runs);
  expect([...outcomes.values()].filter((came) => came === "busy").length).toBeGreaterThanOrEqual(4);
  crew.close();
});
