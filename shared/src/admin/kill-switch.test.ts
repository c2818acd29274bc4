import { expect, test } from "bun:test";
import { asKillSwitchSetting, parseKillSwitch, readKillSwitch } from "./kill-switch";

const faultsOf = (body: unknown): string => {
  try {
    parseKillSwitch(body);
  } catch (error) {
    return (error as Error).message;
  }
  return "";
};

test("a decision is read, its reason trimmed or none", () => {
  expect(parseKillSwitch({ engaged: true, reason: " odd answers " })).toEqual({ engaged: true, reason: "odd answers" });
  for (const reason of ["", "  ", null, undefined])
    expect(parseKillSwitch({ engaged: false, reason })).toEqual({ engaged: false, reason: null });
  expect(parseKillSwitch({ engaged: true })).toEqual({ engaged: true, reason: null });
});

test("everything else is refused, each fault named", () => {
  for (const engaged of [undefined, null, "true", 1]) expect(faultsOf({ engaged })).toContain("engaged=");
  for (const reason of [1, {}, "x".repeat(501), "a\nb", "\ud800"])
    expect(faultsOf({ engaged: true, reason })).toContain("reason=");
  for (const body of [null, [], "x", 1]) expect(faultsOf(body)).toContain("must be a JSON object");
  expect(faultsOf({ engaged: 1, reason: 1, x: 1 })).toStartWith("3 faults");
});

test("a setting is taken whole or not at all, and no prototype's", () => {
  const setting = { id: "i", engaged: true, reason: null, at: 5 };
  expect(readKillSwitch({ killSwitch: setting })).toEqual(setting);
  expect(asKillSwitchSetting({ id: "i", engaged: false, at: 5 })).toEqual({ ...setting, engaged: false });
  expect(readKillSwitch({})).toBeNull();
  expect(readKillSwitch(Object.create({ killSwitch: setting }))).toBeNull();
  for (const wrong of [
    null,
    1,
    [],
    { ...setting, id: 1 },
    { ...setting, engaged: "x" },
    { ...setting, at: "5" },
    { ...setting, at: Number.NaN },
    { ...setting, reason: 5 },
  ])
    expect(asKillSwitchSetting(wrong)).toBeNull();
});
