// Owns looking at rows column by column: the values of rows as flat columns, and what a column mostly holds. For
// statistics only; nothing is ever written from here.

/** Values of one field over all rows; undefined where a row lacks it. */
export interface Column {
  /** Path of names, joined by dots. */
  name: string;
  values: unknown[];
  /** Rows that have it. */
  present: number;
}

const depthMax = 3;
/** More fields than this are those of unlike things: the rest is not looked at. */
const columnsMax = 160;
const shortListChars = 120;

/** Columns in the order their names are first seen. A list counts as its length, and as itself where it is short. */
export function flattenRows(rows: readonly unknown[], check: () => void): Column[] {
  const columns = new Map<string, Column>();
  const put = (name: string, row: number, value: unknown): void => {
    let column = columns.get(name);
    if (!column) {
      if (columns.size >= columnsMax) return;
      column = { name, values: new Array<unknown>(rows.length).fill(undefined), present: 0 };
      columns.set(name, column);
    }
    column.values[row] = value;
    column.present += 1;
  };
  const addList = (list: readonly unknown[], row: number, name: string, depth: number): void => {
    if (depth === 0) {
      for (const [index, item] of list.entries()) add(item, row, `${index}`, 1);
      return;
    }
    put(`${name}.length`, row, list.length);
    const text = list.length <= 12 ? JSON.stringify(list) : "";
    if (text !== "" && text.length <= shortListChars) put(name, row, text);
  };
  const add = (value: unknown, row: number, name: string, depth: number): void => {
    if (typeof value !== "object" || value === null) put(name === "" ? "value" : name, row, value);
    else if (Array.isArray(value)) addList(value, row, name, depth);
    else {
      const prefix = name === "" ? "" : `${name}.`;
      const entries = Object.entries(value);
      if (depth >= depthMax || entries.length === 0) put(`${prefix}fields`, row, entries.length);
      else for (const [key, member] of entries) add(member, row, prefix + key, depth + 1);
    }
  };
  for (const [row, value] of rows.entries()) {
    if (row % 512 === 0) check();
    add(value, row, "", 0);
  }
  return [...columns.values()];
}

export interface Numbers {
  /** Rows that hold a number, ascending, and their numbers. */
  rows: number[];
  values: Float64Array;
  /** Rows that hold something else. */
  others: number[];
}

const numbersMin = 8;

/** The column as numbers; null where they are not most of it. Numbers in strings count: many APIs write them so. */
export function numbersOf({ values, present }: Column): Numbers | null {
  const rows: number[] = [];
  const others: number[] = [];
  const numbers: number[] = [];
  for (const [row, value] of values.entries()) {
    if (value === undefined) continue;
    const number = toNumber(value);
    if (number === null) others.push(row);
    else {
      rows.push(row);
      numbers.push(number);
    }
  }
  if (rows.length < numbersMin || rows.length * 2 < present) return null;
  return { rows, values: Float64Array.from(numbers), others };
}

/** A finite number, or a string that spells one; else null. */
export function toNumber(value: unknown): number | null {
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value !== "string" || value.length === 0 || value.length > 32) return null;
  const code = value.charCodeAt(0);
  if (code !== 0x2d && code !== 0x2e && (code < 0x30 || code > 0x39)) return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}

/** Strings, booleans and nulls as categories; null for what is none. */
export function categoriesOf({ values }: Column): (string | null)[] {
  return values.map((value) => {
    if (typeof value === "string") return value;
    return typeof value === "boolean" || value === null || typeof value === "number" ? String(value) : null;
  });
}
