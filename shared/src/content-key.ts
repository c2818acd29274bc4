// Owns knowing whether the content key is the right one: whether it opens what the store holds. A wrong key is not
// replaced, and never a reason to keep anything in the clear.

import { EnvelopeError, type Keyring, sealedUnder } from "./crypto";
import type { KeyCheck } from "./store/sealed-content";
import type { Store } from "./store/store";

/** Who seals: each keeps its own words, because each seals its own things anew when the key changes. */
export type KeyOwner = "gateway" | "optimizer";

export interface KeyState {
  /** Of the key that seals. */
  keyId: string;
  isKeyValid: boolean;
  /** Ids of keys that something may be sealed under, and that are not configured. */
  missing: string[];
  /** Ids of earlier keys that something may still be sealed under, all configured. */
  former: string[];
}

const word = "anyray";

type Stored = Pick<Store, "readKeyChecks" | "changeKeyChecks" | "readPolicy">;

/**
 * Opens the sealed words that the store holds. A store that knows no key yet takes this one; one whose keys are all
 * configured takes it beside them.
 */
export async function checkContentKey(
  store: Stored,
  keyring: Keyring,
  owner: KeyOwner,
  now: () => number,
): Promise<KeyState> {
  const { keyId } = keyring;
  for (;;) {
    const checks = await store.readKeyChecks();
    const own = checks.filter((check) => nameOf(check).owner === owner);
    // Who is new here must have the key that the others have, or a later one beside it.
    const asked = own.length > 0 ? own : checks;
    const missing = idsOf(asked.filter((check) => !opens(keyring, check)));
    // A store from before there were such words may hold sealed keys of providers all the same.
    if (checks.length === 0) missing.push(...(await unknownKeys(store, keyring)));
    const former = idsOf(asked).filter((id) => id !== keyId && !missing.includes(id));
    const isKeyValid = missing.length === 0;
    if (!isKeyValid || own.some((check) => nameOf(check).keyId === keyId))
      return { keyId, isKeyValid, missing, former };
    await store.changeKeyChecks(makeKeyCheck(keyring, owner, now()), namesOf(checks), []);
  }
}

/** Takes the active key as the right one, and gives up what is sealed under others. Resolves with the ids of those given up. */
export async function acceptContentKey(store: Stored, keyring: Keyring, now: () => number): Promise<string[]> {
  const given = new Set<string>();
  for (const owner of ["gateway", "optimizer"] as const) {
    for (;;) {
      const { missing } = await checkContentKey(store, keyring, owner, now);
      if (missing.length === 0) break;
      for (const id of missing) given.add(id);
      const checks = await store.readKeyChecks();
      const drop = checks.filter((check) => missing.includes(nameOf(check).keyId)).map(({ keyId }) => keyId);
      await store.changeKeyChecks(makeKeyCheck(keyring, owner, now()), namesOf(checks), drop);
    }
  }
  return [...given];
}

/** Everything that `owner` sealed is under the active key now: earlier ones need not be configured any more. */
export async function dropFormerKeys(store: Stored, keyring: Keyring, owner: KeyOwner): Promise<void> {
  for (;;) {
    const checks = await store.readKeyChecks();
    const isFormer = (check: KeyCheck) => nameOf(check).owner === owner && nameOf(check).keyId !== keyring.keyId;
    const drop = namesOf(checks.filter(isFormer));
    if (drop.length === 0) return;
    await store.changeKeyChecks(null, namesOf(checks), drop);
  }
}

function makeKeyCheck(keyring: Keyring, owner: KeyOwner, at: number): KeyCheck {
  const keyId = `${owner}/${keyring.keyId}`;
  return { keyId, sealed: keyring.seal(word, placeOf(keyId)), at };
}

function opens(keyring: Keyring, check: KeyCheck): boolean {
  try {
    const { keyId, sealed } = check;
    const isWord = new TextDecoder().decode(keyring.open(sealed, placeOf(keyId))) === word;
    return isWord && sealedUnder(sealed) === nameOf(check).keyId;
  } catch (error) {
    if (error instanceof EnvelopeError) return false;
    throw error;
  }
}

async function unknownKeys(store: Stored, keyring: Keyring): Promise<string[]> {
  const { providers } = await store.readPolicy();
  const ids = providers.flatMap(({ sealedKey }) => (sealedKey === null ? [] : (sealedUnder(sealedKey) ?? [])));
  return [...new Set(ids)].filter((id) => !keyring.knows(id));
}

function placeOf(name: string): string {
  return `key-check/${name}`;
}

/** As it is stored: "gateway/0123abcd". */
function nameOf({ keyId: name }: KeyCheck): { owner: string; keyId: string } {
  const [owner = "", keyId = ""] = name.split("/");
  return { owner, keyId };
}

function namesOf(checks: readonly KeyCheck[]): string[] {
  return checks.map(({ keyId }) => keyId);
}

function idsOf(checks: readonly KeyCheck[]): string[] {
  return [...new Set(checks.map((check) => nameOf(check).keyId))];
}
