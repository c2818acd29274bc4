import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog } from "./log";
import { acceptsKey, ensureSecret, makeAdminToken, makeKey } from "./secrets";
import { keyBytes } from "./variables";

let root: string;
let dataDir: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "anyray-secrets-"));
  dataDir = join(root, "a", "data");
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

test("makes a secret once, for its owner's eyes only", () => {
  const first = ensureSecret(dataDir, "admin-token", makeAdminToken);
  expect(first.generated).toBe(true);
  expect(first.path).toBe(join(dataDir, "admin-token"));
  expect(modeOf(first.path)).toBe("600");
  expect(modeOf(dataDir)).toBe("700");
  expect(readFileSync(first.path, "utf8")).toBe(`${first.value}\n`);
  expect(readdirSync(dataDir)).toEqual(["admin-token"]);

  const again = ensureSecret(dataDir, "admin-token", () => {
    throw new Error("must not be made again");
  });
  expect(again).toEqual({ ...first, generated: false });
});

test("processes that start at once agree on one value, which exactly one of them made", async () => {
  const script = `
    import { ensureSecret, makeAdminToken } from ${JSON.stringify(`${import.meta.dir}/secrets`)};
    while (Date.now() < Number(process.argv[1])) {}
    const secrets = Array.from({ length: 40 }, (_, n) => ensureSecret(process.argv[2], "s-" + n, makeAdminToken));
    console.log(JSON.stringify(secrets));`;
  const startAt = String(Date.now() + 400);
  const results = await Promise.all(
    [1, 2, 3].map(async () => {
      const child = Bun.spawn([process.execPath, "-e", script, startAt, dataDir], { stdout: "pipe" });
      return JSON.parse(await child.stdout.text()) as { value: string; generated: boolean }[];
    }),
  );
  for (let n = 0; n < 40; n++) {
    const secrets = results.map((result) => result[n]!);
    expect(new Set(secrets.map(({ value }) => value)).size).toBe(1);
    expect(secrets.filter(({ generated }) => generated)).toHaveLength(1);
  }
  expect(readdirSync(dataDir)).toHaveLength(40);
});

describe("a stored secret", () => {
  beforeEach(() => mkdirSync(dataDir, { recursive: true }));

  const store = (content: string, mode = 0o600) => {
    const path = join(dataDir, "content-key");
    writeFileSync(path, content);
    chmodSync(path, mode);
    return path;
  };

  test.each([0o644, 0o640, 0o604])("with mode %o is used, its mode corrected and logged", (mode) => {
    const key = makeKey();
    const path = store(key, mode);
    const lines: string[] = [];
    const log = createLog({ level: "info", service: "s", write: (line) => lines.push(line) });
    expect(ensureSecret(dataDir, "content-key", makeKey, { log }).value).toBe(key);
    expect(modeOf(path)).toBe("600");
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ level: "warn", path, modeBefore: `0${mode.toString(8)}` });
    expect(lines[0]).not.toContain(key);
  });

  test("without line end, as an operator may write it, is accepted", () => {
    const key = makeKey();
    store(key);
    expect(ensureSecret(dataDir, "content-key", makeKey).value).toBe(key);
  });

  test.each([
    ["empty", "", /content-key is empty/],
    ["blank", " \n", /content-key is empty/],
    ["truncated", makeKey().slice(0, 40), /content-key holds no whole secret/],
    ["too large", "x".repeat(5_000), /content-key is too large/],
  ])("that is %s stops the start and stays as it is", (_, content, message) => {
    const path = store(content);
    expect(() => ensureSecret(dataDir, "content-key", makeKey, { accepts: acceptsKey })).toThrow(message);
    expect(readFileSync(path, "utf8")).toBe(content);
  });

  test("shorter than 32 characters is refused where nothing else is asked for", () => {
    store("x".repeat(31));
    expect(() => ensureSecret(dataDir, "content-key", makeKey)).toThrow(/no whole secret/);
  });
});

test("a name that leads elsewhere is refused", () => {
  for (const name of ["../admin-token", "a/b", "", ".hidden"]) {
    expect(() => ensureSecret(dataDir, name, makeKey)).toThrow(/is no name/);
  }
});

test("made values are what they say", () => {
  expect(makeAdminToken()).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(keyBytes(makeKey())).toHaveLength(32);
  expect(makeAdminToken()).not.toBe(makeAdminToken());
});
