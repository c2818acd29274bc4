// The export of traces: what becomes of it when the backend does not play along, and when there is no time or room.

import { afterAll, describe, expect, test } from "bun:test";
import type { ExportContents } from "../src/export/exporter";
import { sampleTrace } from "../src/export/testing/trace";
import { closeExportWorlds, openExportWorld as open } from "./export-world";
import { until } from "./harness";

afterAll(closeExportWorlds);

const contents: ExportContents = {
  request: JSON.stringify({ model: "gpt-5", messages: [{ role: "user", content: "canary question" }] }),
  response: JSON.stringify({
    choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "canary answer" } }],
  }),
};

describe("a backend that does not play along", () => {
  test("is asked again after 429, 502, 503, 504 and a broken connection, and gets everything once", async () => {
    const { exporter, receiver, lines, close } = open();
    const statuses = [429, 502, 503, 504];
    receiver.answer((count) => {
      const status = statuses[count - 1];
      return status === undefined ? null : new Response("prompt: canary", { status });
    });
    const sent = Array.from({ length: 20 }, () => sampleTrace());
    for (const trace of sent) exporter.exportTrace(trace);
    await until(() => exporter.report().exported === 20);
    const roots = receiver.spans().filter(({ kind }) => kind === 3);
    expect(roots.map(({ attributes }) => attributes["anyray.id"])).toEqual(sent.map(({ id }) => id));
    expect(receiver.raw.length).toBe(5);
    expect(exporter.report()).toMatchObject({ waiting: 0, waitingBytes: 0, dropped: 0, lastFault: null });
    expect(lines.filter((line) => line.includes("cannot be exported"))).toHaveLength(1);
    expect(lines.filter((line) => line.includes("exported again"))).toHaveLength(1);
    expect(lines.join("")).not.toContain("canary");
    await close();
  });

  test("says when to come back, and is left alone until then", async () => {
    for (const after of [() => "1", () => new Date(Date.now() + 2_000).toUTCString()]) {
      const { exporter, receiver, close } = open();
      receiver.answer((count) =>
        count > 1 ? null : new Response("", { status: 429, headers: { "retry-after": after() } }),
      );
      const startedAt = performance.now();
      exporter.exportTrace(sampleTrace());
      await until(() => exporter.report().exported === 1);
      expect(performance.now() - startedAt).toBeGreaterThan(600);
      await close();
    }
  });

  test("that refuses is not asked again: the batch is dropped, counted and told in the log", async () => {
    for (const status of [400, 401, 404, 500, 301]) {
      const { exporter, receiver, lines, metrics, close } = open();
      receiver.answer((count) =>
        count > 1 ? null : new Response("no", { status, headers: { location: "/elsewhere" } }),
      );
      exporter.exportTrace(sampleTrace());
      await until(() => exporter.report().dropped === 1);
      expect(exporter.report().lastFault).toBe(`status ${status}`);
      exporter.exportTrace(sampleTrace());
      await close();
      expect([receiver.raw.length, exporter.report().exported]).toEqual([2, 1]);
      expect(metrics.text()).toContain('anyray_export_traces_total{result="refused"} 1\n');
      expect(lines.filter((line) => line.includes("refuses traces"))).toHaveLength(1);
    }
  });

  test("that finds a batch too large gets it in parts, and a trace alone without its content", async () => {
    const { exporter, receiver, world, close } = open();
    world.isPlaintext = true;
    receiver.answer(() => {
      const body = receiver.raw.at(-1) as Buffer;
      return body.length > 20_000 ? new Response("", { status: 413 }) : null;
    });
    const large: ExportContents = { request: "x".repeat(1_000_000), response: "canary" };
    const sent = [sampleTrace(), sampleTrace(), sampleTrace()];
    exporter.exportTrace(sent[0]!, { contents });
    exporter.exportTrace(sent[1]!, { contents: large });
    exporter.exportTrace(sent[2]!, { contents });
    await close();
    const roots = receiver.spans().filter(({ kind }) => kind === 3);
    expect(roots.map(({ attributes }) => attributes["anyray.id"])).toEqual(sent.map(({ id }) => id));
    expect(roots.map(({ attributes }) => "gen_ai.input.messages" in attributes)).toEqual([true, false, true]);
    expect(exporter.report()).toMatchObject({ exported: 3, dropped: 0 });
  });

  test("that is slow is given up on in time and tried again", async () => {
    const { exporter, receiver, close } = open({ limits: { attemptMs: 150 } });
    receiver.answer((count) => (count > 1 ? null : Bun.sleep(2_000).then(() => new Response(""))));
    exporter.exportTrace(sampleTrace());
    const startedAt = performance.now();
    await until(() => exporter.report().exported === 1);
    expect(performance.now() - startedAt).toBeLessThan(1_500);
    expect(receiver.raw.length).toBe(2);
    await close();
  });

  test("that is down costs no more than the queue, and what is given up is counted", async () => {
    const limits = { itemsMax: 100, batchItemsMax: 10, giveUpMs: 100 };
    const { exporter, metrics, close } = open({ url: "http://127.0.0.1:1", limits });
    const startedAt = performance.now();
    for (let index = 0; index < 10_000; index++) exporter.exportTrace(sampleTrace({ spans: [] }));
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(exporter.report().waiting).toBeLessThanOrEqual(110);
    await until(() => metrics.text().includes('result="gave_up"'));
    await close();
    const { exported, dropped, waiting } = exporter.report();
    expect([exported, dropped, waiting]).toEqual([0, 10_000, 0]);
  });
});

