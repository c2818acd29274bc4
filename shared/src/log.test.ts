import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createLog, type LogLevel } from "./log";

function capture(level: LogLevel = "info") {
  const lines: string[] = [];
  const log = createLog({ level, service: "gateway", write: (line) => lines.push(line), now: () => 1_767_323_045_678 });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? "null") as Record<string, unknown> };
}

/** Past the types, as a careless cast would. */
function loosely(fields: Record<string, unknown>): Record<string, string> {
  return fields as Record<string, string>;
}

describe("a line", () => {
  test("is one JSON object with time, level, service, message and fields, in this order", () => {
    const { log, lines } = capture();
    log.info("started", { port: 8787, host: "0.0.0.0", tls: false, cap: null, later: undefined });
    expect(lines).toEqual([
      '{"ts":"2026-01-02T03:04:05.678Z","level":"info","service":"gateway","msg":"started","port":8787,"host":"0.0.0.0","tls":false,"cap":null}',
    ]);
  });

  test("below the level is neither written nor built", () => {
    const { log, lines } = capture("warn");
    const trap = loosely({});
    Object.defineProperty(trap, "costly", {
      enumerable: true,
      get: () => {
        throw new Error("was read");
      },
    });
    log.debug("off", trap);
    log.info("off", trap);
    log.warn("on");
    log.error("on");
    expect(lines.map((line) => JSON.parse(line).level)).toEqual(["warn", "error"]);
  });

  test("of a child carries the child's fields, and its own win", () => {
    const { log, last } = capture();
    log.child({ requestId: "r1", step: "a" }).child({ step: "b" }).warn("x", { n: 1 });
    expect(last()).toMatchObject({ requestId: "r1", step: "b", n: 1, level: "warn" });
  });

  test("keeps its own time, level, service and message whatever the fields say", () => {
    const { log, last } = capture();
    log.info("true", loosely({ ts: "t", level: "l", service: "s", msg: "m" }));
    expect(last()).toMatchObject({ level: "info", service: "gateway", msg: "true", level_: "l", msg_: "m" });
  });

  test("stays one line of harmless characters, whatever a text holds", () => {
    const { log, lines, last } = capture();
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 600 }), (text) => {
        log.info("x", { text });
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not appear.
        expect(lines.at(-1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/);
        expect(String(last()["text"]).length).toBeLessThanOrEqual(512);
      }),
    );
    log.info("x", { text: "a\u001b[2J\u009b\u2028\u202eb\nc" });
    expect(last()["text"]).toBe("a\u001b[2J\u009b\u2028\u202eb\nc");
  });

  test("cuts a long text, never inside a character", () => {
    const { log, last } = capture();
    log.info("x", { text: "a".repeat(513) });
    expect(last()["text"]).toBe(`${"a".repeat(511)}…`);
    log.info("x", { text: `${"a".repeat(510)}😀😀` });
    expect(last()["text"]).toBe(`${"a".repeat(510)}…`);
  });
});

describe("refused", () => {
  test("fields by name, at run time", () => {
    const { log, last } = capture();
    const names = ["authorization", "x-api-key", "Set-Cookie", "adminToken", "apiKey", "prompt", "content", "messages"];
    log.info("x", loosely(Object.fromEntries([...names, "requestBody"].map((name) => [name, "leak"]))));
    log.child(loosely({ token: "leak" })).info("x");
    for (const name of names) log.info("x", loosely({ [name]: "leak" }));
    expect(Object.values(last()).filter((value) => value === "leak")).toEqual([]);
    expect(last()[names.at(-1) ?? ""]).toBe("[refused]");
  });

  test("values that are no plain value, at run time", () => {
    const { log, last } = capture();
    log.info("x", loosely({ list: ["leak"], nested: { text: "leak" }, headers: new Headers({ a: "leak" }) }));
    expect(last()).toMatchObject({ list: "[refused]", nested: "[refused]", headers: "[refused]" });
  });

  test("but not counts and sizes whose names come near", () => {
    const { log, last } = capture();
    log.info("x", { inputTokens: 1, bodyBytes: 2, contentType: "text/plain", keyId: "k1", messageCount: 3 });
    expect(last()).toMatchObject({ inputTokens: 1, bodyBytes: 2, contentType: "text/plain", keyId: "k1" });
  });

  test("at compile time as well", () => {
    const { log, lines } = capture();
    const value: string = "v";
    // @ts-expect-error a message made from a value
    log.info(`user ${value}`);
    // @ts-expect-error a message that is a value
    log.info(value);
    // @ts-expect-error by name
    log.info("x", { authorization: value });
    // @ts-expect-error by the end of the name
    log.info("x", { adminToken: value });
    // @ts-expect-error by the end of the name
    log.info("x", { "x-api-key": value });
    // @ts-expect-error not a plain value
    log.info("x", { request: { model: "m" } });
    // @ts-expect-error the log's own
    log.info("x", { ts: value });
    // @ts-expect-error in a child too
    log.child({ prompt: value });
    log.info(value.length > 0 ? "two" : "constants", { error: value, inputTokens: 1 });
    expect(lines.length).toBe(8);
  });
});

