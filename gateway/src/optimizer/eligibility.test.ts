import { expect, test } from "bun:test";
import { createEligibility, optimizableEndpoints, readEligibility } from "./eligibility";

const published = (bodyBytesMin: unknown, revision: unknown = "r1") =>
  readEligibility(Buffer.from(JSON.stringify({ revision, bodyBytesMin })));

test("a call is not worth asking for where the optimizer says so, and everywhere else it is", () => {
  const eligibility = createEligibility();
  const chat = (bytes: number, at: number) => eligibility.isPointless("/v1/chat/completions", bytes, at);
  expect([chat(1, 0), eligibility.revision()]).toEqual([false, null]);
  eligibility.learn(published({ "/v1/chat/completions": 500, "/v1/messages": null }), 1_000);
  expect(eligibility.revision()).toBe("r1");
  expect([chat(499, 1_000), chat(500, 1_000), chat(1e9, 1_000)]).toEqual([true, false, false]);
  // Null, and not listed, both mean: ask for none.
  for (const endpoint of ["/v1/messages", "/v1/responses"])
    expect(eligibility.isPointless(endpoint, 1e9, 1_000)).toBe(true);
  // Too old to be relied on.
  expect([chat(1, 4_000), chat(1, 4_001)]).toEqual([true, false]);
  eligibility.learn(null, 5_000);
  expect([chat(1, 5_000), eligibility.revision()]).toEqual([false, null]);
});

test("what is not an eligibility is none", () => {
  const wrong: unknown[] = [
    published([]),
    published(null),
    published({ "/v1/messages": "1" }),
    published({ "/v1/messages": -1 }),
    published({}, 1),
    published({}, "x".repeat(257)),
    readEligibility(Buffer.from("")),
    readEligibility(Buffer.from("[]")),
    readEligibility(Buffer.from([0xff])),
  ];
  expect(wrong).toEqual(wrong.map(() => null));
});

test("only the endpoints the protocol knows are read, whatever their names", () => {
  const read = readEligibility(
    Buffer.from('{"revision":"r","bodyBytesMin":{"__proto__":0,"/v1/x":0,"/v1/messages":7}}'),
  );
  expect(Object.keys(read?.bodyBytesMin ?? {}).sort()).toEqual([...optimizableEndpoints].sort());
  expect(read?.bodyBytesMin["/v1/messages"]).toBe(7);
});
