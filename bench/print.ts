// Owns the report as text for a terminal: a table and a small chart for each scenario.

import { armsOf, differenceOf, figure, ratioFigure, ratioOf, spreadFigure } from "./figures";
import { machineLine } from "./machine";
import type { Report, ScenarioReport } from "./report";
import { type Arm, type Row, spreadOf } from "./row";
import { type Column, renderTable } from "./table";

/** The arm that others are compared with. */
const ours: Arm = "anyray";
const barWidth = 40;

export function renderHead({ startedAt, command, machine, versions }: Omit<Report, "scenarios" | "wasBusy">): string {
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [`${command}, ${startedAt}`, machineLine(machine), named.join(" · ")].join("\n");
}

export function renderScenario({ name, title, about, rows, notes, seconds }: ScenarioReport): string {
  const parts = [`${title} (${name}, ${seconds.toFixed(0)} s)`, about, "", renderTable(rows, columnsFor(rows))];
  const chart = rows.find(({ samples }) => Object.keys(samples).length > 1);
  if (chart) parts.push("", renderChart(chart));
  for (const note of notes) parts.push("", `Note: ${note}`);
  return parts.join("\n");
}

function columnsFor(rows: readonly Row[]): Column<Row>[] {
  const arms = armsOf(rows);
  const has = (arm: Arm) => arms.includes(ours) && arms.includes(arm);
  const columns: Column<Row>[] = [
    { title: "metric", cell: ({ metric }) => metric, isText: true },
    { title: "unit", cell: ({ unit }) => unit, isText: true },
    ...arms.map(
      (arm): Column<Row> => ({
        title: arm,
        cell: ({ samples, unit }) => {
          const spread = spreadOf(samples[arm]);
          return spread ? spreadFigure(spread, unit) : "–";
        },
      }),
    ),
  ];
  if (has("direct")) columns.push(differenceColumn, ratioColumn("direct"));
  for (const arm of ["bare", "nginx", "haproxy"]) if (has(arm)) columns.push(ratioColumn(arm));
  return columns;
}

const differenceColumn: Column<Row> = {
  title: "to direct",
  cell(row) {
    const difference = row.isComparedToDirect ? differenceOf(row, ours, "direct") : null;
    return difference === null ? "" : `${difference > 0 ? "+" : ""}${figure(difference, row.unit)}`;
  },
};

function ratioColumn(to: Arm): Column<Row> {
  return {
    title: `÷ ${to}`,
    cell(row) {
      const ratio = ratioOf(row, ours, to);
      return ratio === null ? "" : ratioFigure(ratio);
    },
  };
}

/** One bar an arm, of the row's medians. */
export function renderChart({ metric, unit, samples }: Row): string {
  const bars = armsOf([{ metric, unit, samples, better: "lower", isComparedToDirect: false }]).map((arm) => ({
    arm,
    median: spreadOf(samples[arm])?.median ?? 0,
  }));
  const longest = Math.max(...bars.map(({ median }) => median));
  const width = Math.max(...bars.map(({ arm }) => arm.length));
  const lines = bars.map(({ arm, median }) => {
    const length = longest > 0 ? Math.max(0, Math.round((median / longest) * barWidth)) : 0;
    return `  ${arm.padEnd(width)} ${"█".repeat(length)} ${figure(median, unit)}`;
  });
  return [`  ${metric} (${unit})`, ...lines].join("\n");
}
