// Owns the outputs of builds and package managers: what was done, and everything that went wrong.

import { digestGcc, parseLocated } from "./diagnostics";
import { type Digester, keepWhere, type Limits, lastLine, noiseWhere, range, type Sheet } from "./sheet";

/** Lines before the one that tells of a failure: what the failing command said. */
function keepBefore(sheet: Sheet, index: number, lines: number): void {
  for (const each of range(Math.max(0, index - lines), index)) {
    if (sheet.trimmed[each] !== "" && sheet.verdict(each) === "unknown") sheet.keep(each);
  }
}

export const digestMake: Digester = (sheet, limits) => {
  const hasDiagnostics = sheet.heads.some((head) => parseLocated(head) !== null);
  if (hasDiagnostics && !digestGcc(sheet, limits)) return false;
  const progress = noiseWhere(sheet, "progress", isMakeProgress);
  const stops: number[] = [];
  for (let index = 0; index < sheet.size; index += 1) {
    if (/^(?:g?make|gmake)(?:\[\d+\])?: \*\*\*/.test(sheet.trimmed[index] ?? "")) stops.push(index);
  }
  noiseWhere(sheet, "commands", isCompileCommand);
  for (const index of stops) {
    sheet.keep(index);
    keepBefore(sheet, index, limits.contextLines);
  }
  const last = lastLine(sheet, (head) => head.trim() !== "");
  if (last >= 0) sheet.keep(last);
  return hasDiagnostics || stops.length > 0 || progress > 0;
};

function isMakeProgress(line: string): boolean {
  if (/^(?:g?make)(?:\[\d+\])?: (?:Entering|Leaving) directory/.test(line)) return true;
  if (/^(?:g?make)(?:\[\d+\])?: (?:Nothing to be done|'.*' is up to date)/.test(line)) return true;
  return (
    /^\[ *\d+%\] (?:Building|Linking|Built target|Generating|Scanning|Consolidate)/.test(line) ||
    /^ {0,4}(?:CC|CXX|AR|LD|GEN|AS|HOSTCC|OBJCOPY|CC \[M\]) +\S+$/.test(line)
  );
}

function isCompileCommand(line: string): boolean {
  return /^(?:\S*\/)?(?:gcc|g\+\+|cc|c\+\+|clang|clang\+\+|ar|ranlib|ld|libtool|rm -f|mkdir -p|cp|install) /.test(line);
}

/** `[12/300] Building …`, `FAILED: …` with the command and what it said. */
export const digestNinja: Digester = (sheet, limits) => {
  let lastStep = "";
  let failed = 0;
  const places = sheet.heads.some((head) => parseLocated(head) !== null);
  if (places && !digestGcc(sheet, limits)) return false;
  for (let index = 0; index < sheet.size; index += 1) {
    const line = sheet.trimmed[index] ?? "";
    const step = /^\[(\d+\/\d+)\] /.exec(line);
    if (line.startsWith("FAILED: ")) {
      failed += 1;
      sheet.keep(index);
      // The failing command itself stands on the line below.
      if (isCompileCommand(sheet.trimmed[index + 1] ?? "")) sheet.detail(index + 1, "commands");
    } else if (step) {
      lastStep = step[1] ?? "";
      sheet.noise(index, "progress");
    }
  }
  if (lastStep === "") return false;
  const last = lastLine(sheet, (head) => /^\[\d+\/\d+\] /.test(head));
  sheet.keep(last);
  const stopped = keepWhere(sheet, (line) => line.startsWith("ninja: "));
  for (const index of range(last, Math.min(sheet.size, last + limits.contextLines))) {
    if (sheet.trimmed[index] !== "" && failed > 0) sheet.keep(index);
  }
  const [done, all] = lastStep.split("/");
  return failed > 0 ? stopped > 0 : done === all || stopped > 0;
};

/** npm, pnpm and yarn. */
export const digestNodePackages: Digester = (sheet, limits) => {
  const summary = keepWhere(sheet, isNodeSummary);
  const errors = keepWhere(sheet, (line) =>
    /^(?:npm (?:ERR!|error)|(?:ERR_PNPM|ELIFECYCLE)| ?ERR_PNPM|error |ERROR |✖ |➤ YN\d+: .*(?:failed|Error))/.test(
      line,
    ),
  );
  if (summary + errors === 0) return false;
  noiseWhere(sheet, "progress", isNodeProgress);
  repeatedNodeWarnings(sheet, limits);
  noiseWhere(sheet, "hint", (line) =>
    /^(?:run `npm fund`|\d+ packages? are looking for funding|npm notice|To address |Run `npm audit`|info Direct dependencies|info All dependencies)/.test(
      line,
    ),
  );
  noiseWhere(sheet, "tree of packages", (line) => /^(?:[├└]─|[+] |\+{3,})/.test(line));
  return true;
};

