// Owns what tells a person's words from data that they pasted: fences, and the look of lines. One pass, no guess at
// what the data is.

interface Range {
  start: number;
  end: number;
}

/** The inside of the longest fenced block; null where there is none. An open fence goes on to the end. */
export function findFence(text: string): Range | null {
  let best: Range | null = null;
  let open: { mark: string; inside: number } | null = null;
  const close = (end: number) => {
    if (open && (best === null || end - open.inside > best.end - best.start)) best = { start: open.inside, end };
    open = null;
  };
  for (const { start, end } of linesOf(text)) {
    const mark = fenceMark(text, start, end);
    if (mark === null) continue;
    if (open === null) open = { mark, inside: Math.min(end + 1, text.length) };
    else if (mark.startsWith((open as { mark: string }).mark))
      close(Math.max((open as { inside: number }).inside, start - 1));
  }
  close(text.length);
  return best;
}

function fenceMark(text: string, start: number, end: number): string | null {
  return /^ {0,3}(`{3,16}|~{3,16})/.exec(text.slice(start, Math.min(end, start + 24)))?.[1] ?? null;
}

const wordsLinesMax = 6;
const wordsCharsMax = 1_500;
/** Prose alone is pasted only where it is this long: a document, not an instruction. */
const documentCharsMin = 4_000;

interface Line extends Range {
  isBlank: boolean;
  isProse: boolean;
}

/** What is left when the prose of the first and of the last paragraphs is cut away; null where that is no data. */
export function dataLines(text: string): Range | null {
  const lines = linesOf(text).map(({ start, end }): Line => {
    const line = text.slice(start, Math.min(end, start + 2 * wordsCharsMax));
    return { start, end, isBlank: line.trim() === "", isProse: isProseLine(line) };
  });
  let first = 0;
  let last = lines.length - 1;
  first += wordsAtEdge(lines, first, last, 1);
  last -= wordsAtEdge(lines, first, last, -1);
  const [from, to] = [lines[first], lines[last]];
  if (!from || !to || first > last) return null;
  const inside = lines.slice(first, last + 1).filter(({ isBlank }) => !isBlank);
  const chars = (some: readonly Line[]) => some.reduce((sum, { start, end }) => sum + end - start, 0);
  const prose = chars(inside.filter(({ isProse }) => isProse));
  const all = chars(inside);
  const isDocument = all >= documentCharsMin && inside.length < lines.filter(({ isBlank }) => !isBlank).length;
  if (prose * 2 > all && !isDocument) return null;
  return { start: from.start + wordsBefore(text, from), end: to.end - wordsBehind(text, to) };
}

/** "Sum this up: {…" — how much of a line of data is words in front of the first bracket. */
function wordsBefore(text: string, line: Range): number {
  const head = text.slice(line.start, Math.min(line.end, line.start + wordsCharsMax));
  const at = head.search(/[{[<]/);
  return at > 0 && isProseLine(head.slice(0, at)) ? at : 0;
}

function wordsBehind(text: string, line: Range): number {
  const tail = text.slice(Math.max(line.start, line.end - wordsCharsMax), line.end);
  const at = Math.max(tail.lastIndexOf("}"), tail.lastIndexOf("]"), tail.lastIndexOf(">"));
  return at >= 0 && isProseLine(tail.slice(at + 1)) ? tail.length - at - 1 : 0;
}

/** How many lines at an edge are somebody's words: one paragraph of prose, or the prose lines that touch the data. */
function wordsAtEdge(lines: readonly Line[], first: number, last: number, step: 1 | -1): number {
  let at = step === 1 ? first : last;
  let count = 0;
  let words = 0;
  let chars = 0;
  for (; at >= first && at <= last; at += step) {
    const line = lines[at] as Line;
    if (line.isBlank && words > 0) break;
    if (!line.isBlank && !line.isProse) break;
    if (!line.isBlank) words++;
    chars += line.end - line.start;
    count++;
    if (words > wordsLinesMax || chars > wordsCharsMax) return blanksAtEdge(lines, first, last, step);
  }
  // Blank lines between the words and the data belong to neither.
  return words > 0 ? count + blanksAtEdge(lines, step === 1 ? at : first, step === 1 ? last : at, step) : count;
}

function blanksAtEdge(lines: readonly Line[], first: number, last: number, step: 1 | -1): number {
  let count = 0;
  for (let at = step === 1 ? first : last; at >= first && at <= last && lines[at]?.isBlank; at += step) count++;
  return count;
}

const questionCharsMax = 400;
const machineStart =
  /^\s*(?:\d|[[{<|}\])>"'#*+=@$%^&\\/-]|(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\b|(?:at|import|def|class|function|const|let|var|return|if|for|while|public|private|func|package|using|SELECT|INSERT)\s[^.?!]*[({;:=])/;

/** Words beside words, and few marks: what people write. A question mark at the end makes nearly anything a question. */
function isProseLine(line: string): boolean {
  const pairs = wordPairs(line);
  if (line.length <= questionCharsMax && line.trimEnd().endsWith("?") && pairs >= 1) return true;
  if (machineStart.test(line)) return false;
  let marks = 0;
  for (let at = 0; at < line.length; at++) if ('{}[]()<>=;|_\\/"#*+$&@~^'.includes(line.charAt(at))) marks++;
  const words = Math.max(1, line.split(/\s+/).length);
  return pairs >= 1 && pairs * 2.5 >= words - 1 && marks <= words * 0.4;
}

/** How often a word of letters follows another behind one blank. */
function wordPairs(line: string): number {
  let pairs = 0;
  let before = false;
  for (const word of line.split(" ")) {
    const isWord = /^["'(]?\p{L}[\p{L}'’-]*["')]?[.,:;!?]*$/u.test(word.slice(0, 40));
    if (isWord && before) pairs++;
    before = isWord;
  }
  return pairs;
}

function linesOf(text: string): Range[] {
  const lines: Range[] = [];
  let start = 0;
  while (start <= text.length) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline;
    lines.push({ start, end });
    start = end + 1;
  }
  return lines;
}
