// Owns a small, bounded part of JSONPath: names, indexes, slices and wildcards, without filters, scripts and descent.

import { elementsOf, findJson, isArrayAt, isObjectAt, membersOf, type Span } from "./json-spans";

type Step =
  | { name: string }
  | { every: true }
  | { index: number }
  | { from: number | null; to: number | null; by: number };

const stepsMax = 16;
const resultsMax = 10_000;
const namePattern = /[^.[\]'"*\s]+/y;
const bracketPattern = /\[\s*(?:(\*)|(-?\d{1,9})|(-?\d{1,9})?\s*:\s*(-?\d{1,9})?\s*(?::\s*([1-9]\d{0,8}))?)\s*\]/y;
const quotedPattern = /\[\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*\]/sy;

/** Null for what is not in the part that is understood. */
export function parseJsonPath(path: string): Step[] | null {
  const steps: Step[] = [];
  let at = path.startsWith("$") ? 1 : 0;
  const read = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(path);
    if (found) at = pattern.lastIndex;
    return found;
  };
  while (at < path.length) {
    const isFirstName = at === 0 && path[0] !== "[" && path[0] !== ".";
    if (path[at] === "." || isFirstName) {
      if (!isFirstName) at++;
      if (path[at] === "*") {
        at++;
        steps.push({ every: true });
      } else {
        const name = read(namePattern);
        if (!name) return null;
        steps.push({ name: name[0] });
      }
    } else {
      const step = bracketStep(read);
      if (!step) return null;
      steps.push(step);
    }
    if (steps.length > stepsMax) return null;
  }
  return steps;
}

function bracketStep(read: (pattern: RegExp) => RegExpExecArray | null): Step | null {
  const quoted = read(quotedPattern);
  if (quoted) return { name: (quoted[1] ?? quoted[2] ?? "").replace(/\\(.)/gs, "$1") };
  const found = read(bracketPattern);
  if (!found) return null;
  const [, every, index, from, to, by] = found;
  if (every) return { every: true };
  if (index !== undefined) return { index: Number(index) };
  return {
    from: from === undefined ? null : Number(from),
    to: to === undefined ? null : Number(to),
    by: Number(by ?? 1),
  };
}

/**
 * Where the values of a path stand in a text, in its order; at most 10,000. Null where the text holds no JSON or the path
 * is not understood.
 */
export function findByPath(text: string, path: string): readonly Span[] | null {
  const steps = parseJsonPath(path);
  const found = steps && findJson(text);
  if (!steps || !found) return null;
  let spans = found.spans;
  let rest = steps;
  const [first] = steps;
  if (found.isList && first) {
    // A name on a list of lines is meant for each of them.
    if (!("name" in first)) rest = steps.slice(1);
    if ("index" in first || "from" in first) spans = pick(spans, first);
  }
  for (const step of rest) spans = spans.flatMap((span) => take(text, span, step)).slice(0, resultsMax);
  return spans;
}

function take(text: string, { start }: Span, step: Step): Span[] {
  if (isObjectAt(text, start)) {
    if ("every" in step) return bounded(membersOf(text, start)).map(({ start, end }) => ({ start, end }));
    if (!("name" in step)) return [];
    // As JSON.parse reads it: of equal names the last counts.
    let found: Span | null = null;
    for (const member of membersOf(text, start)) {
      if (member.key === step.name) found = { start: member.start, end: member.end };
    }
    return found ? [found] : [];
  }
  if (!isArrayAt(text, start) || "name" in step) return [];
  if ("every" in step) return bounded(elementsOf(text, start));
  return pick([...elementsOf(text, start)], step);
}

function bounded<T>(spans: Iterable<T>): T[] {
  const taken: T[] = [];
  for (const span of spans) {
    if (taken.length === resultsMax) break;
    taken.push(span);
  }
  return taken;
}

function pick(spans: readonly Span[], step: Step): Span[] {
  if ("index" in step) return spans.slice(step.index, step.index === -1 ? undefined : step.index + 1);
  if (!("from" in step)) return [];
  return spans.slice(step.from ?? 0, step.to ?? undefined).filter((_, position) => position % step.by === 0);
}
