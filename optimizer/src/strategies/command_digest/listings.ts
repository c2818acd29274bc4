// Owns the outputs that list files: of each directory how many of which kind, and the ones that stand out by name.

import { type Digester, type Limits, lastLine, range, type Sheet } from "./sheet";

export interface Entry {
  index: number;
  /** With its directory, as far as the listing tells it. */
  path: string;
  /** The more, the rather it stays. */
  weight?: number;
}

/** Fewer entries of a directory are shown as they are. */
const entriesFew = 8;
const shownPerDirectory = 3;
/** Of a listing this long even small directories are cut. */
const listingLong = 60;

/** Keeps directories that are small, and of large ones some entries, with counts behind them. */
export function keepListing(sheet: Sheet, entries: readonly Entry[], { maxFailures }: Limits): void {
  const byDirectory = new Map<string, Entry[]>();
  for (const entry of entries) {
    const directory = directoryOf(entry.path);
    const siblings = byDirectory.get(directory);
    if (siblings) siblings.push(entry);
    else byDirectory.set(directory, [entry]);
  }
  const isLong = entries.length > listingLong;
  const heaviest = new Set(
    [...entries]
      .filter(({ weight }) => weight !== undefined)
      .sort((a, b) => (b.weight ?? 0) - (a.weight ?? 0) || a.index - b.index)
      .slice(0, maxFailures),
  );
  for (const [directory, siblings] of byDirectory) {
    const kinds = countKinds(siblings);
    const isFew = siblings.length <= (isLong ? 2 : entriesFew);
    const shown = new Map<string, number>();
    let last = -1;
    let hidden = 0;
    for (const entry of siblings) {
      const kind = kindOf(entry.path);
      const count = shown.get(kind) ?? 0;
      shown.set(kind, count + 1);
      // A kind that is rare among its siblings is what somebody may look for.
      const isRare = (kinds.get(kind) ?? 0) <= Math.max(1, siblings.length * 0.04);
      if (isFew || isRare || count < (isLong ? 1 : shownPerDirectory) || heaviest.has(entry)) {
        sheet.keep(entry.index);
        last = entry.index;
      } else {
        sheet.detail(entry.index, "entries");
        hidden += 1;
      }
    }
    if (hidden > 0) sheet.note(last, `[${directory || "."}: ${siblings.length} entries, ${kindWords(kinds)}]`);
  }
}

const kindsToldMax = 6;

function kindWords(kinds: ReadonlyMap<string, number>): string {
  const sorted = [...kinds].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  const told = sorted.slice(0, kindsToldMax).map(([kind, count]) => `${count} ${kind}`);
  const rest = sorted.slice(kindsToldMax).reduce((sum, [, count]) => sum + count, 0);
  return rest > 0 ? `${told.join(", ")}, ${rest} of other kinds` : told.join(", ");
}

function countKinds(entries: readonly Entry[]): Map<string, number> {
  const kinds = new Map<string, number>();
  for (const { path } of entries) kinds.set(kindOf(path), (kinds.get(kindOf(path)) ?? 0) + 1);
  return kinds;
}

function kindOf(path: string): string {
  if (path.endsWith("/")) return "directories";
  const name = path.slice(path.lastIndexOf("/") + 1);
  const dot = name.lastIndexOf(".");
  return dot > 0 && name.length - dot <= 9 ? name.slice(dot) : "without extension";
}

function directoryOf(path: string): string {
  const end = path.endsWith("/") ? path.length - 1 : path.length;
  const slash = path.lastIndexOf("/", end - 1);
  return slash < 0 ? "" : path.slice(0, slash);
}

/** One path to a line. */
export const digestFind: Digester = (sheet, limits) => {
  const entries: Entry[] = [];
  let others = 0;
  for (let index = 0; index < sheet.size; index += 1) {
    const line = sheet.trimmed[index] ?? "";
    const head = sheet.heads[index] ?? "";
    if (line === "") continue;
    if (line.startsWith("find: ") || line.includes(": ")) sheet.keep(index);
    else if (head === line && !line.includes("  ")) entries.push({ index, path: line });
    else others += 1;
  }
  if (entries.length < 20 || others > entries.length * 0.02) return false;
  keepListing(sheet, entries, limits);
  return true;
};

/** `ls`, `ls -l`, `ls -R`. */
export const digestLs: Digester = (sheet, limits) => {
  const entries: Entry[] = [];
  let directory = "";
  for (let index = 0; index < sheet.size; index += 1) {
    const head = sheet.heads[index] ?? "";
    const line = head.trim();
    if (line === "") continue;
    const long = /^([bcdlps-][rwxsStT-]{9})[.+@]?\s+\d+\s+\S+\s+\S+\s+(\S+)\s+/.exec(head);
    if (/^total \d/.test(line) || line.startsWith("ls: ")) sheet.keep(index);
    else if (line.endsWith(":") && !long) {
      directory = line.slice(0, -1);
      sheet.keep(index);
    } else if (long) {
      const name = line.slice(line.lastIndexOf(" ", line.includes(" -> ") ? line.indexOf(" -> ") - 1 : undefined) + 1);
      const isDirectory = long[1]?.startsWith("d") === true;
      entries.push({ index, path: join(directory, isDirectory ? `${name}/` : name), weight: sizeOf(long[2] ?? "") });
    } else entries.push({ index, path: join(directory, line) });
  }
  if (entries.length < 20) return false;
  keepListing(sheet, entries, limits);
  return true;
};

function join(directory: string, name: string): string {
  return directory === "" ? name : `${directory}/${name}`;
}

/** "4096" or "1.2M". */
function sizeOf(word: string): number {
  const unit = "KMGT".indexOf(word.at(-1) ?? "") + 1;
  return (Number.parseFloat(word) || 0) * 1024 ** unit;
}

/** The drawn tree, and the line that counts it. */
export const digestTree: Digester = (sheet, limits) => {
  const end = lastLine(sheet, (head) => /^\d+ director(?:y|ies)(?:, \d+ files?)?$/.test(head.trim()));
  if (end < 0) return false;
  sheet.keep(end);
  const nodes = treeNodes(sheet, end);
  const parents = nodes.filter((node, at) => (nodes[at + 1]?.depth ?? 0) > node.depth);
  const isParent = new Set(parents);
  const trail: string[] = [];
  const entries: Entry[] = [];
  for (const node of nodes) {
    trail.length = node.depth;
    trail[node.depth] = node.name;
    const path = trail.join("/");
    if (isParent.has(node)) sheet.keep(node.index);
    else entries.push({ index: node.index, path });
  }
  keepListing(sheet, entries, limits);
  const told = /(\d+) director(?:y|ies)(?:, (\d+) files?)?/.exec(sheet.trimmed[end] ?? "");
  const directories = Number(told?.[1] ?? 0);
  const files = told?.[2] === undefined ? nodes.length - directories : Number(told[2]);
  // Some versions count the root.
  return directories + files === nodes.length || directories + files === nodes.length + 1;
};

function treeNodes(sheet: Sheet, end: number): { index: number; depth: number; name: string }[] {
  const nodes: { index: number; depth: number; name: string }[] = [];
  for (const index of range(0, end)) {
    const head = (sheet.heads[index] ?? "").replaceAll("\u00a0", " ");
    const branch = Math.max(head.indexOf("├── "), head.indexOf("└── "), head.indexOf("|-- "), head.indexOf("`-- "));
    if (branch < 0) {
      if (head.trim() !== "") sheet.keep(index);
      continue;
    }
    nodes.push({ index, depth: branch >> 2, name: head.slice(branch + 4) });
  }
  return nodes;
}
