// Owns the content mode: what an admin asks for, and what takes effect of it. What takes effect is never looser than
// what was asked for; whatever is in doubt ends as "off".

import type { Policy, Store } from "../store/store";
import type { ContentMode } from "../store/trace";
import { type Actor, changeAudited } from "./audit";
import { readFields, refuseFaults, shown } from "./request";

export const privacyKey = "privacy";

/** From the strictest to the loosest. */
export const contentModes = ["off", "encrypted", "plaintext"] as const satisfies readonly ContentMode[];

export interface PrivacyFacts {
  requested: ContentMode;
  /** ANYRAY_ALLOW_PLAINTEXT */
  isPlaintextAllowed: boolean;
  /** Whether the content key opens what the store holds. */
  isKeyValid: boolean;
}

/** The mode that holds: `requested` or a stricter one. Without a valid key nothing is kept, whatever was asked for. */
export function effectiveMode({ requested, isPlaintextAllowed, isKeyValid }: PrivacyFacts): ContentMode {
  if (!isKeyValid || requested === "off") return "off";
  return requested === "plaintext" && isPlaintextAllowed ? "plaintext" : "encrypted";
}

/** Why the mode that holds is another one than was asked for; empty when it is not. */
export function modeReasons({ requested, isPlaintextAllowed, isKeyValid }: PrivacyFacts): string[] {
  const reasons: string[] = [];
  if (requested === "off") return reasons;
  if (!isKeyValid) reasons.push("the content key does not open what the store holds: nothing is kept");
  if (requested === "plaintext" && !isPlaintextAllowed)
    reasons.push("plaintext takes effect only with ANYRAY_ALLOW_PLAINTEXT=true");
  return reasons;
}

export function isContentMode(value: unknown): value is ContentMode {
  return contentModes.some((mode) => mode === value);
}

/**
 * What was asked for. A stored value that cannot be understood counts as "off"; where nothing is stored yet it is
 * `firstBoot`.
 */
export function privacyOf(
  settings: Policy["settings"],
  firstBoot: ContentMode = "encrypted",
): { contentMode: ContentMode } {
  const value = Object.hasOwn(settings, privacyKey) ? settings[privacyKey] : undefined;
  if (value === undefined || value === null) return { contentMode: firstBoot };
  const mode = typeof value === "object" ? (value as { contentMode?: unknown }).contentMode : undefined;
  return { contentMode: isContentMode(mode) ? mode : "off" };
}

/** @throws AnyrayError `invalid_request` naming every fault */
export function readPrivacyChange(body: unknown): { contentMode: ContentMode } {
  const faults: string[] = [];
  const fields = readFields(body, ["contentMode"], "", faults);
  const mode = fields?.get("contentMode");
  if (fields && !isContentMode(mode)) faults.push(`contentMode=${shown(mode)}: accepted is ${contentModes.join(", ")}`);
  refuseFaults(faults);
  return { contentMode: isContentMode(mode) ? mode : "off" };
}

/**
 * Stores the mode, audited as "privacy.set".
 *
 * @throws AnyrayError `store_unavailable`, with nothing changed
 */
export function setPrivacy(
  store: Store,
  { contentMode }: { contentMode: ContentMode },
  actor: Actor,
  reason?: string,
): Promise<Policy> {
  return changeAudited(store, { kind: "setting", key: privacyKey, value: { contentMode } }, actor, {
    action: "privacy.set",
    object: "contentMode",
    after: { contentMode },
    ...(reason === undefined ? {} : { reason }),
  });
}

/**
 * Stores `firstBoot` where no mode was ever stored, and gives the policy back as it is then. Of several processes that
 * start at once each may store the same value.
 */
export async function seedPrivacy(store: Store, policy: Policy, firstBoot: ContentMode, at: number): Promise<Policy> {
  if (Object.hasOwn(policy.settings, privacyKey)) return policy;
  const actor = { name: "system", ip: null, at };
  return setPrivacy(store, { contentMode: firstBoot }, actor, "first start: ANYRAY_CONTENT_MODE");
}
