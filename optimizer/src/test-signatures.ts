// Owns how the output of a known command is recognised: by words that only its tool prints, in its first 50 and last 30
// lines, helped by the command line. A table; what to do with an output is the digest's business.

export type Tool =
  | "pytest"
  | "unittest"
  | "jest"
  | "vitest"
  | "mocha"
  | "bun_test"
  | "tap"
  | "go_test"
  | "cargo_test"
  | "cargo_build"
  | "junit"
  | "maven"
  | "gradle"
  | "rspec"
  | "phpunit"
  | "dotnet"
  | "tsc"
  | "eslint"
  | "ruff"
  | "mypy"
  | "golangci"
  | "gcc"
  | "make"
  | "ninja"
  | "npm"
  | "pnpm"
  | "yarn"
  | "pip"
  | "docker_build"
  | "terraform"
  | "git_status"
  | "git_log"
  | "git_stat"
  | "ls"
  | "tree"
  | "find"
  | "kubectl_get"
  | "kubectl_describe"
  | "ps"
  | "df";

interface Signature {
  tool: Tool;
  /** A line of the head or the tail that only this tool prints: enough by itself. */
  sure?: RegExp;
  /** The command line. By itself not enough: what it printed may be anything. */
  command?: RegExp;
  /** With the command: a line that fits it. */
  likely?: RegExp;
  /** Share of lines that must fit `likely`; default: one line. */
  share?: number;
}

/** A word where a command begins: at the start, behind a pipe, a ";", "&&", a quote of JSON, or a runner. */
const call = (words: string) =>
  new RegExp(`(?:^|["'|;&(\\n]\\s{0,3}|\\b(?:npx|bunx|sudo|exec|run|dlx|time) {1,2}| -m )(?:${words})(?![\\w.-])`);

