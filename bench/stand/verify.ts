// Owns the proof that what is measured is right: answers byte for byte those of the upstream before anything is timed,
// and the gateway's books complete to the token afterwards.

import { statedUsage } from "../load/answers";
import type { RequestSpec } from "../load/protocol";
import { requestParts } from "../load/request";
import type { RunningArm } from "./arm";

/** @throws Error naming the arm whose answer differs from the upstream's own */
export async function verifyAnswers(arms: readonly RunningArm[], spec: RequestSpec): Promise<void> {
  const still = spec.ask ? { ...spec, ask: { ...spec.ask, isStill: true } } : spec;
  const [reference, ...others] = arms;
  if (!reference) return;
  const expected = await askOnce(reference, still);
  for (const arm of others) {
    const found = await askOnce(arm, still);
    if (!found.equals(expected)) {
      throw new Error(`${arm.name} does not answer as ${reference.name} does: ${firstDifference(found, expected)}`);
    }
  }
}

async function askOnce({ name, port, cert, calls }: RunningArm, spec: RequestSpec): Promise<Buffer> {
  const { path, headers, body } = requestParts(spec);
  const response = await fetch(`${cert ? "https" : "http"}://127.0.0.1:${port}${path}`, {
    method: "POST",
    headers,
    body,
    decompress: false,
    ...(cert ? { tls: { ca: cert } } : {}),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  if (response.status !== 200) throw new Error(`${name} answers ${response.status}: ${bytes.toString().slice(0, 300)}`);
  calls.requests += 1;
  calls.inputTokens += statedUsage.inputTokens;
  calls.outputTokens += spec.endpoint === "embeddings" ? 0 : statedUsage.outputTokens;
  return bytes;
}

function firstDifference(found: Buffer, expected: Buffer): string {
  const at = expected.findIndex((byte, index) => found[index] !== byte);
  const near = (bytes: Buffer) => JSON.stringify(bytes.toString("latin1", Math.max(0, at - 20), at + 20));
  return `${found.length} bytes for ${expected.length}, ${near(found)} for ${near(expected)}`;
}

const booksMsMax = 20_000;

interface Totals {
  requests: number;
  inputTokens: number;
  outputTokens: number;
  estimatedRequests: number;
}

/** @throws Error when rows are missing or tell other tokens than the upstream stated */
export async function verifyBooks(arm: RunningArm): Promise<void> {
  const { admin, calls } = arm;
  if (!admin) return;
  const deadline = performance.now() + booksMsMax;
  for (;;) {
    const { totals } = JSON.parse(await admin("GET", "/admin/spend")) as { totals: Totals };
    const isComplete = totals.requests === calls.requests;
    const isExact =
      calls.hasAborted ||
      (totals.inputTokens === calls.inputTokens &&
        totals.outputTokens === calls.outputTokens &&
        totals.estimatedRequests === 0);
    if (isComplete && isExact) return;
    if (performance.now() > deadline) {
      throw new Error(`${arm.name}'s books are wrong: ${JSON.stringify(totals)} for ${JSON.stringify(calls)}`);
    }
    await Bun.sleep(100);
  }
}
