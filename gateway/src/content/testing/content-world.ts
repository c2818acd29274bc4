// Owns what the tests of `bun run content` share: a store in a directory of its own, traces sealed as the gateway seals
// them, and the command run as an operator runs it.

import { afterEach, beforeEach } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKeyring } from "@anyray/shared/crypto";
import { makeKey } from "@anyray/shared/secrets";
import { openStore } from "@anyray/shared/store/open";
import type { Store } from "@anyray/shared/store/store";
import type { TraceContent } from "@anyray/shared/store/trace";
import { traceWith } from "@anyray/shared/testing/trace";
import { sealContent } from "../../traces/keep-content";
import { runContentCommand } from "../cli";

export const keys = [makeKey(), makeKey()] as const;
export const ts = Date.UTC(2026, 10, 20);
export const who = ["--operator", "Ada Operator", "--reason", "ticket 7"];
/** Every byte there is, and what a terminal would obey. */
export const hostile = new Uint8Array([...Array(256).keys(), ...Buffer.from("\u202e\u001b[2Jzoë")]);
export const said = 'what was asked \u001b[31m and {"a": 1}';

export let dir: string;
export let store: Store;
/** To be called once in each test file: hooks belong to the file that makes them. */
export function useContentWorld(): void {
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), "anyray-content-"));
    store = await openStore({ dataDir: dir, timezone: "UTC" });
  });
  afterEach(async () => {
    await store.close();
    rmSync(dir, { recursive: true, force: true });
  });
}

export async function run(args: string[], given: { isTerminal?: boolean; env?: Record<string, string> } = {}) {
  const out: Uint8Array[] = [];
  let err = "";
  const rewrapped: unknown[] = [];
  const code = await runContentCommand(args, {
    env: { ANYRAY_DATA_DIR: dir, ANYRAY_CONTENT_KEY: keys[0], ...given.env },
    isTerminal: given.isTerminal ?? true,
    print: (text) => out.push(typeof text === "string" ? Buffer.from(text) : text),
    complain: (text) => {
      err += text;
    },
    rewrapOptimizer: async (...asked) => {
      rewrapped.push(asked);
      return 0;
    },
  });
  const bytes = Buffer.concat(out);
  return { code, bytes, out: bytes.toString(), err, rewrapped };
}

/** A trace with its contents sealed under a key, as the gateway keeps it. */
export async function keep(
  id: string,
  key: string,
  contents: Partial<Record<TraceContent["field"], Uint8Array | string>>,
) {
  const sealed = Object.entries(contents).map(([field, data]) => {
    const kept = typeof data === "string" ? Buffer.from(data) : data;
    const content = { field: field as TraceContent["field"], kept, bytes: kept.length, isCut: false };
    return sealContent({ id, ts }, content, "encrypted", createKeyring(key));
  });
  await store.recordTraces([traceWith({ id, ts, contents: sealed })]);
}

export const audited = async () =>
  (await store.readAudit(null, 50)).map(({ action, result, actor, object, reason, after }) => ({
    ...{ action, result, actor, object, reason, after },
  }));