function isNodeSummary(line: string): boolean {
  return (
    /^(?:added|removed|changed|up to date|found) (?:\d+ |in )?/.test(line) ||
    /^\d+ (?:vulnerabilities|(?:low|moderate|high|critical) severity vulnerabilit)/.test(line) ||
    /^(?:Done in|Packages: |Already up to date|success |➤ YN0000: [·└] )/.test(line) ||
    /^Progress: .* done$/.test(line)
  );
}

function isNodeProgress(line: string): boolean {
  return (
    /^npm (?:http|timing|verb|sill|info)\b/.test(line) ||
    /^(?:Progress: |Downloading |\[\d\/\d\] |yarn (?:install|add) v|info )/.test(line) ||
    /^➤ YN00(?:13|19): /.test(line) ||
    /^[⠀-⣿] /.test(line)
  );
}

/** Deprecations: of each package once, the rest are as many again. */
function repeatedNodeWarnings(sheet: Sheet, limits: Limits): void {
  let kept = 0;
  const seen = new Set<string>();
  for (let index = 0; index < sheet.size; index += 1) {
    const line = sheet.trimmed[index] ?? "";
    if (!/^(?:npm (?:WARN|warn) | ?WARN |warning )/.test(line)) continue;
    const isKnown = seen.has(line);
    seen.add(line);
    // "warning shop > lamp > seat@1.0.0: …" is of a dependency's dependency.
    const isDeprecation = line.includes("deprecated") || line.includes(" > ");
    if (isKnown) sheet.noise(index, "repeated warnings");
    else if (!isDeprecation || kept < limits.contextLines) {
      sheet.keep(index);
      kept += isDeprecation ? 1 : 0;
    } else sheet.detail(index, "deprecation warnings");
  }
}

export const digestPip: Digester = (sheet) => {
  const ends = keepWhere(sheet, (line) =>
    /^(?:Successfully (?:installed|built|uninstalled)|ERROR: |error: |Requirement already satisfied: \S+$)/.test(line),
  );
  const satisfied = noiseWhere(sheet, "already there", (line) => line.startsWith("Requirement already satisfied:"));
  if (ends + satisfied === 0) return false;
  noiseWhere(sheet, "progress", (line) =>
    /^(?:Collecting |Downloading |Using cached |Obtaining |Looking in |Installing collected packages|Preparing metadata|Installing build dependencies|Getting requirements|Building wheels? |Created wheel|Stored in directory|Attempting uninstall|Found existing installation|Uninstalling |Successfully uninstalled|Processing )/.test(
      line,
    ),
  );
  noiseWhere(sheet, "progress", (line) => /^[━╸╺ ]+ ?[\d.]+\/[\d.]+ [kMG]?B/.test(line) || /^\|?█+/.test(line));
  noiseWhere(sheet, "hint", (line) => line.startsWith("[notice]"));
  keepWhere(sheet, (line) => line.startsWith("WARNING: "));
  return true;
};

/** BuildKit's plain progress: `#7 [3/6] RUN …`, `#7 0.52 …`, `#7 DONE 1.2s`. */
export const digestDockerBuild: Digester = (sheet, limits) => {
  const failing = new Set<string>();
  let steps = 0;
  for (const line of sheet.heads) {
    if (/^#\d+ /.test(line)) steps += 1;
    const failed = /^(#\d+) (?:ERROR|CANCELED)\b/.exec(line);
    if (failed?.[1] && line.includes("ERROR")) failing.add(failed[1]);
  }
  const solves = lastLine(sheet, (head) => head.startsWith("ERROR: failed to") || head.startsWith("failed to solve"));
  if (steps < 3 || solves >= 0 !== failing.size > 0) return false;
  const output = new Map<string, number[]>();
  for (let index = 0; index < sheet.size; index += 1) {
    const line = sheet.heads[index] ?? "";
    const step = /^(#\d+) (.*)$/.exec(line);
    if (!step) {
      if (failing.size > 0 && sheet.trimmed[index] !== "") sheet.keep(index);
      continue;
    }
    const [, id = "", rest = ""] = step;
    if (
      /^\[.*\d+\/\d+\] /.test(rest) ||
      rest.startsWith("ERROR") ||
      /^(?:naming to|writing image|exporting manifest list|pushing )/.test(rest)
    ) {
      sheet.keep(index);
    } else if (
      /^(?:DONE|CACHED|CANCELED|\[internal\]|transferring |resolve |sha256:|extracting |exporting |preparing )/.test(
        rest,
      )
    ) {
      sheet.noise(index, "progress");
    } else if (failing.has(id)) output.set(id, [...(output.get(id) ?? []), index]);
    else sheet.detail(index, "output of steps that went well");
  }
  for (const indexes of output.values()) {
    for (const index of indexes.slice(Math.max(0, indexes.length - limits.contextLines))) sheet.keep(index);
    for (const index of indexes) sheet.detail(index, "earlier output of the failing step");
  }
  return true;
};
