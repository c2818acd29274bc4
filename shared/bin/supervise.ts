// Owns keeping the services alive: one process each, restarted with backoff, stopped together and drained.
// Knows nothing of what a service does beyond its exit code.

import type { ProcessEnv } from "./runtime";
import { within } from "./within";

export interface ServiceProcess {
  name: string;
  /** Everything after the Bun executable: flags, then the entry file. */
  args: readonly string[];
}

export interface SuperviseOptions {
  services: readonly ServiceProcess[];
  /** Working directory of every service. */
  root: string;
  env: ProcessEnv;
  /** Takes one line of a service's output, without its line end. */
  print(stream: "stdout" | "stderr", service: string, line: string): void;
  /** Takes one line of the supervisor's own. */
  say(line: string): void;
  /** Wait before the first restart, doubled at each further one up to `maxMs`, back to `firstMs` after `resetAfterMs` of life. */
  backoff: { firstMs: number; maxMs: number; resetAfterMs: number };
  /** How long a service may take to stop before it is killed. */
  stopMs: number;
}

export interface Supervisor {
  /** Asks every service to stop (SIGTERM), kills after `stopMs` those that do not. Further calls change nothing. */
  stop(): void;
  /** Kills every service at once. */
  kill(): void;
  /** The process a service runs as right now, undefined while it waits to be restarted. */
  pidOf(service: string): number | undefined;
  /** Resolves when no service is left: 0 = all stopped cleanly, 78 = one has a configuration error, 1 = some did not stop by themselves. */
  done: Promise<number>;
}

/** What a service exits with after it printed what is wrong with its configuration: trying again cannot help. */
export const configErrorCode = 78;

const lineLengthMax = 65_536;
const outputGraceMs = 1_000;

type Child = Bun.Subprocess<"ignore", "pipe", "pipe">;

/** Starts all services at once; they live until `stop`, `kill` or a configuration error of one. */
export function supervise(options: SuperviseOptions): Supervisor {
  const children = new Map<string, Child>();
  const stopping = new AbortController();
  let code = 0;
  let killTimer: ReturnType<typeof setTimeout> | undefined;

  const stop = () => {
    if (stopping.signal.aborted) return;
    stopping.abort();
    if (children.size > 0) options.say(`stopping: open streams have up to ${options.stopMs / 1000} s to end`);
    for (const child of children.values()) child.kill("SIGTERM");
    killTimer = setTimeout(() => {
      options.say(`still running after ${options.stopMs / 1000} s: killed`);
      kill();
    }, options.stopMs);
  };
  const kill = () => {
    stopping.abort();
    code ||= 1;
    for (const child of children.values()) killGroup(child.pid);
  };

  const keepAlive = async (service: ServiceProcess) => {
    let delayMs = options.backoff.firstMs;
    while (!stopping.signal.aborted) {
      const startedAt = performance.now();
      const end = await runOnce(service, options, children);
      if (stopping.signal.aborted) {
        if (end.code !== 0 && end.signal !== "SIGTERM") code ||= 1;
        return;
      }
      if (end.code === configErrorCode) {
        code = configErrorCode;
        options.say(`${service.name} cannot run with this configuration, its message is above: stopping everything`);
        stop();
        return;
      }
      if (performance.now() - startedAt >= options.backoff.resetAfterMs) delayMs = options.backoff.firstMs;
      options.say(`${service.name} ${end.text}, restarting in ${delayMs / 1000} s`);
      await sleep(delayMs, stopping.signal);
      delayMs = Math.min(delayMs * 2, options.backoff.maxMs);
    }
  };

  const done = Promise.all(options.services.map(keepAlive)).then(() => {
    clearTimeout(killTimer);
    return code;
  });
  return { stop, kill, pidOf: (service) => children.get(service)?.pid, done };
}

interface End {
  code: number | null;
  signal: string | number | null;
  text: string;
}

async function runOnce(service: ServiceProcess, options: SuperviseOptions, children: Map<string, Child>): Promise<End> {
  let child: Child;
  try {
    // A process group of its own: Ctrl-C in a terminal reaches the supervisor only, which then asks each service
    // once. Without that a service would see two signals and take the second for impatience.
    // --no-orphans: it cannot outlive a supervisor that was killed, and hold the port of the next one.
    child = Bun.spawn([process.execPath, "--no-orphans", ...service.args], {
      cwd: options.root,
      env: options.env,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      detached: true,
    });
  } catch (error) {
    return { code: null, signal: null, text: `could not be started (${(error as Error).message})` };
  }
  children.set(service.name, child);
  const output = Promise.all([
    forwardLines(child.stdout, (line) => options.print("stdout", service.name, line)),
    forwardLines(child.stderr, (line) => options.print("stderr", service.name, line)),
  ]);
  await child.exited;
  children.delete(service.name);
  // A process it left behind may hold its output open for ever.
  await within(outputGraceMs, output);
  const { exitCode: code, signalCode: signal } = child;
  return { code, signal, text: signal ? `was ended by ${signal}` : `exited with code ${code}` };
}

async function forwardLines(stream: ReadableStream<Uint8Array>, print: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let partial = "";
  for await (const chunk of stream) {
    const lines = (partial + decoder.decode(chunk, { stream: true })).split("\n");
    partial = lines.pop() ?? "";
    for (const line of lines) print(line.endsWith("\r") ? line.slice(0, -1) : line);
    if (partial.length > lineLengthMax) {
      print(partial);
      partial = "";
    }
  }
  partial += decoder.decode();
  if (partial) print(partial);
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Already gone.
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
