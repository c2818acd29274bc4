// Owns the kill switch of the optimizer as an admin sets and sees it. The two other ways to engage it, a file and a
// variable, are each gateway's own (gateway/src/state/kill-switch.ts).

import type { Policy, Store } from "../store/store";
import { type Actor, changeAudited } from "./audit";
import { readFields, refuseFaults, shown } from "./request";

/** What the admin decided last, as it is kept among the policy's settings. */
export interface KillSwitchSetting {
  /** UUIDv7 of the decision: that of its audit row too. */
  id: string;
  engaged: boolean;
  reason: string | null;
  /** Epoch milliseconds. Of two decisions the later one holds. */
  at: number;
}

/** How it can be held. Each way is ended where it was begun. */
export type KillSwitchWay = "admin" | "file" | "variable";

export interface KillSwitchReport {
  /** True: the optimizer is not asked, every request goes on as it came. */
  engaged: boolean;
  heldBy: KillSwitchWay[];
  /** Of the admin's last decision; null when there was none, or none was given. */
  reason: string | null;
  /** RFC 3339: when the admin last decided, or null. */
  decidedAt: string | null;
  /** False while the admin's last decision is in force and not yet in the audit log, because the store is away. */
  audited: boolean;
  /** False where the decision could not be written down either: it would not survive a restart. */
  kept: boolean;
}

export const killSwitchKey = "killSwitch";
export const killSwitchReasonCharsMax = 500;

/** @throws AnyrayError `invalid_request` naming every fault */
export function parseKillSwitch(body: unknown): { engaged: boolean; reason: string | null } {
  const faults: string[] = [];
  const fields = readFields(body, ["engaged", "reason"], "", faults);
  const engaged = fields?.get("engaged");
  const reason = fields?.get("reason") ?? null;
  if (fields && typeof engaged !== "boolean") faults.push(`engaged=${shown(engaged)}: accepted is true or false`);
  if (!isReason(reason)) {
    faults.push(
      `reason=${shown(reason)}: accepted is a text of at most ${killSwitchReasonCharsMax} characters without control characters`,
    );
  }
  refuseFaults(faults);
  return { engaged: engaged === true, reason: typeof reason === "string" ? reason.trim() || null : null };
}

function isReason(reason: unknown): boolean {
  if (reason === null) return true;
  return (
    typeof reason === "string" &&
    reason.length <= killSwitchReasonCharsMax &&
    reason.isWellFormed() &&
    !/\p{Cc}/u.test(reason)
  );
}

/** The setting in a policy, or null when there is none that can be understood. */
export function readKillSwitch(settings: Policy["settings"]): KillSwitchSetting | null {
  const value = Object.hasOwn(settings, killSwitchKey) ? settings[killSwitchKey] : null;
  return asKillSwitchSetting(value);
}

/** Null for anything that is not whole. */
export function asKillSwitchSetting(value: unknown): KillSwitchSetting | null {
  if (typeof value !== "object" || value === null) return null;
  const { id, engaged, reason = null, at } = value as Partial<KillSwitchSetting>;
  if (typeof id !== "string" || typeof engaged !== "boolean" || !isReason(reason)) return null;
  if (typeof at !== "number" || !Number.isFinite(at)) return null;
  return { id, engaged, reason, at };
}

/**
 * Audits `decision` and stores `inForce`: the same, unless a later decision holds by now.
 *
 * @throws AnyrayError `store_unavailable`
 */
export function setKillSwitch(
  store: Store,
  decision: KillSwitchSetting,
  inForce: KillSwitchSetting,
  actor: Actor,
): Promise<Policy> {
  const { engaged, reason } = decision;
  return changeAudited(store, { kind: "setting", key: killSwitchKey, value: inForce }, actor, {
    action: engaged ? "kill-switch.engage" : "kill-switch.release",
    object: "optimizer",
    after: decision,
    ...(reason === null ? {} : { reason }),
  });
}