/** In order: what is more particular comes first (a test run inside a build is a test run). */
const signatures: readonly Signature[] = [
  {
    tool: "pytest",
    sure: /^=+ (?:test session starts|short test summary info|\d+ (?:passed|failed|error|skipped|xfailed|deselected)\b.{0,200}) =+$|^=+ (?:FAILURES|ERRORS) =+$/,
    command: call("pytest|py\\.test"),
    likely: /^\d+ (?:passed|failed|skipped).{0,120} in [\d.]+s|^(?:FAILED|ERROR) \S+::|^no tests ran/,
  },
  { tool: "unittest", sure: /^Ran \d+ tests? in [\d.]+s$/ },
  {
    tool: "vitest",
    sure: /^\s*(?:RUN|DEV) {1,2}v\d+\.\d+|^ *Test Files {2}\d+ (?:passed|failed)|^ *Test Files {2}.{1,80}\(\d+\)$/,
  },
  { tool: "bun_test", sure: /^bun test v\d|^Ran \d+ tests? across \d+ files?\./ },
  {
    tool: "jest",
    sure: /^Test Suites: .{1,120}\btotal$|^Ran all test suites/,
    command: call("jest"),
    likely: /^(?:PASS|FAIL) \S+/,
  },
  { tool: "cargo_test", sure: /^test result: (?:ok|FAILED)\. \d+ passed; \d+ failed;|^running \d+ tests?$/ },
  {
    tool: "go_test",
    sure: /^(?:--- (?:FAIL|PASS|SKIP): \S+ \([\d.]+s\)|ok {2}\t\S+\t[\d.]+s|FAIL\t\S+\t[\d.]+s|=== RUN {3}\S)/,
    command: call("go test"),
    likely: /^(?:ok|FAIL|PASS|\?)\s/,
  },
  {
    tool: "mocha",
    sure: /^ {2,4}\d+ passing \(\d+m?s?\)$/,
    command: call("mocha"),
    likely: /^\s+\d+ (?:passing|failing)/,
  },
  { tool: "rspec", sure: /^\d+ examples?, \d+ failures?/ },
  { tool: "phpunit", sure: /^PHPUnit \d+\.\d+|^OK \(\d+ tests?, \d+ assertions?\)$|^Tests: \d+, Assertions: \d+/ },
  { tool: "junit", sure: /^(?:\[(?:INFO|ERROR|WARNING)\] )?Tests run: \d+, Failures: \d+, Errors: \d+/ },
  {
    tool: "dotnet",
    sure: /^(?:Passed|Failed)!\s{1,3}- Failed: {1,8}\d+, Passed: |^\s*(?:Determining projects to restore|Time Elapsed \d\d:\d\d:\d\d)/,
    command: call("dotnet"),
    likely: /: (?:error|warning) [A-Z]{2,4}\d{3,5}:|^Build (?:succeeded|FAILED)/,
  },
  { tool: "tap", sure: /^TAP version \d+$|^# (?:tests|pass|fail) \d+$/, likely: /^(?:not )?ok \d+/ },
  {
    tool: "tsc",
    sure: /^\S.{0,300}\(\d+,\d+\): error TS\d+: |^\S.{0,300}:\d+:\d+ - error TS\d+: |^Found \d+ errors? in (?:\d+ files\.?|the same file.{0,200}|\S{1,300}:\d+)$/,
  },
  {
    tool: "eslint",
    sure: /^\s*✖ \d+ problems? \(\d+ errors?, \d+ warnings?\)/,
    command: call("eslint"),
    likely: /^\s+\d+:\d+ {2}(?:error|warning) /,
  },
  {
    tool: "golangci",
    sure: /^\S+\.go:\d+:\d+: .{1,300} \((?:\w+)\)$/,
    command: call("golangci-lint"),
    likely: /^\S+\.go:\d+:\d+: |^\d+ issues/,
  },
  {
    tool: "mypy",
    sure: /^Found \d+ errors? in \d+ files? \(checked \d+ source files?\)$|^Success: no issues found in \d+ source files?$|^\S+\.pyi?:\d+: error: .{1,400}\[[a-z-]+\]$/,
  },
  {
    tool: "ruff",
    sure: /^\S+\.pyi?:\d+:\d+: [A-Z]{1,4}\d{3,4} (?:\[\*\] )?\S|^\[\*\] \d+ fixable with the/,
    command: call("ruff"),
    likely: /^Found \d+ errors?|^All checks passed!/,
  },
  {
    tool: "cargo_build",
    sure: /^ {3,4}Compiling \S+ v\d|^ {4}Finished .{0,20}(?:dev|release|test).{0,40}target\(s\) in|^error: could not compile `|^error\[E\d{4}\]: /,
  },
  { tool: "maven", sure: /^\[INFO\] (?:BUILD (?:SUCCESS|FAILURE)|Scanning for projects\.\.\.|-+< \S+:\S+ >-+)/ },
  { tool: "gradle", sure: /^BUILD (?:SUCCESSFUL|FAILED) in \d|^> Task :\S+/ },
  {
    tool: "docker_build",
    sure: /^#\d+ \[(?:internal|\S+ ?\S* *\d+\/\d+)\]|^\[\+\] Building [\d.]+s|^Step \d+\/\d+ : [A-Z]+ /,
  },
  {
    tool: "terraform",
    sure: /^(?:Plan: \d+ to (?:add|import)|Terraform (?:will perform|used the selected providers)|No changes\. Your infrastructure)/,
  },
  {
    tool: "pnpm",
    sure: /^Packages: \+\d+|^Progress: resolved \d+, reused \d+/,
    command: call("pnpm (?:i|install|add|update)"),
    likely: /^(?:dependencies|devDependencies):|^Done in /,
  },
  { tool: "yarn", sure: /^yarn (?:install|add|run) v\d|^➤ YN\d{4}:/ },
  {
    tool: "npm",
    sure: /^(?:added|removed|changed|up to date),? ?.{0,80}(?:\d+ packages?|audited).{0,80} in [\d.]+m?s$|^npm (?:ERR!|error|warn|WARN) |^up to date, audited \d+/,
  },
  { tool: "pip", sure: /^(?:Successfully installed \S+-\d|Collecting \S+|Requirement already satisfied: )/ },
  {
    tool: "ninja",
    sure: /^ninja: (?:build stopped|no work to do|Entering directory)/,
    likely: /^\[\d+\/\d+\] \S/,
    command: call("ninja"),
    share: 0.2,
  },
  {
    tool: "gcc",
    sure: /^\S{1,300}\.(?:c|cc|cpp|cxx|h|hh|hpp|m|mm):\d+:\d+: (?:fatal )?(?:error|warning): |^collect2: error: /,
  },
  { tool: "make", sure: /^make(?:\[\d+\])?: (?:\*\*\* |Entering directory|Leaving directory|Nothing to be done)/ },
  {
    tool: "git_status",
    sure: /^(?:On branch \S|HEAD detached at )|^Changes (?:to be committed|not staged for commit):$|^nothing to commit, working tree clean$/,
  },
  { tool: "git_stat", sure: /^ \d+ files? changed(?:, \d+ insertions?\(\+\))?(?:, \d+ deletions?\(-\))?$/ },
  {
    tool: "git_log",
    sure: /^commit [0-9a-f]{40}(?: \(.{1,200}\))?$/,
    command: call("git (?:--no-pager )?log"),
    likely: /^[0-9a-f]{7,40} \S|^\* [0-9a-f]{7,40} \S/,
    share: 0.6,
  },
  {
    tool: "kubectl_describe",
    command: call("kubectl (?:-n \\S+ )?describe"),
    likely: /^(?:Name|Namespace|Labels|Status|Events):\s/,
  },
  {
    tool: "kubectl_get",
    sure: /^(?:NAMESPACE {2,})?NAME {2,}(?:READY|STATUS|TYPE|DESIRED|DATA|AGE|CLASS|COMPLETIONS|REFERENCE|SCHEDULE)\b.{0,200}\bAGE\b/,
    command: call("kubectl (?:-n \\S+ )?get"),
    likely: /^NAME\s/,
  },
  { tool: "ps", sure: /^USER +PID +%CPU +%MEM |^ *UID +PID +PPID |^ +PID TTY +(?:STAT )? *TIME / },
  { tool: "df", sure: /^Filesystem +(?:1K-blocks|Size|512-blocks|1M-blocks|Type)\b/ },
  {
    tool: "tree",
    sure: /^\d+ director(?:y|ies), \d+ files?$/,
    command: call("tree"),
    likely: /^(?:[│|] {3}| {4}){0,20}[├└|`]──? /,
    share: 0.5,
  },
  {
    tool: "ls",
    sure: /^total \d+[KMG]?$/,
    command: call("ls|ll|dir"),
    likely: /^[-dlbcps][rwxsStT-]{9}[.+@]? +\d+ /,
    share: 0.5,
  },
  { tool: "find", command: call("find"), likely: /^\.{0,2}\/?\S{1,300}$/, share: 0.95 },
];

