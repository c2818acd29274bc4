import { expect, test } from "bun:test";
import fc from "fast-check";
import { rowOf } from "./testing/spool-world";
import { TokenSums } from "./token-sums";

const row = fc.record({
  user: fc.constantFrom("ada", "__proto__", "", "2026-11", null),
  month: fc.constantFrom("2026-11", "2026-12"),
  inputTokens: fc.nat(1_000),
  outputTokens: fc.nat(1_000),
});

test("sums are what was added less what was taken, by month and user, and nothing is left of nothing", () => {
  fc.assert(
    fc.property(fc.array(row), fc.nat(), (given, taken) => {
      const rows = given.map((each, id) => rowOf(id, each));
      const sums = new TokenSums();
      for (const each of rows) sums.add(each);
      const before = new TokenSums(sums);
      const out = rows.slice(0, taken % (rows.length + 1));
      for (const each of out) sums.take(each);
      for (const month of ["2026-11", "2026-12"]) {
        const sumOf = (some: typeof rows) => {
          const expected = new Map<string, number>();
          for (const each of some) {
            const tokens = each.inputTokens + each.outputTokens;
            if (each.month !== month || each.user === null || tokens === 0) continue;
            expected.set(each.user, (expected.get(each.user) ?? 0) + tokens);
          }
          return expected;
        };
        expect(sums.of(month)).toEqual(sumOf(rows.slice(out.length)));
        expect(before.of(month)).toEqual(sumOf(rows));
      }
    }),
  );
});
