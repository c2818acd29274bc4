// Owns the README's performance table: the rows that matter most, with the command, the machine and the date.

import { figure, ratioFigure, ratioOf } from "./figures";
import { machineLine } from "./machine";
import type { Report } from "./report";
import { type Arm, type Row, spreadOf } from "./row";

const opening = "<!-- performance -->";
const closing = "<!-- /performance -->";
const section = `## Performance\n\nMeasured by \`bun run bench\`, which anyone can repeat; \`bun run bench --check\` holds it to \`bench/budgets.json\`.\n\n`;
const arms: readonly Arm[] = ["direct", "bare", "nginx", "anyray"];

/**
 * `readme` with the block rewritten; in front of `## The house`, or at the end, when there was none.
 *
 * @throws Error when a marker is there without the other, or more than once
 */
export function withPerformance(readme: string, block: string): string {
  const opened = readme.split(opening).length - 1;
  const closed = readme.split(closing).length - 1;
  if (opened === 0 && closed === 0) return withSection(readme, `${section}${opening}\n${block}${closing}\n`);
  const from = readme.indexOf(opening);
  const to = readme.indexOf(closing);
  if (opened !== 1 || closed !== 1 || to < from)
    throw new Error(`README.md needs ${opening} and then ${closing}, once each`);
  return `${readme.slice(0, from + opening.length)}\n${block}${readme.slice(to)}`;
}

function withSection(readme: string, text: string): string {
  const at = readme.indexOf("\n## The house");
  if (at < 0) return `${readme.trimEnd()}\n\n${text}`;
  return `${readme.slice(0, at + 1)}${text}\n${readme.slice(at + 1)}`;
}

export function renderPerformance({ command, startedAt, machine, versions, scenarios, wasBusy }: Report): string {
  const head = ["", "direct", "bare Bun proxy", "nginx", "Anyray", "Anyray ÷ bare"];
  const lines = scenarios.flatMap(({ rows, title }) =>
    rows
      .filter(({ isHeadline }) => isHeadline)
      .map((row) => [`${title}: ${row.metric} (${row.unit})`, ...cellsOf(row)]),
  );
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `${markdownTable([head, ...lines])}
\`${command}\` on ${startedAt.slice(0, 10)}; medians. ${machineLine(machine)}. ${named.join(", ")}.${wasBusy ? " The machine was busy with other things at times." : ""}
`;
}

function cellsOf(row: Row): string[] {
  const ratio = ratioOf(row, "anyray", "bare");
  return [
    ...arms.map((arm) => {
      const spread = spreadOf(row.samples[arm]);
      return spread ? figure(spread.median, row.unit) : "–";
    }),
    ratio === null ? "–" : ratioFigure(ratio),
  ];
}

function markdownTable([head = [], ...lines]: readonly (readonly string[])[]): string {
  const rule = head.map((_, column) => (column === 0 ? "---" : "---:"));
  return [head, rule, ...lines].map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}
