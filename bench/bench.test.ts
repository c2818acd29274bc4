// One real run of the bench, small; what its figures rest on is tested beside the files.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Report } from "./report";
import { scenarios } from "./scenarios/registry";

const scratch = mkdtempSync(join(tmpdir(), "anyray-bench-test-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

test("every scenario's file is in the registry under its name", () => {
  const files = readdirSync(join(import.meta.dir, "scenarios")).filter((file) => file !== "registry.ts");
  expect(files.map((file) => file.replace(".ts", "")).sort()).toEqual(scenarios.map(({ name }) => name).sort());
});

test("a real run: right answers, figures of every arm, books to the token, nothing left behind", async () => {
  const file = join(scratch, "report.json");
  const main = resolve(import.meta.dir, "main.ts");
  const child = Bun.spawn(
    [process.execPath, "--no-env-file", main, "body-1m", "--rounds", "1", "--round-ms", "100", "--json", file],
    { env: { PATH: process.env["PATH"] ?? "", TMPDIR: scratch }, stdout: "pipe", stderr: "pipe" },
  );
  const [output, errors, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  expect({ code, errors }).toEqual({ code: 0, errors: "" });
  expect(output).toContain("Request of 1 MB (body-1m");
  const report = JSON.parse(readFileSync(file, "utf8")) as Report;
  expect(report.versions).toMatchObject({ bun: Bun.version });
  const requests = report.scenarios[0]?.rows.find(({ metric }) => metric === "requests");
  for (const arm of ["direct", "bare", "anyray"]) {
    expect(requests?.samples[arm]).toHaveLength(1);
    expect(requests?.samples[arm]?.[0]).toBeGreaterThan(0);
  }
  expect(readdirSync(scratch).filter((name) => name.startsWith("anyray-bench-"))).toEqual([]);
}, 60_000);
