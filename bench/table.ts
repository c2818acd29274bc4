// Owns plain text tables for a terminal.

export interface Column<T> {
  title: string;
  cell(row: T): string;
  isText?: boolean;
}

const gap = "  ";

/** Numbers to the right, text to the left, a rule under the titles. */
export function renderTable<T>(rows: readonly T[], columns: readonly Column<T>[]): string {
  const cells = rows.map((row) => columns.map((column) => column.cell(row)));
  const widths = columns.map((column, at) =>
    Math.max(column.title.length, ...cells.map((line) => line[at]?.length ?? 0)),
  );
  const line = (texts: readonly string[]) =>
    texts
      .map((text, at) => (columns[at]?.isText ? text.padEnd(widths[at] ?? 0) : text.padStart(widths[at] ?? 0)))
      .join(gap)
      .trimEnd();
  const rule = widths.map((width) => "─".repeat(width)).join(gap);
  return [line(columns.map(({ title }) => title)), rule, ...cells.map(line)].join("\n");
}

const grouped = new Intl.NumberFormat("en-US");

export const count = (value: number): string => grouped.format(value);
export const usd = (value: number): string => `$${value.toFixed(4)}`;
