// Owns the outputs that tell of changes: git's status, log and stat, and terraform's plan.

import { keepListing } from "./listings";
import { type Digester, isDigit, lastLine, noiseWhere, range, type Sheet } from "./sheet";

export const digestGitStatus: Digester = (sheet, limits) => {
  const isLong = sheet.heads.some((head) => /^(?:On branch |HEAD detached|Not currently on any branch)/.test(head));
  if (!isLong) return false;
  noiseWhere(sheet, "hint", (line) => /^\(use "git /.test(line) || line.startsWith("(commit or discard"));
  const groups: { at: number; paths: number[] }[] = [];
  for (let index = 0; index < sheet.size; index += 1) {
    const head = sheet.heads[index] ?? "";
    if (head.startsWith("\t")) groups.at(-1)?.paths.push(index);
    else if (head.trim() !== "" && sheet.verdict(index) === "unknown") {
      sheet.keep(index);
      groups.push({ at: index, paths: [] });
    }
  }
  for (const { at, paths } of groups) {
    const isUntracked = sheet.heads[at]?.startsWith("Untracked files") === true;
    // What was changed is what is asked about; untracked files are mostly products of a build.
    if (!isUntracked) for (const index of paths) sheet.keep(index);
    else
      keepListing(
        sheet,
        paths.map((index) => ({ index, path: sheet.trimmed[index] ?? "" })),
        limits,
      );
  }
  return groups.length > 0;
};

/** Commits stay with author, date and subject; the rest of a message goes. */
export const digestGitLog: Digester = (sheet, limits) => {
  let commits = 0;
  let from = 0;
  for (let index = 0; index <= sheet.size; index += 1) {
    const isCommit = /^commit [0-9a-f]{7,64}\b/.test(sheet.heads[index] ?? "");
    if (!isCommit && index < sheet.size) continue;
    if (commits > 0) judgeCommit(sheet, from, index, limits.contextLines);
    from = index;
    commits += isCommit ? 1 : 0;
  }
  return commits >= 3;
};

function judgeCommit(sheet: Sheet, from: number, to: number, contextLines: number): void {
  let message = 0;
  for (const index of range(from, to)) {
    const head = sheet.heads[index] ?? "";
    const line = head.trim();
    const isMessage = head.startsWith("    ");
    if (/^(?:commit |Author: |Date: |Merge: |AuthorDate: |Commit: )/.test(head)) sheet.keep(index);
    else if (isMessage && line !== "" && message === 0) sheet.keep(index);
    else if (/^(?:BREAKING|Revert|This reverts commit|Fixes|Closes|CVE-)/.test(line)) sheet.keep(index);
    else if (/^(?:Signed-off-by|Co-authored-by|Reviewed-by|Acked-by|Change-Id|Tested-by): /i.test(line))
      sheet.noise(index, "trailers");
    else if (/^\d+ files? changed/.test(line)) sheet.keep(index);
    else if (isMessage && line !== "" && message > contextLines) sheet.detail(index, "long messages");
    else if (isMessage && line !== "") sheet.detail(index, "messages");
    else if (line !== "") sheet.detail(index, "files");
    if (isMessage && line !== "") message += 1;
  }
}

/** ` src/a.ts | 12 +++--`, ` 3 files changed, …` */
export const digestGitStat: Digester = (sheet, limits) => {
  const end = lastLine(sheet, (head) => /^ ?\d+ files? changed/.test(head));
  if (end < 0) return false;
  sheet.keep(end);
  const files: { index: number; path: string; weight: number }[] = [];
  for (let index = 0; index < end; index += 1) {
    const head = sheet.heads[index] ?? "";
    const bar = head.lastIndexOf(" | ");
    if (!head.startsWith(" ") || bar < 0) continue;
    const rest = head.slice(bar + 3).trim();
    if (!isDigit(rest.charCodeAt(0)) && !rest.startsWith("Bin")) continue;
    files.push({ index, path: head.slice(0, bar).trim(), weight: Number.parseInt(rest, 10) || 0 });
  }
  keepListing(sheet, files, limits);
  return files.length === Number.parseInt(sheet.trimmed[end] ?? "", 10);
};

/** What changes stays, with the attributes that do; what is only known later, or stays as it is, goes. */
export const digestTerraform: Digester = (sheet) => {
  const end = lastLine(sheet, (head) => head.startsWith("Plan: ") || head.startsWith("No changes."));
  if (end < 0) return false;
  sheet.keep(end);
  const summary = sheet.heads[end] ?? "";
  const counts = { add: 0, change: 0, destroy: 0 };
  for (let index = 0; index < end; index += 1) {
    const line = sheet.trimmed[index] ?? "";
    if (/^# .+ (?:will be|must be|has been|has moved)/.test(line) || line.startsWith("# (because")) {
      sheet.keep(index);
      if (line.includes(" will be created")) counts.add += 1;
      else if (line.includes(" will be updated in-place")) counts.change += 1;
      else if (line.includes(" will be destroyed")) counts.destroy += 1;
      else if (line.includes(" must be replaced")) {
        counts.add += 1;
        counts.destroy += 1;
      }
    } else judgeTerraformLine(sheet, index, line);
  }
  if (summary.startsWith("No changes.")) return counts.add + counts.change + counts.destroy === 0;
  const told = /(\d+) to add, (\d+) to change, (\d+) to destroy/.exec(summary);
  if (!told) return false;
  return Number(told[1]) === counts.add && Number(told[2]) === counts.change && Number(told[3]) === counts.destroy;
};

function judgeTerraformLine(sheet: Sheet, index: number, line: string): void {
  if (/: (?:Refreshing state|Reading|Read complete|Still reading)\b/.test(line)) sheet.noise(index, "refresh");
  else if (/^(?:~|-\/\+|\+\/-|- |<=)/.test(line) || line.includes("# forces replacement")) sheet.keep(index);
  else if (line.endsWith("(known after apply)")) sheet.noise(index, "known after apply");
  else if (/^# \(\d+ unchanged /.test(line)) sheet.noise(index, "unchanged");
  else if (line.startsWith("+ ")) sheet.keep(index);
  else if (/^(?:│|╷|╵|Error:|Warning:)/.test(line)) sheet.keep(index);
  else if (
    /^(?:Terraform used the selected|plan\. Resource actions|\+ create$|Terraform will perform|Note: You didn't use|guarantee to take)/.test(
      line,
    )
  ) {
    sheet.noise(index, "explanation");
  }
}
