// Owns how a model's name finds its catalogue row: the catalogue's match logic, compiled once, and the two
// spellings of a date. Refuses nothing: a name that fits no row simply has no price.

/** The catalogue's way to say which names a row prices. Everything but `regex` ignores case. */
export type MatchLogic =
  | { equals: string }
  | { starts_with: string }
  | { ends_with: string }
  | { contains: string }
  | { regex: string }
  | { or: MatchLogic[] }
  | { and: MatchLogic[] };

/** Takes a name as `normalizeName` leaves it. */
export type NameTest = (name: string) => boolean;

/** Provider and model names are compared in lower case and without surrounding blanks. */
export function normalizeName(name: string): string {
  return name.toLowerCase().trim();
}

/** @throws SyntaxError for a pattern that is not a regular expression, TypeError for logic of an unknown kind */
export function compileMatch(logic: MatchLogic): NameTest {
  if ("or" in logic) {
    const tests = logic.or.map(compileMatch);
    return (name) => tests.some((test) => test(name));
  }
  if ("and" in logic) {
    const tests = logic.and.map(compileMatch);
    return (name) => tests.every((test) => test(name));
  }
  if ("regex" in logic) {
    const pattern = new RegExp(logic.regex);
    return (name) => pattern.test(name);
  }
  if ("equals" in logic) {
    const whole = logic.equals.toLowerCase();
    return (name) => name === whole;
  }
  if ("starts_with" in logic) {
    const start = logic.starts_with.toLowerCase();
    return (name) => name.startsWith(start);
  }
  if ("ends_with" in logic) {
    const end = logic.ends_with.toLowerCase();
    return (name) => name.endsWith(end);
  }
  if ("contains" in logic) {
    const part = logic.contains.toLowerCase();
    return (name) => name.includes(part);
  }
  throw new TypeError(`unknown match logic: ${Object.keys(logic).join(", ")}`);
}

const compactDate = /-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)/g;

/** "gpt-5-20250807" → "gpt-5-2025-08-07": the same release in the other spelling. Days no calendar has stay as they are. */
export function spellDates(name: string): string {
  return name.replace(compactDate, (found: string, year: string, month: string, day: string) =>
    new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() === Number(day)
      ? `-${year}-${month}-${day}`
      : found,
  );
}