describe("an error", () => {
  test("becomes its name, code and redacted message, without the stack", () => {
    const { log, last } = capture();
    const error = Object.assign(new TypeError("refused for Bearer abc.def-1"), { code: "ECONNRESET" });
    log.error("x", { error, step: "forward" });
    expect(last()).toMatchObject({ error: "TypeError", detail: "refused for Bearer [redacted]", code: "ECONNRESET" });
    expect(last()["stack"]).toBeUndefined();
    expect(last()["step"]).toBe("forward");
  });

  test("has its stack, redacted too, where debug lines are on", () => {
    const { log, lines, last } = capture("debug");
    log.error("x", { error: new Error("key sk-proj-abcdefghijk") });
    expect(String(last()["stack"])).toContain("log.test.ts");
    expect(lines.join()).not.toContain("abcdefghijk");
  });

  test("of a parser does not quote what was parsed", () => {
    const { log, lines, last } = capture("debug");
    let error: unknown;
    try {
      JSON.parse('{"a": confidential}');
    } catch (thrown) {
      error = thrown;
    }
    expect(String(error)).toContain("confidential");
    log.error("x", { error });
    expect(last()["error"]).toBe("SyntaxError");
    expect(lines.join()).not.toContain("confidential");
  });

  test("may be anything that was thrown", () => {
    const { log, last } = capture();
    log.error("x", { error: "plain text" });
    expect(last()["error"]).toBe("plain text");
    log.error("x", { error: { content: "leak" } });
    expect(last()["error"]).toBe("[refused]");
    log.error("x", { error: null });
    expect(last()["error"]).toBeNull();
  });
});

describe("stdout", () => {
  test("gets the lines, and a reader that leaves does not end the process", async () => {
    const script = `
      import { createLog } from ${JSON.stringify(`${import.meta.dir}/log`)};
      const log = createLog({ level: "info", service: "s" });
      for (let n = 0; n < 60; n++) { log.info("tick", { n }); await Bun.sleep(5); }
      process.stderr.write("survived");`;
    const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "pipe" });
    const reader = child.stdout.getReader();
    const first = new TextDecoder().decode((await reader.read()).value).split("\n")[0];
    expect(JSON.parse(first ?? "")).toMatchObject({ msg: "tick", n: 0, service: "s" });
    await reader.cancel();
    expect(await child.stderr.text()).toBe("survived");
    expect(await child.exited).toBe(0);
  });

  test("with a reader that stalls costs lines, not memory, and says how many", async () => {
    const script = `
      import { createLog } from ${JSON.stringify(`${import.meta.dir}/log`)};
      const log = createLog({ level: "info", service: "s" });
      for (let n = 0; n < 60_000; n++) log.info("x", { text: "y".repeat(400) });
      await Bun.sleep(1_000);
      log.info("last");`;
    const command = '"$0" -e "$1" | (sleep 0.7; cat)';
    const child = Bun.spawn(["sh", "-c", command, process.execPath, script], { stdout: "pipe" });
    const output = await child.stdout.text();
    const lines = output.trimEnd().split("\n");
    const dropped = lines.flatMap((line) => /"log lines dropped","lines":(\d+)/.exec(line)?.[1] ?? []).map(Number);
    expect(dropped).toEqual([60_000 - lines.filter((line) => line.includes('"msg":"x"')).length]);
    expect(lines.at(-1)).toContain('"last"');
    expect(output.length).toBeLessThan(9_000_000);
  });
});
