// The house rules that need no more than names and lines.

import { faultAt, isRecorded, type Rule, type Source } from "./sources";

const fileLinesMax = 300;
const code = /\.(tsx?|jsx?|mjs|css|html|sh|sql)$|^\.ci\//;
const tables = /\.schema\.ts$|(^|\/)(variables|errors)\.ts$/;

export const shortFiles: Rule = (sources) =>
  sources.flatMap(({ path, text }) => {
    const lines = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
    if (lines <= fileLinesMax || !code.test(path) || tables.test(path) || isRecorded(path)) return [];
    return [`${path}: ${lines} lines, at most ${fileLinesMax}`];
  });

export const unixLineEnds: Rule = (sources) =>
  sources.filter(({ path, text }) => text.includes("\r\n") && !isRecorded(path)).map(({ path }) => `${path}: CRLF`);

/** Spelt in two parts, so that this file keeps its own rule. */
const unfinished = new RegExp(`\\b(${"TO"}${"DO"}|${"FIX"}${"ME"})\\b`);

export const nothingPutOff: Rule = (sources) => matchingLines(sources, unfinished, "says what is still to be done");

/** Homes, what lies in folders below the temporary one, and the top folder of each given checkout. */
export function noMachinePaths(checkouts: readonly string[]): Rule {
  const tops = checkouts.map((path) => path.split("/")[1] ?? "").filter((top) => /^\w+$/.test(top) && top !== "tmp");
  const places = ["home/\\w", "Users/\\w", "root\\b", "tmp/\\w+/\\w", ...tops.map((top) => `${top}\\b`)];
  const pattern = new RegExp(`(?<![\\w.)}-])/(?:${places.join("|")})`);
  return (sources) => matchingLines(sources, pattern, "names a path of some machine");
}

function matchingLines(sources: readonly Source[], pattern: RegExp, what: string): string[] {
  return sources
    .filter(({ path }) => !isRecorded(path) || path.endsWith("package.json"))
    .flatMap(({ path, text }) =>
      text.split("\n").flatMap((line, index) => (pattern.test(line) ? [faultAt(path, index + 1, what)] : [])),
    );
}

const drawer = /(^|[-./])(utils?|helpers?|common|misc|managers?|services?|handlers?)([-./]|$)/;

export const noDrawers: Rule = (sources) =>
  sources.filter(({ path }) => drawer.test(path)).map(({ path }) => `${path}: a name that says nothing`);

const exactVersion = /^(npm:(@[\w.-]+\/)?[\w.-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$|^workspace:\*$/;

export const pinnedVersions: Rule = (sources) =>
  sources
    .filter(({ path }) => /(^|\/)package\.json$/.test(path))
    .flatMap(({ path, text }) => {
      const manifest = JSON.parse(text) as Record<string, Record<string, string> | undefined>;
      const kinds = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "overrides"];
      return kinds.flatMap((kind) =>
        Object.entries(manifest[kind] ?? {}).flatMap(([name, version]) =>
          exactVersion.test(version) ? [] : [`${path}: ${name} is not pinned: ${version}`],
        ),
      );
    });

/** One version of Bun everywhere: what CI installs, what the engines field asks for. */
export const oneBunVersion: Rule = (sources) =>
  sources
    .filter(({ path }) => path === "package.json")
    .flatMap(({ text }) => {
      const { packageManager, engines } = JSON.parse(text) as { packageManager?: string; engines?: { bun?: string } };
      if (packageManager === `bun@${engines?.bun}`) return [];
      return [`package.json: packageManager ${packageManager} and engines ${engines?.bun} differ`];
    });

export const noAddressInLockfile: Rule = (sources) =>
  sources
    .filter(({ path }) => path === "bun.lock")
    .flatMap(({ path, text }) =>
      text
        .split("\n")
        .flatMap((line, index) => (/https?:\/\//.test(line) ? [faultAt(path, index + 1, "an address")] : [])),
    );
