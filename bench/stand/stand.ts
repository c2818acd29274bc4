// Owns the processes of a run: the upstream, the generator and the arms between them, each on its core.

import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { armKinds } from "../arms/registry";
import { statedUsage } from "../load/answers";
import type {
  FromGenerator,
  HoldJob,
  Job,
  JobResults,
  Target,
  ToGenerator,
  UpstreamCounts,
  UpstreamReady,
} from "../load/protocol";
import type { Arm } from "../row";
import { noCalls, type RunningArm, type UpstreamWay } from "./arm";
import { bunCommand, bunEnv, type Child, startChild } from "./child";
import type { Noise } from "./noise";
import type { Pinning } from "./pinning";
import { warmUp } from "./warm-up";

/** A job but for where it goes. */
export type Load = Job extends infer J ? (J extends Job ? Omit<J, "target"> : never) : never;

export interface Stand {
  pinning: Pinning | null;
  noise: Noise;
  /** "direct", then every arm that is installed, over plain HTTP: started once for all scenarios, and warmed up. */
  shareAll(): Promise<RunningArm[]>;
  /** The same, freshly started and cold; those that can reach the upstream this way. */
  startAll(way?: UpstreamWay): Promise<RunningArm[]>;
  /** A fresh one, the gateway with `env` besides its own. Rejects for an arm that is not installed. */
  start(arm: Arm, way?: UpstreamWay, env?: Readonly<Record<string, string>>): Promise<RunningArm>;
  /** Sends load to an arm and keeps count of what has to be in its books. */
  run<L extends Load>(arm: RunningArm, load: L): Promise<JobResults[L["kind"]]>;
  /** Runs another load generator to its end, on the generator's core. Resolves with what it printed. */
  runGenerator(name: string, command: readonly string[]): Promise<string>;
  readUpstream(): Promise<UpstreamCounts>;
  /** Everything that runs for the bench, itself included. */
  pids(): number[];
  /** Ends one fresh arm before its scenario does. */
  stop(arm: RunningArm): Promise<void>;
  /** Ends what a scenario started for itself. */
  stopFresh(): Promise<void>;
  close(): Promise<void>;
}

const load = resolve(import.meta.dir, "..", "load");

export interface StandSettings {
  /** There already, and deleted by the caller. */
  directory: string;
  pinning: Pinning | null;
  noise: Noise;
  /** Sent to each of the shared arms before any scenario sees it. */
  warmUpCalls: number;
}

