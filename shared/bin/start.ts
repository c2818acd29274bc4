// Owns `bun run start` and `bun run dev`: install, start every service, say when and where they serve, stop
// them drained. Refuses to depend on any package: it runs before the install.

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { install } from "./install";
import { watchLauncher } from "./launcher";
import { type ReadyTarget, waitUntilReady } from "./ready";
import { type ProcessEnv, runtimeEnv, runtimeFlags } from "./runtime";
import { type Supervisor, supervise } from "./supervise";
import { within } from "./within";

const services = [
  { name: "gateway", entry: "gateway/src/main.ts", variable: "ANYRAY_GATEWAY", host: "0.0.0.0", port: 8787 },
  { name: "optimizer", entry: "optimizer/src/main.ts", variable: "ANYRAY_OPTIMIZER", host: "127.0.0.1", port: 8088 },
  { name: "console", entry: "console/src/main.ts", variable: "ANYRAY_CONSOLE", host: "0.0.0.0", port: 3000 },
] as const;

const usage = `Usage: bun run start [--watch]

Installs what is missing, then runs every service of Anyray and restarts one that dies.
Ctrl-C or SIGTERM stops them all, after their open streams have ended; a second Ctrl-C stops at once.

  --watch   restart a service when its source changes (bun run dev)
  --help    show this

Settings are environment variables; the README lists them.
`;

const colours = ["\x1b[36m", "\x1b[35m", "\x1b[33m"];
const backoff = { firstMs: 500, maxMs: 30_000, resetAfterMs: 60_000 };
const drainDefaultMs = 90_000;
const drainMarginMs = 10_000;

/** One Ctrl-C arrives several times: from the terminal and from each launcher that passes it on. */
const sameSignalMs = 300;

interface StartOptions {
  /** The directory that holds package.json. */
  root: string;
  args: readonly string[];
  env: ProcessEnv;
}

/** Runs until the services have stopped. Resolves with the exit code. */
export async function start({ root, args, env }: StartOptions): Promise<number> {
  const unknown = args.find((arg) => arg !== "--watch" && arg !== "--help" && arg !== "-h");
  if (unknown !== undefined) {
    process.stderr.write(`Unknown argument: ${unknown}\n\n${usage}`);
    return 2;
  }
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(usage);
    return 0;
  }
  ignoreClosedOutput();
  const stopped = new AbortController();
  let supervisor: Supervisor | undefined;
  const endWatch = onStopRequests(env, (again) => {
    stopped.abort();
    if (again) supervisor?.kill();
    else supervisor?.stop();
  });
  try {
    const installed = await install(root, { stream: process.stderr, signal: stopped.signal });
    if (stopped.signal.aborted) return 0;
    if (installed !== 0) return installed;
    const present = services.filter(({ entry }) => existsSync(join(root, entry)));
    if (present.length === 0) {
      process.stderr.write(`Nothing to start: none of ${services.map(({ entry }) => entry).join(", ")} exists.\n`);
      return 1;
    }
    const say = printer(present.map(({ name }) => name));
    supervisor = supervise({
      services: present.map(({ name, entry }) => ({
        name,
        args: [...runtimeFlags, ...(args.includes("--watch") ? ["--watch", "--no-clear-screen"] : []), entry],
      })),
      root,
      env: { ...runtimeEnv(env), ANYRAY_OPTIMIZER_URL: optimizerUrl(env) },
      print: (stream, name, line) => say(process[stream], name, line),
      say: (line) => say(process.stderr, "anyray", line),
      backoff,
      stopMs: drainMs(env) + drainMarginMs,
    });
    announce({
      present,
      env,
      root,
      signal: stopped.signal,
      pidOf: supervisor.pidOf,
      say: (line) => say(process.stdout, "anyray", line),
    });
    return await supervisor.done;
  } finally {
    stopped.abort();
    endWatch();
  }
}

/** The gateway finds the optimizer beside it also where only the optimizer was told another port. */
function optimizerUrl(env: ProcessEnv): string | undefined {
  const url = env["ANYRAY_OPTIMIZER_URL"];
  const port = env["ANYRAY_OPTIMIZER_PORT"]?.trim();
  if (url?.trim() || !port || port === "0") return url;
  const host = env["ANYRAY_OPTIMIZER_HOST"]?.trim();
  return `http://${!host || host === "0.0.0.0" ? "127.0.0.1" : host}:${port}`;
}

type Present = (typeof services)[number];

interface Announcement {
  present: readonly Present[];
  env: ProcessEnv;
  root: string;
  signal: AbortSignal;
  pidOf: Supervisor["pidOf"];
  say(line: string): void;
}

