// Owns how long things are measured in each mode.

import type { Arguments } from "./arguments";
import type { Plan } from "./scenario";

/** Quick is made to end within three minutes on two cores; --full takes its time. */
export function planOf({ isFull, isCheck, soakMinutes, ...given }: Arguments): Plan {
  const rounds = given.rounds ?? (isFull ? 9 : 5);
  const roundMs = given.roundMs ?? (isFull ? 2_000 : isCheck ? 1_200 : 500);
  return {
    rounds,
    roundMs,
    warmUpCalls: Math.min(isFull || isCheck ? 60_000 : 30_000, roundMs * 60),
    warmUpMs: Math.min(isFull ? 2_000 : 300, roundMs),
    patienceMs: isFull || isCheck ? 600_000 : Math.min(40_000, rounds * roundMs * 10),
    isFull,
    soakMs: soakMinutes * 60_000,
    // The budget is on half a million calls.
    memoryCalls: isFull || isCheck ? 500_000 : 50_000,
  };
}
