// The supervisor with its times made short.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SuperviseOptions, type Supervisor, supervise } from "../bin/supervise";
import { isAlive } from "./tree";

let root: string;
let lines: string[];
let running: Supervisor | undefined;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "anyray-supervise-"));
  lines = [];
});

afterEach(async () => {
  running?.kill();
  await running?.done;
  rmSync(root, { recursive: true, force: true });
});

/** Supervises one service per script. Lines come as "name stream: line" and "anyray: line". */
function start(scripts: Record<string, string>, options: Partial<SuperviseOptions> = {}): Supervisor {
  for (const [name, script] of Object.entries(scripts)) writeFileSync(join(root, `${name}.ts`), script);
  running = supervise({
    services: Object.keys(scripts).map((name) => ({ name, args: [`${name}.ts`] })),
    root,
    env: process.env,
    print: (stream, name, line) => lines.push(`${name} ${stream}: ${line}`),
    say: (line) => lines.push(`anyray: ${line}`),
    backoff: { firstMs: 20, maxMs: 80, resetAfterMs: 400 },
    stopMs: 5_000,
    ...options,
  });
  return running;
}

async function until(accepts: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 10_000; !accepts(); await Bun.sleep(10)) {
    if (performance.now() > deadline) throw new Error(`did not come:\n${lines.join("\n")}`);
  }
}

const restarts = () => lines.flatMap((line) => /restarting in ([\d.]+) s/.exec(line)?.[1] ?? []).map(Number);

describe("restarts", () => {
  test("wait twice as long each time up to the most, and briefly again after a long life", async () => {
    const script = `
      import { appendFileSync, readFileSync } from "node:fs";
      appendFileSync("lives", "x");
      if (readFileSync("lives", "utf8").length === 5) await Bun.sleep(500);
      process.exit(3);`;
    start({ a: script });
    await until(() => restarts().length >= 6);
    expect(restarts().slice(0, 6)).toEqual([0.02, 0.04, 0.08, 0.08, 0.02, 0.04]);
    expect(lines[0]).toBe("anyray: a exited with code 3, restarting in 0.02 s");
  });

  test("follow a clean exit and a signal as well: nobody asked the service to stop", async () => {
    start({ a: "process.exit(0)", b: "process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000)" });
    await until(() => restarts().length >= 4);
    expect(lines).toContain("anyray: a exited with code 0, restarting in 0.02 s");
    expect(lines).toContain("anyray: b was ended by SIGKILL, restarting in 0.02 s");
  });

  test("do not happen while stopping, not even after a wait that had begun", async () => {
    const supervisor = start(
      { a: "process.exit(1)" },
      { backoff: { firstMs: 60_000, maxMs: 60_000, resetAfterMs: 1 } },
    );
    await until(() => restarts().length === 1);
    supervisor.stop();
    expect(await supervisor.done).toBe(0);
    expect(restarts()).toEqual([60]);
  });
});

describe("output", () => {
  test("comes line by line, whole characters, the last line without its end included", async () => {
    const script = `
      process.stdout.write(new Uint8Array([0x61, 0xe2, 0x82]));
      await Bun.sleep(50);
      process.stdout.write(new Uint8Array([0xac, 0x0d, 0x0a, 0x62]));
      process.stderr.write("c\\n\\nd\\n");
      process.on("SIGTERM", () => process.exit(0));
      await Bun.sleep(50);
      process.stdout.write("!");
      console.error("up");
      setInterval(() => {}, 1000);`;
    const supervisor = start({ a: script });
    await until(() => lines.includes("a stderr: up"));
    supervisor.stop();
    expect(await supervisor.done).toBe(0);
    expect(lines.filter((line) => line.startsWith("a stdout"))).toEqual(["a stdout: a€", "a stdout: b!"]);
    expect(lines.filter((line) => line.startsWith("a stderr")).slice(0, 3)).toEqual([
      "a stderr: c",
      "a stderr: ",
      "a stderr: d",
    ]);
  });

  test("without any line end is passed on before it fills the memory", async () => {
    start({ a: "process.stdout.write('x'.repeat(300_000)); setInterval(() => {}, 1000)" });
    await until(() => lines.length > 0);
    expect(lines[0]?.length).toBeGreaterThan(65_536);
  });
});

describe("stopping", () => {
  test("takes as long as a service drains, and ends with 0 though one had died before", async () => {
    const draining = "process.on('SIGTERM', () => setTimeout(() => process.exit(0), 400)); console.log('up')";
    const supervisor = start({ a: `${draining}; setInterval(() => {}, 1000)`, b: "process.exit(1)" });
    await until(() => lines.includes("a stdout: up") && restarts().length > 0);
    const askedAt = performance.now();
    supervisor.stop();
    expect(await supervisor.done).toBe(0);
    expect(performance.now() - askedAt).toBeGreaterThan(390);
  });

  test("kills what does not stop in time, with everything it started, and ends with 1", async () => {
    const script = `
      process.on("SIGTERM", () => {});
      const child = Bun.spawn(["sleep", "60"]);
      console.log("up", child.pid);
      setInterval(() => {}, 1000);`;
    const supervisor = start({ a: script }, { stopMs: 300 });
    await until(() => lines.length > 0);
    const pid = Number(lines[0]?.split(" ").at(-1));
    supervisor.stop();
    expect(await supervisor.done).toBe(1);
    expect(lines).toContain("anyray: still running after 0.3 s: killed");
    await until(() => !isAlive(pid));
  });

  test("reports a service that stopped with a fault", async () => {
    const script = "process.on('SIGTERM', () => process.exit(4)); console.log('up'); setInterval(() => {}, 1000)";
    const supervisor = start({ a: script });
    await until(() => lines.length > 0);
    supervisor.stop();
    expect(await supervisor.done).toBe(1);
  });

  test("a service that has not yet learned to listen to SIGTERM counts as stopped cleanly", async () => {
    const supervisor = start({ a: "console.log('up'); setInterval(() => {}, 1000)" });
    await until(() => lines.length > 0);
    supervisor.stop();
    expect(await supervisor.done).toBe(0);
  });
});
