// Promise: what is wrong at the start is said at once, whole and in one message, with no secret in it; and a start that
// fails leaves what it found as it was.

import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CapsReport } from "@anyray/shared/admin/caps";
import { startFakeProvider } from "@anyray/shared/testing/fake-provider";
import { startGateway, until } from "./harness";

// A start is a second of a busy machine.
setDefaultTimeout(30_000);

const canary = "sk-canary-3f9a71c2d4e8b605";
const main = join(import.meta.dir, "..", "src/main.ts");
const root = mkdtempSync(join(tmpdir(), "anyray-start-"));
let directories = 0;
const freshPath = () => join(root, String(++directories));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Starts a gateway that is expected to give up. */
async function startBadly(env: Record<string, string>) {
  const child = Bun.spawn([process.execPath, "--no-env-file", main], {
    env: { PATH: process.env["PATH"] ?? "", ANYRAY_GATEWAY_PORT: "0", ANYRAY_DATA_DIR: freshPath(), ...env },
    stdout: "pipe",
    stderr: "pipe",
    timeout: 25_000,
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  const code = await child.exited;
  expect(`${stdout}${stderr}`).not.toMatch(/^\s+at \S+ \(|\.ts:\d+/m);
  return { code, stdout, stderr };
}

/** The one line of a start that failed. */
function lastLine(stdout: string): Record<string, string> {
  const lines = stdout.trim().split("\n");
  const line = JSON.parse(lines.at(-1) ?? "") as Record<string, string>;
  expect([line["level"], line["msg"]]).toEqual(["error", "the gateway cannot start"]);
  return line;
}

test("bad variables: exit code 78, and one message that names each of them, its value and what is accepted", async () => {
  const dataDir = freshPath();
  const bad: Record<string, [value: string, accepted: string | RegExp]> = {
    ANYRAY_GATEWAY_PORT: ["65536", "a whole number from 0 to 65535"],
    ANYRAY_MAX_BODY_BYTES: ["1k", "a whole number from 1024 to 1073741824"],
    ANYRAY_MAX_CONCURRENCY: ["-1", "a whole number from 1 to 60000"],
    ANYRAY_CLIENT_IDLE_SECONDS: ["0", "a whole number from 1 to 255"],
    ANYRAY_UPSTREAM_TTFB_MS: ["1e3", "a whole number from 1 to 3600000"],
    ANYRAY_ON_ABORT: ["Cancel", "`cancel`, `drain`"],
    ANYRAY_UPSTREAM_HTTP2: ["yes", "`true`, `false`"],
    ANYRAY_REPORT_TZ: ["Mars/Olympus", /IANA time zone/],
    ANYRAY_SPEND_FSYNC: ["never", "`group`, `always`"],
    ANYRAY_LOG_LEVEL: ["loud", "`debug`, `info`, `warn`, `error`"],
    ANYRAY_PROVIDER_URL_OPENAI: ["api.openai.com", /a URL that starts with/],
    ANYRAY_PROVIDER_URL_ACME: ["file:///etc/passwd", /a URL that starts with/],
    ANYRAY_PROVIDER_ON_ABORT_OPENAI: ["maybe", "`cancel`, `drain`"],
  };
  const env = Object.fromEntries(Object.entries(bad).map(([name, [value]]) => [name, value]));
  const hidden = {
    ANYRAY_CONTENT_KEY: `${canary}-too-short`,
    ANYRAY_HTTP_PROXY: `socks5://user:${canary}@proxy.test`,
    ANYRAY_ADMIN_TOKEN_FILE: "/nowhere/token",
    ANYRAY_PROVIDER_KEY_OPENAI_FILE: "/nowhere/key",
    "ANYRAY_PROVIDER_KEY_acme corp": canary,
    ANYRAY_PROVIDER_KEY_GOOD: canary,
    ANYRAY_DATA_DIR: dataDir,
  };
  const { code, stdout, stderr } = await startBadly({ ...env, ...hidden });
  expect([code, stdout]).toEqual([78, ""]);
  expect(stderr).toStartWith("Variables have a bad value:\n");
  const lines = stderr.trim().split("\n").slice(1);
  const lineOf = (name: string) => lines.find((line) => line.startsWith(`  ${name}`)) ?? "";
  for (const [name, [value, accepted]] of Object.entries(bad)) {
    expect([name, lineOf(name)]).toEqual([
      name,
      expect.stringContaining(`${name}=${JSON.stringify(value)}: accepted is`),
    ]);
    expect(lineOf(name)).toMatch(typeof accepted === "string" ? RegExp(`${accepted}$`) : accepted);
  }
  expect(lineOf("ANYRAY_CONTENT_KEY")).toBe("  ANYRAY_CONTENT_KEY=(hidden): accepted is 32 bytes as base64 or hex");
  expect(lineOf("ANYRAY_HTTP_PROXY")).toMatch(/^ {2}ANYRAY_HTTP_PROXY=\(hidden\): accepted is a URL that starts with/);
  expect(lineOf("ANYRAY_ADMIN_TOKEN_FILE")).toContain('"/nowhere/token" cannot be read (ENOENT)');
  expect(lineOf("ANYRAY_PROVIDER_KEY_OPENAI_FILE")).toContain('"/nowhere/key" cannot be read (ENOENT)');
  expect(lineOf("ANYRAY_PROVIDER_KEY_acme corp")).toContain("must be a slug");
  expect(lines).toHaveLength(Object.keys(bad).length + 5);
  expect(stderr).not.toContain("canary");
  expect(existsSync(dataDir)).toBe(false);
});

test("a single bad variable is told as one, and a secret in an address is not told", async () => {
  const { code, stderr } = await startBadly({ ANYRAY_PROVIDER_URL_ACME: `ftp://user:${canary}@provider.test/v1` });
  const [first, second, ...rest] = stderr.trim().split("\n");
  expect([code, first, rest]).toEqual([78, "A variable has a bad value:", []]);
  expect(second).toStartWith("  ANYRAY_PROVIDER_URL_ACME=");
  expect(stderr).not.toContain("canary");
});

test("an empty value counts as unset, and a variable nobody reads is warned about by its name", async () => {
  const gateway = await startGateway({
    env: { ANYRAY_MAX_BODY_BYTES: "", ANYRAY_LOG_LEVEL: " ", ANYRAY_MAX_BODY: canary },
  });
  const warnings = gateway
    .output()
    .split("\n")
    .filter((line) => line.includes('"level":"warn"'));
  expect(warnings.map((line) => JSON.parse(line).variable)).toEqual(["ANYRAY_MAX_BODY"]);
  expect(gateway.output()).not.toContain("canary");
});

test("a data directory that cannot be one: exit code 1, and the path is named", async () => {
  const file = freshPath();
  writeFileSync(file, "occupied");
  const tryIn = async (dataDir: string) => {
    const { code, stdout } = await startBadly({ ANYRAY_DATA_DIR: dataDir });
    expect([dataDir, code, lastLine(stdout)["detail"]]).toEqual([dataDir, 1, expect.stringContaining(dataDir)]);
  };
  await Promise.all([file, join(file, "below"), "/proc/anyray"].map(tryIn));
  expect(readFileSync(file, "utf8")).toBe("occupied");
});

const isRoot = process.getuid?.() === 0;
test.skipIf(isRoot)(
  "a data directory that may not be written is named (skipped for root, whom nothing is refused)",
  async () => {
    const dataDir = freshPath();
    mkdirSync(dataDir, { mode: 0o500 });
    const { code, stdout } = await startBadly({ ANYRAY_DATA_DIR: dataDir });
    chmodSync(dataDir, 0o700);
    expect([code, lastLine(stdout)["detail"]]).toEqual([1, expect.stringContaining(dataDir)]);
  },
);

test("a secret or a store that is damaged stops the start and is left as it is", async () => {
  const tryWith = async ([name, content]: readonly [name: string, content: string]) => {
    const dataDir = freshPath();
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, name), content, { mode: 0o600 });
    const { code, stdout } = await startBadly({ ANYRAY_DATA_DIR: dataDir });
    expect([name, code]).toEqual([name, 1]);
    expect(lastLine(stdout)["detail"]).toMatch(name === "anyray.db" ? /database/ : RegExp(join(dataDir, name)));
    expect(readFileSync(join(dataDir, name), "utf8")).toBe(content);
  };
  const noDatabase = "this is no database, and never was one".repeat(200);
  await Promise.all(
    (
      [
        ["admin-token", ""],
        ["admin-token", "short"],
        ["content-key", "no key"],
        ["anyray.db", noDatabase],
      ] as const
    ).map(tryWith),
  );
});

test("a port that is taken: exit code 1, and the port is named", async () => {
  const holder = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const dataDir = freshPath();
  const { code, stdout } = await startBadly({
    ANYRAY_GATEWAY_HOST: "127.0.0.1",
    ANYRAY_GATEWAY_PORT: String(holder.port),
    ANYRAY_DATA_DIR: dataDir,
  });
  const { detail, code: cause } = lastLine(stdout);
  expect([code, detail, cause]).toEqual([1, expect.stringContaining(String(holder.port)), "EADDRINUSE"]);
  holder.stop(true);
  // What it had opened is free for the next.
  const gateway = await startGateway({ dataDir });
  expect(await gateway.rows()).toEqual([]);
});

test("an address that is not this machine's: exit code 1, and the address is named", async () => {
  const { code, stdout } = await startBadly({ ANYRAY_GATEWAY_HOST: "192.0.2.1" });
  expect([code, lastLine(stdout)["detail"]]).toEqual([1, expect.stringContaining("192.0.2.1")]);
});

test("two gateways on one data directory both serve, lose no row, and follow each other's policy", async () => {
  const fake = startFakeProvider();
  const env = { ANYRAY_PROVIDER_URL_OPENAI: fake.url };
  const first = await startGateway({ env });
  const second = await startGateway({ env, dataDir: first.dataDir });
  const send = async (url: string, user: string, session: string) => {
    const answer = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "x-anyray-metadata": JSON.stringify({ user, session }) },
      body: JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: "Hello" }] }),
    });
    await answer.bytes();
    return answer.status;
  };
  const both = [first, second] as const;
  await Promise.all(Array.from({ length: 100 }, (_, nth) => send(both[nth % 2]!.url, "ada", `call ${nth}`)));
  expect(readdirSync(join(first.dataDir, "spool")).sort()).toEqual(["0", "1"]);
  // A killed one's rows wait for whoever starts next, and the other one's are left alone meanwhile.
  await second.stop("SIGKILL");
  await send(first.url, "ada", "call 100");
  const third = await startGateway({ env, dataDir: first.dataDir });
  for (const gateway of [first, third]) {
    const sessions = await until(async () => {
      const rows = await gateway.rows("user=ada");
      return rows.length >= 101 ? rows.map(({ session }) => session) : null;
    });
    expect(new Set(sessions).size).toBe(101);
    expect(sessions).toHaveLength(101);
  }
  await third.admin("PUT", "/admin/user-caps", { user: "ada", monthlyTokens: 1 });
  expect(await send(third.url, "ada", "refused")).toBe(429);
  await until(async () => (await send(first.url, "ada", "maybe")) === 429, 1_000);
  const { caps } = await first.admin<CapsReport>("GET", "/admin/user-caps");
  expect(caps.map(({ user, state }) => [user, state])).toEqual([["ada", "over"]]);
  fake.stop();
});
