// Owns single huge results that nobody asks about: each gives way to a handle and a table of contents. What the
// question is about is left to the strategies that select from it.

import { elisionMarker } from "../markers";
import { floorLines } from "../observation-stub";
import type { Run, Strategy } from "../strategy";
import { accepts, replace, rolesParam, type Subject, stashWith, subjectsOf } from "../subjects";
import { createIndex } from "../text/bm25";
import { identifiersOf } from "../text/identifiers";
import { grouped, linesOf } from "../text/lines";
import { matches } from "../text/question";
import { callFacts, toolLabel } from "../tool-call";
import { contentsOf } from "./output_externalize/contents";

/** From this share of the question's words in one place on, the text is what the question is about. */
const coverageMax = 0.3;
/** Lines are looked at in blocks of about so many characters: words of a question are seldom all on one line. */
const blockChars = 1_500;
/** A shorter word in quotes stands in the arguments of any call. */
const nameCharsMin = 4;

export const outputExternalize = {
  kind: "output_externalize",
  tier: "whole",
  about: {
    does: "Replaces a huge result of a tool that the question is not about by a handle and a table of contents.",
    risk: "The model has to retrieve what it needs of it, which takes a call, and may not know that it needs it.",
  },
  params: {
    roles: rolesParam,
    minChars: { type: "integer", default: 32_000, min: 2_000, max: 100_000_000, help: "Shorter results stay." },
    tocChars: { type: "integer", default: 400, min: 80, max: 8_000, help: "Longest table of contents." },
  },
  bodyBytesMin: 2_000,
  run(draft, params, run) {
    let count = 0;
    let chars = 0;
    for (const subject of subjectsOf(draft, params["roles"], params["minChars"] as number)) {
      run.budget.check();
      if (!accepts(draft, subject, "whole") || subject.segment.isFresh || isAskedFor(subject, run)) continue;
      const stub = externalStub(subject, params["tocChars"] as number, run);
      if (!replace(draft, subject, stub, "whole")) continue;
      count += 1;
      chars += subject.text.length;
    }
    if (count > 0) run.report(`${count} results of ${grouped(chars)} characters put behind handles`, count);
  },
} satisfies Strategy;

function isAskedFor({ segment, text }: Subject, run: Run): boolean {
  // Without the segment: the words of the call that made the text are in the text by nature.
  const question = run.question();
  if (question.isEmpty) return false;
  const named = [...identifiersOf(question.text), ...question.literals.filter(({ length }) => length >= nameCharsMin)];
  if (named.some((name) => segment.toolArgs?.includes(name))) return true;
  if (question.literals.length > 0 && matches(question, text).literal) return true;
  run.budget.check();
  const best = createIndex(blocksOf(text)).best(question);
  return best !== null && best.coverage >= coverageMax;
}

function blocksOf(text: string): string[] {
  const blocks: string[] = [];
  let start = 0;
  while (start < text.length) {
    const end = text.indexOf("\n", start + blockChars);
    const to = end < 0 ? text.length : end + 1;
    blocks.push(text.slice(start, to));
    start = to;
  }
  return blocks;
}

function externalStub(subject: Subject, tocChars: number, run: Run): string {
  const { segment, text } = subject;
  const { what, toc, index } = contentsOf(text, tocChars);
  const { lines, severe } = floorLines(text);
  const facts = [`${grouped(text.length)} chars in ${grouped(linesOf(text).length)} lines`];
  if (severe > 0) facts.push(`${grouped(severe)} severe`);
  const { about } = callFacts(segment.toolArgs);
  if (about !== "") facts.push(about);
  const handle = stashWith(run, subject, index);
  const marker = elisionMarker({ gone: `${toolLabel(segment)}: ${what}`, facts: facts.join(", "), handle });
  return [marker, ...toc, ...lines.filter((line) => !toc.includes(line))].join("\n");
}
