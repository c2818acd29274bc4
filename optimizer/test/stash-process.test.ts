import { expect, test } from "bun:test";
import { createKeyring } from "@anyray/shared/crypto";
import { openStash } from "../src/stash/stash";
import { makeTemporaryDirectory, randomKey } from "../src/testing/kept";

const childPath = new URL("./stash-child.ts", import.meta.url).pathname;

/** Lets the child keep at least `count` originals, kills it, and returns what it had said of them. */
async function keepAndDie(
  path: string,
  key: string,
  name: string,
  count: number,
): Promise<[handle: string, n: number][]> {
  const child = Bun.spawn([process.execPath, childPath, path, key, name], { stdout: "pipe", stderr: "inherit" });
  let said = "";
  const decoder = new TextDecoder();
  for await (const piece of child.stdout) {
    said += decoder.decode(piece, { stream: true });
    if (said.split("\n").length > count && child.exitCode === null) child.kill("SIGKILL");
  }
  await child.exited;
  expect(child.signalCode).toBe("SIGKILL");
  const lines = said.slice(0, said.lastIndexOf("\n")).split("\n");
  return lines.map((line) => [line.split(" ")[0] ?? "", Number(line.split(" ")[1])]);
}

test("what a killed process had kept is there after a restart, with two of them on one file", async () => {
  using directory = makeTemporaryDirectory();
  const key = randomKey();
  const [one, two] = await Promise.all([
    keepAndDie(directory.path, key, "one", 60),
    keepAndDie(directory.path, key, "two", 60),
  ]);
  const stash = openStash({ path: directory.path, keyring: createKeyring(key), now: Date.now });
  for (const [name, said] of [
    ["one", one],
    ["two", two],
  ] as const) {
    expect(said.length).toBeGreaterThanOrEqual(60);
    for (const [handle, n] of said) {
      const found = stash.retrieve({ handle, offset: 0, maxChars: 200_000 }, { tenant: "t", user: "u" });
      expect(found?.answer.content).toBe(`${name} ${n} `.repeat(200 + (n % 50) * 40));
      expect(found?.record.scope.session).toBe(name);
    }
  }
  stash.close();
}, 30_000);
