// Owns the lines of a text as places in it. A line ends at "\n"; a "\r" before it is part of the line.

/** Lines without their "\n": joined with "\n" they are the text again. */
export function linesOf(text: string): string[] {
  return text.split("\n");
}

/** Where each line starts, in UTF-16 units. */
export function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

/** "12,345" under any locale. */
export function grouped(count: number): string {
  const digits = String(Math.trunc(count));
  let text = "";
  for (let at = 0; at < digits.length; at += 1) {
    if (at > 0 && (digits.length - at) % 3 === 0 && digits[at - 1] !== "-") text += ",";
    text += digits[at];
  }
  return text;
}
