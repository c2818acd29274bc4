import { describe, expect, test } from "bun:test";
import { languageOf, languageOfArgs, looksLikeCode, markupOf } from "./languages";

const samples: Record<string, string> = {
  ts: "import type { Pool } from './pool';\n\nexport interface Lease {\n  id: string;\n  until: number;\n}\n\nexport function take(pool: Pool, count: number): Lease[] {\n  const free: Lease[] = pool.free.slice(0, count);\n  return free;\n}",
  js: "const pool = require('./pool');\n\nfunction take(count) {\n  const free = pool.slice(0, count);\n  return free.map((lease) => {\n    return lease.id;\n  });\n}\n\nmodule.exports = { take };",
  py: "import os\n\ndef take(pool, count):\n    if not pool:\n        return None\n    for lease in pool:\n        print(lease)\n    return pool[:count]",
  go: "package pool\n\nfunc Take(count int) error {\n\tfree := find(count)\n\tif err != nil {\n\t\treturn err\n\t}\n\treturn nil\n}",
  java: 'package com.example;\n\nimport java.util.List;\n\npublic class Pool {\n  private final List<Lease> free = new ArrayList<>();\n\n  @Override\n  public String toString() {\n    return "pool";\n  }\n}',
  rust: "use std::io;\n\npub struct Pool {\n    free: Vec<u32>,\n}\n\nimpl Pool {\n    pub fn take(&mut self) -> Result<u32, io::Error> {\n        let mut last = self.free.pop();\n        Ok(last.unwrap())\n    }\n}",
  c: '#include <stdio.h>\n\nint main(int argc, char **argv) {\n  int count = argc;\n  printf("%d\\n", count);\n  return 0;\n}',
  cs: "using System;\n\nnamespace Pools {\n  public class Pool {\n    public int Size { get; set; }\n    private string name { get; init; }\n    void Take() {\n      var lease = new Lease();\n    }\n  }\n}",
  rb: "require 'set'\n\nclass Pool\n  attr_reader :free\n\n  def take(count)\n    @free.each do |lease|\n      puts(lease)\n    end\n  end\nend",
  php: "<?php\n\nfunction take($pool) {\n  $free = $pool->free;\n  return $free;\n}",
  bash: '#!/bin/sh\nset -e\nfor file in *.log; do\n  echo "$file"\ndone',
  sql: "SELECT id, name\nFROM users\nLEFT JOIN orders ON (orders.user = users.id)\nWHERE users.id = 7;\n",
  css: ".pool {\n  color: red;\n  margin: 0 auto;\n}\n\n#lease > a {\n  display: none;\n}",
};

describe("the language of lines", () => {
  test.each(Object.entries(samples))("%s", (language, text) => {
    expect(languageOf(text.split("\n"))).toBe(language);
  });

  test("a fence says it", () => {
    expect(languageOf(["```python", "x", "```"])).toBe("py");
    expect(languageOf(["~~~rs", "x", "~~~"])).toBe("rust");
    expect(languageOf(["```python", "x"])).toBeNull();
  });

  test("none for prose, lists, logs", () => {
    expect(
      languageOf([
        "It is said that the river floods the lower meadow.",
        "Nobody minds it much, or so it seems to us.",
        "If you ask, they smile.",
      ]),
    ).toBeNull();
    expect(languageOf(["10:00 INFO started", "10:01 INFO stopped", "10:02 INFO started"])).toBeNull();
    expect(languageOf([])).toBeNull();
  });

  test("lines of code look like it", () => {
    for (const language of ["ts", "js", "go", "java", "rust", "c", "php", "css"])
      expect([language, looksLikeCode((samples[language] ?? "").split("\n"))]).toEqual([language, true]);
  });
});

test("the language of a call: the one kind of source file that it names", () => {
  expect(languageOfArgs('{"file_path":"/app/src/pool.test.ts"}')).toBe("ts");
  expect(languageOfArgs("cat a.py b.py")).toBe("py");
  expect(languageOfArgs("cat a.py b.ts")).toBeNull();
  expect(languageOfArgs("tail -n 20 app.log")).toBeNull();
  expect(languageOfArgs("docs/README.MD")).toBe("md");
  expect(languageOfArgs("a.constructor")).toBeNull();
  expect(languageOfArgs(null)).toBeNull();
});

test("markup by its marks", () => {
  expect(markupOf(["# Title", "", "text", "## Next", "- one"])).toBe("md");
  expect(markupOf(['<?xml version="1.0"?>', "<a/>"])).toBe("html");
  expect(markupOf(["<div>", "<p>x</p>", "</div>"])).toBe("html");
  expect(markupOf(["# a comment", "x = 1"])).toBeNull();
  expect(markupOf([])).toBeNull();
});
