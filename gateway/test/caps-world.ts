// Owns what the tests of caps share: calls of every shape by a named user, what became of each, and a user's month as
// four accounts tell it: the provider's ledger, the rows, the list of caps, the user's own page.

import { expect } from "bun:test";
import type { CapReport, CapsReport, UsageReport } from "@anyray/shared/admin/caps";
import { type FakeProvider, startFakeProvider } from "@anyray/shared/testing/fake-provider";
import type { LedgerEntry } from "@anyray/shared/testing/ledger";
import { startGateway, type TestGateway, until } from "./harness";

export interface Shape {
  name: string;
  protocol: "openai" | "anthropic";
  path: string;
  body: Record<string, unknown>;
  /** The field that bounds the answer. */
  bound: string;
}

const messages = [{ role: "user", content: "Which of these rivers is longer than all others, and where does it end?" }];
const chat: Shape = {
  name: "chat",
  protocol: "openai",
  path: "/v1/chat/completions",
  body: { model: "gpt-4o", messages },
  bound: "max_completion_tokens",
};
const response: Shape = {
  name: "responses",
  protocol: "openai",
  path: "/v1/responses",
  body: { model: "gpt-4o", input: messages[0]?.content },
  bound: "max_output_tokens",
};
const message: Shape = {
  name: "messages",
  protocol: "anthropic",
  path: "/v1/messages",
  body: { model: "claude-haiku-4-5", messages },
  bound: "max_tokens",
};
const streamed = (shape: Shape): Shape => ({
  ...shape,
  name: `${shape.name} stream`,
  body: { ...shape.body, stream: true },
});

export const openaiShapes = [chat, streamed(chat), response, streamed(response)] as const;
export const shapes = [...openaiShapes, message, streamed(message)] as const;

export interface Sent {
  callId: string;
  shape: Shape;
  status: number;
  headers: Headers;
  text: string;
}

export interface CapsWorld {
  fake: FakeProvider;
  gateway(): TestGateway;
  /** One call by `user`, null = by nobody; `bound` = its own limit on the answer. */
  send(user: string | null, shape: Shape, options?: { bound?: number; fake?: string }): Promise<Sent>;
  setCap(user: string, monthlyTokens: number | null): Promise<CapsReport>;
  capOf(user: string): Promise<CapReport | undefined>;
  /** What the provider served to a user's calls, in the order in which serving ended. */
  served(user: string): LedgerEntry[];
  /** The four accounts, once they have been found to agree. */
  agreed(user: string, rejectedRequests: number): Promise<UsageReport>;
  /** Ends the gateway and starts it again on what it left. */
  restart(signal: NodeJS.Signals): Promise<void>;
  stop(): Promise<void>;
}

