// Promise: rows and the provider's own ledger agree: none missing, none twice, the same tokens wherever it stated them.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FakeProvider, startFakeProvider } from "@anyray/shared/testing/fake-provider";
import { createRandom } from "@anyray/shared/testing/fake-words";
import { loadLedger } from "@anyray/shared/testing/ledger";
import { startGateway, type TestGateway, until } from "./harness";
import { sendMixedLoad } from "./mixed-load";
import { reconcile } from "./reconcile";

const directory = mkdtempSync(join(tmpdir(), "anyray-ledger-"));
let provider: FakeProvider;
let ledgerPath = "";
let files = 0;

beforeAll(() => openProvider());
afterAll(() => {
  provider.stop();
  rmSync(directory, { recursive: true, force: true });
});

function openProvider(): void {
  ledgerPath = join(directory, `${++files}.jsonl`);
  provider = startFakeProvider({ ledgerPath, receivedMax: 10 });
}

const environment = () => ({
  ANYRAY_PROVIDER_URL_OPENAI: provider.url,
  ANYRAY_PROVIDER_URL_ANTHROPIC: provider.url,
});

test("after 20,000 mixed calls every account agrees", async () => {
  const gateway = await startGateway({ env: environment() });
  const url = gateway.url;
  const sent = await sendMixedLoad({ urlNow: () => url, seed: 20_001, count: 20_000, width: 64 });
  await until(() => provider.inFlight() === 0, 10_000);
  const entries = loadLedger(ledgerPath);
  const rows = await gateway.rows();
  const result = reconcile(entries, rows, sent);
  expect(result).toMatchObject({ missing: [], doubled: [], invented: [], wrong: [], denied: [] });
  expect(result.served).toBeGreaterThan(19_000);
  // Nothing that ended well is a guess, and what is a guess is what nobody stated.
  expect(result.exact).toBeGreaterThan(17_000);

  const spend = await gateway.admin<{ totals: { requests: number; inputTokens: number; outputTokens: number } }>(
    "GET",
    "/admin/spend",
  );
  const sum = (figure: (row: (typeof rows)[number]) => number) => rows.reduce((total, row) => total + figure(row), 0);
  expect(spend.totals).toMatchObject({
    requests: rows.length,
    inputTokens: sum((row) => row.inputTokens),
    outputTokens: sum((row) => row.outputTokens),
  });
  await gateway.stop();
}, 120_000);

test("after 50 kills at random moments under load every account agrees", async () => {
  provider.stop();
  openProvider();
  const random = createRandom(50);
  let gateway: TestGateway = await startGateway({ env: environment() });
  const port = new URL(gateway.url).port;
  let isOver = false;
  const load = sendMixedLoad({
    urlNow: () => gateway.url,
    seed: 50_001,
    count: 1_000_000,
    width: 24,
    isOver: () => isOver,
  });
  for (let kill = 0; kill < 50; kill++) {
    await Bun.sleep(100 + random() * 300);
    gateway.process.kill("SIGKILL");
    await gateway.process.exited;
    gateway = await startGateway({
      env: { ...environment(), ANYRAY_GATEWAY_PORT: port },
      dataDir: gateway.dataDir,
    });
  }
  isOver = true;
  const sent = await load;
  await until(() => provider.inFlight() === 0, 10_000);
  const result = reconcile(loadLedger(ledgerPath), await gateway.rows(), sent);
  expect(result).toMatchObject({ missing: [], doubled: [], invented: [], wrong: [], denied: [] });
  expect(result.exact).toBeGreaterThan(1_000);
  await gateway.stop();
}, 180_000);
