// Owns the parts of a unified diff: text before it, files, hunks. Every line belongs to exactly one part.

export interface Hunk {
  /** "@@ -1,4 +1,4 @@ …" */
  header: string;
  lines: string[];
  added: number;
  removed: number;
}

export interface DiffFile {
  /** "" where none is told. */
  path: string;
  /** All lines before its first hunk. */
  head: string[];
  hunks: Hunk[];
}

export interface Diff {
  before: string[];
  files: DiffFile[];
}

/** Null where there is no hunk at all. */
export function readDiff(text: string): Diff | null {
  const diff: Diff = { before: [], files: [] };
  const lines = text.split("\n");
  let file: DiffFile | null = null;
  let hunk: Hunk | null = null;
  let left = { old: 0, new: 0 };
  for (const [at, line] of lines.entries()) {
    if (hunk && takes(line, left)) {
      addLine(hunk, line, left);
      continue;
    }
    const ranges = hunkRanges(line);
    if (ranges && file) {
      hunk = { header: line, lines: [], added: 0, removed: 0 };
      file.hunks.push(hunk);
      left = ranges;
      continue;
    }
    if (beginsFile(line, lines[at + 1], hunk, file)) {
      file = { path: pathOf(line), head: [line], hunks: [] };
      diff.files.push(file);
      hunk = null;
    } else if (hunk) {
      // Behind a hunk: "\ No newline at end of file", or text that belongs to no diff.
      hunk.lines.push(line);
    } else if (file) {
      file.head.push(line);
      if (line.startsWith("+++ ") && pathOf(line) !== "") file.path = pathOf(line);
    } else diff.before.push(line);
  }
  return diff.files.some(({ hunks }) => hunks.length > 0) ? diff : null;
}

function takes(line: string, left: { old: number; new: number }): boolean {
  if (left.old <= 0 && left.new <= 0) return false;
  const sign = line[0];
  if (sign === "+") return left.new > 0;
  if (sign === "-") return left.old > 0;
  return sign === " " || sign === "\\" || line === "" || line === "\r";
}

function addLine(hunk: Hunk, line: string, left: { old: number; new: number }): void {
  hunk.lines.push(line);
  const sign = line[0];
  if (sign === "\\") return;
  if (sign !== "+") left.old -= 1;
  if (sign !== "-") left.new -= 1;
  if (sign === "+") hunk.added += 1;
  if (sign === "-") hunk.removed += 1;
}

function beginsFile(line: string, next: string | undefined, hunk: Hunk | null, file: DiffFile | null): boolean {
  if (line.startsWith("diff --git ") || line.startsWith("Index: ") || line.startsWith("diff -")) return true;
  return line.startsWith("--- ") && next?.startsWith("+++ ") === true && (hunk !== null || file === null);
}

/** "@@ -a,b +c,d @@": how many lines of each side follow. Without a count it is one. */
function hunkRanges(line: string): { old: number; new: number } | null {
  if (!line.startsWith("@@ -")) return null;
  const found = /^@@ -\d{1,9}(?:,(\d{1,9}))? \+\d{1,9}(?:,(\d{1,9}))? @@/.exec(line);
  return found ? { old: Number(found[1] ?? 1), new: Number(found[2] ?? 1) } : null;
}

function pathOf(line: string): string {
  let path = line;
  if (line.startsWith("diff --git ")) path = line.slice(line.lastIndexOf(" b/") + 1);
  else if (line.startsWith("+++ ") || line.startsWith("--- ")) path = line.slice(4);
  else path = line.slice(line.indexOf(" ") + 1);
  const end = path.indexOf("\t");
  path = (end < 0 ? path : path.slice(0, end)).trim();
  if (path === "/dev/null") return "";
  return path.startsWith("b/") || path.startsWith("a/") ? path.slice(2) : path;
}

const lockNames = new Set([
  "package-lock.json",
  "npm-shrinkwrap.json",
  "yarn.lock",
  "pnpm-lock.yaml",
  "bun.lock",
  "deno.lock",
  "Cargo.lock",
  "poetry.lock",
  "uv.lock",
  "Pipfile.lock",
  "Gemfile.lock",
  "composer.lock",
  "go.sum",
  "packages.lock.json",
  "mix.lock",
  "pubspec.lock",
  "flake.lock",
]);
const madeEndings = [".snap", ".min.js", ".min.css", ".map", ".pb.go", "_pb2.py", ".g.dart", ".generated.ts"];
const madeFolders = ["__snapshots__/", "generated/", "dist/"];

/** Written by a tool: nobody reads it line by line. */
export function isMade(path: string): boolean {
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (lockNames.has(name) || madeEndings.some((ending) => name.endsWith(ending))) return true;
  return madeFolders.some((folder) => path.startsWith(folder) || path.includes(`/${folder}`));
}
