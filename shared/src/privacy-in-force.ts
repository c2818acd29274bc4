// Owns which content mode holds in this process now: what the policy asks for, made stricter by what is not allowed and
// by a key that is not the right one. Says so whenever it changes.

import { effectiveMode, modeReasons, type PrivacyFacts, privacyOf } from "./admin/privacy";
import type { KeyState } from "./content-key";
import type { Log } from "./log";
import type { Metrics } from "./metrics";
import type { Policy } from "./store/store";
import type { ContentMode } from "./store/trace";

export interface PrivacyReport {
  /** As the admin asks for it. */
  contentMode: ContentMode;
  effectiveMode: ContentMode;
  /** Why the two differ; empty where they do not. */
  reasons: string[];
  isPlaintextAllowed: boolean;
  keyId: string;
  isKeyValid: boolean;
}

export interface PrivacySettings {
  policy: { current(): Policy };
  key: KeyState;
  /** ANYRAY_ALLOW_PLAINTEXT */
  isPlaintextAllowed: boolean;
  /** ANYRAY_CONTENT_MODE: holds as long as nothing is stored. */
  firstBoot: ContentMode;
  log: Log;
  metrics?: Metrics;
}

export interface PrivacyInForce {
  /** Cheap: asked by every call. */
  mode(): ContentMode;
  /** The mode that would hold under a policy: for the moment when it takes effect. */
  modeUnder(policy: Policy): ContentMode;
  report(): PrivacyReport;
}

export function createPrivacy(given: PrivacySettings): PrivacyInForce {
  const { policy, key, isPlaintextAllowed, firstBoot, log, metrics } = given;
  const { isKeyValid, keyId } = key;
  let seen: Policy | null = null;
  let facts: PrivacyFacts = { requested: "off", isPlaintextAllowed, isKeyValid };
  let mode: ContentMode | null = null;
  if (!isKeyValid) {
    log.error("the content key does not open what the store holds: no content is kept, whatever is asked for", {
      keyId,
      missing: key.missing.join(),
    });
  }
  const factsUnder = ({ settings }: Policy): PrivacyFacts => ({
    requested: privacyOf(settings, firstBoot).contentMode,
    ...{ isPlaintextAllowed, isKeyValid },
  });
  const look = (): ContentMode => {
    const current = policy.current();
    if (current === seen && mode !== null) return mode;
    seen = current;
    facts = factsUnder(current);
    const next = effectiveMode(facts);
    if (next !== mode) log.info("the content mode is in force", { mode: next, requested: facts.requested, keyId });
    mode = next;
    return next;
  };
  look();
  metrics?.gauge("anyray_content_key_valid", "1 while the content key opens what the store holds.", () =>
    Number(isKeyValid),
  );
  metrics?.gauge(
    "anyray_content_mode",
    "Content mode in force: 0 off, 1 encrypted, 2 plaintext.",
    () => ({ off: 0, encrypted: 1, plaintext: 2 })[look()],
  );
  return {
    mode: look,
    modeUnder: (next) => effectiveMode(factsUnder(next)),
    report: () => ({
      effectiveMode: look(),
      contentMode: facts.requested,
      reasons: modeReasons(facts),
      isPlaintextAllowed,
      keyId,
      isKeyValid,
    }),
  };
}