const headLines = 50;
const tailLines = 30;
const lineCharsMax = 600;
const argumentCharsMax = 4_000;

/** The command whose output `text` is; null where nothing says so. `toolArgs`: the call's arguments, JSON or a line. */
export function recognise(text: string, toolArgs: string | null): Tool | null {
  const lines = edgeLines(text);
  if (lines.length === 0) return null;
  const args =
    toolArgs === null ? "" : toolArgs.slice(0, argumentCharsMax).replaceAll("\\n", "\n").replaceAll('\\"', '"');
  for (const signature of signatures) if (fits(signature, lines, args)) return signature.tool;
  return null;
}

function fits({ tool, sure, command, likely, share }: Signature, lines: readonly string[], args: string): boolean {
  if (sure !== undefined && lines.some((line) => sure.test(line))) return tool !== "ls" || lines.some(isListing);
  if (likely === undefined || command === undefined || !command.test(args)) return false;
  const fitting = lines.filter((line) => likely.test(line)).length;
  return share === undefined ? fitting > 0 : fitting >= 3 && fitting >= share * lines.length;
}

/** "total 12" stands in other texts too. */
function isListing(line: string): boolean {
  return /^[-dlbcps][rwxsStT-]{9}[.+@]? +\d+ /.test(line);
}

/** Lines that are not blank of the first 50 and the last 30, colours taken off. */
function edgeLines(text: string): string[] {
  const lines: string[] = [];
  let start = 0;
  for (let count = 0; count < headLines && start < text.length; count++) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline;
    lines.push(text.slice(start, Math.min(end, start + lineCharsMax)));
    start = end + 1;
  }
  const tail: string[] = [];
  let end = text.length;
  for (let count = 0; count < tailLines && end > start; count++) {
    const begin = text.lastIndexOf("\n", end - 1) + 1;
    if (begin < start) break;
    tail.push(text.slice(begin, Math.min(end, begin + lineCharsMax)));
    end = begin - 1;
  }
  return [...lines, ...tail.reverse()].map(withoutColours).filter((line) => line.trim() !== "");
}

const escapeChar = String.fromCharCode(27);

function withoutColours(line: string): string {
  const bare = line.endsWith("\r") ? line.slice(0, -1) : line;
  if (!bare.includes(escapeChar)) return bare;
  return bare
    .split(escapeChar)
    .map((part, index) => (index === 0 ? part : part.replace(/^\[[\d;]{0,20}[A-Za-z]/, "")))
    .join("");
}
