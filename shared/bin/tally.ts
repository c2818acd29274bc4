// Owns reading what a `bun test` run came to: counts from its closing lines, names of skipped tests from its
// JUnit report. Refuses to call a run complete that did not say so itself.

export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
  /** False when the run ended before its summary: a test that calls process.exit, a crash, a kill. */
  complete: boolean;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are made of the escape character.
const colours = /\x1b\[[0-9;]*m/g;
const closingLine = /^Ran \d+ tests? across \d+ files?\./;
const countLine = /^\s*(\d+) (pass|fail|skip|todo|errors?|filtered out|expect\(\) calls|snapshots?\b.*)$/;

/**
 * Counts from the end of a run's stderr. A file that fails to load counts as one failure (the JUnit report leaves
 * it out), and so does a run that failed or broke off without a failed test: nothing that went wrong counts as 0.
 */
export function tallyOf(output: string, exitCode: number | null): Tally {
  const lines = output.replace(colours, "").split("\n");
  const end = lines.findLastIndex((line) => closingLine.test(line));
  const counts: Record<string, number> = {};
  for (let index = end - 1; index >= 0; index--) {
    const [, count, what] = countLine.exec(lines[index] ?? "") ?? [];
    if (count === undefined || what === undefined) break;
    counts[what] = Number(count);
  }
  const failed = Math.max(counts["fail"] ?? 0, counts["error"] ?? 0, counts["errors"] ?? 0);
  const complete = end >= 0;
  return {
    passed: counts["pass"] ?? 0,
    failed: failed === 0 && (exitCode !== 0 || !complete) ? 1 : failed,
    skipped: (counts["skip"] ?? 0) + (counts["todo"] ?? 0),
    complete,
  };
}

/** The line every run closes with. */
export function closingLineOf({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/** "file: group > name" of every skipped test, from a JUnit report. */
export function skippedIn(junit: string): string[] {
  return [...junit.matchAll(/<testcase ([^>]*[^/>])>\s*<skipped/g)].map(([, attributes = ""]) => {
    const attribute = (name: string) => unescapeXml(new RegExp(`(?:^| )${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");
    // Bun writes the groups innermost first.
    const groups = attribute("classname").split(" > ").filter(Boolean).reverse();
    return `${attribute("file")}: ${[...groups, attribute("name")].join(" > ")}`;
  });
}

const entities: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function unescapeXml(text: string): string {
  return text.replace(/&(?:#(\d+)|([a-z]+));/g, (whole, code: string | undefined, name: string | undefined) =>
    code === undefined ? (entities[name ?? ""] ?? whole) : String.fromCodePoint(Number(code)),
  );
}
