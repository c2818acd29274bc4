// The house rules about who imports whom.

import { posix } from "node:path";
import ts from "typescript";
import { parsed } from "./parsed";
import { faultAt, isTypeScript, type Rule, type Source } from "./sources";

export interface Import {
  specifier: string;
  /** Counts from 1. */
  line: number;
  /** Erased at compile time: loads nothing. */
  typeOnly: boolean;
}

export function importsOf(source: Source): Import[] {
  const file = parsed(source);
  const imports: Import[] = [];
  const add = (specifier: ts.Node | undefined, typeOnly: boolean) => {
    if (!specifier || !ts.isStringLiteralLike(specifier)) return;
    const line = file.getLineAndCharacterOfPosition(specifier.pos).line + 1;
    imports.push({ specifier: specifier.text, line, typeOnly });
  };
  const visit = (node: ts.Node) => {
    if (ts.isImportDeclaration(node))
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return imports;
}

/** The path an import leads to, as far as it stays in this tree; without the extension when there is no such file. */
function targetOf(from: string, specifier: string, paths: ReadonlySet<string>): string | undefined {
  const inPackage = /^@anyray\/([^/]+)(?:\/(.+))?$/.exec(specifier);
  if (!inPackage && !specifier.startsWith(".")) return undefined;
  const base = inPackage
    ? `${inPackage[1]}/src/${inPackage[2] ?? ""}`
    : posix.normalize(posix.join(posix.dirname(from), specifier));
  return [base, `${base}.ts`, `${base}.tsx`, `${base}/index.ts`].find((path) => paths.has(path)) ?? base;
}

/** What each package may import besides itself. The benchmark is a leaf: it may use anything, nobody uses it. */
const mayImport: Record<string, readonly string[]> = {
  shared: [],
  gateway: ["shared"],
  optimizer: ["shared"],
  console: ["shared"],
  bench: ["shared", "gateway", "optimizer", "console"],
};

export const layering: Rule = (sources) => {
  const paths = new Set(sources.map(({ path }) => path));
  return sources
    .filter(({ path }) => isTypeScript(path))
    .flatMap((source) => {
      const [own = ""] = source.path.split("/");
      const allowed = mayImport[own];
      if (!allowed) return [];
      return importsOf(source).flatMap(({ specifier, line }) => {
        const [into] = targetOf(source.path, specifier, paths)?.split("/") ?? [own];
        if (into === undefined || into === own || allowed.includes(into) || !(into in mayImport)) return [];
        return [faultAt(source.path, line, `${own} imports ${into}`)];
      });
    });
};

/** Each cycle once, as its members in the order of the tree. Type-only imports load nothing and cannot close one. */
export const noImportCycles: Rule = (sources) => {
  const paths = new Set(sources.map(({ path }) => path));
  const graph = new Map<string, string[]>();
  for (const source of sources.filter(({ path }) => isTypeScript(path))) {
    const targets = importsOf(source)
      .filter(({ typeOnly }) => !typeOnly)
      .map(({ specifier }) => targetOf(source.path, specifier, paths));
    graph.set(
      source.path,
      targets.filter((target): target is string => target !== undefined && paths.has(target)),
    );
  }
  return knotsOf(graph).map((knot) => `${knot.sort().join(" ↔ ")}: import cycle`);
};

/** Strongly connected components of more than one file, or of one that imports itself (Tarjan). */
function knotsOf(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const open: string[] = [];
  const knots: string[][] = [];
  const visit = (node: string): number => {
    const index = order.size;
    order.set(node, index);
    let low = index;
    open.push(node);
    for (const next of graph.get(node) ?? []) {
      if (!order.has(next)) low = Math.min(low, visit(next));
      else if (open.includes(next)) low = Math.min(low, lowest.get(next) ?? order.get(next) ?? low);
    }
    lowest.set(node, low);
    if (low !== index) return low;
    const knot = open.splice(open.indexOf(node));
    if (knot.length > 1 || graph.get(node)?.includes(node)) knots.push(knot);
    return low;
  };
  for (const node of graph.keys()) if (!order.has(node)) visit(node);
  return knots;
}

/**
 * Everything a registry lists comes from a file with a test: beside it, or in the package's test directory under
 * its name.
 */
export function testedRegistry(registry: string): Rule {
  return (sources) => {
    const paths = sources.map(({ path }) => path);
    const known = new Set(paths);
    const source = sources.find(({ path }) => path === registry);
    if (!source) return [`${registry}: is missing`];
    return importsOf(source).flatMap(({ specifier, line, typeOnly }) => {
      const target = typeOnly || !specifier.startsWith(".") ? undefined : targetOf(registry, specifier, known);
      if (target === undefined) return [];
      const stem = target.replace(/\.tsx?$/, "");
      const name = posix.basename(stem);
      const behaviour = new RegExp(`^${registry.split("/")[0]}/test/(.*[/-])?${name}([.-].*)?\\.test\\.tsx?$`);
      if (paths.some((path) => path === `${stem}.test.ts` || behaviour.test(path))) return [];
      return [faultAt(registry, line, `${target} has no test`)];
    });
  };
}
