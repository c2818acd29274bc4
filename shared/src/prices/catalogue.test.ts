import { expect, test } from "bun:test";
import { catalogueProviders, catalogueSource, compileCondition, findModel, listModels } from "./catalogue";

const at = (time: string) => Date.parse(`2026-11-02T${time}Z`);

test("hours that end past midnight hold on both sides of it", () => {
  const holds = compileCondition({ daily: ["22:30", "06:00"] });
  const times = ["22:29:59.999", "22:30:00", "23:59:59.999", "00:00:00", "05:59:59.999", "06:00:00", "12:00:00"];
  expect(times.map((time) => holds(at(time)))).toEqual([false, true, true, true, true, false, false]);
});

test("hours within a day hold from their start to before their end", () => {
  const holds = compileCondition({ daily: ["01:00", "04:00"] });
  const times = ["00:59:59.999", "01:00:00", "03:59:59.999", "04:00:00"];
  expect(times.map((time) => holds(at(time)))).toEqual([false, true, true, false]);
});

test("a start date holds from midnight UTC on", () => {
  const holds = compileCondition({ from: "2026-11-02" });
  expect([holds(at("00:00:00") - 1), holds(at("00:00:00")), holds(at("00:00:00") + 1e12)]).toEqual([false, true, true]);
});

test("the first row that matches wins, the provider's own before those of its fallbacks", () => {
  expect(findModel("azure-openai", "text-embedding-3-small")?.provider).toBe("azure-openai");
  expect(findModel("azure-openai", "gpt-5")?.provider).toBe("openai");
  expect(findModel("azure-openai", "claude-sonnet-4-5")?.provider).toBe("anthropic");
  expect(findModel("google", "claude-sonnet-4-5")?.provider).toBe("google");
  expect(findModel("google", "claude-2")?.provider).toBe("anthropic");
  expect(findModel("groq", "claude-sonnet-4-5")).toBeUndefined();
});

test("a name from JavaScript's own objects is no provider", () => {
  for (const slug of ["constructor", "__proto__", "toString", "hasOwnProperty", ""]) {
    expect(listModels(slug)).toEqual([]);
    expect(findModel(slug, "gpt-5")).toBeUndefined();
  }
});

test("every fallback is in the catalogue, and every slug can be a variable's name", () => {
  for (const [slug, { fallback = [], models }] of Object.entries(catalogueProviders)) {
    expect(slug).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    expect(models.length).toBeGreaterThan(0);
    for (const other of fallback) expect(Object.keys(catalogueProviders)).toContain(other);
  }
  expect(catalogueSource.name).toBe("@pydantic/genai-prices");
});
