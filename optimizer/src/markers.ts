// Owns the grammar of what stands where something was elided. One line, ASCII, deterministic; version 1:
//
//   [... <what is gone> elided: <facts>; retrieve("ctx_<16 of a-z2-7>")]
//   [... same as <where>; retrieve("ctx_…")]          a pointer to text that stands elsewhere in the request

export interface Marker {
  /** For example "270 of 300 rows". */
  gone: string;
  /** Range, distribution or kind of what is gone; may be "". */
  facts: string;
  handle: string;
}

const markerCharsMax = 160;
const opening = "[... ";
/** Inside JSON text the quotes are escaped, and once more where that text is a string of JSON itself. */
const handlePattern = /retrieve\(\\*"(ctx_[a-z2-7]{16})\\*"\)\]/g;

export function elisionMarker({ gone, facts, handle }: Marker): string {
  const end = `; retrieve("${handle}")]`;
  const fixed = `${opening}${ascii(gone)} elided`;
  const room = markerCharsMax - fixed.length - end.length - 2;
  const told = ascii(facts);
  const shown = told.length <= room ? told : `${told.slice(0, Math.max(0, room - 3))}...`;
  return shown === "" || room < 8 ? fixed + end : `${fixed}: ${shown}${end}`;
}

/** In place of text that stands elsewhere in the same request; with a handle where that place may change. */
export function pointerMarker(where: string, handle: string | null): string {
  return `${opening}same as ${ascii(where)}${handle === null ? "]" : `; retrieve("${handle}")]`}`;
}

/** Whether a text has been through here: it is never trimmed again. */
export function hasMarker(text: string): boolean {
  if (!text.includes(opening)) return false;
  return /\[\.\.\. [^\n\]]{0,150} ?(elided|same as )/.test(text);
}

/** Handles that a text offers for retrieval, in order, each once. */
export function handlesIn(text: string): string[] {
  const handles = new Set<string>();
  for (const [, handle] of text.matchAll(handlePattern)) if (handle) handles.add(handle);
  return [...handles];
}

/** One line of printable ASCII without what would end a marker early. */
function ascii(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?").replace(/[[\]]/g, "|");
}
