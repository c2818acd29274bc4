// Owns the outputs that are tables of what runs: rows that are as they should be are counted, all others stay.

import { type Digester, type Limits, range, type Sheet } from "./sheet";

interface Table {
  header: number;
  columns: readonly string[];
  rows: readonly { index: number; cells: readonly string[] }[];
}

/** Cells stand apart by two spaces at least, or begin where the header's words do. */
function readTable(sheet: Sheet, header: number): Table {
  const head = sheet.heads[header] ?? "";
  const columns: string[] = [];
  const starts: number[] = [];
  for (const found of head.matchAll(/\S+(?: \S+)*/g)) {
    columns.push(found[0]);
    starts.push(found.index);
  }
  const rows: { index: number; cells: string[] }[] = [];
  for (let index = header + 1; index < sheet.size; index += 1) {
    const line = sheet.heads[index] ?? "";
    if (line.trim() === "") break;
    rows.push({ index, cells: starts.map((start, at) => line.slice(start, starts[at + 1] ?? line.length).trim()) });
  }
  return { header, columns, rows };
}

const healthy = new Set([
  "running",
  "completed",
  "succeeded",
  "ready",
  "active",
  "bound",
  "available",
  "true",
  "deployed",
  "established",
]);
const rowsShown = 3;

export const digestKubectlGet: Digester = (sheet, limits) => {
  const headers = range(0, sheet.size).filter((index) => /^(?:NAMESPACE +)?NAME +[A-Z]/.test(sheet.heads[index] ?? ""));
  if (headers.length === 0) return false;
  let judged = 0;
  for (const header of headers) {
    sheet.keep(header);
    const table = readTable(sheet, header);
    judged += judgeRows(sheet, table, isPodWell(table), limits);
  }
  return judged > 0;
};

/** Ready as it should be, in a state that is well, and not restarted more often than others. */
function isPodWell({ columns, rows }: Table): (cells: readonly string[]) => boolean {
  const ready = columns.indexOf("READY");
  const status = columns.indexOf("STATUS");
  const restarts = columns.indexOf("RESTARTS");
  const counts = rows.map(({ cells }) => Number.parseInt(cells[restarts] ?? "0", 10) || 0).sort((a, b) => a - b);
  const usual = counts[counts.length >> 1] ?? 0;
  return (cells) => {
    const state = (cells[status] ?? "").toLowerCase();
    if (status >= 0 && !healthy.has(state)) return false;
    const [have, want] = (cells[ready] ?? "").split("/");
    if (ready >= 0 && want !== undefined && have !== want && state !== "completed") return false;
    if (ready >= 0 && want === undefined && !healthy.has((have ?? "").toLowerCase())) return false;
    return restarts < 0 || (Number.parseInt(cells[restarts] ?? "0", 10) || 0) <= usual;
  };
}

/** Keeps the first rows that are well and all that are not; a note counts the rest. Gives how many rows there are. */
function judgeRows(
  sheet: Sheet,
  { header, columns, rows }: Table,
  isWell: (cells: readonly string[]) => boolean,
  limits: Limits,
): number {
  const states = new Map<string, number>();
  const status = columns.indexOf("STATUS");
  let well = 0;
  let hidden = 0;
  for (const { index, cells } of rows) {
    const state = cells[status] ?? "as they should be";
    states.set(state, (states.get(state) ?? 0) + 1);
    if (!isWell(cells) || well < Math.min(rowsShown, limits.maxFailures)) sheet.keep(index);
    else {
      sheet.detail(index, "rows that are well");
      hidden += 1;
    }
    well += isWell(cells) ? 1 : 0;
  }
  const told = [...states].map(([state, count]) => `${count} ${state}`).slice(0, 12);
  if (hidden > 0 && status >= 0) sheet.note(header, `[${rows.length} rows: ${told.join(", ")}]`);
  return rows.length;
}

