// Owns reading back what table.ts wrote: the proof that a table holds all that it stands for.

import { readCell, readCells } from "./cells";
import { stringEnd } from "./squeeze";
import { placeholderOf, tableOpening } from "./table";

export interface ReadTable {
  number: number;
  /** Rows there were in all. */
  total: number;
  /** Rows from lines of JSON, from a list, or entries by key. */
  noun: string;
  /** Where each row stood, from 0. */
  indexes: number[];
  /** Null where the rows have no names. */
  keys: string[] | null;
  rows: Record<string, unknown>[];
}

/** Whether a text holds tables of ours. */
export function hasTable(text: string): boolean {
  return text.startsWith(`${tableOpening}1: `) || text.includes(`\n${tableOpening}1: `);
}

/**
 * All tables of a text, in order.
 *
 * @throws SyntaxError when one cannot be read
 */
export function readTables(text: string): ReadTable[] {
  const lines = text.split("\n");
  const tables: ReadTable[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] as string;
    if (!line.startsWith(tableOpening)) continue;
    const table = readTitle(line);
    const rows = lines.slice(at + 1, at + 2 + table.shown);
    tables.push(readRows(table, rows));
    at += table.shown + 1;
  }
  return tables;
}

/**
 * The value that a document of tables without elisions stands for; lines of JSON give a list.
 *
 * @throws SyntaxError when it cannot be read
 */
export function readDocument(text: string): unknown {
  const tables = readTables(text);
  const values = tables.map(({ rows, keys }) => (keys ? byKey(keys, rows) : rows));
  if (text.startsWith(tableOpening)) return values[0];
  const skeleton: unknown = JSON.parse(text.slice(0, text.indexOf("\n")));
  const places = new Map(tables.map(({ number }, index) => [placeholderOf(number), values[index]]));
  return filled(skeleton, places);
}

interface Title {
  number: number;
  shown: number;
  total: number;
  noun: string;
  same: [string, unknown][];
}

function readTitle(line: string): Title {
  const head = /^\[table (\d+): (?:(\d+) of )?(\d+) ([a-zA-Z ]+)/.exec(line);
  if (!head) throw new SyntaxError("a table has no title");
  const [, number, shown, total, noun] = head as unknown as [string, string, string | undefined, string, string];
  const mark = /^(?:, # counts from 0)?; in every row (?:shown )?/.exec(line.slice(head[0].length));
  const same: [string, unknown][] = [];
  if (mark) {
    let at = head[0].length + mark[0].length;
    const body = line.slice(0, -1);
    while (at < body.length) {
      const equals = body.startsWith('"', at) ? stringEnd(body, at) : body.indexOf("=", at);
      const { value, end } = readCell(body, equals + 1);
      same.push([body.slice(at, equals), value]);
      at = end + 1;
    }
  }
  return { number: Number(number), shown: Number(shown ?? total), total: Number(total), noun, same };
}

function readRows(title: Title, [header = "", ...lines]: string[]): ReadTable {
  const names = headerCells(header);
  const keys: string[] = [];
  const indexes: number[] = [];
  const rows = lines.map((line, index) => {
    const row: Record<string, unknown> = {};
    for (const [name, value] of title.same) put(row, name, value);
    const cells = readCells(line);
    if (cells.length !== names.length) throw new SyntaxError("a row has a cell for every column");
    let place = index;
    for (const [column, name] of names.entries()) {
      const value = cells[column];
      if (name === "#") place = Number(value);
      else if (name === "(key)") keys.push(String(value));
      else if (value !== undefined) put(row, name, value);
    }
    indexes.push(place);
    return row;
  });
  const { number, total, noun } = title;
  return { number, total, noun, indexes, keys: names.includes("(key)") ? keys : null, rows };
}

function headerCells(header: string): string[] {
  const names: string[] = [];
  for (let at = 0; at < header.length; ) {
    const { end } = readCell(header, at);
    names.push(header.slice(at, end));
    at = end + 1;
  }
  return names;
}

/** A name in quotes is one field; a bare one is a path. */
function put(row: Record<string, unknown>, name: string, value: unknown): void {
  const path = name.startsWith('"') ? [JSON.parse(name) as string] : name.split(".");
  let target = row;
  for (const step of path.slice(0, -1)) {
    if (!Object.hasOwn(target, step)) define(target, step, {});
    target = target[step] as Record<string, unknown>;
  }
  define(target, path.at(-1) as string, value);
}

/** As a parser does it: `__proto__` is a field like any other. */
function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true });
}

function byKey(keys: readonly string[], rows: readonly unknown[]): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  keys.forEach((key, index) => {
    define(object, key, rows[index]);
  });
  return object;
}

function filled(value: unknown, places: ReadonlyMap<string, unknown>): unknown {
  if (typeof value === "string") return places.has(value) ? places.get(value) : value;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => filled(item, places));
  const object: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) define(object, name, filled(member, places));
  return object;
}