/** Says once where everything serves, as soon as it does. */
async function announce({ present, env, root, signal, pidOf, say }: Announcement): Promise<void> {
  const targets = present.map(
    ({ name, variable, host, port }): ReadyTarget => ({
      name,
      host: env[`${variable}_HOST`]?.trim() || host,
      port: Number(env[`${variable}_PORT`]?.trim() || port),
    }),
  );
  // Port 0 lets the system choose: only the service knows which one it got, and says so in its log. A port that is
  // none is reported by the service itself.
  const asked = targets.filter(({ port }) => Number.isInteger(port) && port > 0 && port < 65_536);
  if (asked.length === 0) return;
  const ready = await waitUntilReady(asked, {
    signal,
    pidOf,
    everyMs: 250,
    slowAfterMs: 20_000,
    onSlow: (reasons) => {
      for (const reason of reasons) say(`not ready after 20 s: ${reason}`);
    },
  });
  if (!ready) return;
  say("ready");
  for (const target of targets) {
    say(
      `  ${target.name.padEnd(9)} ${asked.includes(target) ? urlOf(target) : "on a port of the system's choice, see its log"}`,
    );
  }
  say(`  ${adminTokenHint(env, root)}`);
}

function urlOf({ host, port }: ReadyTarget): string {
  const shown = host === "0.0.0.0" || host === "::" ? "localhost" : host.includes(":") ? `[${host}]` : host;
  return `http://${shown}:${port}`;
}

function adminTokenHint(env: ProcessEnv, root: string): string {
  if (env["ANYRAY_ADMIN_TOKEN"]?.trim()) return "admin token: the one in ANYRAY_ADMIN_TOKEN";
  if (env["ANYRAY_ADMIN_TOKEN_FILE"]?.trim()) return "admin token: the one in the file ANYRAY_ADMIN_TOKEN_FILE names";
  const path = resolve(root, env["ANYRAY_DATA_DIR"]?.trim() || "./data", "admin-token");
  return existsSync(path) ? `admin token: cat ${path}` : "admin token: printed above by the gateway when it made it";
}

function drainMs(env: ProcessEnv): number {
  const given = env["ANYRAY_SHUTDOWN_DRAIN_MS"]?.trim() ?? "";
  return /^\d{1,7}$/.test(given) ? Number(given) : drainDefaultMs;
}

/** Calls `request` at the first wish to stop, and again with true at a later SIGINT that is not its echo. */
function onStopRequests(env: ProcessEnv, request: (again: boolean) => void): () => void {
  let firstAt: number | undefined;
  const onStop = () => {
    if (firstAt !== undefined) return;
    firstAt = performance.now();
    request(false);
  };
  const onInterrupt = () => {
    if (firstAt === undefined) onStop();
    else if (performance.now() - firstAt >= sameSignalMs) request(true);
  };
  process.on("SIGINT", onInterrupt);
  process.on("SIGTERM", onStop);
  // A closed terminal ends everything too; under nohup, whose output is no terminal, it must not.
  if (process.stdout.isTTY) process.on("SIGHUP", onStop);
  const endWatch = watchLauncher(onStop, { env });
  return () => {
    endWatch();
    process.off("SIGINT", onInterrupt).off("SIGTERM", onStop).off("SIGHUP", onStop);
  };
}

function printer(names: readonly string[]) {
  const width = Math.max(...["anyray", ...names].map((name) => name.length));
  return (stream: NodeJS.WriteStream, name: string, line: string) => {
    const prefix = `${name.padEnd(width)} |`;
    const colour = name === "anyray" ? "\x1b[1m" : colours[names.indexOf(name) % colours.length];
    const coloured = stream.isTTY && !process.env["NO_COLOR"];
    stream.write(coloured ? `${colour}${prefix}\x1b[0m ${line}\n` : `${prefix} ${line}\n`);
  };
}

/** Resolves when what was written has been taken, or after a second: the last lines say why everything ended. */
async function flushOutput(): Promise<void> {
  const flushed = [process.stdout, process.stderr].map(
    (stream) => new Promise<void>((resolve) => stream.write("", () => resolve())),
  );
  await within(1_000, Promise.all(flushed));
}

/** Whoever read the output may leave (`bun run start | head`); that is no reason to stop serving. */
function ignoreClosedOutput(): void {
  process.stdout.on("error", () => {});
  process.stderr.on("error", () => {});
}

if (import.meta.main) {
  const root = resolve(import.meta.dir, "../..");
  const code = await start({ root, args: process.argv.slice(2), env: process.env });
  await flushOutput();
  process.exit(code);
}
