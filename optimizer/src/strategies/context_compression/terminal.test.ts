import { expect, test } from "bun:test";
import fc from "fast-check";
import { shapeOf } from "../../text/line-shapes";
import { dropRedrawn, squeezeBlanks, stripAnsi } from "./terminal";

test.each([
  ["\u001b[1;31mred\u001b[0m text", "red text"],
  ["\u001b]0;title\u0007shell", "shell"],
  ["\u001b]8;;http://x\u001b\\link\u001b]8;;\u001b\\", "link"],
  ["\u001b[2K\u001b[1Gline", "line"],
  ["an \u001b alone", "an \u001b alone"],
  ["\u001b[31\nnot closed", "\u001b[31\nnot closed"],
])("%j is seen as %j", (text, seen) => {
  expect(stripAnsi(text)).toBe(seen);
});

test("what can be read of a text is the same without blanks, and a second time changes nothing", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("a", " b ", "", "  ", "\t", "```", "c\r"), { maxLength: 40 }), (lines) => {
      const text = lines.join("\n");
      const short = squeezeBlanks(text);
      const words = (from: string) =>
        from
          .split("\n")
          .map((line) => line.trim())
          .filter((line) => line !== "");
      expect(words(short)).toEqual(words(text));
      expect(squeezeBlanks(short)).toBe(short);
    }),
  );
});

test("between fences nothing changes", () => {
  const text = "```\na  \n\n\n\nb\n```";
  expect(squeezeBlanks(`${text}\n\n\n\nx`)).toBe(`${text}\n\nx`);
});

test("of a bar its last state stays, and what else was drawn", () => {
  expect(dropRedrawn("[#  ] 10%\r[## ] 50%\rnote: retrying\r[###] 100%\nend\r\n", shapeOf)).toBe(
    "[## ] 50%\nnote: retrying\n[###] 100%\nend\r\n",
  );
  expect(dropRedrawn("plain\r\ntext\r\n", shapeOf)).toBe("plain\r\ntext\r\n");
});
