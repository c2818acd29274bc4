// Owns outputs that come wrapped: tools that run commands often answer with an object whose one member is what the
// command printed, `{"output":"…","metadata":{"exit_code":1}}`.

import { memberOf, readTree, stringOf } from "../../segments/json-tree";

/** What a command printed, and where the literal stands that holds it. UTF-16 units, end exclusive. */
export interface Printed {
  text: string;
  start: number;
  end: number;
}

const names = ["output", "stdout", "stderr", "result", "content", "text", "aggregated_output", "logs"];

/** The longest of them; null where the text is no such object. */
export function printedIn(text: string): Printed | null {
  if (!text.trimStart().startsWith("{")) return null;
  try {
    const root = readTree(text);
    let longest: Printed | null = null;
    for (const name of names) {
      const node = memberOf(root, name);
      const value = stringOf(text, node);
      if (!node || value === null || value.length <= (longest?.text.length ?? 0)) continue;
      longest = { text: value, start: node.start, end: node.end };
    }
    return longest;
  } catch {
    return null;
  }
}
