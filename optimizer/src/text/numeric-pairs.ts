// Owns the numbers that lines state about themselves: key=value, "key":value, and durations in running text. Found in
// one pass; what a number means is told by its name and unit alone.

/** Per name, the numbers and the units (lines, rows) that state them, in order. Times in ms, sizes in bytes. */
export interface NumericColumn {
  name: string;
  units: readonly number[];
  values: readonly number[];
}

const columnsMax = 64;

type Measure = "time" | "size";

const measures: ReadonlyMap<string, readonly [number, Measure]> = new Map([
  ["ns", [1e-6, "time"]],
  ["us", [1e-3, "time"]],
  ["µs", [1e-3, "time"]],
  ["ms", [1, "time"]],
  ["s", [1e3, "time"]],
  ["sec", [1e3, "time"]],
  ["secs", [1e3, "time"]],
  ["seconds", [1e3, "time"]],
  ["min", [6e4, "time"]],
  ["h", [36e5, "time"]],
  ["b", [1, "size"]],
  ["bytes", [1, "size"]],
  ["kb", [1e3, "size"]],
  ["kib", [1_024, "size"]],
  ["mb", [1e6, "size"]],
  ["mib", [1_048_576, "size"]],
  ["gb", [1e9, "size"]],
  ["gib", [1_073_741_824, "size"]],
]);

/** A name, "=" or ":", a number and its unit; or a word, a blank, a number with a unit: "took 35 ms". */
const pair =
  /(?<![\w.-])([A-Za-z][\w.-]{0,40})["']?(?:[=:] ?| )["']?(-?\d{1,15}(?:\.\d{1,9})?)(?:( ?)([A-Za-zµ]{1,8}))?(?![\w.:=-])/g;

export function numericColumns(units: readonly string[]): NumericColumn[] {
  const columns = new Map<string, { name: string; units: number[]; values: number[] }>();
  units.forEach((unit, index) => {
    // One number per name and line: what a line says twice is mostly a part and its whole.
    const seen = new Set<string>();
    for (const [all, name = "", digits = "", gap, suffix = ""] of unit.matchAll(pair)) {
      const [scale, measure] = measures.get(suffix.toLowerCase()) ?? [1, null];
      if (measure === null && gap === "") continue;
      // Behind a blank only a measure tells a number of something from any other.
      if (measure === null && all.charAt(name.length) === " ") continue;
      const key = `${name} ${measure}`;
      const column = columns.get(key) ?? { name, units: [], values: [] };
      if (seen.has(key) || (columns.size >= columnsMax && column.units.length === 0)) continue;
      seen.add(key);
      columns.set(key, column);
      column.units.push(index);
      column.values.push(Number(digits) * scale);
    }
  });
  return [...columns.values()];
}
