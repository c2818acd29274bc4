// Owns what of a fault may be written down where the code at fault had somebody's prompt in its hands: its name, its
// code and where it happened, never its message.

export interface FaultFields {
  fault: string;
  at: string | null;
  faultCode: string | null;
}

/** Fields for a log line. */
export function faultFields(error: unknown): FaultFields {
  if (!(error instanceof Error)) return { fault: typeof error, at: null, faultCode: null };
  const { code } = error as { code?: unknown };
  // The message stands before the frames and may look like one: only lines behind it count.
  const frames = (error.stack ?? "").split(`${error.message}\n`).at(-1) ?? "";
  const [, place = null] = /\bat [^\n]*?([\w.-]+\.tsx?:\d+:\d+)\)?/.exec(frames) ?? [];
  return {
    fault: /^\w{1,64}$/.test(error.name) ? error.name : "Error",
    at: place,
    faultCode: typeof code === "string" && /^\w{1,64}$/.test(code) ? code : null,
  };
}
