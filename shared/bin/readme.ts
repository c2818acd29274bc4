// Owns the README's tables of variables and errors, made from the tables in the code.
//   bun shared/bin/readme.ts          exits 1 when they are stale
//   bun shared/bin/readme.ts --write  brings them up to date

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { type ErrorSpec, errorTable } from "../src/errors";
import { slugVariables, type Variable, variables } from "../src/variables";

const minimal = "# Anyray\n\n<!-- variables -->\n<!-- /variables -->\n\n<!-- errors -->\n<!-- /errors -->\n";

export function variablesTable(): string {
  const all: [string, Variable<unknown>][] = [
    ...Object.entries(variables),
    ...Object.entries(slugVariables).map(([prefix, variable]): [string, Variable<unknown>] => [
      `${prefix}<SLUG>`,
      variable,
    ]),
  ];
  const rows = all.map(([name, variable]) => [
    `\`${name}\``,
    variable.meaning,
    variable.default === null ? "unset" : `\`${variable.default}\``,
    variable.accepts + (variable.secret ? "; or a file's path in `NAME_FILE`".replace("NAME", name) : ""),
  ]);
  return table(["variable", "meaning", "default", "accepted"], rows);
}

export function errorsTable(): string {
  const rows = Object.entries(errorTable).map(([code, spec]: [string, ErrorSpec]) => [
    `\`${code}\``,
    String(spec.status),
    spec.when,
    spec.retry ? "yes" : "no",
    `\`${spec.openaiType}\``,
    `\`${spec.anthropicType}\``,
  ]);
  return table(["code", "status", "when", "retry", "type (OpenAI)", "type (Anthropic)"], rows);
}

/**
 * `readme` with both tables as they should be, between `<!-- variables -->` and `<!-- /variables -->`, and the same
 * for errors.
 *
 * @throws Error when a marker is missing or doubled
 */
export function withTables(readme: string): string {
  return fill(fill(readme, "variables", variablesTable()), "errors", errorsTable());
}

function fill(readme: string, name: string, content: string): string {
  const [before, inside, ...more] = readme.split(`<!-- ${name} -->`);
  const [, after, ...rest] = inside?.split(`<!-- /${name} -->`) ?? [];
  if (before === undefined || after === undefined || more.length > 0 || rest.length > 0) {
    throw new Error(`README.md needs <!-- ${name} --> and then <!-- /${name} -->, once each`);
  }
  return `${before}<!-- ${name} -->\n${content}<!-- /${name} -->${after}`;
}

/** Padded as the formatter would, so that both agree on the file. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const escaped = [head, ...rows].map((cells) => cells.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = head.map((_, column) => Math.max(3, ...escaped.map((cells) => Bun.stringWidth(cells[column] ?? ""))));
  const line = (cells: readonly string[], fill = " ") =>
    `| ${cells.map((cell, column) => cell + fill.repeat((widths[column] ?? 0) - Bun.stringWidth(cell))).join(" | ")} |\n`;
  const [first = [], ...others] = escaped;
  return (
    line(first) +
    line(
      head.map(() => ""),
      "-",
    ) +
    others.map((cells) => line(cells)).join("")
  );
}

if (import.meta.main) {
  const path = resolve(import.meta.dir, "../../README.md");
  const readme = existsSync(path) ? readFileSync(path, "utf8") : minimal;
  const fresh = withTables(readme);
  if (process.argv.includes("--write")) {
    writeFileSync(path, fresh);
  } else if (fresh !== readme) {
    console.error("README.md: a table is stale; bun shared/bin/readme.ts --write brings it up to date");
    process.exit(1);
  }
}
