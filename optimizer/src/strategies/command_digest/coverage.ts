// Owns the table of coverage that test runners print behind their results: what is covered whole is counted, what is
// covered least is shown.

import type { Sheet } from "./sheet";

const shownMax = 20;

/** `a.ts | 100 | 100 | 100 | 100 |` of Istanbul, `a.py  12  0  100%` of coverage.py. */
export function judgeCoverage(sheet: Sheet): void {
  const partly: { index: number; share: number }[] = [];
  for (let index = 0; index < sheet.size; index += 1) {
    const line = sheet.trimmed[index] ?? "";
    const share = shareCovered(line);
    if (share === null) continue;
    if (line.startsWith("All files ") || line.startsWith("TOTAL ")) sheet.keep(index);
    else if (share === 100) sheet.noise(index, "files covered whole");
    else partly.push({ index, share });
  }
  partly.sort((a, b) => a.share - b.share || a.index - b.index);
  for (const { index } of partly.slice(0, shownMax)) sheet.keep(index);
  for (const { index } of partly.slice(shownMax)) sheet.detail(index, "files covered in part");
}

/** The least of a row's shares in percent; null where the line is no row of such a table. */
function shareCovered(line: string): number | null {
  const cells = line.split("|", 6);
  if (cells.length >= 5) {
    const shares = cells.slice(1, 5).map((cell) => (cell.trim() === "" ? Number.NaN : Number(cell)));
    return shares.every((share) => share >= 0 && share <= 100) ? Math.min(...shares) : null;
  }
  const row = /^(?:TOTAL|\S{1,300}\.py) +\d+ +\d+ .{0,40}?(\d{1,3})%/.exec(line);
  return row ? Number(row[1]) : null;
}
