import { expect, test } from "bun:test";
import fc from "fast-check";
import { stem } from "./stem";

/** Porter's own examples, step by step, as they come out of the whole of it. */
const published: Record<string, string> = {
  caresses: "caress",
  ponies: "poni",
  ties: "ti",
  caress: "caress",
  cats: "cat",
  feed: "feed",
  agreed: "agre",
  plastered: "plaster",
  bled: "bled",
  motoring: "motor",
  sing: "sing",
  conflated: "conflat",
  troubled: "troubl",
  sized: "size",
  hopping: "hop",
  tanned: "tan",
  falling: "fall",
  hissing: "hiss",
  fizzed: "fizz",
  failing: "fail",
  filing: "file",
  happy: "happi",
  sky: "sky",
  relational: "relat",
  conditional: "condit",
  rational: "ration",
  valenci: "valenc",
  digitizer: "digit",
  operator: "oper",
  feudalism: "feudal",
  decisiveness: "decis",
  hopefulness: "hope",
  callousness: "callous",
  formaliti: "formal",
  sensitiviti: "sensit",
  sensibiliti: "sensibl",
  triplicate: "triplic",
  formative: "form",
  formalize: "formal",
  electriciti: "electr",
  electrical: "electr",
  goodness: "good",
  revival: "reviv",
  allowance: "allow",
  inference: "infer",
  airliner: "airlin",
  gyroscopic: "gyroscop",
  adjustable: "adjust",
  defensible: "defens",
  irritant: "irrit",
  replacement: "replac",
  adjustment: "adjust",
  dependent: "depend",
  adoption: "adopt",
  communism: "commun",
  activate: "activ",
  homologous: "homolog",
  effective: "effect",
  bowdlerize: "bowdler",
  probate: "probat",
  rate: "rate",
  cease: "ceas",
  controll: "control",
  roll: "roll",
};

test.each(Object.entries(published))("%s → %s", (word, expected) => {
  expect(stem(word)).toBe(expected);
});

test("forms of one word meet", () => {
  for (const forms of [
    ["retry", "retries", "retried"],
    ["connect", "connected", "connection", "connections"],
    ["failing", "failed", "fails"],
  ]) {
    expect(new Set(forms.map(stem)).size).toBe(1);
  }
});

test("a stem is never empty, never longer by more than a letter, and takes words of any length", () => {
  const letters = fc.string({ unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz"), minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(letters, (word) => {
      const stemmed = stem(word);
      expect(stemmed.length).toBeGreaterThan(0);
      expect(stemmed.length).toBeLessThanOrEqual(word.length + 1);
    }),
  );
  expect(stem(`${"y".repeat(64)}ing`).length).toBeGreaterThan(0);
});
