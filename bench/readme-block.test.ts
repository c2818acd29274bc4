import { describe, expect, test } from "bun:test";
import { renderPerformance, withPerformance } from "./readme-block";
import type { Report, ScenarioReport } from "./report";
import type { Row } from "./row";

const row = (metric: string, samples: Row["samples"]): Row => ({
  metric,
  unit: "µs",
  better: "lower",
  samples,
  isComparedToDirect: false,
});
const run = (...rows: Row[]): ScenarioReport => ({ name: "s", title: "S", about: "", rows, notes: [], seconds: 1 });
describe("the README's block", () => {
  test("is rewritten and leaves all else", () => {
    const readme = "a\n<!-- performance -->\nold\n<!-- /performance -->\nb\n";
    expect(withPerformance(readme, "new\n")).toBe("a\n<!-- performance -->\nnew\n<!-- /performance -->\nb\n");
  });

  test("is made where there is none, in front of the house", () => {
    const made = withPerformance("# A\n\n## The house\n\nx\n", "new\n");
    expect(made).toStartWith("# A\n\n## Performance\n");
    expect(made).toEndWith("<!-- performance -->\nnew\n<!-- /performance -->\n\n## The house\n\nx\n");
    expect(withPerformance(made, "newer\n")).toBe(made.replace("new\n<!--", "newer\n<!--"));
    expect(withPerformance("# A\n", "new\n")).toEndWith("<!-- performance -->\nnew\n<!-- /performance -->\n");
  });

  test("is refused with half a marker, or two", () => {
    for (const readme of [
      "<!-- performance -->",
      "<!-- /performance --><!-- performance -->",
      "<!-- performance -->".repeat(2),
    ]) {
      expect(() => withPerformance(readme, "")).toThrow("once each");
    }
  });

  test("holds the headlines with machine, command and date", () => {
    const headline = { ...row("requests", { direct: [9], bare: [4], anyray: [3] }), isHeadline: true };
    const report: Report = {
      startedAt: "2026-01-02T03:04:05.000Z",
      command: "bun run bench",
      machine: { cpu: "A CPU", cores: 2, memoryGb: 4, system: "linux", pinning: null },
      versions: { bun: "1.2.3" },
      scenarios: [run(headline, row("other", { anyray: [1] }))],
      wasBusy: false,
    };
    const block = renderPerformance(report);
    expect(block).toContain("| S: requests (µs) | 9 | 4 | – | 3 | 0.75× |\n");
    expect(block).not.toContain("other");
    expect(block).not.toContain("busy");
    expect(renderPerformance({ ...report, wasBusy: true })).toContain("The machine was busy");
    expect(block).toContain("`bun run bench` on 2026-01-02; medians. A CPU, 2 cores, 4 GB, linux");
  });
});
