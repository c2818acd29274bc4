// Owns which lines of a text must stay as they are, whatever repeats in them: code, tables, quotations, examples.

const exampleLabel =
  /^(?:[-*#>\d.) ]{0,8})(?:\*\*)?(?:examples?|input|output|q|a|question|answer|user|human|assistant|system|response|expected|before|after)(?: ?#?\d{1,4})?(?:\*\*)?:/i;

/** 1 for each line that must stay. */
export function guardedLines(lines: readonly string[]): Uint8Array {
  const guarded = new Uint8Array(lines.length);
  let fence: string | null = null;
  let closing: string | null = null;
  for (const [index, line] of lines.entries()) {
    const head = line.trimStart().slice(0, 200);
    const mark = /^(`{3,}|~{3,}|"""|''')/.exec(head)?.[1] ?? null;
    if (fence !== null) {
      guarded[index] = 1;
      if (mark?.startsWith(fence)) fence = null;
    } else if (closing !== null) {
      guarded[index] = 1;
      if (line.includes(closing)) closing = null;
    } else if (mark !== null) {
      guarded[index] = 1;
      fence = mark;
    } else {
      closing = openedBy(head, line);
      if (closing !== null || isTableOrQuote(head)) guarded[index] = 1;
    }
  }
  guardParagraphs(lines, guarded);
  return guarded;
}

/** Elements whose content is shown rather than said. */
function openedBy(head: string, line: string): string | null {
  const name = /^<(examples?|code|pre|quote|blockquote|document|file|poem|text)\b/i.exec(head)?.[1];
  if (!name) return null;
  const closing = `</${name}`;
  return line.includes(closing) ? null : closing;
}

function isTableOrQuote(head: string): boolean {
  if (head.startsWith(">") || head.startsWith("|") || head.trimEnd().includes("\t")) return true;
  const bar = head.indexOf(" | ");
  return bar >= 0 && head.indexOf(" | ", bar + 3) >= 0;
}

/** A paragraph with an example's label, or in which a quotation opens that does not close, stays whole. */
function guardParagraphs(lines: readonly string[], guarded: Uint8Array): void {
  for (let from = 0; from < lines.length; ) {
    if (isBlank(lines[from] ?? "")) {
      from += 1;
      continue;
    }
    let to = from;
    let marks = 0;
    let isExample = false;
    while (to < lines.length && !isBlank(lines[to] ?? "")) {
      const line = lines[to] ?? "";
      marks += quoteMarks(line);
      isExample ||= exampleLabel.test(line.slice(0, 80));
      to += 1;
    }
    const isQuotation = marks % 2 === 1 || (marks > 0 && spansLines(lines, from, to));
    if (isExample || isQuotation) guarded.fill(1, from, to);
    from = to;
  }
}

function spansLines(lines: readonly string[], from: number, to: number): boolean {
  for (let index = from; index < to; index += 1) if (quoteMarks(lines[index] ?? "") % 2 === 1) return true;
  return false;
}

/** Quotation marks that open or close: straight, and curled ones, each of a pair once. */
function quoteMarks(line: string): number {
  let marks = 0;
  for (let at = 0; at < line.length; at += 1) {
    const char = line.charCodeAt(at);
    if (char === 0x22 || char === 0x201c || char === 0x201d || char === 0xab || char === 0xbb) marks += 1;
  }
  return marks;
}

export function isBlank(line: string): boolean {
  return line.trim() === "";
}