/** What is not set, and events that are routine, go. */
export const digestKubectlDescribe: Digester = (sheet) => {
  const isDescribed = sheet.heads.some((head) => /^Name: +\S/.test(head));
  const events = sheet.heads.findIndex((head) => /^Events: /.test(head) || head === "Events:");
  if (!isDescribed || events < 0) return false;
  for (const index of range(0, sheet.size)) {
    const line = sheet.trimmed[index] ?? "";
    if (index > events && line.startsWith("Normal ")) sheet.detail(index, "routine events");
    else if (/: +<(?:none|unset|nil)>$/.test(line)) sheet.noise(index, "not set");
    else if (/^(?:node\.kubernetes\.io\/|ConfigMapOptional|TokenExpirationSeconds|kube-api-access)/.test(line))
      sheet.noise(index, "defaults");
    else sheet.keep(index);
  }
  return true;
};

/** Processes: the largest ones, all that are stuck, and how many of which command. */
export const digestPs: Digester = (sheet, limits) => {
  const header = sheet.heads.findIndex((head) => /\bPID\b/.test(head) && /\b(?:CMD|COMMAND)\b/.test(head));
  if (header < 0) return false;
  sheet.keep(header);
  const columns = (sheet.trimmed[header] ?? "").split(/ +/);
  const column = (name: string) => columns.indexOf(name);
  const state = Math.max(column("STAT"), column("S"));
  const rows = range(header + 1, sheet.size)
    .filter((index) => sheet.trimmed[index] !== "")
    .map((index) => ({ index, cells: (sheet.trimmed[index] ?? "").split(/ +/) }));
  if (rows.length < 20) return false;
  const commands = new Map<string, number>();
  for (const { index, cells } of rows) {
    const command = cells[columns.length - 1] ?? "";
    const name = command.startsWith("[") ? "[kernel threads]" : command.slice(command.lastIndexOf("/") + 1);
    commands.set(name, (commands.get(name) ?? 0) + 1);
    if (state >= 0 && /^[DZTX]/.test(cells[state] ?? "")) sheet.keep(index);
  }
  for (const name of ["%CPU", "%MEM", "RSS", "TIME", "C"]) {
    const at = column(name);
    if (at < 0) continue;
    const sorted = [...rows].sort((a, b) => amount(b.cells[at]) - amount(a.cells[at]) || a.index - b.index);
    for (const { index, cells } of sorted.slice(0, Math.min(5, limits.maxFailures)))
      if (amount(cells[at]) > 0) sheet.keep(index);
  }
  for (const { index } of rows) sheet.detail(index, "processes");
  const told = [...commands].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, 12);
  sheet.note(header, `[${rows.length} processes: ${told.map(([name, count]) => `${count} ${name}`).join(", ")}]`);
  return true;
};

/** A number, or a time of hours, minutes and seconds. */
function amount(cell: string | undefined): number {
  if (!cell) return 0;
  if (!cell.includes(":")) return Number.parseFloat(cell) || 0;
  return cell.split(":").reduce((sum, part) => sum * 60 + (Number.parseFloat(part) || 0), 0);
}

/** Filesystems that are nearly full, and those that hold data; not what only lives in memory. */
export const digestDf: Digester = (sheet) => {
  const header = sheet.heads.findIndex((head) => head.startsWith("Filesystem") && head.includes("Mounted on"));
  if (header < 0) return false;
  sheet.keep(header);
  for (const index of range(header + 1, sheet.size)) {
    const line = sheet.trimmed[index] ?? "";
    const used = Number.parseInt(/ (\d+)% /.exec(line)?.[1] ?? "0", 10);
    const isVirtual = /^(?:tmpfs|devtmpfs|overlay|shm|udev|none|squashfs|\/dev\/loop\d+)\s/.test(line);
    if (!isVirtual || (used >= 80 && !line.startsWith("/dev/loop"))) sheet.keep(index);
    else sheet.noise(index, "filesystems in memory");
  }
  return true;
};
