// Owns messages that were taken out: the marker that stands for each gap, and the memory of a crop, so that later turns
// leave out the same messages and send the same bytes.

import { elisionMarker } from "../../markers";
import type { Draft, Message } from "../../segments/draft";
import type { Run } from "../../strategy";
import { grouped } from "../../text/lines";
import { callFacts, toolLabel } from "../../tool-call";

const touchedMax = 12;
const touchedCharsMax = 300;

/** What a crop left out, for as long as the conversation begins as it did then. */
export interface Crop {
  /** Of all messages up to the last one left out: how many, and a hash of what they hold. */
  count: number;
  digest: string;
  dropped: readonly number[];
}

export function rememberCrop(draft: Draft, dropped: ReadonlySet<number>): Crop {
  const indexes = [...dropped].sort((a, b) => a - b);
  const count = (indexes.at(-1) ?? -1) + 1;
  return { count, digest: digestOf(draft, count), dropped: indexes };
}

/** The messages that an earlier turn left out; empty when the conversation does not begin any more as it did. */
export function recallCrop(draft: Draft, value: unknown): Set<number> {
  const crop = value as Partial<Crop> | null;
  if (crop === null || typeof crop !== "object" || !Array.isArray(crop.dropped)) return new Set();
  const { count, digest, dropped } = crop;
  if (typeof count !== "number" || count > draft.messages.length || digestOf(draft, count) !== digest) return new Set();
  return new Set(dropped.filter((index) => Number.isInteger(index) && index >= 0 && index < count));
}

function digestOf(draft: Draft, count: number): string {
  const hasher = new Bun.CryptoHasher("sha256");
  for (const { index, role, segments } of draft.messages.slice(0, count)) {
    const keys = segments.length > 0 ? segments.map(({ key }) => key).join(" ") : sourceOf(draft, index);
    hasher.update(`${role} ${keys}\n`);
  }
  return hasher.digest("base64url");
}

/** Takes the messages out and says so at each gap. */
export function applyCrop(draft: Draft, dropped: ReadonlySet<number>, run: Run): void {
  for (const gap of gapsOf(draft, dropped)) {
    for (const message of gap) draft.dropMessage(message);
    const host = hostOf(draft, gap, dropped);
    if (host) draft.addText(host, gapMarker(draft, gap, run));
  }
}

/** Runs of adjacent messages that are left out. */
export function gapsOf(draft: Draft, dropped: ReadonlySet<number>): Message[][] {
  const gaps: Message[][] = [];
  for (const message of draft.messages) {
    if (!dropped.has(message.index)) continue;
    const last = gaps.at(-1);
    if (last?.at(-1)?.index === message.index - 1) last.push(message);
    else gaps.push([message]);
  }
  return gaps;
}

/**
 * The nearest message before the gap that is a user's, or a tool's own; else the nearest behind it. A user's message that
 * carries results is the last choice: words behind results teach a model to wait for words behind results.
 */
function hostOf(draft: Draft, gap: readonly Message[], dropped: ReadonlySet<number>): Message | undefined {
  const isFree = ({ index, role }: Message) =>
    (role === "user" || role === "tool") && !dropped.has(index) && draft.found.messages[index]?.content !== null;
  const isOwn = (message: Message) =>
    isFree(message) && (message.role === "tool" || message.segments.every(({ role }) => role === "user"));
  const first = gap[0]?.index ?? 0;
  const before = draft.messages.slice(0, first);
  const behind = draft.messages.slice(first);
  return before.findLast(isOwn) ?? behind.find(isOwn) ?? before.findLast(isFree) ?? behind.find(isFree);
}

function gapMarker(draft: Draft, gap: readonly Message[], run: Run): string {
  const calls = new Map<string, number>();
  const touched = new Set<string>();
  for (const segment of gap.flatMap(({ segments }) => segments)) {
    if (segment.kind !== "tool_use") continue;
    const label = toolLabel(segment);
    calls.set(label, (calls.get(label) ?? 0) + 1);
    const { path, about } = callFacts(segment.toolArgs);
    if (path !== null && about !== "") touched.add(about);
  }
  const counts = [...calls]
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .map(([tool, count]) => `${tool} ${count}`);
  const handle = stashGap(draft, gap, run);
  const gone = `${grouped(gap.length)} messages`;
  const marker = elisionMarker({ gone, facts: counts.length > 0 ? `calls: ${counts.join(", ")}` : "", handle });
  if (touched.size === 0) return marker;
  const shown: string[] = [];
  let chars = 0;
  for (const name of touched) {
    chars += name.length + 2;
    if (shown.length === touchedMax || chars > touchedCharsMax) break;
    shown.push(name);
  }
  const rest = touched.size > shown.length ? ` and ${touched.size - shown.length} more` : "";
  return `${marker}\nfiles there: ${shown.join(", ")}${rest}`;
}

/** A JSON list of the messages as they came, one a line. */
function stashGap(draft: Draft, gap: readonly Message[], run: Run): string {
  const starts: number[] = [];
  let content = "[";
  for (const { index } of gap) {
    if (starts.length > 0) content += ",\n";
    starts.push(content.length);
    content += sourceOf(draft, index);
  }
  return run.stashText(`${content}]`, { starts, unit: "message" });
}

function sourceOf({ source, found }: Draft, index: number): string {
  const node = found.messages[index]?.node;
  return node ? source.slice(node.start, node.end) : "";
}
