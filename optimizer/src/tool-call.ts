// Owns what is said of a tool call in a marker: its tool, what it was about, the file it concerned. Reads the arguments
// as data; what they hold is only ever shown on one short line.

import type { Segment } from "./segments/draft";

/** Arguments longer than this carry content, not a name of something. */
const argsCharsMax = 200_000;
const shownCharsMax = 60;

const pathNames = ["path", "file_path", "filePath", "filepath", "file", "filename", "notebook_path", "uri"];
const aboutNames = ["command", "cmd", "pattern", "query", "q", "url", "sql", "name", "id", "resource", "input"];

/** What a call was about. */
export interface CallFacts {
  /** The file it names; null when it names none. */
  path: string | null;
  /** The path, command, pattern or query, on one line of at most 60 characters; "" when there is none. */
  about: string;
}

export function callFacts(toolArgs: string | null): CallFacts {
  const args = readArgs(toolArgs);
  if (args === null) return { path: null, about: "" };
  if (typeof args === "string") return { path: null, about: oneLine(args) };
  const path = firstText(args, pathNames);
  return { path, about: oneLine(path ?? firstText(args, aboutNames) ?? "") };
}

function readArgs(toolArgs: string | null): Readonly<Record<string, unknown>> | string | null {
  if (toolArgs === null || toolArgs.length > argsCharsMax) return null;
  try {
    const args: unknown = JSON.parse(toolArgs);
    if (typeof args === "string") return args;
    return typeof args === "object" && args !== null && !Array.isArray(args) ? (args as Record<string, unknown>) : null;
  } catch {
    // The input of a custom tool is plain text.
    return toolArgs;
  }
}

function firstText(args: Readonly<Record<string, unknown>>, names: readonly string[]): string | null {
  for (const name of names) {
    const value = Object.hasOwn(args, name) ? args[name] : undefined;
    if (typeof value === "string" && value !== "") return value;
    // Codex and others pass a command as its words.
    if (Array.isArray(value) && value.length > 0 && value.every((word) => typeof word === "string")) {
      return value.join(" ");
    }
  }
  return null;
}

function oneLine(text: string): string {
  const end = text.indexOf("\n");
  const line = (end < 0 ? text : text.slice(0, end)).trim();
  if (line.length <= shownCharsMax) return line;
  // The end of a path tells more than its beginning; with a command it is the other way round.
  const isPath = !line.includes(" ");
  return isPath ? `...${line.slice(3 - shownCharsMax)}` : `${line.slice(0, shownCharsMax - 3)}...`;
}

/** How a marker calls the tool: its name, cut to 40 characters. */
export function toolLabel({ toolName, role }: Pick<Segment, "toolName" | "role">): string {
  if (toolName === null || toolName === "") return role === "user" ? "pasted text" : "tool";
  return toolName.length <= 40 ? toolName : `${toolName.slice(0, 37)}...`;
}
