// Owns blocks that repeat inside one text: instructions pasted along with every item, notices under every passage. They
// are written once. No word is left out: by default every character can be restored from what is sent.

import type { Draft } from "../segments/draft";
import type { ParamSpec, Params, Run, Strategy } from "../strategy";
import { accepts, replace, type Subject, subjectsOf } from "../subjects";
import { shortenRepeats } from "./prompt_compression/repeats";
import { collapseBlanks, shortenRules } from "./prompt_compression/squeeze";
import type { RepeatLimits } from "./prompt_compression/templates";

const roles = {
  type: "list",
  default: ["tool", "function"],
  choices: ["tool", "function", "user", "system", "developer"],
  help: 'Whose texts may be edited. "tool" and "function" are results of tools; "user" adds data that users pasted; "system" and "developer" the instructions.',
} satisfies ParamSpec;

export const promptCompression = {
  kind: "prompt_compression",
  tier: "lossless",
  about: {
    does: "Writes blocks that repeat inside a text once; later copies tell where the first stands and which words differ.",
    risk: "The model has to look up an earlier line of the same text for what used to stand there again.",
  },
  params: {
    roles,
    minChars: { type: "integer", default: 400, min: 100, max: 10_000_000, help: "Shorter texts stay." },
    minBlockChars: { type: "integer", default: 80, min: 40, max: 100_000, help: "Shorter blocks stay." },
    minRepeats: {
      type: "integer",
      default: 3,
      min: 2,
      max: 1_000,
      help: "Blocks that stand in a text fewer times stay.",
    },
    collapseWhitespace: {
      type: "boolean",
      default: false,
      help: "Drops blanks at line ends and all but one of three or more blank lines. What was dropped cannot be restored.",
    },
    stripBoilerplate: {
      type: "boolean",
      default: false,
      help: "Shortens lines that only decorate, like rules of dashes. How long they were cannot be restored.",
    },
  },
  bodyBytesMin: 1_000,
  run(draft, params, run) {
    let texts = 0;
    let copies = 0;
    let near = 0;
    for (const subject of allSubjects(draft, params)) {
      run.budget.check();
      if (!accepts(draft, subject, "lossless") || !isOurs(subject, run)) continue;
      const tidy = tidied(subject.text, params);
      const shortened = shortenRepeats(tidy, params as unknown as RepeatLimits);
      const text = shortened?.text ?? tidy;
      if (text === subject.text || !replace(draft, subject, text, "lossless")) continue;
      texts += 1;
      copies += shortened?.copies ?? 0;
      near += shortened?.nearCopies ?? 0;
    }
    if (texts > 0) run.report(`${copies} repeated blocks, ${near} with other words, in ${texts} texts`, copies);
  },
} satisfies Strategy;

function allSubjects(draft: Draft, params: Params): Subject[] {
  const charsMin = params["minChars"] as number;
  const subjects = subjectsOf(draft, params["roles"], charsMin);
  const wanted = new Set(params["roles"] as readonly string[]);
  for (const segment of draft.segments) {
    const { role, kind, text } = segment;
    const isInstruction = (role === "system" || role === "developer") && kind === "text";
    if (!isInstruction || !wanted.has(role) || text.length < charsMin) continue;
    subjects.push({ segment, start: 0, end: text.length, text });
  }
  return subjects;
}

/** Of tools' results only prose: other kinds have strategies that know them better, and a pointer would stop those. */
function isOurs({ segment, text }: Subject, run: Run): boolean {
  // A text that is to be rewritten is wanted as it is.
  if (segment.role === "user") return !run.question().intents.has("EDIT");
  if (segment.kind !== "tool_result") return true;
  const textClass = run.classOf(segment);
  // What repeats much is taken for the lines of a machine, whoever wrote it.
  return textClass === "prose" || textClass === "markup" || (textClass === "lines" && isWordy(text));
}

const linesLookedAt = 200;
const wordyShare = 0.6;
const letterShare = 0.85;

/** Most lines are words, not stamps and figures. */
function isWordy(text: string): boolean {
  let lines = 0;
  let wordy = 0;
  for (let from = 0; from < text.length && lines < linesLookedAt; ) {
    const newline = text.indexOf("\n", from);
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(from, Math.min(end, from + 1_000)).trim();
    from = end + 1;
    if (line === "") continue;
    lines += 1;
    if (/^[\p{L}*_-]/u.test(line) && lettersIn(line) >= letterShare * line.length) wordy += 1;
  }
  return lines > 0 && wordy >= wordyShare * lines;
}

function lettersIn(line: string): number {
  let letters = 0;
  for (let at = 0; at < line.length; at += 1) {
    const code = line.charCodeAt(at) | 0x20;
    if ((code >= 0x61 && code <= 0x7a) || code === 0x20 || code >= 0xc0) letters += 1;
  }
  return letters;
}

function tidied(text: string, params: Params): string {
  let tidy = text;
  if (params["collapseWhitespace"] === true) tidy = collapseBlanks(tidy);
  if (params["stripBoilerplate"] === true) tidy = shortenRules(tidy);
  return tidy;
}