/** Nothing runs before it is asked for. */
export function createStand({ directory, pinning, noise, warmUpCalls }: StandSettings): Stand {
  const children: Child[] = [];
  let upstream: Promise<Upstream> | null = null;
  let generator: Promise<Generator> | null = null;

  const start =
    (name: string, core: number | null) => (options: Omit<Parameters<typeof startChild>[0], "core" | "directory">) => {
      const child = startChild({ ...options, core, directory: join(directory, name) });
      children.push(child);
      return child;
    };
  const makeDirectory = (name: string) => {
    const path = join(directory, name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  const getUpstream = () => {
    makeDirectory("upstream");
    upstream ??= startUpstream(start("upstream", pinning?.upstreamCore ?? null));
    return upstream;
  };
  const getGenerator = () => {
    makeDirectory("generator");
    generator ??= startGenerator(start("generator", pinning?.generatorCore ?? null));
    return generator;
  };

  const fresh = new Set<RunningArm>();
  let shared: Promise<RunningArm[]> | null = null;
  let startedArms = 0;
  const stand: Stand = {
    pinning,
    noise,
    shareAll() {
      shared ??= startShared(stand, warmUpCalls).finally(() => fresh.clear());
      return shared;
    },
    async startAll(way = "http") {
      const installed = armKinds.filter((kind) => kind.version() !== null && kind.canReach(way));
      const started = [];
      for (const { name } of installed) started.push(await stand.start(name, way));
      return way === "http2" ? started : [await stand.start("direct", way), ...started];
    },
    async start(arm, way = "http", env = {}) {
      const { ready } = await getUpstream();
      if (arm === "direct") return directTo(ready, way);
      const kind = armKinds.find((candidate) => candidate.name === arm);
      if (!kind || kind.version() === null) throw new Error(`${arm} is not installed`);
      const name = `${arm}-${++startedArms}`;
      const running = await kind.start({
        ...{ upstream: ready, way, env },
        directory: makeDirectory(name),
        start: start(name, pinning?.proxyCore ?? null),
      });
      fresh.add(running);
      return running;
    },
    async run(arm, load) {
      const { ask } = await getGenerator();
      const target: Target = { port: arm.port, cert: arm.cert };
      const result = await ask({ ...load, target } as Job);
      countCalls(arm, load, result);
      return result as never;
    },
    async runGenerator(name, command) {
      makeDirectory(name);
      const child = start(name, pinning?.generatorCore ?? null)({ name, command, env: bunEnv });
      if ((await child.exited) !== 0) throw new Error(`${name} failed:\n${child.output()}`);
      return child.output();
    },
    readUpstream: async () => await (await getUpstream()).readCounts(),
    pids: () => [process.pid, ...children.filter((child) => !child.hasEnded()).map(({ pid }) => pid)],
    async stop(arm) {
      fresh.delete(arm);
      await arm.child?.stop();
    },
    async stopFresh() {
      for (const arm of fresh) await stand.stop(arm);
    },
    async close() {
      for (const child of children.toReversed()) await child.stop();
    },
  };
  return stand;
}

async function startShared(stand: Stand, calls: number): Promise<RunningArm[]> {
  const arms = await stand.startAll();
  for (const arm of arms) await warmUp(stand, arm, calls);
  return arms;
}

function directTo({ port, tlsPort, cert }: UpstreamReady, way: UpstreamWay): RunningArm {
  if (way === "http2") throw new Error("the generator does not speak HTTP/2");
  const isTls = way === "tls";
  return {
    name: "direct",
    port: isTls ? tlsPort : port,
    cert: isTls ? cert : null,
    child: null,
    admin: null,
    calls: noCalls(),
  };
}

function countCalls({ calls }: RunningArm, load: Load, result: JobResults[keyof JobResults]): void {
  const add = (requests: number, outputTokens: number) => {
    calls.requests += requests;
    calls.inputTokens += requests * statedUsage.inputTokens;
    calls.outputTokens += requests * outputTokens;
  };
  if ("requests" in result) {
    const isEmbedding = "request" in load && load.request.endpoint === "embeddings";
    add(result.requests, isEmbedding ? 0 : statedUsage.outputTokens);
  } else if ("streams" in result) add((result as JobResults["streams"]).streams, statedUsage.outputTokens);
  else if (load.kind === "hold") {
    calls.requests += (load as Omit<HoldJob, "target">).streams;
    calls.hasAborted = true;
  }
}

type Start = (options: Omit<Parameters<typeof startChild>[0], "core" | "directory">) => Child;

interface Upstream {
  ready: UpstreamReady;
  readCounts(): Promise<UpstreamCounts>;
}

async function startUpstream(start: Start): Promise<Upstream> {
  let receive: (message: unknown) => void = () => {};
  const next = <T>() => new Promise<T>((resolve) => (receive = resolve as (message: unknown) => void));
  const firstMessage = next<UpstreamReady>();
  const child = start({
    name: "upstream",
    command: [...bunCommand, join(load, "upstream.ts")],
    env: bunEnv,
    onMessage: (message) => receive(message),
  });
  const ready = await firstOf(child, firstMessage);
  return {
    ready,
    readCounts() {
      const counts = next<UpstreamCounts>();
      child.send("counts");
      return firstOf(child, counts);
    },
  };
}

interface Generator {
  ask(job: Job): Promise<JobResults[keyof JobResults]>;
}

async function startGenerator(start: Start): Promise<Generator> {
  const waiting = new Map<number, (answer: FromGenerator) => void>();
  let isReady = () => {};
  const ready = new Promise<void>((resolve) => (isReady = resolve));
  const child = start({
    name: "generator",
    command: [...bunCommand, join(load, "generator.ts")],
    env: bunEnv,
    onMessage(message) {
      if (message === "ready") isReady();
      else waiting.get((message as FromGenerator).id)?.(message as FromGenerator);
    },
  });
  await firstOf(child, ready);
  let jobs = 0;
  return {
    async ask(job) {
      const id = ++jobs;
      const answered = new Promise<FromGenerator>((resolve) => waiting.set(id, resolve));
      child.send({ id, job } satisfies ToGenerator);
      const answer = await firstOf(child, answered);
      waiting.delete(id);
      if ("failure" in answer) throw new Error(`the generator failed: ${answer.failure}`);
      return answer.result;
    },
  };
}

/** What a process says, or its own words as an error when it ends before it has said it. */
async function firstOf<T>(child: Child, said: Promise<T>): Promise<T> {
  let isSaid = false;
  const watched = (async () => {
    while (!isSaid) {
      if (child.hasEnded()) throw new Error(`${child.name} ended:\n${child.output()}`);
      await Bun.sleep(50);
    }
    return await said;
  })();
  try {
    return await Promise.race([said, watched]);
  } finally {
    isSaid = true;
    watched.catch(() => {});
  }
}
