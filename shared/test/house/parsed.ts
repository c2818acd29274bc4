// Owns the parsed form of every file, made once for all rules: parsing is most of their work.

import ts from "typescript";
import type { Source } from "./sources";

const files = new WeakMap<Source, ts.SourceFile>();

export function parsed(source: Source): ts.SourceFile {
  const known = files.get(source);
  if (known) return known;
  const file = ts.createSourceFile(source.path, source.text, ts.ScriptTarget.ESNext, true);
  files.set(source, file);
  return file;
}
