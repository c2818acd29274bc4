import { expect, test } from "bun:test";
import { openWorkerCalls, type WorkerSetup } from "./worker-calls";

/** A worker that answers "open" and "echo", is silent to "hang", slow to "nap", and dies of "die" and "throw". */
const script = `
  let order = 0;
  self.onmessage = ({ data }) => {
    const { id, verb, args } = JSON.parse(data);
    const answer = (value) => self.postMessage(JSON.stringify({ id, value }));
    if (verb === "open" && args[0] === "never") self.postMessage(JSON.stringify({ id, error: "no such file" }));
    else if (verb === "hang") order++;
    else if (verb === "nap") { Bun.sleepSync(args[0]); answer(++order); }
    else if (verb === "die") process.exit(3);
    else if (verb === "throw") throw new Error("out of luck");
    else if (verb === "fail") self.postMessage(JSON.stringify({ id, error: "no such table" }));
    else answer(verb === "count" ? ++order : args);
  };
`;

async function open(given: Partial<WorkerSetup> = {}) {
  const url = URL.createObjectURL(new Blob([script]));
  let made = 0;
  const create = () => {
    made++;
    return new Worker(url);
  };
  const calls = await openWorkerCalls({
    create,
    greeting: [],
    deadlineMs: 2_000,
    pauseMs: 20,
    pauseMaxMs: 40,
    ...given,
  });
  return { calls, made: () => made };
}

const failureOf = (call: Promise<unknown>) =>
  call.then(
    () => "none",
    (error: Error) => error.message,
  );

test("calls are answered, in the order they were made", async () => {
  const { calls } = await open();
  const answers = await Promise.all([
    calls.call("echo", [1, { a: null }]),
    calls.call("count", []),
    calls.call("count", []),
  ]);
  expect(answers).toEqual([[1, { a: null }], 1, 2]);
  await calls.close();
});

test("an error of the worker rejects its own call and no other", async () => {
  const { calls, made } = await open();
  const [failed, fine] = await Promise.all([failureOf(calls.call("fail", [])), calls.call("echo", [1])]);
  expect([failed, fine]).toEqual(["no such table", [1]]);
  expect(made()).toBe(1);
  await calls.close();
});

test("a call that is not answered in time is rejected; the worker goes on", async () => {
  const { calls, made } = await open({ deadlineMs: 60 });
  expect(await failureOf(calls.call("hang", []))).toContain("did not answer hang within 60 ms");
  expect(await calls.call("count", [])).toBe(2);
  const late = failureOf(calls.call("nap", [150]));
  expect(await late).toContain("nap");
  await Bun.sleep(150);
  expect(await calls.call("count", [])).toBe(4);
  expect(made()).toBe(1);
  await calls.close();
});

test.each(["die", "throw"])(
  "a worker that ends (%s) rejects all that wait, and a later call makes another",
  async (end) => {
    const { calls, made } = await open();
    const waiting = [calls.call("hang", []), calls.call(end, []), calls.call("echo", [])].map(failureOf);
    for (const failure of await Promise.all(waiting)) expect(failure).toContain("the store's worker");
    expect(await failureOf(calls.call("echo", []))).toContain("being restarted");
    expect(made()).toBe(1);
    await Bun.sleep(40);
    expect(await calls.call("count", [])).toBe(1);
    expect(made()).toBe(2);
    await calls.close();
  },
);

test("a worker that cannot be greeted any more is tried again, ever more slowly", async () => {
  const greeting = ["fine"];
  const { calls, made } = await open({ greeting, pauseMs: 30, pauseMaxMs: 1_000 });
  greeting[0] = "never";
  await failureOf(calls.call("die", []));
  await Bun.sleep(40);
  expect(await failureOf(calls.call("echo", []))).toBe("no such file");
  await Bun.sleep(40);
  expect(await failureOf(calls.call("echo", []))).toContain("being restarted");
  expect(made()).toBe(2);
  greeting[0] = "fine";
  await Bun.sleep(40);
  expect(await calls.call("echo", [7])).toEqual([7]);
  expect(made()).toBe(3);
  await calls.close();
});

test("a worker that refuses its first greeting is not kept", async () => {
  expect(await failureOf(open({ greeting: ["never"] }))).toBe("no such file");
});

test("closing waits for what was sent, and takes nothing more", async () => {
  const { calls } = await open();
  const sent = calls.call("nap", [80]);
  let isDone = false;
  sent.then(() => {
    isDone = true;
  });
  await calls.close();
  expect(isDone).toBe(true);
  expect(await failureOf(calls.call("echo", []))).toBe("the store is closed");
  await calls.close();
});
