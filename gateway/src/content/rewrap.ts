// Owns sealing anew, after a change of content keys, what the store holds under earlier ones. In small steps between which
// others work; what is done stays done, so that it can be broken off at any time and begun again.

import type { Actor } from "@anyray/shared/admin/audit";
import { dropFormerKeys } from "@anyray/shared/content-key";
import { EnvelopeError, type Keyring, sealedUnder } from "@anyray/shared/crypto";
import type { Resealed, SealedContent } from "@anyray/shared/store/sealed-content";
import type { AuditEntry, Policy, Store } from "@anyray/shared/store/store";
import { providerKeyPlace } from "../config";
import { contentPlace } from "../traces/keep-content";

export interface RewrapReport {
  /** Contents looked at so far. */
  scanned: number;
  /** Sealed anew; in a dry run: to be sealed anew. */
  resealed: number;
  providerKeys: number;
  /** No configured key opens them, or they were changed: left as they are. */
  unreadable: number;
}

export interface RewrapSettings {
  store: Store;
  keyring: Keyring;
  actor: Pick<Actor, "name" | "ip">;
  reason: string;
  isDryRun?: boolean;
  now?: () => number;
  /** Between two steps. */
  pauseMs?: number;
  /** True: nothing more is begun. */
  isStopped?(): boolean;
  onProgress?(report: Readonly<RewrapReport>): void;
  /** A provider's key was sealed anew. */
  onPolicy?(policy: Policy): Promise<void>;
}

/** Rejects when the store does; what was sealed anew until then stays so. */
export async function rewrapStore(settings: RewrapSettings): Promise<RewrapReport & { isWhole: boolean }> {
  const { store, keyring, isDryRun = false, pauseMs = 20, isStopped = () => false, onProgress } = settings;
  const report: RewrapReport = { scanned: 0, resealed: 0, providerKeys: 0, unreadable: 0 };
  await rewrapProviderKeys(settings, report);
  let position = 0;
  for (;;) {
    if (isStopped()) return { ...report, isWhole: false };
    const step = await store.readSealedElsewhere(keyring.keyId, position);
    const fresh = step.contents.flatMap((content) => sealAnew(keyring, content) ?? []);
    report.unreadable += step.contents.length - fresh.length;
    report.resealed += isDryRun || fresh.length === 0 ? fresh.length : await store.resealContents(fresh);
    report.scanned += step.scanned;
    position = step.position;
    onProgress?.(report);
    if (step.isDone) break;
    await Bun.sleep(pauseMs);
  }
  if (!isDryRun && report.unreadable === 0) await dropFormerKeys(store, keyring, "gateway");
  return { ...report, isWhole: true };
}

async function rewrapProviderKeys(settings: RewrapSettings, report: RewrapReport): Promise<void> {
  const { store, keyring, isDryRun = false, onPolicy } = settings;
  for (const { slug, sealedKey } of (await store.readPolicy()).providers) {
    if (sealedKey === null || sealedUnder(sealedKey) === keyring.keyId) continue;
    const place = providerKeyPlace(slug);
    const plain = openOrNull(keyring, sealedKey, place);
    if (!plain) report.unreadable++;
    else if (isDryRun) report.providerKeys++;
    else {
      const audit = auditOf(settings, slug, sealedUnder(sealedKey));
      const policy = await store.resealProviderKey(slug, sealedKey, keyring.seal(plain, place), audit);
      if (!policy) continue;
      report.providerKeys++;
      await onPolicy?.(policy);
    }
  }
}

function auditOf(settings: RewrapSettings, slug: string, former: string | null): AuditEntry {
  const { actor, reason, keyring, now = Date.now } = settings;
  const at = now();
  return {
    id: Bun.randomUUIDv7("hex", at),
    at,
    actor: actor.name,
    ip: actor.ip,
    action: "provider.rewrap",
    object: slug,
    before: { keyId: former },
    after: { keyId: keyring.keyId },
    reason,
  };
}

function sealAnew(keyring: Keyring, content: SealedContent): Resealed | null {
  const { position, trace, ts, field, data } = content;
  const place = contentPlace({ id: trace, ts }, field);
  const plain = openOrNull(keyring, data, place);
  return plain && { position, trace, field, data: keyring.seal(plain, place) };
}

function openOrNull(keyring: Keyring, sealed: string, place: string): Uint8Array | null {
  try {
    return keyring.open(sealed, place);
  } catch (error) {
    if (error instanceof EnvelopeError) return null;
    throw error;
  }
}
