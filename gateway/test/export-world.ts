// Owns an exporter for tests: the real one, with short patience, and the backend it exports to.

import { createLog } from "@anyray/shared/log";
import { Metrics } from "@anyray/shared/metrics";
import { outboundToThisMachine } from "@anyray/shared/testing/outbound";
import { createDeliver, tracesUrl } from "../src/export/deliver";
import type { OtlpProtocol } from "../src/export/encode";
import { createEncoder } from "../src/export/encoder";
import { createOtlpExporter, type ExportLimits } from "../src/export/otlp-exporter";
import { type OtlpReceiver, startOtlpReceiver } from "./otlp-receiver";

const receivers: OtlpReceiver[] = [];

const quick: Partial<ExportLimits> = { gatherMs: 5, retryMs: 10, retryMsMax: 40, attemptMs: 1_000, giveUpMs: 5_000 };

export function openExportWorld(
  given: { protocol?: OtlpProtocol; limits?: Partial<ExportLimits>; url?: string; path?: string } = {},
) {
  const { protocol = "http/protobuf", limits = {} } = given;
  const receiver = startOtlpReceiver();
  receivers.push(receiver);
  const metrics = new Metrics();
  const lines: string[] = [];
  const world = { isPlaintext: false };
  const exporter = createOtlpExporter({
    deliver: createDeliver({
      outbound: outboundToThisMachine(),
      url: tracesUrl((given.url ?? receiver.url) + (given.path ?? "")),
      headers: new Map([["authorization", "Basic cGs6c2s="]]),
      protocol,
    }),
    encoder: createEncoder(protocol),
    host: "backend.test",
    linkTemplate: undefined,
    isPlaintext: () => world.isPlaintext,
    metrics,
    log: createLog({ level: "debug", service: "test", write: (line) => lines.push(line) }),
    limits: { ...quick, ...limits },
  });
  return { receiver, exporter, metrics, lines, world, close: () => exporter.close(Date.now() + 10_000) };
}

export async function closeExportWorlds(): Promise<void> {
  await Promise.all(receivers.map((receiver) => receiver.stop()));
}
