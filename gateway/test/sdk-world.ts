// Owns what the tests with official SDKs share: one provider asked twice, directly and through a gateway, and a way to
// compare what a client made of both. Knows no SDK.

import { expect } from "bun:test";
import type { RowReport } from "@anyray/shared/admin/spend-rows";
import { type FakeProvider, startFakeProvider } from "@anyray/shared/testing/fake-provider";
import { type LedgerEntry, usageOfLedger } from "@anyray/shared/testing/ledger";
import { startGateway, type TestGateway, until } from "./harness";

/** What a client is made with: where to, and headers that name the call in the ledger and in the row. */
export interface Route {
  baseUrl: string;
  headers: Record<string, string>;
  fetch: typeof fetch;
  /** Requests sent so far by this client. */
  sent(): number;
}

export interface SdkWorld {
  fake: FakeProvider;
  gateway: TestGateway;
  /** A way straight to the provider. */
  direct(callId: string, headers?: Record<string, string>): Route;
  /** A way through the gateway; `user` is who the caller says it is. */
  through(callId: string, headers?: Record<string, string>, user?: string): Route;
  /** The provider's own account of a call; waits for it. */
  ledgerOf(callId: string): Promise<LedgerEntry>;
  /** The row of a call through the gateway; waits for it. Fails when there are two. */
  rowOf(callId: string): Promise<RowReport>;
  /** What every row says is what the provider's ledger says, and every call that stated its usage has a row. */
  expectExactBooks(): Promise<void>;
  stop(): void;
}

/** `env` gives the gateway's variables besides the two providers' addresses. */
export async function openSdkWorld(env: (fakeUrl: string) => Record<string, string> = () => ({})): Promise<SdkWorld> {
  const fake = startFakeProvider();
  const urls = { ANYRAY_PROVIDER_URL_OPENAI: `${fake.url}/v1`, ANYRAY_PROVIDER_URL_ANTHROPIC: fake.url };
  const gateway = await startGateway({ env: { ...urls, ...env(fake.url) } });
  const route = (baseUrl: string, headers: Record<string, string>): Route => {
    let sent = 0;
    const counting = (...args: Parameters<typeof fetch>) => {
      sent += 1;
      return fetch(...args);
    };
    return { baseUrl, headers, fetch: counting as typeof fetch, sent: () => sent };
  };
  return {
    fake,
    gateway,
    direct: (callId, headers = {}) => route(fake.url, { "x-call-id": `${callId} direct`, ...headers }),
    through: (callId, headers = {}, user) =>
      route(gateway.url, {
        "x-call-id": callId,
        "x-anyray-metadata": JSON.stringify({ session: callId, user }),
        ...headers,
      }),
    ledgerOf: (callId) => until(() => fake.ledger.entries.find((entry) => entry.callId === callId)),
    async rowOf(callId) {
      const query = `session=${encodeURIComponent(callId)}`;
      const rows = await until(async () => {
        const found = await gateway.rows(query);
        return found.length > 0 ? found : null;
      });
      expect(rows).toHaveLength(1);
      return rows[0]!;
    },
    expectExactBooks: () => expectExactBooks(fake, gateway),
    stop: () => fake.stop(),
  };
}

async function expectExactBooks(fake: FakeProvider, gateway: TestGateway): Promise<void> {
  const rows = await gateway.rows();
  expect(rows.length).toBeGreaterThan(0);
  for (const row of rows) {
    const entry = fake.ledger.entries.find(({ callId }) => callId === row.session);
    const { cacheWriteLongTokens, ...billed } = usageOfLedger(entry!.tokens);
    const { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens } = row;
    const found = { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens };
    expect([row.session, row.estimated, found]).toEqual([row.session, false, billed]);
    expect([row.session, row.status, row.endpoint]).toEqual([row.session, entry!.status, entry!.path]);
  }
  const metered = new Set(rows.map(({ session }) => session));
  expect(metered.size).toBe(rows.length);
  for (const { callId, usageStated, path } of fake.ledger.entries) {
    if (callId === null || callId.endsWith(" direct") || !usageStated || /\/responses\/./.test(path)) continue;
    expect([callId, metered.has(callId)]).toEqual([callId, true]);
  }
}

/** An error as a client shows it: its class, and what a program or a person reads in it. */
export async function errorOf(failing: Promise<unknown>): Promise<Record<string, unknown>> {
  try {
    await failing;
  } catch (error) {
    const { status, message, code, type, param, error: body } = error as Record<string, unknown>;
    return { class: (error as Error).constructor.name, status, message, code, type, param, body };
  }
  throw new Error("it did not fail");
}

/** Everything a stream gives, until its end. */
export async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}
