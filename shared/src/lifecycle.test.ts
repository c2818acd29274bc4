import { describe, expect, test } from "bun:test";
import { createLifecycle } from "./lifecycle";
import { createLog } from "./log";

/** A lifecycle over a hand-moved clock, with everything that happened to it in one list. */
function setUp(drainMs = 1_000) {
  let nowMs = 1_000_000;
  const happened: string[] = [];
  const listeners: Record<string, () => void> = {};
  const timers = new Set<{ at: number; call: () => void }>();
  const lifecycle = createLifecycle({
    log: createLog({
      level: "info",
      service: "test",
      write: (line) => {
        const { msg, step } = JSON.parse(line) as { msg: string; step?: string };
        happened.push(`log: ${msg}${step ? ` (${step})` : ""}`);
      },
    }),
    drainMs,
    process: { on: (signal, listener) => (listeners[signal] = listener) },
    exit: (code) => happened.push(`exit ${code}`),
    clock: {
      now: () => nowMs,
      after: (ms, call) => {
        const timer = { at: nowMs + ms, call };
        timers.add(timer);
        return () => timers.delete(timer);
      },
    },
  });
  const settle = () => Bun.sleep(0);
  const advance = async (ms: number) => {
    await settle();
    nowMs += ms;
    for (const timer of [...timers].filter(({ at }) => at <= nowMs)) {
      timers.delete(timer);
      timer.call();
    }
    await settle();
  };
  return { lifecycle, happened, signal: (name: string) => listeners[name]?.(), advance, settle, timers };
}

describe("a signal", () => {
  test.each(["SIGTERM", "SIGINT"])("%s runs the steps in order under one deadline, then exits 0", async (name) => {
    const { lifecycle, happened, signal, advance, timers } = setUp(1_000);
    for (const step of ["stop accepting", "drain", "flush"]) {
      lifecycle.onShutdown({
        name: step,
        run: async (deadline) => {
          happened.push(`${step} until ${deadline}`);
          await Promise.resolve();
          happened.push(`${step} done`);
        },
      });
    }
    expect(lifecycle.draining).toBe(false);
    signal(name);
    expect(lifecycle.draining).toBe(true);
    await advance(0);
    expect(happened).toEqual([
      "log: shutting down",
      ...["stop accepting", "drain", "flush"].flatMap((step) => [`${step} until 1001000`, `${step} done`]),
      "log: shut down",
      "exit 0",
    ]);
    expect(timers.size).toBe(0);
  });

  test("a step that fails, at once or later, is logged and the next still runs", async () => {
    const { lifecycle, happened, signal, advance } = setUp();
    lifecycle.onShutdown({
      name: "throws",
      run: () => {
        throw new Error("no");
      },
    });
    lifecycle.onShutdown({ name: "rejects", run: () => Promise.reject(new Error("no")) });
    lifecycle.onShutdown({ name: "last", run: async () => void happened.push("last ran") });
    signal("SIGTERM");
    await advance(0);
    expect(happened.slice(1)).toEqual([
      "log: shutdown step failed (throws)",
      "log: shutdown step failed (rejects)",
      "last ran",
      "log: shut down",
      "exit 0",
    ]);
  });

  test("a step that hangs is left behind shortly after the deadline, the next still has its time", async () => {
    const { lifecycle, happened, signal, advance } = setUp(1_000);
    const hang = () => new Promise<void>(() => {});
    lifecycle.onShutdown({ name: "drain", run: hang });
    lifecycle.onShutdown({ name: "flush", run: hang });
    signal("SIGTERM");
    await advance(3_999);
    expect(happened).toEqual(["log: shutting down"]);
    await advance(1);
    expect(happened.at(-1)).toBe("log: shutdown step failed (drain)");
    await advance(2_999);
    expect(happened.at(-1)).toBe("log: shutdown step failed (drain)");
    await advance(1);
    expect(happened.slice(-3)).toEqual(["log: shutdown step failed (flush)", "log: shut down", "exit 0"]);
  });

  test("however many steps hang, all ends within 8 s of the deadline", async () => {
    const { lifecycle, happened, signal, advance } = setUp(1_000);
    for (let n = 0; n < 9; n++) lifecycle.onShutdown({ name: `${n}`, run: () => new Promise<void>(() => {}) });
    signal("SIGTERM");
    for (let elapsedMs = 0; elapsedMs < 8_900; elapsedMs += 100) await advance(100);
    expect(happened).not.toContain("exit 0");
    await advance(100);
    for (let n = 0; n < 9; n++) await advance(0);
    expect(happened.at(-1)).toBe("exit 0");
  });
});

describe("a second signal", () => {
  test("exits 1 at once", async () => {
    const { lifecycle, happened, signal, advance } = setUp();
    lifecycle.onShutdown({ name: "drain", run: () => new Promise<void>(() => {}) });
    signal("SIGTERM");
    await advance(500);
    signal("SIGINT");
    expect(happened.slice(-2)).toEqual(["log: second signal: exiting at once", "exit 1"]);
  });

  test("within half a second is the first one's echo", async () => {
    const { lifecycle, happened, signal, advance } = setUp();
    lifecycle.onShutdown({ name: "drain", run: () => new Promise<void>(() => {}) });
    signal("SIGINT");
    await advance(499);
    signal("SIGTERM");
    expect(happened).toEqual(["log: shutting down"]);
  });
});

test("shutdown without a signal does the same, once", async () => {
  const { lifecycle, happened, signal } = setUp();
  let runs = 0;
  lifecycle.onShutdown({ name: "flush", run: async () => void runs++ });
  signal("SIGTERM");
  await Promise.all([lifecycle.shutdown("fault"), lifecycle.shutdown("fault")]);
  expect(runs).toBe(1);
  expect(happened.filter((what) => what === "exit 0")).toHaveLength(1);
});

test("a real process drains on SIGTERM and exits 0", async () => {
  const script = `
    import { createLifecycle } from ${JSON.stringify(`${import.meta.dir}/lifecycle`)};
    import { createLog } from ${JSON.stringify(`${import.meta.dir}/log`)};
    const lifecycle = createLifecycle({ log: createLog({ level: "info", service: "s" }), drainMs: 5000 });
    lifecycle.onShutdown({ name: "drain", run: async () => { await Bun.sleep(100); console.log("drained"); } });
    console.log("up");
    setInterval(() => {}, 1000);`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  let output = "";
  for await (const chunk of child.stdout) {
    if (output === "") child.kill("SIGTERM");
    output += new TextDecoder().decode(chunk);
  }
  expect(await child.exited).toBe(0);
  expect(output).toMatch(/^up\n\{.*"shutting down".*\}\ndrained\n\{.*"shut down".*\}\n$/);
});
