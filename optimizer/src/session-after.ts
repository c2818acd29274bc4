// Owns what a session is after a call: what was sent in the place of which unit, and which units were taken out whole.

import { handlesIn } from "./markers";
import type { Draft } from "./segments/draft";
import type { Emitted, SessionMemory } from "./session";

/** Under this name the session remembers which units were taken out of the last call whole. */
const goneKey = "pipeline.gone";
/** More units than this are not remembered: a session that long has been cut by its client long before. */
const sentUnitsMax = 20_000;

/** Keys of the units that the last call lacked. */
export function goneBefore({ remembered }: SessionMemory): ReadonlySet<string> {
  return new Set((remembered.get(goneKey) as string[] | undefined) ?? []);
}

/** @param remembered by kind, as the strategies of this call left it */
export function sessionAfter(
  session: SessionMemory,
  draft: Draft,
  remembered: Map<string, unknown>,
  now: number,
): SessionMemory {
  const emitted = new Map<string, Emitted>();
  const { units } = draft;
  const gone = units.filter((unit) => draft.isGone(unit)).map(({ key }) => key);
  if (gone.length > 0) remembered.set(goneKey, gone);
  else remembered.delete(goneKey);
  for (const unit of units) {
    const before = session.emitted.get(unit.key);
    const isSame = before !== undefined && unit.text === before.text;
    if (isSame || (before && unit.text === unit.original)) emitted.set(unit.key, before);
    else if (unit.text !== unit.original && !draft.isGone(unit)) {
      const saved = draft.savings.get(unit) ?? {};
      const claim = "claim" in unit ? unit.claim : null;
      emitted.set(unit.key, { text: unit.text, saved, claim, handles: handlesIn(unit.text) });
    }
  }
  return {
    calls: session.calls + 1,
    lastCallAt: now,
    lastCachedTokens: null,
    sent: units.slice(0, sentUnitsMax).map(({ key }) => key),
    emitted,
    remembered,
  };
}
