// From the command to the first call that would be served.

import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { gatewayEnv, isReady } from "../arms/anyray";
import type { BenchContext, Scenario } from "../scenario";
import { bunEnv, freePort, startChild } from "../stand/child";

const root = resolve(import.meta.dir, "..", "..");
const readyMsMax = 30_000;
const pollMs = 5;

export const coldStart = {
  name: "cold-start",
  title: "Cold start",
  about:
    "`bun run start` with everything installed and an empty data directory, to the first good answer of /ready. Not pinned.",
  quick: true,
  async run(context) {
    const anyray: number[] = [];
    for (let round = 0; round < Math.min(5, context.plan.rounds); round += 1) {
      context.progress(`round ${round + 1}`);
      anyray.push(await timeStart(context));
    }
    const row = { unit: "s", better: "lower", isComparedToDirect: false, isHeadline: true } as const;
    return [{ ...row, metric: "command to ready", samples: { anyray } }];
  },
} satisfies Scenario;

async function timeStart(context: BenchContext): Promise<number> {
  const directory = context.makeDirectory();
  const port = freePort();
  const startedAt = performance.now();
  const child = startChild({
    name: "start",
    command: [process.execPath, "run", "start"],
    cwd: root,
    core: null,
    directory,
    env: {
      ...bunEnv,
      ...gatewayEnv(port, join(directory, "data"), "http://127.0.0.1:9"),
      ...otherServices(),
      // The script names Bun by its name.
      PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`,
    },
  });
  try {
    while (!(await isReady(`http://127.0.0.1:${port}`))) {
      if (child.hasEnded() || performance.now() - startedAt > readyMsMax)
        throw new Error(`it does not start:\n${child.output()}`);
      await Bun.sleep(pollMs);
    }
    return (performance.now() - startedAt) / 1_000;
  } finally {
    await child.stop();
  }
}

/** Services beside the gateway are part of the command; their usual ports may be in use on this machine. */
function otherServices(): Record<string, string> {
  const there = ["optimizer", "console"].filter((name) => existsSync(join(root, name, "src/main.ts")));
  return Object.fromEntries(there.map((name) => [`ANYRAY_${name.toUpperCase()}_PORT`, "0"]));
}
