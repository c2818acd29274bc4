// Owns the log: one JSON object a line, on stdout. Refuses content and credentials: by the type of what may be
// logged, by the name of the field, and by redacting what looks like a credential inside a text.

import { cutText, isRefusedName, redactText } from "./redact";

export type LogLevel = "debug" | "info" | "warn" | "error";

/** What a field may hold: nothing that could carry a request, a response or a header set. */
export type FieldValue = string | number | boolean | null | undefined;

type RefusedWord =
  | ("authorization" | "cookie" | "cookies" | "credential" | "credentials" | "password" | "secret")
  | ("key" | "apikey" | "token" | "prompt" | "content" | "contents" | "message" | "messages" | "body");

type ReservedName = "ts" | "level" | "service" | "msg";

/** "token", "adminToken", "admin_token", "x-api-key"; not "inputTokens" or "contentType". */
type RefusedName<K extends string> =
  Lowercase<K> extends RefusedWord | `${string}${"-" | "_" | "."}${RefusedWord}`
    ? K
    : K extends `${string}${Capitalize<RefusedWord>}` | ReservedName
      ? K
      : never;

/** Fields by names that say nothing of content; strings longer than 512 characters are cut. `error` takes whatever was thrown. */
export type Fields<F> = {
  readonly [K in keyof F]: K extends "error" ? unknown : [RefusedName<K & string>] extends [never] ? FieldValue : never;
};

/** Only a constant is accepted: a text made from values would carry them past the fields' rules. */
type Constant<M extends string> =
  Record<never, never> extends Record<M, 1> ? "a log message is a constant text; values go into fields" : M;

/**
 * Writes one line when the level is on. A field `error` that holds an Error becomes `{error: name, detail: message,
 * code}`, with its `stack` where debug lines are on.
 */
export type LogLine = <const M extends string, F extends Record<string, unknown> = Record<never, never>>(
  msg: M & Constant<M>,
  fields?: F & Fields<F>,
) => void;

export interface Log {
  debug: LogLine;
  info: LogLine;
  warn: LogLine;
  error: LogLine;
  /** A log whose lines all carry `fields` as well. */
  child<F extends Record<string, unknown>>(fields: F & Fields<F>): Log;
}

export interface LogOptions {
  /** Least severe level that is written. */
  level: LogLevel;
  service: string;
  /** Takes one line without its line end; default: stdout. */
  write?: (line: string) => void;
  /** Milliseconds since the epoch. */
  now?: () => number;
}

const ranks: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };
const stackLengthMax = 4_096;

type PlainFields = Readonly<Record<string, unknown>>;

/** Lines look like `{"ts":"2026-01-02T03:04:05.678Z","level":"info","service":"gateway","msg":"…", …fields}`. */
export function createLog(options: LogOptions): Log {
  const { level, service, write = writeToStdout, now = Date.now } = options;
  const least = ranks[level];
  const withStack = level === "debug";

  const logWith = (inherited: PlainFields): Log => {
    const lineAt = (at: LogLevel): LogLine => {
      if (ranks[at] < least) return () => {};
      return (msg: string, fields?: PlainFields) => {
        const line = {
          ts: new Date(now()).toISOString(),
          level: at,
          service,
          msg: redactText(msg),
          ...inherited,
          ...(fields && cleanFields(fields, withStack)),
        };
        write(escapeTerminal(JSON.stringify(line)));
      };
    };
    return {
      debug: lineAt("debug"),
      info: lineAt("info"),
      warn: lineAt("warn"),
      error: lineAt("error"),
      child: (fields: PlainFields) => logWith({ ...inherited, ...cleanFields(fields, withStack) }),
    };
  };
  return logWith({});
}

const reservedNames: ReadonlySet<string> = new Set<ReservedName>(["ts", "level", "service", "msg"]);

/** The types above say the same; this holds for what came past them. */
function cleanFields(fields: PlainFields, withStack: boolean): Record<string, unknown> {
  const clean: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    if (name === "error") Object.assign(clean, describeError(value, withStack));
    else clean[reservedNames.has(name) ? `${name}_` : name] = isRefusedName(name) ? "[refused]" : cleanValue(value);
  }
  return clean;
}

function cleanValue(value: unknown): unknown {
  if (typeof value === "string") return redactText(value);
  return typeof value === "number" || typeof value === "boolean" || value === null ? value : "[refused]";
}

function describeError(error: unknown, withStack: boolean): Record<string, unknown> {
  if (!(error instanceof Error)) return { error: cleanValue(error) };
  // A parser's complaint quotes the text it was given, which may be somebody's prompt.
  const detail = error instanceof SyntaxError ? error.message.replace(/(["'`])[\s\S]*\1/g, "$1…$1") : error.message;
  const { code } = error as { code?: unknown };
  return {
    error: redactText(error.name),
    detail: redactText(detail),
    ...(typeof code === "string" && /^\w{1,64}$/.test(code) && { code }),
    ...(withStack && error.stack !== undefined && { stack: cleanStack(error.stack, error.message, detail) }),
  };
}

function cleanStack(stack: string, message: string, detail: string): string {
  return cutText(redactText(message ? stack.replace(message, () => detail) : stack, stackLengthMax), stackLengthMax);
}

/** JSON leaves these bare; a terminal or a log viewer may obey them (C1 controls, line and paragraph ends, bidi). */
function escapeTerminal(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

const waitingLengthMax = 8_388_608;
let waitingLength = 0;
let droppedLines = 0;
let listening = false;

/** Never blocks and never throws: a reader that stalls or leaves costs log lines, not calls. */
function writeToStdout(line: string): void {
  if (!listening) {
    listening = true;
    process.stdout.on("error", () => {});
  }
  if (waitingLength > waitingLengthMax) {
    droppedLines++;
    return;
  }
  if (droppedLines > 0) {
    const ts = new Date().toISOString();
    writeCounted(`${JSON.stringify({ ts, level: "warn", msg: "log lines dropped", lines: droppedLines })}\n`);
    droppedLines = 0;
  }
  writeCounted(`${line}\n`);
}

/** Counted here, because the stream's own writableLength stays 0 in Bun however much waits. */
function writeCounted(text: string): void {
  waitingLength += text.length;
  process.stdout.write(text, () => {
    waitingLength -= text.length;
  });
}