export async function openCapsWorld(env: Record<string, string> = {}, dataDir?: string): Promise<CapsWorld> {
  const fake = startFakeProvider();
  const settings = { ANYRAY_PROVIDER_URL_OPENAI: fake.url, ANYRAY_PROVIDER_URL_ANTHROPIC: fake.url, ...env };
  let gateway = await startGateway({ env: settings, ...(dataDir ? { dataDir } : {}) });
  let calls = 0;
  const served = (user: string) => fake.ledger.entries.filter(({ callId }) => callId?.startsWith(`${user} `));
  const capOf = async (user: string) => {
    const { caps } = await gateway.admin<CapsReport>("GET", "/admin/user-caps");
    return caps.find((cap) => cap.user === user);
  };
  return {
    fake,
    gateway: () => gateway,
    async send(user, shape, { bound, fake: directives } = {}) {
      const callId = `${user ?? "nobody"} ${++calls}`;
      const answer = await fetch(gateway.url + shape.path, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "anthropic-version": "2023-06-01",
          "x-call-id": callId,
          ...(user === null ? {} : { "x-anyray-metadata": JSON.stringify({ user, session: callId }) }),
          ...(directives ? { "x-fake": directives } : {}),
        },
        body: JSON.stringify({ ...shape.body, ...(bound === undefined ? {} : { [shape.bound]: bound }) }),
      });
      return { callId, shape, status: answer.status, headers: answer.headers, text: await answer.text() };
    },
    setCap: (user, monthlyTokens) => gateway.admin<CapsReport>("PUT", "/admin/user-caps", { user, monthlyTokens }),
    capOf,
    served,
    async agreed(user, rejectedRequests) {
      await until(() => fake.inFlight() === 0);
      const usage = await gateway.admin<UsageReport>("GET", `/admin/usage/${encodeURIComponent(user)}`);
      const rows = await gateway.rows(`user=${encodeURIComponent(user)}`);
      const usedTokens = tokensOf(served(user));
      const rowTokens = rows.reduce((sum, row) => sum + row.inputTokens + row.outputTokens, 0);
      expect({ rowTokens, ...usage }).toMatchObject({
        rowTokens: usedTokens,
        usedTokens,
        reservedTokens: 0,
        requests: rows.length,
        rejectedRequests,
      });
      const cap = await capOf(user);
      const { monthlyTokens, remainingTokens, state } = usage;
      if (monthlyTokens === null) expect([cap, remainingTokens, state]).toEqual([undefined, null, null]);
      else {
        expect(cap).toEqual({
          user,
          monthlyTokens,
          usedTokens,
          reservedTokens: 0,
          remainingTokens: Math.max(0, monthlyTokens - usedTokens),
          state: usedTokens >= monthlyTokens ? "over" : usedTokens >= monthlyTokens * 0.8 ? "near" : "ok",
          rejectedRequests,
        });
        expect({ remainingTokens, state }).toEqual({ remainingTokens: cap!.remainingTokens, state: cap!.state });
      }
      return usage;
    },
    async restart(signal) {
      await gateway.stop(signal);
      gateway = await startGateway({ env: settings, dataDir: gateway.dataDir });
    },
    async stop() {
      await gateway.stop();
      fake.stop();
    },
  };
}

export function tokensOf(entries: readonly LedgerEntry[]): number {
  return entries.reduce((sum, { tokens }) => sum + tokens.input + tokens.output, 0);
}

/** Which months begin at an instant, by the clock of a zone: null unless it is a first day's midnight there. */
export function monthBegunAt(instant: string, timeZone: string): string | null {
  const options = { timeZone, hourCycle: "h23", dateStyle: "short", timeStyle: "medium" } as const;
  const shown = new Intl.DateTimeFormat("sv-SE", options).format(new Date(instant));
  return /^(\d{4}-\d\d)-01 00:00:00$/.exec(shown)?.[1] ?? null;
}

/** The whole of a cap's refusal, in the words of the protocol it was called in. */
export function expectRefusal(sent: Sent, cap: { user: string; limit: number; timeZone: string }): void {
  const { headers, shape } = sent;
  expect([sent.callId, sent.status]).toEqual([sent.callId, 429]);
  const id = headers.get("x-anyray-request-id");
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const resetsAt = headers.get("x-anyray-cap-resets-at") ?? "";
  const usedTokens = Number(headers.get("x-anyray-cap-used"));
  const named = {
    "content-type": "application/json;charset=utf-8",
    "x-should-retry": "false",
    "x-anyray-error": "user_token_cap_exceeded",
    "x-anyray-cap-limit": String(cap.limit),
    "retry-after": null,
    "retry-after-ms": null,
    "x-anyray-cost-usd": null,
    [shape.protocol === "openai" ? "x-request-id" : "request-id"]: id,
  };
  expect(Object.fromEntries(Object.keys(named).map((name) => [name, headers.get(name)]))).toEqual(named);
  expect(monthBegunAt(resetsAt, cap.timeZone)).not.toBeNull();
  expect(Date.parse(resetsAt)).toBeGreaterThan(Date.now());
  expect(Date.parse(resetsAt)).toBeLessThan(Date.now() + 32 * 86_400_000);

  const body = JSON.parse(sent.text);
  const { message } = body.error;
  if (shape.protocol === "openai") {
    const code = "user_token_cap_exceeded";
    expect(body).toEqual({ error: { message, type: "insufficient_quota", param: null, code } });
  } else expect(body).toEqual({ type: "error", error: { type: "billing_error", message }, request_id: id });
  // Who, how much, of what, and when it resets.
  const shown = (count: number) => count.toLocaleString("en-US");
  for (const part of [JSON.stringify(cap.user), `${shown(usedTokens)} of ${shown(cap.limit)} tokens`, resetsAt]) {
    expect(message).toContain(part);
  }
}
