// Owns which strategies may run together, and in which order.

import type { StrategyEntry } from "./config";

/** They change what the conversation says: a crop before them would measure what is not sent in the end. */
const contentKinds: ReadonlySet<string> = new Set([
  "context_dedupe",
  "prompt_compression",
  "command_digest",
  "code_graph",
  "code_skeleton",
  "vision_ocr",
  "relevance_filter",
  "context_compression",
  "observation_mask",
  "output_externalize",
]);

/** Of several of these one at most: they would work on the same text in two ways. */
const exclusive: readonly (readonly string[])[] = [["code_graph", "code_skeleton"]];

/** What is wrong with the order of the enabled ones, one text each. `where` leads each ("strategies"). */
export function orderFaults(entries: readonly StrategyEntry[], where: string): string[] {
  const kinds = entries.filter(({ enabled }) => enabled).map(({ kind }) => kind);
  const faults: string[] = [];
  const crop = kinds.indexOf("window_budget");
  const late = crop < 0 ? [] : kinds.slice(crop + 1).filter((kind) => contentKinds.has(kind));
  if (late.length > 0) faults.push(`${where}: window_budget must come after ${late.join(", ")}`);
  const marks = kinds.indexOf("cache_optimizer");
  if (marks >= 0 && marks < kinds.length - 1) {
    faults.push(
      `${where}: cache_optimizer must be the last that is enabled, after ${kinds.slice(marks + 1).join(", ")}`,
    );
  }
  for (const group of exclusive) {
    const both = group.filter((kind) => kinds.includes(kind));
    if (both.length > 1) faults.push(`${where}: ${both.join(" and ")} exclude each other: enable one of them`);
  }
  return faults;
}
