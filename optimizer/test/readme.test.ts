// The README's table of strategies is what is registered, and says of each whether it is on.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { registry } from "../src/registry";

test("the README lists every strategy, and which are on", async () => {
  const readme = await Bun.file(join(import.meta.dir, "..", "..", "README.md")).text();
  const table = readme.slice(readme.indexOf("| strategy | on | does |")).split("\n\n")[0] ?? "";
  const rows = [...table.matchAll(/^\| `([a-z_]+)` \| (yes)? ?\| /gm)].map(([, kind, on]) => ({
    kind,
    enabled: on === "yes",
  }));
  const byKind = (a: { kind?: string | undefined }, b: { kind?: string | undefined }) =>
    (a.kind ?? "") < (b.kind ?? "") ? -1 : 1;
  const registered = registry.defaultConfig.strategies.map(({ kind, enabled }) => ({ kind, enabled }));
  expect(rows.sort(byKind)).toEqual(registered.sort(byKind));
});
