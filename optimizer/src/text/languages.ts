// Owns which language a text is written in: by the name of its file, by its first line, by its words. No grammar.

const byExtension: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ts: "ts mts cts",
    tsx: "tsx",
    js: "js mjs cjs jsx",
    py: "py pyi",
    go: "go",
    java: "java",
    rust: "rs",
    c: "c h",
    cpp: "cc cpp cxx hpp hh hxx",
    cs: "cs",
    rb: "rb rake",
    php: "php",
    bash: "sh bash zsh",
    kotlin: "kt kts",
    swift: "swift",
    scala: "scala",
    sql: "sql",
    css: "css scss less",
    lua: "lua",
    md: "md markdown mdx rst",
    html: "html htm xml svg vue",
  }).flatMap(([language, extensions]) =>
    extensions.split(" ").map((extension): [string, string] => [extension, language]),
  ),
);

const markupLanguages = new Set(["md", "html"]);
const fileName = /[\w@./\\~-]{0,200}[\w-]\.([A-Za-z]{1,8})(?![\w.])/g;

/** The language of the only kind of source file that a call names; null for none, or several. */
export function languageOfArgs(toolArgs: string | null): string | null {
  if (toolArgs === null) return null;
  const languages = new Set<string>();
  for (const [, extension = ""] of toolArgs.slice(0, 2_000).matchAll(fileName)) {
    const language = byExtension.get(extension.toLowerCase());
    if (language) languages.add(language);
  }
  const [only] = languages;
  return languages.size === 1 && only !== undefined ? only : null;
}

export function isMarkupLanguage(language: string): boolean {
  return markupLanguages.has(language);
}

