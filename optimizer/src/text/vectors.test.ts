import { expect, test } from "bun:test";
import fc from "fast-check";
import { createSpellingEmbed, packVector, similarityOf, unpackVector } from "./vectors";

const { embed } = createSpellingEmbed(12_345);
const alike = (a: string, b: string) => similarityOf(embed(a), embed(b));

test("a text is most like itself, whatever its case, spacing and marks", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
      const self = alike(text, text);
      expect(self === 0 || Math.abs(self - 1) < 1e-5).toBe(true);
      expect(alike(text, text)).toBe(self);
    }),
  );
  expect(alike("How do I sort a list?", "  how do i SORT a list ")).toBeCloseTo(1, 5);
});

test("texts with much in common are closer than those with little", () => {
  const question = "How do I sort a list of numbers?";
  expect(alike(question, "How can I sort lists of numbers?")).toBeGreaterThan(0.5);
  expect(alike(question, "What is the boiling point of water?")).toBeLessThan(0.3);
});

test("another seed makes other vectors", () => {
  const other = createSpellingEmbed(54_321).embed("How do I sort a list?");
  expect(similarityOf(embed("How do I sort a list?"), other)).toBeLessThan(0.3);
});

test("a packed vector is nearly the same", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 300 }), (text) => {
      const vector = embed(text);
      const packed = unpackVector(packVector(vector));
      if (similarityOf(vector, vector) > 0) expect(similarityOf(vector, packed)).toBeGreaterThan(0.97);
    }),
  );
  expect(similarityOf(embed("a b c"), new Float32Array(3))).toBe(0);
});
