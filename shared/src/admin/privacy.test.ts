import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { createLog } from "../log";
import { createPrivacy } from "../privacy-in-force";
import { openSqliteInline } from "../store/sqlite";
import type { Policy, Store } from "../store/store";
import type { ContentMode } from "../store/trace";
import {
  contentModes,
  effectiveMode,
  modeReasons,
  privacyOf,
  readPrivacyChange,
  seedPrivacy,
  setPrivacy,
} from "./privacy";

const strictness = (mode: ContentMode) => ["plaintext", "encrypted", "off"].indexOf(mode);

describe("what takes effect", () => {
  test.each<
    [requested: ContentMode, isPlaintextAllowed: boolean, isKeyValid: boolean, effective: ContentMode, reasons: number]
  >([
    ["off", false, false, "off", 0],
    ["off", false, true, "off", 0],
    ["off", true, false, "off", 0],
    ["off", true, true, "off", 0],
    ["encrypted", false, false, "off", 1],
    ["encrypted", false, true, "encrypted", 0],
    ["encrypted", true, false, "off", 1],
    ["encrypted", true, true, "encrypted", 0],
    ["plaintext", false, false, "off", 2],
    ["plaintext", false, true, "encrypted", 1],
    ["plaintext", true, false, "off", 1],
    ["plaintext", true, true, "plaintext", 0],
  ])(
    "%s, plaintext allowed: %p, key valid: %p → %s",
    (requested, isPlaintextAllowed, isKeyValid, effective, reasons) => {
      const facts = { requested, isPlaintextAllowed, isKeyValid };
      expect(effectiveMode(facts)).toBe(effective);
      expect(modeReasons(facts)).toHaveLength(reasons);
    },
  );

  test("is never looser than asked for, whatever is stored, and says why it is stricter", () => {
    const stored = fc.oneof(
      fc.constantFrom(...contentModes).map((contentMode) => ({ privacy: { contentMode } })),
      fc.jsonValue().map((privacy) => ({ privacy })),
      fc.jsonValue().map((contentMode) => ({ privacy: { contentMode } })),
      fc.constant({}),
    );
    fc.assert(
      fc.property(
        stored,
        fc.boolean(),
        fc.boolean(),
        fc.constantFrom(...contentModes),
        (settings, allowed, valid, first) => {
          const policy: Policy = { revision: 1, caps: [], prices: [], providers: [], settings };
          const log = createLog({ level: "error", service: "test", write: () => {} });
          const key = { keyId: "k", isKeyValid: valid, missing: [], former: [] };
          const privacy = createPrivacy({
            ...{ policy: { current: () => policy }, key, log, isPlaintextAllowed: allowed, firstBoot: first },
          });
          const { contentMode, effectiveMode: effective, reasons } = privacy.report();
          expect(contentMode).toBe(privacyOf(settings, first).contentMode);
          expect(strictness(effective)).toBeGreaterThanOrEqual(strictness(contentMode));
          expect(reasons.length > 0).toBe(effective !== contentMode);
          expect(privacy.mode()).toBe(effective);
          expect(privacy.modeUnder(policy)).toBe(effective);
          if (!valid) expect(effective).toBe("off");
          if (!allowed) expect(effective).not.toBe("plaintext");
        },
      ),
    );
  });
});

test("a stored mode that nobody understands is off; none at all is the first start's", () => {
  for (const privacy of [7, "encrypted", [], {}, { contentMode: "Plaintext" }, { contentMode: null }]) {
    expect(privacyOf({ privacy }, "plaintext")).toEqual({ contentMode: "off" });
  }
  for (const settings of [{}, { privacy: null }]) {
    expect(privacyOf(settings, "off")).toEqual({ contentMode: "off" });
    expect(privacyOf(settings)).toEqual({ contentMode: "encrypted" });
  }
});

test("a change names one of the modes and nothing else", () => {
  for (const contentMode of contentModes) expect(readPrivacyChange({ contentMode })).toEqual({ contentMode });
  for (const body of [
    null,
    [],
    "off",
    {},
    { contentMode: "OFF" },
    { contentMode: "off", force: true },
    { mode: "off" },
  ]) {
    expect(() => readPrivacyChange(body)).toThrow(expect.objectContaining({ code: "invalid_request" }));
  }
});

describe("in the store", () => {
  let dir: string;
  let store: Store;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "anyray-privacy-"));
    store = openSqliteInline({ path: join(dir, "anyray.db"), timezone: "UTC" });
  });
  afterEach(async () => {
    await store.close();
    rmSync(dir, { recursive: true, force: true });
  });

  test("the first start's mode is stored once, audited, and does not touch what an admin chose", async () => {
    const first = await seedPrivacy(store, await store.readPolicy(), "off", 1);
    expect(privacyOf(first.settings)).toEqual({ contentMode: "off" });
    expect(await seedPrivacy(store, first, "plaintext", 2)).toBe(first);
    const actor = { name: "admin", ip: "192.0.2.1", at: 3 };
    const changed = await setPrivacy(store, { contentMode: "encrypted" }, actor);
    expect((await seedPrivacy(store, changed, "plaintext", 4)).settings).toEqual({
      privacy: { contentMode: "encrypted" },
    });
    expect((await store.readAudit(null, 9)).map(({ action, before, after }) => [action, before, after])).toEqual([
      ["privacy.set", { contentMode: "off" }, { contentMode: "encrypted" }],
      ["privacy.set", null, { contentMode: "off" }],
    ]);
  });
});