const shebangs: readonly (readonly [RegExp, string])[] = [
  [/^#!.{0,60}\b(?:bash|sh|zsh)\b/, "bash"],
  [/^#!.{0,60}\bpython/, "py"],
  [/^#!.{0,60}\b(?:node|bun|deno)\b/, "js"],
  [/^#!.{0,60}\bruby\b/, "rb"],
  [/^#!.{0,60}\bphp\b/, "php"],
  [/^<\?php/, "php"],
];
const fence = /^ {0,3}(?:```|~~~)([A-Za-z+#]{1,12})\s*$/;
const fenceTags: ReadonlyMap<string, string> = new Map([
  ["typescript", "ts"],
  ["javascript", "js"],
  ["python", "py"],
  ["golang", "go"],
  ["ruby", "rb"],
  ["csharp", "cs"],
  ["shell", "bash"],
  ["c++", "cpp"],
  ["rust", "rust"],
]);

/** Line patterns that hardly any other language has; each line votes once for each that fits. */
const votes: readonly (readonly [string, RegExp])[] = [
  [
    "ts",
    /^\s*(?:export )?(?:interface|type|enum) \w+|^\s*(?:export |private |public |readonly |async |const |let |function ).{0,120}\w\)?\??: [A-Za-z[{<|]|^import type |\bas const\b/,
  ],
  [
    "js",
    /^\s*(?:export )?(?:const|let|var) [\w{[]|^\s*(?:export )?(?:default )?(?:async )?function\b|^import .{1,120} from ["']|\brequire\(["']|=> ?[{(]|^\s*module\.exports|^\s*\}\);?$/,
  ],
  [
    "py",
    /^\s*(?:async )?def \w+\(.{0,200}\).{0,60}:\s*$|^\s*class \w+.{0,80}:\s*$|^from [\w.]+ import |^import [\w.]+(?: as \w+)?$|^\s*(?:elif .{1,120}|else|try|except.{0,80}|finally|with .{1,120}|for \w.{1,120} in .{1,120}|if .{1,120}):\s*(?:#.{0,80})?$|^\s*@\w+|\bself\.\w/,
  ],
  [
    "go",
    /^func (?:\(\w+ \*?\w+\) )?\w+\(|^package \w+$|:= |^\s*if err != nil|^type \w+ (?:struct|interface) \{|^\s*defer |^import \($/,
  ],
  [
    "java",
    /^\s*(?:public|private|protected)(?: static| final| abstract){0,3} [\w<>[\], ]{1,80} \w+ ?[({=;]|^import (?:static )?[\w.]+\*?;$|^package [\w.]+;$|^\s*@Override|^\s*(?:public |final |abstract )*class \w+/,
  ],
  [
    "rust",
    /^\s*(?:pub(?:\(crate\))? )?(?:fn|struct|enum|trait|mod|impl)\b[ <]\w|^\s*use [\w:]+(?:::|;)|^\s*let (?:mut )?\w+|^\s*#\[\w|\bmatch \w.{0,80} \{$|-> Result</,
  ],
  [
    "c",
    /^#(?:include|define|ifdef|ifndef|endif)\b|^\s*(?:static |const |unsigned )*(?:int|char|void|double|float|size_t|struct \w+) \**\w+ ?[(;=[]|->\w+|\bprintf\(/,
  ],
  ["cpp", /^#include <\w+>$|\bstd::\w|^\s*(?:template ?<|namespace \w|using namespace )|\bcout <<|::\w+\(/],
  [
    "cs",
    /^using [\w.]+;$|^\s*namespace [\w.]+|^\s*(?:public|private|internal|protected) .{0,80}\{ get;|\bvar \w+ = new /,
  ],
  [
    "rb",
    /^\s*def \w+[?!]?(?:\(.{0,100}\))?$|^\s*end$|^require ["']|^\s*(?:attr_\w+|module [A-Z]\w*|class [A-Z]\w*(?: < [\w:]+)?)|\bdo \|\w/,
  ],
  ["php", /^<\?php|\$\w+ ?(?:=|->)|^\s*(?:public |private |protected )?function \w+\(|^use [\w\\]+;$/],
  [
    "bash",
    /^\s*(?:fi|done|esac)$|^\s*(?:if \[|for \w+ in |while ).{0,120}(?:then|do)?$|^\s*(?:echo|export|local|set -|source) ?|\$\{?\w+\}?/,
  ],
  [
    "sql",
    /^\s*(?:SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|CREATE (?:TABLE|INDEX|VIEW)|ALTER TABLE|FROM \w|WHERE |LEFT JOIN|INNER JOIN|GROUP BY)\b/i,
  ],
  ["css", /^\s*[\w-]{2,40}: [^;]{1,120};$|^\s*[.#@]?[\w-]+(?:[ :>,.#][\w:.#> -]{0,80})? \{$/],
];

/** Lines of code end and begin with other marks than sentences do. */
const codeLine = /[{};,([:]\s*$|^\s*[})\]]|^\s*(?:\/\/|#|\*|\/\*)|\w\(.{0,200}\)|[=!<>]=|=>|->|&&|\|\|/;
const sentence = /^[A-Z"'][^{};=]{30,}[.?!]["')]?$/;
const codeShare = 0.5;
const voteShare = 0.12;
const surelyShare = 0.5;
const sentenceShareMax = 0.25;

/** The language that most lines speak for; null where the text does not look like code. */
export function languageOf(lines: readonly string[]): string | null {
  const held = lines.filter((line) => line.trim() !== "");
  const [first = ""] = held;
  for (const [pattern, language] of shebangs) if (pattern.test(first)) return language;
  const tag = fence.exec(first)?.[1]?.toLowerCase();
  if (tag !== undefined && /^ {0,3}(?:```|~~~)\s*$/.test(held.at(-1) ?? "")) {
    const language = fenceTags.get(tag) ?? byExtension.get(tag);
    if (language !== undefined && !isMarkupLanguage(language)) return language;
  }
  if (held.length < 3 || hasSentences(held)) return null;
  let best: string | null = null;
  let most = Math.max(2, voteShare * held.length) - 1e-9;
  for (const [language, pattern] of votes) {
    const count = held.filter((line) => pattern.test(line)).length;
    // What is TypeScript is nearly all JavaScript too: a few lines of types decide.
    const weighed = language === "ts" && count >= 0.04 * held.length ? count + jsVotes(held) : count;
    if (weighed > most) {
      most = weighed;
      best = language;
    }
  }
  // Ruby and SQL need few marks: their words must speak all the louder.
  return most >= surelyShare * held.length || looksLikeCode(held) ? best : null;
}

/** Whether at least half of the lines are built as code is, and few are sentences. Blank lines do not count. */
export function looksLikeCode(lines: readonly string[]): boolean {
  const held = lines.filter((line) => line.trim() !== "");
  if (held.filter((line) => codeLine.test(line)).length < codeShare * held.length) return false;
  return !hasSentences(held);
}

function hasSentences(lines: readonly string[]): boolean {
  return lines.filter((line) => sentence.test(line.trim())).length > sentenceShareMax * lines.length;
}

const jsPattern = votes.find(([language]) => language === "js")?.[1];

function jsVotes(lines: readonly string[]): number {
  return lines.filter((line) => jsPattern?.test(line)).length + 1;
}

const markdownLine =
  /^#{1,6} \S|^ {0,3}[-*+] \S|^ {0,3}\d{1,3}\. \S|^\s{0,3}(?:```|~~~)|^\|.{1,400}\|\s*$|^> |^(?:={3,}|-{3,})\s*$|\]\(\S{1,300}\)|\*\*\S/;
const markdownSure = /^#{1,6} \S|^\s{0,3}```|^\|[-: |]{3,200}\|\s*$|\]\((?:https?:|\.|\/|#)/;
const htmlLine = /^\s*<\/?[A-Za-z!?][^\n]{0,300}/;

/** "html" or "md"; null where too few lines are marked up. */
export function markupOf(lines: readonly string[]): "html" | "md" | null {
  const held = lines.filter((line) => line.trim() !== "");
  if (held.length === 0) return null;
  const first = (held[0] ?? "").trim().slice(0, 200);
  if (/^<(?:!doctype\b|html\b|\?xml\b|svg\b)/i.test(first)) return "html";
  if (held.filter((line) => htmlLine.test(line)).length >= 0.5 * held.length && /<\/[A-Za-z]/.test(held.join("\n")))
    return "html";
  const sure = held.filter((line) => markdownSure.test(line)).length;
  const marked = held.filter((line) => markdownLine.test(line)).length;
  return sure >= 2 && marked >= 0.15 * held.length ? "md" : null;
}
