// Owns what the house rules look at: every text file of the tree, as path and text.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface Source {
  /** From the root, with forward slashes. */
  path: string;
  text: string;
}

/** A rule returns one line per fault, none when it is kept. */
export type Rule = (sources: readonly Source[]) => string[];

const notOurs = new Set(["node_modules", ".git", "data", "coverage"]);
const binary = /\.(png|jpe?g|gif|ico|woff2?|wasm|gz|br|zst|db|sqlite)$/;

export function readSources(root: string, directory = ""): Source[] {
  return readdirSync(join(root, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = directory ? `${directory}/${entry.name}` : entry.name;
    if (entry.isDirectory()) return notOurs.has(entry.name) ? [] : readSources(root, path);
    if (!entry.isFile() || binary.test(path)) return [];
    return [{ path, text: readFileSync(join(root, path), "utf8") }];
  });
}

/** Recorded traffic and data that others made: it says what it says. */
export function isRecorded(path: string): boolean {
  return path.endsWith(".json") || /(^|\/)(cassettes|migrations)\//.test(path);
}

/** Code that is no part of a running service: tests, test stands, scripts, the benchmark. */
export function isAside(path: string): boolean {
  return path.startsWith("bench/") || /(^|\/)(bin|test|testing)\//.test(path) || /\.test\.tsx?$/.test(path);
}

export function isTypeScript(path: string): boolean {
  return /\.tsx?$/.test(path);
}

/** `line` counts from 1. */
export function faultAt(path: string, line: number, what: string): string {
  return `${path}:${line}: ${what}`;
}
