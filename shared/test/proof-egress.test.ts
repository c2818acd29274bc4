// The whole product in a network where the provider is all there is: nothing else is called, no name is looked up.

import { expect, test } from "bun:test";
import { join, resolve } from "node:path";
import { whyNoNamespaces } from "../src/testing/namespace";

const root = resolve(import.meta.dir, "../..");
const reason = whyNoNamespaces();

test.skipIf(reason !== null)(
  `nothing goes anywhere but to the provider${reason === null ? "" : ` (skipped: ${reason})`}`,
  async () => {
    const child = Bun.spawn([process.execPath, "--no-env-file", join(root, "shared/bin/proof-egress.ts")], {
      cwd: root,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [output, faults, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    expect([code, code === 0 ? "" : output + faults]).toEqual([0, ""]);
    for (const line of [
      "packets to any host but the provider: 0",
      "datagrams, and so names looked up: 0",
      "attempts for which there was no route: 0",
      "connections to other ports of the provider: 0",
      "hosts in the register that nobody set: 0",
      "Nothing went elsewhere.",
    ])
      expect(output).toContain(`${line}\n`);
    expect(Number(/sent to the provider: (\d+)/.exec(output)?.[1])).toBeGreaterThan(20);
  },
  120_000,
);
