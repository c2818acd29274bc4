// Owns the table form of a list of JSON objects: header once, one row per line, nothing lost. Every table that is
// written here can be read back by read-table.ts into a value that is deeply equal.

import { type JsonNode, type ObjectNode, stringOf } from "../../segments/json-tree";
import { nameCell, stringCell } from "./cells";
import type { Collection } from "./collections";

const columnsMax = 80;
const depthMax = 3;
/** Emptier tables are longer than what they stand for, and hard to read. */
const filledShareMin = 0.5;

/** What a document must not contain to be given tables: it would not be clear what is a table and what is not. */
export const tableOpening = "[table ";

export function placeholderOf(number: number): string {
  return `[table ${number} below]`;
}

interface Column {
  header: string;
  /** Per row, "" where it is missing. */
  cells: string[];
}

/**
 * Rows `shown` of a collection as a table; null where they make none. `noun` names the rows. With `total` above the
 * number of rows each row is led by its number. `cut` shortens what stands in a cell, given and giving a string value.
 */
export function writeTable(
  source: string,
  collection: Collection,
  shown: readonly number[],
  number: number,
  noun: string,
  cut: (row: number, value: string) => string,
): string | null {
  const { rows, keys } = collection;
  const nodes = shown.map((index) => rows[index] as JsonNode);
  if (nodes.length === 0 || !nodes.every(isPlainObject)) return null;
  const columns = columnsOf(source, nodes, (index, value) => cut(shown[index] as number, value));
  if (!columns || columns.length === 0) return null;
  const isWhole = shown.length === rows.length;
  const constant = nodes.length > 1 ? columns.filter(isConstant) : [];
  const varied = columns.filter((column) => !constant.includes(column));
  if (keys) varied.unshift({ header: "(key)", cells: shown.map((index) => stringCell(keys[index] as string)) });
  if (!isWhole) varied.unshift({ header: "#", cells: shown.map(String) });
  if (varied.length === 0 || (varied.length === 1 && varied[0]?.cells.includes(""))) return null;
  const same = constant.map(({ header, cells }) => `${header}=${cells[0]}`).join(",");
  const count = isWhole ? `${rows.length} ${noun}` : `${shown.length} of ${rows.length} ${noun}, # counts from 0`;
  const title = `${tableOpening}${number}: ${count}${same && `; in every row ${isWhole ? "" : "shown "}${same}`}]`;
  const lines = [title, varied.map(({ header }) => header).join(",")];
  for (let row = 0; row < nodes.length; row += 1) lines.push(varied.map(({ cells }) => cells[row]).join(","));
  return lines.join("\n");
}

function isConstant({ cells }: Column): boolean {
  return cells[0] !== "" && cells.every((cell) => cell === cells[0]);
}

function isPlainObject(node: JsonNode): node is ObjectNode {
  // Of doubled names a table could show only one.
  return node.type === "object" && node.entries.size > 0 && node.entries.size === node.members.length;
}

type CutCell = (row: number, value: string) => string;

function columnsOf(source: string, nodes: readonly ObjectNode[], cut: CutCell): Column[] | null {
  const columns = new Map<string, Column>();
  const isOpen = createOpener(nodes);
  let filled = 0;
  const add = (node: ObjectNode, row: number, path: string, depth: number): boolean => {
    for (const [name, child] of node.entries) {
      const header = path === "" ? nameCell(name) : `${path}.${name}`;
      if (child.type === "object" && depth < depthMax && isOpen(header)) {
        if (!add(child, row, header, depth + 1)) return false;
        continue;
      }
      let column = columns.get(header);
      if (!column) {
        if (columns.size >= columnsMax) return false;
        column = { header, cells: new Array<string>(nodes.length).fill("") };
        columns.set(header, column);
      }
      column.cells[row] = cellOf(source, child, row, cut);
      filled += 1;
    }
    return true;
  };
  for (const [row, node] of nodes.entries()) if (!add(node, row, "", 1)) return null;
  if (filled < filledShareMin * columns.size * nodes.length) return null;
  return [...columns.values()];
}

function cellOf(source: string, node: JsonNode, row: number, cut: CutCell): string {
  const value = stringOf(source, node);
  return value === null ? source.slice(node.start, node.end) : stringCell(cut(row, value));
}

/**
 * Which fields are written as columns of their members: those that are objects with plain names wherever they are
 * there at all. Anything else would read back as something else.
 */
function createOpener(nodes: readonly ObjectNode[]): (header: string) => boolean {
  const isClosed = new Set<string>();
  const look = (node: ObjectNode, path: string, depth: number): void => {
    for (const [name, child] of node.entries) {
      const header = path === "" ? nameCell(name) : `${path}.${name}`;
      if (header.startsWith('"') || child.type !== "object" || !isPlainObject(child) || depth >= depthMax) {
        isClosed.add(header);
        continue;
      }
      if ([...child.entries.keys()].some((inner) => nameCell(inner) !== inner)) isClosed.add(header);
      look(child, header, depth + 1);
    }
  };
  for (const node of nodes) look(node, "", 1);
  return (header) => !isClosed.has(header);
}
