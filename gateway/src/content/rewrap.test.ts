import { describe, expect, test } from "bun:test";
import { checkContentKey } from "@anyray/shared/content-key";
import { createKeyring, sealedUnder } from "@anyray/shared/crypto";
import { makeKey } from "@anyray/shared/secrets";
import { rewrapStore } from "./rewrap";
import { audited, dir, hostile, keep, keys, run, said, store, useContentWorld, who } from "./testing/content-world";

useContentWorld();

describe("rewrap", () => {
  const rotated = { ANYRAY_CONTENT_KEY: keys[1], ANYRAY_CONTENT_KEYS_OLD: keys[0] };
  const ring = createKeyring(keys[1], [keys[0]]);
  const keysOf = async (id: string) => (await store.readContents(id)).map(({ data }) => sealedUnder(data));

  async function fill(traces: number): Promise<void> {
    await checkContentKey(store, createKeyring(keys[0]), "gateway", Date.now);
    for (let n = 1; n <= traces; n++) await keep(`t${n}`, keys[0], { request: said, response: hostile });
    const sealedKey = createKeyring(keys[0]).seal("sk-secret", "provider-key/vllm");
    const provider = { slug: "vllm", kind: "openai", baseUrl: "http://v", sealedKey, onAbort: null } as const;
    const entry = {
      id: "p",
      at: 1,
      actor: "a",
      ip: null,
      action: "provider.set",
      object: "vllm",
      after: null,
      reason: null,
    };
    await store.changePolicy({ kind: "provider", slug: "vllm", provider }, entry);
  }

  test("leaves nothing under the former key: it need not be configured any more, and everything opens", async () => {
    await fill(40);
    const dry = await run(["rewrap", "--dry-run"], { env: rotated });
    expect(dry.out).toContain("80 contents looked at, 80 to be sealed anew; provider keys to be sealed anew: 1");
    expect(await keysOf("t1")).toEqual([createKeyring(keys[0]).keyId, createKeyring(keys[0]).keyId]);
    const { code, out, rewrapped } = await run(["rewrap"], { env: rotated });
    expect([code, rewrapped]).toEqual([0, [[dir, false]]]);
    expect(out).toContain("80 contents looked at, 80 sealed anew; provider keys sealed anew: 1; unreadable: 0");
    for (const id of ["t1", "t40"]) expect(await keysOf(id)).toEqual([ring.keyId, ring.keyId]);
    expect((await run(["rewrap"], { env: rotated })).out).toContain("80 contents looked at, 0 sealed anew");
    const args = ["decrypt", "--trace", "t7", ...who, "--field", "response", "--stdout"];
    const alone = await run(args, { isTerminal: false, env: { ANYRAY_CONTENT_KEY: keys[1] } });
    expect(new Uint8Array(alone.bytes)).toEqual(hostile);
    expect((await run(args, { isTerminal: false })).err).toContain(`sealed under the key ${ring.keyId}`);
    const [provider] = (await store.readPolicy()).providers;
    expect(Buffer.from(createKeyring(keys[1]).open(provider!.sealedKey!, "provider-key/vllm")).toString()).toBe(
      "sk-secret",
    );
    expect(await checkContentKey(store, createKeyring(keys[1]), "gateway", Date.now)).toMatchObject({
      isKeyValid: true,
    });
    expect((await audited()).some(({ action, object }) => action === "provider.rewrap" && object === "vllm")).toBe(
      true,
    );
  });

  test("that is broken off is gone on with, and nothing is lost on the way", async () => {
    await fill(100);
    const settings = { store, keyring: ring, actor: { name: "t", ip: null }, reason: "t", pauseMs: 0 };
    let steps = 0;
    const half = await rewrapStore({ ...settings, isStopped: () => ++steps > 1 });
    expect(half).toMatchObject({ isWhole: false, scanned: 64, resealed: 64 });
    expect(await checkContentKey(store, createKeyring(keys[1]), "gateway", Date.now)).toMatchObject({
      isKeyValid: false,
    });
    expect(await rewrapStore(settings)).toMatchObject({ isWhole: true, scanned: 200, resealed: 136, unreadable: 0 });
  });

  test("does not bring back what is shredded meanwhile, nor touch what no key opens", async () => {
    await fill(2);
    await keep("foreign", makeKey(), { request: said });
    const step = await store.readSealedElsewhere(ring.keyId, 0);
    expect(step.contents.map(({ trace }) => trace)).toEqual(["t1", "t1", "t2", "t2", "foreign"]);
    await store.shredContents({ trace: "t1" }, Date.now());
    expect(await store.resealContents(step.contents)).toBe(3);
    expect(await store.readContents("t1")).toEqual([]);
    const { code, out, err } = await run(["rewrap"], { env: rotated });
    expect([code, out.includes("unreadable: 1")]).toEqual([1, true]);
    expect(err).toContain("is an earlier key missing?");
    expect(await checkContentKey(store, ring, "gateway", Date.now)).toMatchObject({
      former: [createKeyring(keys[0]).keyId],
    });
  });
});
