import { describe, expect, test } from "bun:test";
import type { EndReason } from "@anyray/shared/store/spend-row";
import type { Call, Outcome } from "../call";
import { LastSeen } from "./last-seen";

const call = (slug: string, arrivedAt: number) => ({ provider: { slug }, arrivedAt }) as Call;
const outcome = (status: number, endReason: EndReason, firstByteAt: number | null = 1) =>
  ({ status, endReason, firstByteAt }) as Outcome;

describe("what was last seen of a provider", () => {
  test.each([
    ["an answer", outcome(200, "completed"), 200, null],
    ["its own error", outcome(500, "completed"), 500, null],
    ["no connection", outcome(502, "upstream_failed", null), null, "upstream_unreachable"],
    ["no first byte", outcome(504, "timed_out", null), null, "upstream_timeout"],
    ["an answer that broke off", outcome(200, "upstream_failed"), 200, "upstream_unreachable"],
    ["an answer that fell silent", outcome(200, "timed_out"), 200, "upstream_timeout"],
  ] as const)("is %s", (_, ended, lastStatus, lastError) => {
    const seen = new LastSeen();
    seen.note(call("openai", 5), ended);
    expect(seen.get("openai")).toEqual({ lastCallAt: 5, lastStatus, lastError });
  });

  test("is nothing, and not what a caller did that left", () => {
    const seen = new LastSeen();
    expect(seen.get("__proto__")).toBeNull();
    seen.note(call("openai", 1), outcome(200, "completed"));
    seen.note(call("openai", 2), outcome(499, "client_aborted", null));
    expect(seen.get("openai")).toMatchObject({ lastCallAt: 1, lastStatus: 200 });
    expect(seen.get("anthropic")).toBeNull();
  });

  test("does not go back in time when a long call ends after a later one", () => {
    const seen = new LastSeen();
    seen.note(call("openai", 100), outcome(200, "completed"));
    seen.note(call("openai", 50), outcome(504, "timed_out", null));
    expect(seen.get("openai")).toEqual({ lastCallAt: 100, lastStatus: null, lastError: "upstream_timeout" });
  });
});