describe("the queue", () => {
  test("gives up content before traces when bytes run out", async () => {
    const limits = { bytesMax: 40_000, gatherMs: 60_000 };
    const { exporter, receiver, world, metrics, close } = open({ limits });
    world.isPlaintext = true;
    const large = { request: "x".repeat(10_000) };
    for (let index = 0; index < 3; index++) exporter.exportTrace(sampleTrace(), { contents: large });
    await close();
    const roots = receiver.spans().filter(({ kind }) => kind === 3);
    expect(roots.map(({ attributes }) => "gen_ai.input.messages" in attributes)).toEqual([true, false, false]);
    expect(metrics.text()).toContain("anyray_export_stripped_traces_total 2\n");
  });

  test("is sent by the deadline of a shutdown, and what cannot be is counted", async () => {
    const { exporter, receiver } = open({ limits: { gatherMs: 60_000, batchItemsMax: 50 } });
    for (let index = 0; index < 500; index++) exporter.exportTrace(sampleTrace());
    await exporter.close(Date.now() + 5_000);
    expect(receiver.spans().filter(({ kind }) => kind === 3).length).toBe(500);
    exporter.exportTrace(sampleTrace());
    expect(exporter.report()).toMatchObject({ exported: 500, dropped: 1 });

    const dead = open({ limits: { gatherMs: 60_000 } });
    dead.receiver.answer(() => Bun.sleep(10_000).then(() => new Response("")));
    for (let index = 0; index < 300; index++) dead.exporter.exportTrace(sampleTrace());
    const startedAt = performance.now();
    await dead.exporter.close(Date.now() + 300);
    expect(performance.now() - startedAt).toBeLessThan(1_500);
    expect(dead.exporter.report()).toMatchObject({ exported: 0, dropped: 300, waiting: 0 });
  });

  test("does the work elsewhere: handing a trace over takes microseconds", async () => {
    const { exporter, close } = open();
    const traces = Array.from({ length: 2_000 }, () => sampleTrace());
    const startedAt = performance.now();
    for (const trace of traces) exporter.exportTrace(trace);
    expect((performance.now() - startedAt) / traces.length).toBeLessThan(0.2);
    await close();
    expect(exporter.report().exported).toBe(2_000);
  });
});
