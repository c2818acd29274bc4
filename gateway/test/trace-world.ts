// Owns what tests of traces stand on: a provider, a gateway, and its database read from outside with the content key, as
// an operator would.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createKeyring } from "@anyray/shared/crypto";
import { openSqliteInline } from "@anyray/shared/store/sqlite";
import type { Trace } from "@anyray/shared/store/trace";
import type { StoredTrace } from "@anyray/shared/store/trace-query";
import { type FakeProvider, startFakeProvider } from "@anyray/shared/testing/fake-provider";
import { contentPlace } from "../src/traces/keep-content";
import { startGateway, type TestGateway, type TestGatewayOptions, until } from "./harness";

export type Contents = Partial<Record<Trace["contents"][number]["field"], string>>;

export interface TraceWorld {
  fake: FakeProvider;
  gateway: TestGateway;
  /** The gateway is stopped in this way, and another takes its place. */
  restart(signal: NodeJS.Signals, options?: TestGatewayOptions): Promise<void>;
  /** The one trace with this id. Waits for it. */
  traceOf(id: string): Promise<StoredTrace>;
  /** Every trace, newest first. */
  traces(): Promise<StoredTrace[]>;
  /** As they were before they were sealed. */
  contentsOf(trace: { id: string; ts: number }): Promise<Contents>;
  setMode(contentMode: string): Promise<void>;
  /** POSTs JSON; gives the answer's id and text. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Posted>;
  stop(): void;
}

export interface Posted {
  id: string;
  status: number;
  headers: Headers;
  text: string;
}

export const contentKey = Buffer.alloc(32, 7).toString("base64");
const keyring = createKeyring(contentKey);

export async function openTraceWorld(env: Record<string, string> = {}): Promise<TraceWorld> {
  const fake = startFakeProvider();
  const variables = {
    ANYRAY_PROVIDER_URL_OPENAI: fake.url,
    ANYRAY_PROVIDER_URL_ANTHROPIC: fake.url,
    ANYRAY_CONTENT_KEY: contentKey,
    ...env,
  };
  const started = await startGateway({ env: variables });
  /** One connection a question: the gateway's own is another process's. */
  const ask = async <T>(question: (store: ReturnType<typeof openSqliteInline>) => Promise<T>): Promise<T> => {
    const store = openSqliteInline({ path: join(started.dataDir, "anyray.db"), timezone: "UTC" });
    try {
      return await question(store);
    } finally {
      await store.close();
    }
  };
  const world: TraceWorld = {
    ...{ fake, gateway: started },
    async restart(signal, options = {}) {
      await world.gateway.stop(signal);
      const { env: more, ...rest } = options;
      world.gateway = await startGateway({ dataDir: started.dataDir, ...rest, env: { ...variables, ...more } });
    },
    traceOf: (id) => until(() => ask((store) => store.readTrace(id)), 10_000),
    traces: () =>
      ask(async (store) => {
        const filter = { from: 0, to: Number.MAX_SAFE_INTEGER };
        const all: StoredTrace[] = [];
        for (let after: { ts: number; id: string } | null = null; ; ) {
          const page = await store.readTraces(filter, after, 500);
          all.push(...page.traces);
          after = page.next;
          if (!after) return all;
        }
      }),
    async contentsOf(trace) {
      const contents: Contents = {};
      for (const { field, mode, data } of await ask((store) => store.readContents(trace.id))) {
        const opened = mode === "plaintext" ? data : Buffer.from(keyring.open(data, contentPlace(trace, field)));
        contents[field] = String(opened);
      }
      return contents;
    },
    setMode: async (contentMode) => void (await world.gateway.admin("PUT", "/admin/settings/privacy", { contentMode })),
    async post(path, body, headers = {}) {
      const response = await fetch(world.gateway.url + path, {
        method: "POST",
        headers: { "content-type": "application/json", "anthropic-version": "2023-06-01", ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
      });
      const id = response.headers.get("x-anyray-request-id") ?? "";
      // A break in the answer is told by its trace.
      const text = await response.text().catch(() => "");
      return { id, status: response.status, headers: response.headers, text };
    },
    stop: () => fake.stop(),
  };
  return world;
}

/** Every byte a gateway has written to its data directory, file by file. */
export function filesOf(dataDir: string): { path: string; bytes: Buffer }[] {
  return [...new Bun.Glob("**/*").scanSync({ cwd: dataDir, onlyFiles: true, dot: true })].map((name) => {
    const path = join(dataDir, name);
    return { path, bytes: readFileSync(path) };
  });
}
