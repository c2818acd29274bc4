// The house rules about what only one file may do: read the environment, call out, copy headers.

import ts from "typescript";
import { faultAt, isAside, isTypeScript, type Rule, type Source } from "./sources";

/** A rule over each node of every file that is part of a service, but for the one file that is allowed to. */
function onlyIn(allowed: string, faultOf: (node: ts.Node) => string | undefined): Rule {
  return (sources) =>
    sources
      .filter(({ path }) => isTypeScript(path) && path !== allowed && !isAside(path))
      .flatMap((source) => faultsIn(source, (node) => faultOf(node) && `${faultOf(node)} outside ${allowed}`));
}

function faultsIn({ path, text }: Source, faultOf: (node: ts.Node) => string | undefined): string[] {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true);
  const faults: string[] = [];
  const visit = (node: ts.Node) => {
    const fault = faultOf(node);
    if (fault) faults.push(faultAt(path, file.getLineAndCharacterOfPosition(node.getStart()).line + 1, fault));
    ts.forEachChild(node, visit);
  };
  visit(file);
  return faults;
}

const environmentOwners = ["process", "Bun", "import.meta", "globalThis.process", "globalThis.Bun"];
const environmentModules = ["process", "node:process", "bun"];

export const environmentInOnePlace = onlyIn("shared/src/env.ts", (node) => {
  const owner = memberOwner(node, "env");
  if (owner && environmentOwners.includes(owner.getText())) return "reads the environment";
  // const { env } = process
  if (ts.isVariableDeclaration(node) && ts.isObjectBindingPattern(node.name) && node.initializer) {
    const taken = node.name.elements.map(({ propertyName, name }) => (propertyName ?? name).getText());
    if (taken.includes("env") && environmentOwners.includes(node.initializer.getText())) return "reads the environment";
  }
  // import { env } from "node:process"
  if (ts.isImportSpecifier(node) && (node.propertyName ?? node.name).text === "env") {
    const { moduleSpecifier } = node.parent.parent.parent;
    if (ts.isStringLiteral(moduleSpecifier) && environmentModules.includes(moduleSpecifier.text)) {
      return "reads the environment";
    }
  }
  return undefined;
});

export const outboundInOnePlace = onlyIn("shared/src/outbound.ts", (node) => {
  const owner = memberOwner(node, "fetch");
  if (owner && ["globalThis", "Bun", "window", "self"].includes(owner.getText())) return "takes fetch";
  return ts.isIdentifier(node) && node.text === "fetch" && isValue(node) ? "takes fetch" : undefined;
});

export const headersCopiedInOnePlace = onlyIn("gateway/src/providers/headers.ts", (node) => {
  if (ts.isNewExpression(node) && node.expression.getText() === "Headers") {
    const [init] = node.arguments ?? [];
    return init && !ts.isObjectLiteralExpression(init) && !ts.isArrayLiteralExpression(init)
      ? "copies headers"
      : undefined;
  }
  // new Response(body, { headers: upstream.headers })
  if (ts.isPropertyAssignment(node) && node.name.getText() === "headers" && memberOwner(node.initializer, "headers")) {
    const call = node.parent.parent;
    const takesHeaders =
      ts.isNewExpression(call) || (ts.isCallExpression(call) && /fetch$/i.test(call.expression.getText()));
    return takesHeaders ? "passes headers on whole" : undefined;
  }
  // [...request.headers], Object.fromEntries(request.headers); spread into an object, Headers come to nothing
  if (ts.isSpreadElement(node) && memberOwner(node.expression, "headers")) return "copies headers";
  if (ts.isCallExpression(node) && node.expression.getText() === "Object.fromEntries") {
    return /\.headers(\.entries\(\))?$/.test(node.arguments[0]?.getText() ?? "") ? "copies headers" : undefined;
  }
  return undefined;
});

/** `owner` of `owner.name` or `owner["name"]`. */
function memberOwner(node: ts.Node, name: string): ts.Expression | undefined {
  if (ts.isPropertyAccessExpression(node) && node.name.text === name) return node.expression;
  const isElement = ts.isElementAccessExpression(node) && ts.isStringLiteralLike(node.argumentExpression);
  return isElement && node.argumentExpression.text === name ? node.expression : undefined;
}

/** True where an identifier stands for a value, false where it names a member, a declaration or a type. */
function isValue(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  const { name, propertyName } = parent as { name?: ts.Node; propertyName?: ts.Node };
  return name !== node && propertyName !== node && !ts.isTypeQueryNode(parent) && !ts.isQualifiedName(parent);
}
