import { expect, test } from "bun:test";
import { callFacts, toolLabel } from "./tool-call";

test("a call is about its path, else its command, pattern or query", () => {
  expect(callFacts('{"command":"ls","file_path":"src/a.ts"}')).toEqual({ path: "src/a.ts", about: "src/a.ts" });
  expect(callFacts('{"command":"make all\\nmake more"}')).toEqual({ path: null, about: "make all" });
  expect(callFacts('{"command":["bash","-lc","ls"]}')).toEqual({ path: null, about: "bash -lc ls" });
  expect(callFacts('{"depth":3}')).toEqual({ path: null, about: "" });
  expect(callFacts("*** Begin Patch\n+x")).toEqual({ path: null, about: "*** Begin Patch" });
  expect(callFacts(null)).toEqual({ path: null, about: "" });
});

test("what is long is cut where it tells least", () => {
  const path = `src/${"deep/".repeat(40)}file.ts`;
  expect(callFacts(JSON.stringify({ path })).about).toEndWith("deep/file.ts");
  expect(callFacts(JSON.stringify({ path })).about).toHaveLength(60);
  const { about } = callFacts(JSON.stringify({ command: `grep -rn ${"word ".repeat(40)}` }));
  expect(about).toStartWith("grep -rn word");
  expect(about).toHaveLength(60);
});

test("hostile arguments name nothing", () => {
  for (const args of ['{"__proto__":{"path":"x"}}', "[1]", "null", '{"path":7,"command":[1]}', "x".repeat(300_000)]) {
    expect(callFacts(args)).toEqual({ path: null, about: "" });
  }
});

test("a tool is called by its name, a short one", () => {
  expect(toolLabel({ toolName: "Read", role: "tool" })).toBe("Read");
  expect(toolLabel({ toolName: "x".repeat(60), role: "tool" })).toHaveLength(40);
  expect(toolLabel({ toolName: null, role: "tool" })).toBe("tool");
  expect(toolLabel({ toolName: null, role: "user" })).toBe("pasted text");
});
